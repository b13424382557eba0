//! The store: what it refuses, what survives, what is set aside.

use super::{Store, facts, identity, journal, orders, scope};
use crate::{
    engine::Stored,
    error::Error,
    feed,
    fixture::{
        CELL, JOURNAL, ME, OTHER, TestClock, bring_order, enrolled, folder, note, open, order,
        order_item, page, server_entries, template,
    },
};
use gridcrew_sync_protocol::{
    digest::Digest,
    feed::{FeedEntry, FeedItem, FeedPage, OrderItem},
    journal::{Seq, link},
};
use std::sync::Arc;

#[test]
fn it_opens_with_what_a_power_failure_needs() {
    let folder = folder();
    let store = Store::open(&folder.path().join("a.db"), None).unwrap();
    let pragma = |name: &str| -> String {
        store
            .read()
            .query_row(&format!("PRAGMA {name}"), [], |row| {
                row.get::<_, rusqlite::types::Value>(0)
            })
            .map(|value| format!("{value:?}"))
            .unwrap()
    };
    if cfg!(feature = "sqlcipher") {
        // With its older SQLite, WAL is not to be trusted; EXTRA is 3.
        assert!(pragma("journal_mode").contains("delete"));
        assert!(pragma("synchronous").contains('3'));
    } else {
        assert!(pragma("journal_mode").contains("wal"));
        assert!(pragma("synchronous").contains('2'), "FULL is 2");
    }
    assert!(pragma("foreign_keys").contains('1'));
    assert!(pragma("user_version").contains('4'));
}

#[test]
fn a_store_of_a_newer_program_is_refused_and_left_as_it_is() {
    let folder = folder();
    let path = folder.path().join("a.db");
    let store = Store::open(&path, None).unwrap();
    store
        .read()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    drop(store);
    assert!(matches!(
        Store::open(&path, None),
        Err(Error::TooNew { found: 99, .. })
    ));
}

#[test]
fn a_damaged_store_is_set_aside_and_never_deleted() {
    let folder = folder();
    let data = folder.path().join("data");
    let clock = Arc::new(TestClock::default());
    drop(enrolled(&data, &clock));
    let path = data.join("handheld.db");
    let garbage = vec![7u8; 20_000];
    std::fs::write(&path, &garbage).unwrap();
    let local = open(&data, &clock);
    assert_eq!(identity::get(local.store.read()).unwrap(), None);
    let findings = facts::findings(local.store.read()).unwrap();
    assert_eq!(findings.len(), 1);
    let aside = std::fs::read(data.join("handheld.db.damaged-1")).unwrap();
    assert_eq!(aside, garbage);
    drop(local);
    std::fs::write(&path, b"not a database at all, but long enough to be read").unwrap();
    drop(open(&data, &clock));
    assert!(data.join("handheld.db.damaged-2").exists());
}

#[test]
fn what_was_recorded_is_there_after_reopening_and_its_chain_is_whole() {
    let folder = folder();
    let data = folder.path().join("data");
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(&data, &clock);
    bring_order(&mut local, order(1));
    for text in ["one", "two", "three"] {
        local.record(order(1), note(text), None, &[]).unwrap();
    }
    // Not closed: the process is gone, the file is as it lay on the disk.
    std::mem::forget(local);
    let store = Store::open(&data.join("handheld.db"), None).unwrap();
    let run = journal::run_from(store.read(), JOURNAL, Seq(1), 99, 1 << 20).unwrap();
    assert_eq!(run.len(), 4);
    let mut before = Digest::ZERO;
    for entry in run {
        before = link(JOURNAL, entry.id.seq, before, Digest::of(&entry.bytes));
        assert_eq!(entry.link, before);
    }
}

#[test]
fn a_transaction_that_fails_leaves_the_cursor_and_the_rows_as_they_were() {
    let folder = folder();
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(&folder.path().join("data"), &clock);
    bring_order(&mut local, order(1));
    let before = scope::feed(local.store.read()).unwrap();
    let item = order_item(order(2), server_entries(order(2), ME), true);
    let next = page("2", vec![FeedItem::Order(item)]);
    let failed = local.store.write(|db| {
        feed::apply(db, ME, &next)?;
        assert_eq!(scope::feed(db)?.cursor.as_deref(), Some("2"));
        Err::<(), _>(Error::Storage("the disk is gone".to_owned()))
    });
    assert!(failed.is_err());
    assert_eq!(scope::feed(local.store.read()).unwrap(), before);
    assert_eq!(orders::get(local.store.read(), order(2)).unwrap(), None);
}

fn has(local: &crate::local::Local, number: u128) -> bool {
    orders::get(local.store.read(), order(number))
        .unwrap()
        .is_some()
}

#[test]
fn what_leaves_the_scope_goes_except_what_the_server_has_not_acknowledged() {
    let folder = folder();
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(&folder.path().join("data"), &clock);
    for number in 1..=3 {
        bring_order(&mut local, order(number));
    }
    local.record(order(2), note("unsent"), None, &[]).unwrap();
    let gone = page(
        "3",
        vec![FeedItem::OrderGone(order(1)), FeedItem::OrderGone(order(2))],
    );
    local.store.write(|db| feed::apply(db, ME, &gone)).unwrap();
    assert!(!has(&local, 1) && has(&local, 2) && has(&local, 3));
    let row = orders::get(local.store.read(), order(2)).unwrap().unwrap();
    assert!(row.gone && row.details.is_none() && row.state.is_some());
    // Acknowledged: now it goes.
    let (seq, link) = journal::head(local.store.read(), JOURNAL).unwrap();
    local
        .persist(crate::engine::Change::Held {
            journal: JOURNAL,
            first: Seq(1),
            last: seq,
            held: seq,
            link,
            parked: vec![],
        })
        .unwrap();
    assert!(!has(&local, 2));
}

#[test]
fn a_cell_that_goes_takes_its_orders_along_but_not_my_own() {
    let folder = folder();
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(&folder.path().join("data"), &clock);
    bring_order(&mut local, order(1));
    let other = order_item(order(2), server_entries(order(2), OTHER), true);
    let items = vec![FeedItem::Order(other), FeedItem::CellGone(CELL)];
    let next = page("2", items);
    local.store.write(|db| feed::apply(db, ME, &next)).unwrap();
    assert!(has(&local, 1) && !has(&local, 2));
    let over = page("3", vec![FeedItem::StartOver]);
    local.store.write(|db| feed::apply(db, ME, &over)).unwrap();
    assert!(!has(&local, 1));
}

#[test]
fn a_parked_record_counts_again_when_the_feed_brings_it_as_part_of_its_order() {
    let folder = folder();
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(&folder.path().join("data"), &clock);
    bring_order(&mut local, order(1));
    local.record(order(1), note("mine"), None, &[]).unwrap();
    let (seq, link) = journal::head(local.store.read(), JOURNAL).unwrap();
    let own = journal::of_order(local.store.read(), order(1)).unwrap();
    local
        .persist(crate::engine::Change::Held {
            journal: JOURNAL,
            first: seq,
            last: seq,
            held: seq,
            link,
            parked: vec![(seq, "record.never_assigned".to_owned())],
        })
        .unwrap();
    let counted = |local: &crate::local::Local| {
        let row = orders::get(local.store.read(), order(1)).unwrap().unwrap();
        row.state.unwrap().records
    };
    let before = counted(&local);
    let mut entries = server_entries(order(1), ME);
    entries.extend(own.into_iter().map(|(id, bytes)| FeedEntry {
        id,
        bytes: bytes.into(),
    }));
    let item = order_item(order(1), entries, true);
    let next = page("2", vec![FeedItem::Order(item)]);
    local.store.write(|db| feed::apply(db, ME, &next)).unwrap();
    assert_eq!(counted(&local), before + 1);
}

#[test]
fn the_local_fold_is_compared_with_the_servers_when_both_count_the_same() {
    let folder = folder();
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(&folder.path().join("data"), &clock);
    bring_order(&mut local, order(1));
    let agrees = |local: &crate::local::Local| {
        orders::get(local.store.read(), order(1))
            .unwrap()
            .unwrap()
            .agrees
    };
    assert_eq!(agrees(&local), Some(true));
    let lying = OrderItem {
        state: Digest::ZERO,
        ..order_item(order(1), server_entries(order(1), ME), true)
    };
    let next = page("2", vec![FeedItem::Order(lying.clone())]);
    local.store.write(|db| feed::apply(db, ME, &next)).unwrap();
    assert_eq!(agrees(&local), Some(false));
    assert_eq!(orders::disagreeing(local.store.read()).unwrap(), [order(1)]);
    bring_order(&mut local, order(1));
    assert_eq!(agrees(&local), Some(true));
    // With a record of our own that the server does not hold, nothing can be compared.
    local.record(order(1), note("unsent"), None, &[]).unwrap();
    let next = page("3", vec![FeedItem::Order(lying)]);
    local.store.write(|db| feed::apply(db, ME, &next)).unwrap();
    assert_eq!(agrees(&local), Some(true));
}

#[test]
fn entries_that_are_missing_here_make_the_scope_be_told_anew_once() {
    let folder = folder();
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(&folder.path().join("data"), &clock);
    bring_order(&mut local, order(1));
    let more = |cursor: &str, more: bool| {
        let item = OrderItem {
            count: 3,
            entries: Vec::new(),
            ..order_item(order(1), server_entries(order(1), ME), false)
        };
        FeedPage {
            more,
            ..page(cursor, vec![FeedItem::Order(item)])
        }
    };
    let mut apply = |page: FeedPage| {
        let stored = local.store.write(|db| feed::apply(db, ME, &page)).unwrap();
        (stored, scope::feed(local.store.read()).unwrap().cursor)
    };
    let cursor = |text: &str| Some(text.to_owned());
    // The rest may come with the next page.
    assert_eq!(apply(more("2", true)), (Stored::Done, cursor("2")));
    assert_eq!(apply(more("3", false)), (Stored::Anew, None));
    // It was told anew, and that did not help.
    assert_eq!(apply(more("4", false)), (Stored::Done, cursor("4")));
    // The counts agree again; the next time it is asked for again.
    let item = order_item(order(1), server_entries(order(1), ME), true);
    let whole = page("5", vec![FeedItem::Order(item)]);
    assert_eq!(apply(whole), (Stored::Done, cursor("5")));
    assert_eq!(apply(more("6", false)), (Stored::Anew, None));
}

#[test]
fn what_is_on_its_way_to_the_server_is_no_reason_to_be_told_anew() {
    let folder = folder();
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(&folder.path().join("data"), &clock);
    bring_order(&mut local, order(1));
    local.record(order(1), note("unsent"), None, &[]).unwrap();
    let item = OrderItem {
        count: 9,
        ..order_item(order(1), server_entries(order(1), ME), false)
    };
    let next = page("2", vec![FeedItem::Order(item)]);
    let stored = local.store.write(|db| feed::apply(db, ME, &next)).unwrap();
    assert_eq!(stored, Stored::Done);
}

#[test]
fn an_order_that_comes_before_its_template_is_folded_when_the_template_comes() {
    let folder = folder();
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(&folder.path().join("data"), &clock);
    let item = order_item(order(1), server_entries(order(1), ME), true);
    let first = page("1", vec![FeedItem::Order(item)]);
    local.store.write(|db| feed::apply(db, ME, &first)).unwrap();
    let state = |local: &crate::local::Local| {
        orders::get(local.store.read(), order(1))
            .unwrap()
            .unwrap()
            .state
    };
    assert!(state(&local).is_none());
    assert!(matches!(
        local.record(order(1), note("too early"), None, &[]),
        Err(Error::NoTemplate)
    ));
    let second = page("2", vec![FeedItem::Template(template())]);
    local
        .store
        .write(|db| feed::apply(db, ME, &second))
        .unwrap();
    assert!(state(&local).is_some());
}
