//! Two server processes on one PostgreSQL share nothing but the database and the photos:
//! a change of the territory is in force in both within a second, an order sent to both is
//! one order, and a reader of the feed at one misses nothing that came in at either.

use gridcrew_sync_protocol::{feed::FeedItem, ids::OrderId};
use gridcrew_tests::{
    Failure, Fallible,
    failure::ensure,
    postgres::{Engine, TestDatabase},
    raw::RawHandheld,
    scene::{CORNER, SIDE, Scene},
    server::Server,
    township::{Township, id_of, order},
    wait,
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// How soon a change must be in force everywhere.
const SOON: Duration = Duration::from_secs(1);
/// Orders that come in at each server while the feed is read.
const ORDERS: usize = 60;

struct Two {
    scene: Scene,
    second: Server,
    /// The same township, spoken to at the second server.
    there: Township,
}

async fn two() -> Fallible<Option<Two>> {
    let Some(database) = TestDatabase::fresh(Engine::Postgres).await? else {
        return Ok(None);
    };
    let scene = Scene::set(database).await?;
    let mut second = Server::on(scene.server.data(), scene.database())?;
    second.start().await?;
    let there = Township {
        staff: scene.township.staff.at(&second.url()?),
        administrator: scene.township.administrator.at(&second.url()?),
        ..scene.township.clone()
    };
    Ok(Some(Two {
        scene,
        second,
        there,
    }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_territory_is_in_force_in_both_within_a_second() -> Fallible<()> {
    let Some(two) = two().await? else {
        return Ok(());
    };
    let place = json!({ "position": {
        "datum": "WGS-84", "lon": CORNER[0] + SIDE * 0.05, "lat": CORNER[1] + SIDE * 0.5,
    } });
    let (cell, a, b) = &two.scene.cells[0];
    for (new_a, new_b) in [(b, a), (a, b), (b, a)] {
        two.scene
            .township
            .set_roles(cell.id, *new_a, *new_b)
            .await?;
        let committed = Instant::now();
        let (there, place) = (&two.there.staff, &place);
        wait::until("the other server knows", SOON * 5, || async move {
            let located = there.post("/territory/locate", place).await?.done()?;
            let candidates = located["candidates"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let seen = candidates
                .iter()
                .find(|near| near["cell"]["id"] == json!(cell.id));
            let known = seen.is_some_and(|near| near["cell"]["role_a"]["person"] == json!(new_a));
            Ok(known.then_some(()))
        })
        .await?;
        let took = committed.elapsed();
        ensure(took <= SOON, || format!("known after {took:?}"))?;
    }
    // Routing at the other server goes by it, too: the snapshot, not only the rows.
    two.scene.township.split(3).await?;
    let committed = Instant::now();
    let (there, place) = (&two.there.staff, &place);
    wait::until(
        "the other server routes by the new cells",
        SOON * 5,
        || async move {
            let located = there.post("/territory/locate", place).await?.done()?;
            let near = located["candidates"].as_array().map_or(0, Vec::len);
            Ok((near == 3).then_some(()))
        },
    )
    .await?;
    let took = committed.elapsed();
    ensure(took <= SOON, || format!("routed by it after {took:?}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_sent_to_both_at_once_is_one_order() -> Fallible<()> {
    let Some(two) = two().await? else {
        return Ok(());
    };
    for number in 0..30 {
        let body = order(
            two.there.station,
            "both",
            &format!("both-{number}"),
            None,
            "x",
        );
        let replies = tokio::try_join!(
            two.scene.township.intake(&body),
            two.there.intake(&body),
            two.scene.township.intake(&body),
            two.there.intake(&body),
        )?;
        let ids = [replies.0, replies.1, replies.2, replies.3]
            .into_iter()
            .map(|reply| id_of::<OrderId>(&reply.done()?, "id"))
            .collect::<Fallible<BTreeSet<_>>>()?;
        ensure(ids.len() == 1, || format!("{} orders of one", ids.len()))?;
    }
    let books = two.scene.books().await?;
    let count = books.count("SELECT count(*) FROM service_order").await?;
    ensure(count == 30, || format!("{count} orders"))?;
    books.close().await?;
    drop(two.second);
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_of_the_feed_misses_nothing_that_comes_in_at_either() -> Fallible<()> {
    let Some(two) = two().await? else {
        return Ok(());
    };
    let (first, handheld) = two.scene.order_with_handheld("first").await?;
    let mut coming = JoinSet::new();
    for (township, name) in [
        (two.scene.township.clone(), "here"),
        (two.there.clone(), "there"),
    ] {
        coming.spawn(async move {
            let mut ids = Vec::new();
            for number in 0..ORDERS {
                let (lon, lat) = (CORNER[0] + SIDE * 0.05, CORNER[1] + SIDE * 0.5);
                ids.push(
                    township
                        .order_at(&format!("{name}-{number}"), lon, lat)
                        .await?,
                );
            }
            Ok::<_, Failure>(ids)
        });
    }
    let reader = handheld.clone();
    let at_second = RawHandheld {
        client: reader.client.at(&two.second.url()?),
        ..reader
    };
    let (mut seen, mut cursor) = (BTreeSet::new(), None::<String>);
    let mut wanted = BTreeSet::from([first]);
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let page = at_second.page(cursor.as_deref(), 1).await?;
        seen.extend(page.items.iter().filter_map(|item| match item {
            FeedItem::Order(order) => Some(order.order),
            _ => None,
        }));
        cursor = Some(page.cursor);
        while let Some(done) = coming.try_join_next() {
            wanted.extend(done??);
        }
        if coming.is_empty() && wanted.is_subset(&seen) {
            return Ok(());
        }
        ensure(Instant::now() < deadline, || {
            format!(
                "{} orders never came by the feed",
                wanted.difference(&seen).count()
            )
        })?;
    }
}
