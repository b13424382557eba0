//! Clients that are slow on purpose (RELIABILITY fault 15), and many that come at once (38).

use super::{ground::Ground, tally::Tally};
use crate::{Failure, Fallible, failure::ensure, raw::RawHandheld};
use gridcrew_sync_protocol::{ids::OrderId, push::PushOutcome};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    sync::Barrier,
    task::JoinSet,
    time::{interval, sleep, timeout},
};

/// Slow connections at the same time.
pub const SOCKETS: u32 = 1_000;
/// Of another client's requests, 99 of 100 are answered within this.
const P99_WITHIN: Duration = Duration::from_millis(500);
/// A client that does nothing but wait is let go within this.
const CUT_WITHIN: Duration = Duration::from_secs(75);
/// Orders that the records of those who return are of.
const ORDERS: u32 = 20;
/// How often a slow client does something.
const STEP: Duration = Duration::from_secs(1);

/// How a client is slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slow {
    /// A byte of the head of a request each second.
    Head,
    /// A byte of its body each second.
    Body,
    /// It asks again and again, and reads nothing.
    Reader,
}

/// So many slow clients, while another one's requests are measured; all slow ones are let go
/// in the end.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn clients(ground: &mut Ground, slow: Slow, sockets: u32) -> Fallible<Tally> {
    let name = format!("{slow:?}").to_lowercase();
    let mut tally = Tally::of(format!("slow-{name}"));
    let owner = ground.scene.owner(ground.order).await?;
    let mut hand = RawHandheld::enrol(&ground.scene.township, owner).await?;
    hand.push_on(&[hand.opening()]).await?;
    let server = ground.scene.server.address()?;
    let token = ground.scene.township.staff.token().unwrap_or_default();
    let mut clients = JoinSet::new();
    for _ in 0..sockets {
        let token = token.to_owned();
        clients.spawn(async move {
            let stream = open(server).await?;
            let began = Instant::now();
            let cut = timeout(CUT_WITHIN, dawdle(stream, slow, server, &token)).await;
            Ok::<_, Failure>(cut.is_ok().then(|| began.elapsed()))
        });
    }
    let mut took = Vec::new();
    let mut longest = Duration::ZERO;
    let mut next = interval(Duration::from_millis(50));
    let mut gone = 0;
    while gone < sockets {
        tokio::select! {
            done = clients.join_next() => {
                gone += 1;
                tally.points += 1;
                match done.ok_or_else(|| Failure::new("no client left"))?? {
                    Ok(Some(after)) => {
                        tally.hits += 1;
                        longest = longest.max(after);
                    }
                    Ok(None) => tally.wrong("a slow client was never let go"),
                    Err(failure) => tally.wrong(failure.to_string()),
                }
            }
            _ = next.tick() => {
                let began = Instant::now();
                let mark = ground.mark();
                ground.ledger.attempt(&mark, None);
                // A connection that stood idle too long while the server was busy is ended; a
                // handheld then sends again, and that counts into its time.
                let batch = hand.batch(&[hand.note(ground.order, &mark)]);
                hand.push_until_held(&batch).await?;
                ground.ledger.received(&mark);
                tally.confirm(true);
                took.push(began.elapsed());
            }
        }
    }
    took.sort();
    let p99 = took.get(took.len() * 99 / 100).copied().unwrap_or_default();
    if p99 > P99_WITHIN {
        tally.wrong(format!("another client's p99 is {p99:?}"));
    }
    tally.name = format!("{} (p99 {p99:.0?}, let go {longest:.0?})", tally.name);
    ground.judge(&mut tally).await?;
    Ok(tally)
}

/// A connection that takes in little, so that who does not read is noticed.
async fn open(server: SocketAddr) -> Fallible<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4 * 1024)?;
    Ok(socket.connect(server).await?)
}

/// Is slow until the server ends the connection.
async fn dawdle(mut stream: TcpStream, slow: Slow, server: SocketAddr, token: &str) {
    let head = format!(
        "POST /api/v1/orders HTTP/1.1\r\nHost: {server}\r\nAuthorization: Bearer {token}\r\n"
    );
    let body = format!("{head}Content-Type: application/json\r\nContent-Length: 5000\r\n\r\n");
    // Long, and no work for the server.
    let ask = format!("GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: {server}\r\n\r\n");
    let (first, drip) = match slow {
        Slow::Head => (head.as_bytes(), &b"X"[..]),
        Slow::Body => (body.as_bytes(), &b" "[..]),
        Slow::Reader => (ask.as_bytes(), ask.as_bytes()),
    };
    if stream.write_all(first).await.is_err() {
        return;
    }
    let mut bytes = [0; 1024];
    loop {
        if slow == Slow::Reader {
            // The end of a connection shows when writing to it, too.
            sleep(STEP).await;
        } else {
            if let Ok(Ok(0) | Err(_)) = timeout(STEP, stream.read(&mut bytes)).await {
                return;
            }
        }
        match stream.try_write(drip) {
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return,
            _ => {}
        }
        if slow == Slow::Reader && stream.take_error().ok().flatten().is_some() {
            return;
        }
    }
}

/// So many handhelds come back in the same moment, each with a queue; all are served, and
/// none waits much longer than the others.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn all_return(ground: &mut Ground, handhelds: u32, each: u32) -> Fallible<Tally> {
    let mut tally = Tally::of("wire-all-return");
    let owner = ground.scene.owner(ground.order).await?;
    let mut orders = vec![ground.order];
    for number in 1..ORDERS {
        let order = ground.scene.order(&format!("return-{number}")).await?;
        ensure(ground.scene.owner(order).await? == owner, || {
            "an order of somebody else".to_owned()
        })?;
        orders.push(order);
    }
    let barrier = std::sync::Arc::new(Barrier::new(usize::try_from(handhelds)?));
    let mut coming = JoinSet::new();
    for number in 0..handhelds {
        let mut hand = RawHandheld::enrol(&ground.scene.township, owner).await?;
        hand.push_on(&[hand.opening()]).await?;
        let order = orders.get(number as usize % orders.len()).copied();
        let (order, barrier) = (order.unwrap_or(ground.order), barrier.clone());
        coming.spawn(async move {
            barrier.wait().await;
            let began = Instant::now();
            let sent = bring(&mut hand, order, number, each).await?;
            // And what is new for it.
            hand.feed(None).await?;
            Ok::<_, Failure>((sent, began.elapsed()))
        });
    }
    let mut took = Vec::new();
    while let Some(done) = coming.join_next().await {
        let ((marks, asked), time) = done??;
        tally.points += 1;
        tally.hits += 1;
        tally.refused += asked;
        took.push(time);
        for mark in marks {
            ground.ledger.attempt(&mark, None);
            ground.ledger.received(&mark);
            tally.confirm(true);
        }
    }
    took.sort();
    let (median, last) = (
        took.get(took.len() / 2).copied().unwrap_or_default(),
        took.last().copied().unwrap_or_default(),
    );
    tally.name = format!("{} (median {median:.1?}, last {last:.1?})", tally.name);
    ground.judge(&mut tally).await?;
    Ok(tally)
}

/// Pushes a queue, as often as the server asks to come again; its marks, and how often.
async fn bring(
    hand: &mut RawHandheld,
    order: OrderId,
    number: u32,
    each: u32,
) -> Fallible<(Vec<String>, u32)> {
    let marks: Vec<String> = (0..each)
        .map(|turn| format!("return-{number}-{turn}"))
        .collect();
    let entries: Vec<_> = marks.iter().map(|mark| hand.note(order, mark)).collect();
    let batch = hand.batch(&entries);
    let mut asked = 0;
    loop {
        let reply = hand.push(&batch).await?;
        if reply.status == 200 {
            return match hand.outcome_of(&reply)? {
                PushOutcome::Held { .. } => {
                    hand.went_on(&batch);
                    Ok((marks, asked))
                }
                other => Err(Failure::new(format!("{other:?}"))),
            };
        }
        let again = reply.headers.get("retry-after");
        let seconds: u64 = again
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .ok_or_else(|| Failure::new(reply.said()))?;
        asked += 1;
        sleep(Duration::from_secs(seconds)).await;
    }
}
