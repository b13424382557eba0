//! Answers from a store that the feed filled.

use super::{parked, place, search};
use crate::{
    error::Error,
    feed,
    fixture::{
        CELL, ME, OTHER, TestClock, bring_order, enrolled, folder, note, order, order_item, page,
        server_entries, template,
    },
    local::Local,
    store::{self, orders, scope},
    views::{self, List},
};
use gridcrew_sync_protocol::{
    feed::{Cell, Closed, Colleague, Customer, CustomerTable, FeedItem, FeedPage, Me},
    ids::{CellId, CustomerId, OrgId, StationAreaId},
    journal::Seq,
    order::Status,
    position::{Datum, TypedPosition, Wgs84},
    record::{OrderDetails, Owner},
    time::UnixMillis,
    workflow::{PromptCards, TemplateRef},
};
use std::sync::Arc;
use tempfile::TempDir;
use uuid::Uuid;

struct Held {
    local: Local,
    clock: Arc<TestClock>,
    _folder: TempDir,
}

fn held() -> Held {
    let folder = folder();
    let clock = Arc::new(TestClock::default());
    Held {
        local: enrolled(&folder.path().join("data"), &clock),
        clock,
        _folder: folder,
    }
}

impl Held {
    fn told(&mut self, items: Vec<FeedItem>) {
        let page: FeedPage = page("p", items);
        self.local
            .store
            .write(|db| feed::apply(db, ME, &page))
            .unwrap();
    }

    fn card(&self, number: u128) -> views::OrderCard {
        let now = self.local.trusted_now().unwrap();
        views::card(self.local.store.read(), order(number), now).unwrap()
    }
}

fn customer(number: u128, name: &str, at: Option<(f64, f64)>) -> Customer {
    Customer {
        id: CustomerId(Uuid::from_u128(number)),
        account_no: format!("34080000{number:05}"),
        meter_no: format!("77{number:04}"),
        name: name.to_owned(),
        address: format!("柳家庄村{number}号"),
        station_area: StationAreaId(Uuid::from_u128(3)),
        cell: CELL,
        position: at.map(|(lon, lat)| TypedPosition::new(lon, lat, Datum::Wgs84).unwrap()),
    }
}

fn closed(number: u128, count: u32) -> Closed {
    Closed {
        order: order(number),
        template: TemplateRef {
            code: "fault_repair".into(),
            version: 1,
        },
        customer: None,
        cell: Some(CELL),
        owner: Some(Owner::Person(ME)),
        accepted_at: UnixMillis(1_000),
        returned_at: Some(UnixMillis(2_000)),
        missed: vec!["arrive".into()],
        details: OrderDetails {
            phenomenon: "no power".into(),
            ..OrderDetails::default()
        },
        count,
    }
}

#[test]
fn an_order_of_the_past_is_held_in_brief_unless_its_entries_are_here() {
    let mut held = held();
    bring_order(&mut held.local, order(1));
    held.told(vec![
        FeedItem::Closed(closed(1, 2)),
        FeedItem::Closed(closed(2, 9)),
    ]);
    let whole = held.card(1);
    assert!(whole.state.is_some() && whole.closed.is_none());
    let brief = held.card(2);
    assert_eq!(brief.closed, Some(closed(2, 9)));
    assert!(brief.state.is_none() && brief.records.is_empty());
    assert_eq!(brief.details.unwrap().phenomenon, "no power");
    let now = held.local.trusted_now().unwrap();
    let lines = views::list(held.local.store.read(), List::All, now).unwrap();
    let line = lines.iter().find(|line| line.order == order(2)).unwrap();
    assert_eq!(line.status, Some(Status::Returned));
    assert!(matches!(
        held.local.record(order(2), note("too late"), None, &[]),
        Err(Error::Closed)
    ));
    // A template that comes later does not disturb it.
    held.told(vec![FeedItem::Template(template())]);
    assert!(held.card(2).closed.is_some());
    // A part of its trace with the brief behind it leaves it as it is told now.
    let part = order_item(order(2), Vec::new(), false);
    held.told(vec![FeedItem::Order(part), FeedItem::Closed(closed(2, 10))]);
    assert_eq!(held.card(2).closed, Some(closed(2, 10)));
    // Told whole, it is held whole.
    let item = order_item(order(2), server_entries(order(2), OTHER), true);
    held.told(vec![FeedItem::Order(item)]);
    let whole = held.card(2);
    assert!(whole.state.is_some() && whole.closed.is_none());
    // And with its cell it goes.
    held.told(vec![FeedItem::Closed(Closed {
        owner: Some(Owner::Person(OTHER)),
        ..closed(3, 9)
    })]);
    held.told(vec![FeedItem::CellGone(CELL)]);
    for (number, stays) in [(1, true), (2, false), (3, false)] {
        let row = orders::get(held.local.store.read(), order(number)).unwrap();
        assert_eq!(row.is_some(), stays, "{number}");
    }
}

#[test]
fn customers_are_searched_as_they_come_and_go() {
    let mut held = held();
    let table = vec![
        customer(1, "王建国", None),
        customer(2, "汪建国", None),
        customer(3, "李秀英", None),
    ];
    held.told(vec![FeedItem::Customers(CustomerTable(table))]);
    let find = |held: &Held, text: &str, limit| -> Vec<String> {
        search::customers(held.local.store.read(), text, limit)
            .unwrap()
            .into_iter()
            .map(|hit| hit.customer.name)
            .collect()
    };
    assert_eq!(find(&held, "wjg", 9), ["王建国", "汪建国"]);
    assert_eq!(find(&held, "wjg", 1), ["王建国"]);
    assert_eq!(find(&held, "770003", 9), ["李秀英"]);
    // All live there; whose name fits comes first.
    assert_eq!(find(&held, "l", 9)[0], "李秀英");
    assert_eq!(find(&held, "l", 9).len(), 3);
    let renamed = customer(2, "赵大勇", None);
    held.told(vec![FeedItem::Customer(renamed)]);
    assert_eq!(find(&held, "wjg", 9), ["王建国"]);
    assert_eq!(find(&held, "zdy", 9), ["赵大勇"]);
    held.told(vec![FeedItem::CustomerGone(CustomerId(Uuid::from_u128(1)))]);
    assert!(find(&held, "wjg", 9).is_empty());
    held.told(vec![FeedItem::CellGone(CELL)]);
    assert!(find(&held, "zdy", 9).is_empty());
}

#[test]
fn a_place_is_told_with_its_cell_and_whose_that_is_and_orders_by_their_distance() {
    let mut held = held();
    let ring = [
        (116.0, 32.0),
        (116.1, 32.0),
        (116.1, 32.1),
        (116.0, 32.1),
        (116.0, 32.0),
    ];
    held.told(vec![
        FeedItem::Me(Me {
            person: ME,
            name: "王".into(),
            station: OrgId(Uuid::nil()),
            station_name: String::new(),
            colleagues: vec![Colleague {
                person: OTHER,
                name: "李".into(),
            }],
        }),
        FeedItem::Cell(Cell {
            id: CELL,
            code: "C1".into(),
            name: "柳家庄".into(),
            role_a: Some(ME),
            role_b: Some(OTHER),
            polygons: vec![vec![ring.to_vec()]],
        }),
    ]);
    let db = held.local.store.read();
    let here = place::cell_at(db, Wgs84::new(116.05, 32.05).unwrap());
    let here = here.unwrap().unwrap();
    assert_eq!((here.cell.id, here.distance.0), (CELL, 0.0));
    let names = [here.role_a, here.role_b].map(|one| one.unwrap().name);
    assert_eq!(names, ["王", "李"]);
    let near = place::cell_at(db, Wgs84::new(116.05, 31.99).unwrap());
    let metres = near.unwrap().unwrap().distance.0;
    assert!((1_050.0..1_150.0).contains(&metres), "{metres}");
    // Without a place they come last, in the order of their ids.
    bring_order(&mut held.local, order(2));
    bring_order(&mut held.local, order(1));
    let from = Wgs84::new(116.0, 32.0).unwrap();
    let near = place::orders_by_distance(held.local.store.read(), from).unwrap();
    let orders: Vec<_> = near.iter().map(|one| (one.order, one.distance)).collect();
    assert_eq!(orders, [(order(1), None), (order(2), None)]);
    assert_eq!(
        place::cell_at(held.local.store.read(), from)
            .unwrap()
            .unwrap()
            .cell
            .id,
        CellId(CELL.0)
    );
}

#[test]
fn the_next_step_comes_with_its_prompt_card_and_the_newest_edition_counts() {
    let mut held = held();
    bring_order(&mut held.local, order(1));
    assert_eq!(held.card(1).next[0].prompt, None);
    let edition = |version: u32, text: &str| {
        let text = format!(
            r#"
workflow = "fault_repair"
version = {version}
publisher = "test"
effective_from = 0
post = {{ zh = "抢修", en = "repair" }}
everywhere = [{{ zh = "不收礼", en = "No gifts" }}]
[[cards]]
step = "arrived"
safety = [{{ zh = "{text}", en = "{text}" }}]
"#
        );
        FeedItem::PromptCards(PromptCards::from_toml(&text).unwrap())
    };
    held.told(vec![edition(2, "new"), edition(1, "old")]);
    let card = held.card(1);
    assert_eq!(card.next[0].spec.code.0, "arrived");
    assert_eq!(card.next[0].prompt.as_ref().unwrap().safety[0].en, "new");
    assert_eq!(card.everywhere[0].en, "No gifts");
}

#[test]
fn a_record_that_does_not_count_is_listed_with_its_reason_and_what_to_do() {
    let mut held = held();
    bring_order(&mut held.local, order(1));
    let (id, _) = held
        .local
        .record(order(1), note("mine"), None, &[])
        .unwrap();
    let now = held.local.trusted_now().unwrap();
    let status = |held: &Held| {
        let wall = held.local.wall();
        let space = held.local.space();
        views::status(held.local.store.read(), now, wall, space).unwrap()
    };
    assert!(status(&held).parked.is_empty());
    let (first, last) = (Seq(1), id.seq);
    let reasons = [(id.seq, "record.previous_owner".to_owned())];
    held.local
        .store
        .write(|db| store::journal::set_parked(db, id.journal, (first, last), &reasons))
        .unwrap();
    let parked = status(&held).parked;
    assert_eq!(parked.len(), 1);
    assert_eq!((parked[0].id, parked[0].order), (id, Some(order(1))));
    assert_eq!(parked[0].event, Some(note("mine")));
    assert_eq!(parked[0].reason, parked::reason("record.previous_owner"));
    let lines = held.card(1).records;
    let line = lines.iter().find(|line| line.id == id).unwrap();
    assert_eq!(line.parked.as_ref(), Some(&parked[0].reason));
}

#[test]
fn a_countdown_says_when_the_time_is_not_sure() {
    let mut held = held();
    bring_order(&mut held.local, order(1));
    let arrive = |held: &Held| {
        let deadlines = held.card(1).deadlines;
        let found = deadlines.into_iter().find(|one| one.code == "arrive");
        found.unwrap()
    };
    let before = arrive(&held);
    assert!(before.unsure, "no server was heard yet");
    let wall = held.local.wall();
    held.local
        .hear_time(wall, held.local.clock.now().uptime)
        .unwrap();
    held.clock.pass(60_000);
    let after = arrive(&held);
    assert!(!after.unsure);
    let gone = before.left.unwrap().0 - after.left.unwrap().0;
    assert_eq!(gone, 60_000);
}

#[test]
fn what_an_older_program_left_out_is_asked_for_when_a_newer_one_knows_it() {
    let mut held = held();
    held.told(vec![FeedItem::Unknown("dove".into())]);
    let cursor = |held: &Held| scope::feed(held.local.store.read()).unwrap().cursor;
    held.local.store.write(feed::catch_up).unwrap();
    assert!(cursor(&held).is_some(), "a dove is not known here either");
    held.told(vec![FeedItem::Unknown("customers".into())]);
    held.local.store.write(feed::catch_up).unwrap();
    assert_eq!(cursor(&held), None);
    held.told(Vec::new());
    held.local.store.write(feed::catch_up).unwrap();
    assert!(cursor(&held).is_some(), "once is enough");
}
