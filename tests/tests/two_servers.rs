//! Two server processes on one PostgreSQL share nothing but the database and the photos:
//! a change of the territory is in force in both within a second, an order sent to both is
//! one order, and a reader of the feed at one misses nothing that came in at either.

use gridcrew_sync_protocol::{
    feed::FeedItem,
    ids::{CellId, OrderId},
};
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
    sync::atomic::{AtomicU32, Ordering},
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
    let staff = &two.scene.township.staff;
    let located = staff.post("/territory/locate", &place).await?.done()?;
    let west: CellId = id_of(&located, "cell")?;
    let cells = two.scene.cells.iter();
    let (_, a, b) = cells
        .clone()
        .find(|(cell, ..)| cell.id == west)
        .ok_or_else(|| Failure::new("the place is in no cell"))?;
    // Whole decisions at the other server: who an order is given to there.
    let taken_in = AtomicU32::new(0);
    let mut longest = Duration::ZERO;
    for (new_a, new_b) in [(b, a), (a, b), (b, a), (a, b)] {
        two.scene.township.set_roles(west, *new_a, *new_b).await?;
        let committed = Instant::now();
        let (two, taken_in) = (&two, &taken_in);
        wait::until(
            "the other server gives orders to the new A",
            SOON * 5,
            || async move {
                let number = format!("turn-{}", taken_in.fetch_add(1, Ordering::Relaxed));
                let (lon, lat) = (CORNER[0] + SIDE * 0.05, CORNER[1] + SIDE * 0.5);
                let order = two.there.order_at(&number, lon, lat).await?;
                let owner = two.scene.owner(order).await?;
                Ok((owner == *new_a).then_some(()))
            },
        )
        .await?;
        longest = longest.max(committed.elapsed());
    }
    ensure(longest <= SOON, || {
        format!("given to the new A after {longest:?}")
    })?;
    // So do new cells.
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
