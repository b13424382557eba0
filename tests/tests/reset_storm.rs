//! A storm of resets (RELIABILITY F1): clients that vanish with a TCP reset while their
//! request is being handled, among others whose requests are answered. Nothing that was
//! answered may be missing afterwards, on either database.

use gridcrew_tests::{
    Failure, Fallible, both_databases,
    failure::ensure,
    postgres::TestDatabase,
    scene::{CORNER, SIDE, Scene},
    township::order,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{collections::BTreeSet, net::SocketAddr, time::Duration};
use tokio::{io::AsyncWriteExt, net::TcpStream, task::JoinSet};

/// Connections that vanish at the same time.
const STORMERS: u64 = 8;
/// Requests that each of them leaves behind.
const RESETS: u32 = 150;
/// Clients that wait for their answers.
const PATIENT: u32 = 3;
/// Orders that each of them brings.
const ORDERS: u32 = 60;

both_databases! { what_was_answered_is_there }

async fn what_was_answered_is_there(database: TestDatabase) -> Fallible<()> {
    let scene = Scene::set(database).await?;
    let token = scene.township.staff.token().unwrap_or_default().to_owned();
    let address = scene.server.address()?;
    let mut storm = JoinSet::new();
    for stormer in 0..STORMERS {
        let (token, station) = (token.clone(), scene.township.station);
        storm.spawn(async move {
            let mut randomness = ChaCha8Rng::seed_from_u64(stormer);
            for number in 0..RESETS {
                let number = format!("reset-{stormer}-{number}");
                let body = order(station, "reset", &number, None, "x").to_string();
                let wait = Duration::from_micros(randomness.random_range(0..6_000));
                vanish(address, &token, &body, wait).await?;
            }
            Ok::<_, Failure>(BTreeSet::new())
        });
    }
    for patient in 0..PATIENT {
        let township = scene.township.clone();
        storm.spawn(async move {
            let mut answered = BTreeSet::new();
            let (lon, lat) = (CORNER[0] + SIDE / 2.0, CORNER[1] + SIDE / 2.0);
            for number in 0..ORDERS {
                let number = format!("patient-{patient}-{number}");
                let place = Some((lon, lat));
                let body = order(township.station, "patient", &number, place, "x");
                township.intake(&body).await?.done()?;
                answered.insert(number);
            }
            Ok(answered)
        });
    }
    let mut answered = BTreeSet::new();
    while let Some(done) = storm.join_next().await {
        answered.extend(done??);
    }
    // The server must still be well: every pooled connection is asked for something.
    for number in 0..40 {
        let number = format!("after-{number}");
        let body = order(scene.township.station, "after", &number, None, "x");
        scene.township.intake(&body).await?.done()?;
        answered.insert(number);
    }
    let books = scene.books().await?;
    let orders = books.orders().await?;
    let held: BTreeSet<String> = orders.iter().map(|row| row.outside_no.clone()).collect();
    let lost: Vec<&String> = answered.difference(&held).collect();
    ensure(lost.is_empty(), || format!("answered and lost: {lost:?}"))?;
    ensure(held.len() == orders.len(), || {
        "an order is there twice".to_owned()
    })?;
    let ownerless = orders
        .iter()
        .filter(|row| row.owner_person.is_some() == row.owner_desk.is_some())
        .count();
    ensure(ownerless == 0, || {
        format!("{ownerless} orders are half done")
    })?;
    let entries = books.count("SELECT count(*) FROM entry").await?;
    let counted: i64 = orders.iter().map(|row| row.entries).sum();
    ensure(entries == counted, || {
        format!("{entries} entries, {counted} in the orders")
    })?;
    books.close().await
}

/// Sends a whole request and resets the connection a little later.
async fn vanish(server: SocketAddr, token: &str, body: &str, wait: Duration) -> Fallible<()> {
    let mut stream = TcpStream::connect(server).await?;
    let request = format!(
        "POST /api/v1/orders HTTP/1.1\r\nHost: {server}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    // Somewhere in the middle of the handler: that is what this test is about.
    tokio::time::sleep(wait).await;
    stream.set_zero_linger()?;
    Ok(())
}
