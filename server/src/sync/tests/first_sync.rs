//! The pages of a first sync: in which order, how large, and what of the past.

use super::feed::Ground;
use crate::sync::{
    cursor,
    page::{self, Size},
};
use gridcrew_sync_protocol::{
    feed::{FeedItem, FeedPage},
    ids::{CustomerId, OrderId},
    time::Millis,
    wire,
};
use std::collections::BTreeSet;

const HOUR: i64 = 3_600_000;
const PAGE: u64 = 40 * 1024;

/// All pages for a device, as they are sent.
pub(super) async fn pages(ground: &Ground, device: usize, size: Size) -> Vec<FeedPage> {
    let app = &ground.world.fixture.app;
    let caller = ground.world.caller(&ground.devices[device]).await;
    let (mut told, mut pages) = (None, Vec::new());
    loop {
        let page = page::read(app, &caller, told, size).await.unwrap();
        pages.push(FeedPage {
            epoch: page.told.epoch,
            server_time: app.now(),
            items: page.items,
            cursor: cursor::seal(&app.keys, caller.person, &page.told),
            more: page.more,
        });
        told = Some(page.told);
        if !page.more {
            return pages;
        }
        assert!(pages.len() < 1_000, "the feed does not end");
    }
}

/// A manager with orders of yesterday and today, his own and others', done and open.
async fn busy_ground() -> Ground {
    let mut ground = Ground::new().await;
    for yesterday in [true, false] {
        for n in 0..60 {
            // He is A or B of the cells 0 and 2; the owner of every third is another.
            let owner = if n % 3 == 0 { 1 } else { 0 };
            ground.order(owner, 0).await;
            if n % 2 == 0 {
                let last = ground.orders.len() - 1;
                ground.work(owner, last, true).await;
            }
            ground.world.fixture.pass(Millis(1_000));
        }
        if yesterday {
            ground.world.fixture.pass(Millis(25 * HOUR));
        }
    }
    for n in 0..150 {
        ground.put_customer(None, [0, 1, 2][n % 3]).await;
    }
    ground
}

#[actix_web::test]
async fn first_comes_what_makes_the_handheld_usable_and_the_past_last() {
    let ground = busy_ground().await;
    let now = ground.world.fixture.app.now();
    let pages = pages(&ground, 0, Size::default()).await;
    let (first, rest) = pages.split_first().unwrap();
    let mut own: Vec<OrderId> = Vec::new();
    for item in &first.items {
        match item {
            FeedItem::Me(_) | FeedItem::Template(_) | FeedItem::PromptCards(_) => {}
            FeedItem::Order(item) if item.whole => own.push(item.order),
            other => panic!("not for the first page: {other:?}"),
        }
    }
    let mut expected = Vec::new();
    for (order, _, owner, _) in &ground.orders {
        if *owner == 0 && ground.world.row(*order).await.status != "returned" {
            expected.push(*order);
        }
    }
    expected.sort_unstable_by(|a, b| b.cmp(a));
    assert!(!expected.is_empty());
    assert_eq!(
        own, expected,
        "the person's own open orders, the newest first"
    );

    let items: Vec<&FeedItem> = rest.iter().flat_map(|page| &page.items).collect();
    let mut kinds = Vec::new();
    for item in &items {
        let kind = match item {
            FeedItem::Order(item) => {
                let row = ground.world.row(item.order).await;
                let past = now.0 - row.accepted_at > 24 * HOUR;
                assert!(item.whole && !(past && row.status == "returned"));
                if row.status == "returned" {
                    "done today"
                } else {
                    "open"
                }
            }
            FeedItem::Cell(_) => "cell",
            FeedItem::Customers(_) => "customers",
            FeedItem::Closed(closed) => {
                let row = ground.world.row(closed.order).await;
                assert!(now.0 - row.accepted_at > 24 * HOUR && row.status == "returned");
                assert_eq!(closed.accepted_at.0, row.accepted_at);
                assert!(closed.returned_at.is_some());
                assert_eq!(i64::from(closed.count), row.entry_count);
                "past"
            }
            other => panic!("not expected: {other:?}"),
        };
        if kinds.last() != Some(&kind) {
            kinds.push(kind);
        }
    }
    assert_eq!(kinds, ["open", "cell", "customers", "done today", "past"]);
}

#[actix_web::test]
async fn no_page_is_larger_than_it_may_be_and_nothing_is_missing_however_small_they_are() {
    let mut ground = busy_ground().await;
    // A trace that is too long for a page, of an order that is open.
    let long = (0..ground.orders.len()).rev().find(|n| n % 2 == 1).unwrap();
    let owner = ground.orders[long].2;
    for _ in 0..200 {
        ground.work(owner, long, false).await;
    }
    let told = |pages: &[FeedPage]| {
        let (mut orders, mut customers) = (BTreeSet::new(), BTreeSet::<CustomerId>::new());
        for item in pages.iter().flat_map(|page| &page.items) {
            match item {
                FeedItem::Order(item) => drop(orders.insert(item.order)),
                FeedItem::Closed(closed) => drop(orders.insert(closed.order)),
                FeedItem::Customers(table) => {
                    customers.extend(table.0.iter().map(|customer| customer.id));
                }
                _ => {}
            }
        }
        (orders, customers)
    };
    let small = pages(&ground, 0, Size::of(PAGE)).await;
    for (page, number) in small.iter().zip(1..) {
        let bytes = wire::encode(page).len() as u64;
        assert!(bytes <= PAGE, "page {number} has {bytes} bytes");
    }
    let large = pages(&ground, 0, Size::of(1 << 20)).await;
    assert!(small.len() > large.len() + 2);
    let (orders, customers) = told(&large);
    assert_eq!(orders.len(), ground.orders.len());
    assert_eq!(told(&small), (orders, customers));
}
