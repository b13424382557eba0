//! What a page may cost: no more work than it has items, whatever they repeat.

use super::apply;
use crate::{
    fixture::{
        CELL, ME, OTHER, TestClock, assigned, bring_order, enrolled, folded, folder, note, order,
        order_item, page, server_entries,
    },
    local::Local,
    store::{facts, orders},
};
use gridcrew_sync_protocol::{
    feed::{FeedItem, FeedPage, OrderItem},
    ids::CellId,
};
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;

fn world() -> (TempDir, Local) {
    let folder = folder();
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(&folder.path().join("data"), &clock);
    bring_order(&mut local, order(1));
    (folder, local)
}

/// Applies a page and gives how many rows that wrote.
fn rows_written(local: &mut Local, page: &FeedPage) -> u64 {
    let work = |db: &rusqlite::Connection| {
        let before = db.total_changes();
        apply(db, ME, page)?;
        Ok(db.total_changes() - before)
    };
    local.store.write(work).unwrap()
}

fn has(local: &Local, number: u128) -> bool {
    let row = orders::get(local.store.read(), order(number)).unwrap();
    row.is_some_and(|row| !row.gone)
}

#[test]
fn an_order_told_in_many_items_is_folded_once() {
    let (_folder, mut local) = world();
    const MANY: u64 = 400;
    let first = server_entries(order(1), ME);
    let more: Vec<_> = (3..3 + MANY)
        .map(|seq| assigned(order(1), seq, u32::try_from(seq).unwrap(), ME))
        .collect();
    let all: Vec<_> = first
        .iter()
        .chain(&more)
        .map(|entry| (entry.id, entry.bytes.to_vec()))
        .collect();
    let last = order_item(order(1), [first, more.clone()].concat(), false);
    let items = more.into_iter().map(|entry| {
        FeedItem::Order(OrderItem {
            entries: vec![entry],
            ..last.clone()
        })
    });
    let page = page("2", items.collect());
    let written = rows_written(&mut local, &page);
    // Each item writes the order's details and its entry.
    assert!(written < MANY * 2 + 10, "{written} rows");
    let row = orders::get(local.store.read(), order(1)).unwrap().unwrap();
    assert_eq!((row.state, row.agrees), (folded(&all), Some(true)));
}

#[test]
fn kinds_that_nobody_knows_are_written_once_a_page_and_only_so_many() {
    let (_folder, mut local) = world();
    let unknown = |from: u32| {
        let kinds = (from..from + 1_000).map(|number| FeedItem::Unknown(format!("kind{number}")));
        page("2", kinds.collect())
    };
    for from in [0, 1_000, 2_000] {
        let written = rows_written(&mut local, &unknown(from));
        assert!(written < 10, "{written} rows");
    }
    let long = FeedItem::Unknown("k".repeat(1_000_000));
    rows_written(&mut local, &page("3", vec![long]));
    let left_out = facts::left_out(local.store.read()).unwrap();
    assert!((10..=100).contains(&left_out.len()), "{}", left_out.len());
    assert!(left_out.iter().all(|kind| kind.len() < 100));
}

#[test]
fn starting_over_again_and_again_costs_as_much_as_once() {
    let (_folder, mut local) = world();
    local.record(order(1), note("unsent"), None, &[]).unwrap();
    let mut items = vec![FeedItem::StartOver; 400];
    let new = |number| {
        FeedItem::Order(order_item(
            order(number),
            server_entries(order(number), ME),
            true,
        ))
    };
    items.insert(200, new(2));
    items.push(new(3));
    let written = rows_written(&mut local, &page("2", items));
    assert!(written < 40, "{written} rows");
    assert!(!has(&local, 1) && !has(&local, 2) && has(&local, 3));
    let row = orders::get(local.store.read(), order(1)).unwrap().unwrap();
    assert!(row.gone, "what waits stays");
}

#[test]
fn a_cell_that_goes_takes_what_was_told_before_and_not_what_is_told_after() {
    let (_folder, mut local) = world();
    let of_other = |number| {
        let entries = server_entries(order(number), OTHER);
        FeedItem::Order(order_item(order(number), entries, true))
    };
    let elsewhere = CellId(Uuid::from_u128(8));
    let items = vec![
        of_other(2),
        of_other(3),
        FeedItem::CellGone(elsewhere),
        FeedItem::CellGone(CELL),
        of_other(3),
        of_other(4),
    ];
    rows_written(&mut local, &page("2", items));
    assert!(has(&local, 1), "my own stays");
    assert!(!has(&local, 2) && has(&local, 3) && has(&local, 4));
}
