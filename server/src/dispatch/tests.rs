use super::{escalate, facts, react};
use crate::{
    duty::absence as duty,
    orders::{
        fixture::{Township, attempt},
        rows::routing_decision,
    },
    people::{Role, rows::person},
    trace::{feed_log::StationLock, ledger},
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{JournalId, OrderId, PersonId},
    journal::{EntryId, Seq},
    order::Sourced,
    record::{Declined, Event, HandedOver, Owner, Record, Rung, Taken, Term},
    time::{Millis, TimeEvidence, UnixMillis},
};
use sea_orm::{
    ActiveValue::{Set, Unchanged},
    ColumnTrait, EntityTrait, QueryFilter,
};
use serde_json::json;
use uuid::Uuid;

const TAKE: Millis = Millis(180_000);

fn owner(person: &person::Model) -> Option<Owner> {
    Some(Owner::Person(PersonId(person.id)))
}

/// A record that `by`'s handheld brings.
fn record(town: &Township, order: OrderId, by: &person::Model, term: u32, event: Event) -> Sourced {
    Sourced {
        id: EntryId {
            journal: JournalId(Uuid::from_u128(77)),
            seq: Seq(2),
        },
        record: Record {
            order,
            actor: PersonId(by.id),
            term: Term(term),
            time: TimeEvidence::of_server(town.app().now()),
            fix: None,
            event,
            claims: None,
        },
    }
}

fn declined() -> Event {
    Event::Declined(Declined {
        reason: "busy".to_owned(),
        note: String::new(),
    })
}

fn handed_to(to: &person::Model) -> Event {
    Event::HandedOver(HandedOver {
        to: PersonId(to.id),
        note: String::new(),
    })
}

async fn reacted(town: &Township, record: Sourced) {
    let (station, order) = (town.station, record.record.order);
    attempt(town.app(), move |tx, app| {
        Box::pin(async move {
            let lock = StationLock::take(tx, station).await?;
            react(tx, &app, &lock, order, &[record]).await
        })
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn an_order_goes_down_the_ladder_each_time_nobody_answers_until_the_desk_has_it() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    town.fixture.pass(Millis(TAKE.0 - 1));
    let mut owners = vec![];
    for _ in 0..5 {
        // The second look finds that each owner has his time.
        escalate(town.app(), UnixMillis(0)).await.unwrap();
        escalate(town.app(), UnixMillis(0)).await.unwrap();
        owners.push(town.state(order).await.owner);
        town.fixture.pass(TAKE);
    }
    let desk = Some(Owner::Desk(town.station));
    let [a, b, c] = [&town.a, &town.b, &town.c].map(owner);
    assert_eq!(owners, [a, b, c, desk, desk]);
    let last = town.state(order).await.assignments.pop().unwrap();
    assert_eq!((last.rung, &*last.reason), (Rung::Station, "not_taken"));
    let decisions = routing_decision::Entity::find()
        .filter(routing_decision::Column::OrderId.eq(order.0))
        .all(town.app().store.read())
        .await
        .unwrap();
    assert_eq!(decisions.len(), 4);
}

#[tokio::test]
async fn of_two_escalations_at_once_one_passes_an_order_on() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    town.fixture.pass(TAKE);
    let (one, other) = tokio::join!(
        escalate(town.app(), UnixMillis(0)),
        escalate(town.app(), UnixMillis(0))
    );
    one.and(other).unwrap();
    assert_eq!(town.state(order).await.term, Term(2));
}

#[tokio::test]
async fn a_declined_order_goes_to_the_next_and_the_same_record_again_changes_nothing() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    let record = record(&town, order, &town.a, 1, declined());
    reacted(&town, record.clone()).await;
    let after = town.state(order).await;
    assert_eq!((after.owner, after.term), (owner(&town.b), Term(2)));
    assert_eq!(after.assignments[1].reason, "declined");
    reacted(&town, record).await;
    assert_eq!(town.state(order).await, after);
}

#[tokio::test]
async fn who_is_not_the_owner_in_the_present_term_moves_nothing() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    reacted(&town, record(&town, order, &town.b, 1, declined())).await;
    reacted(&town, record(&town, order, &town.a, 0, declined())).await;
    assert_eq!(town.state(order).await.term, Term(1));
}

#[tokio::test]
async fn a_hand_over_names_the_next_owner_and_one_that_cannot_be_is_noted_once() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    let foreign = record(&town, order, &town.a, 1, handed_to(&town.sibling));
    reacted(&town, foreign.clone()).await;
    reacted(&town, foreign).await;
    assert_eq!(town.state(order).await.owner, owner(&town.a));
    let records = town.records(order).await;
    let noted = records
        .iter()
        .filter_map(|sourced| match &sourced.record.event {
            Event::Noted(noted) => Some(noted.text.as_str()),
            _ => None,
        });
    let noted: Vec<_> = noted.collect();
    assert!(matches!(noted[..], [text] if text.starts_with("order.bad_owner: ")));

    reacted(&town, record(&town, order, &town.a, 1, handed_to(&town.c))).await;
    let after = town.state(order).await;
    assert_eq!(after.owner, owner(&town.c));
    assert_eq!(after.assignments[1].rung, Rung::HandOver);
    // Whoever handed it over is not asked again.
    reacted(&town, record(&town, order, &town.c, 2, declined())).await;
    assert_eq!(town.state(order).await.owner, owner(&town.b));
}

/// What a person does at a desk.
async fn recorded(town: &Township, order: OrderId, by: &person::Model, event: Event) {
    let (station, by) = (town.station, PersonId(by.id));
    attempt(town.app(), move |tx, app| {
        Box::pin(async move {
            let lock = StationLock::take(tx, station).await?;
            ledger::append(tx, &app, &lock, order, by, vec![event]).await
        })
    })
    .await
    .unwrap();
}

/// Changes a person's row behind dispatch's back, as an administrator would.
async fn changed(town: &Township, person: person::ActiveModel) {
    attempt(town.app(), move |tx, _| {
        Box::pin(async move {
            person::Entity::update(person).exec(tx).await?;
            Ok(())
        })
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn an_order_does_not_stay_with_who_is_gone_even_when_he_had_taken_it() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    let took = Event::Taken(Taken { eta_minutes: None });
    recorded(&town, order, &town.a, took).await;
    escalate(town.app(), UnixMillis(0)).await.unwrap();
    assert_eq!(town.state(order).await.owner, owner(&town.a));

    // A is disabled, then B moves to the sibling station, then C gets another role.
    let id = |person: &person::Model| Unchanged(person.id);
    let disabled = person::ActiveModel {
        id: id(&town.a),
        disabled_at: Set(Some(1)),
        ..Default::default()
    };
    changed(&town, disabled).await;
    escalate(town.app(), UnixMillis(0)).await.unwrap();
    let next = town.state(order).await;
    assert_eq!(next.owner, owner(&town.b));
    assert_eq!(next.assignments[1].reason, "owner_left");
    let moved = person::ActiveModel {
        id: id(&town.b),
        org_id: Set(town.sibling.org_id),
        ..Default::default()
    };
    changed(&town, moved).await;
    escalate(town.app(), UnixMillis(0)).await.unwrap();
    assert_eq!(town.state(order).await.owner, owner(&town.c));
    let promoted = person::ActiveModel {
        id: id(&town.c),
        role: Set(Role::Administrator.as_str().to_owned()),
        ..Default::default()
    };
    changed(&town, promoted).await;
    escalate(town.app(), UnixMillis(0)).await.unwrap();
    let desk = Some(Owner::Desk(town.station));
    assert_eq!(town.state(order).await.owner, desk);
    escalate(town.app(), UnixMillis(0)).await.unwrap();
    assert_eq!(town.state(order).await.term, Term(4), "nothing more to do");
}

#[tokio::test]
async fn the_time_for_taking_does_not_count_from_before_a_server_could_be_reached() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    town.fixture.pass(Millis(TAKE.0 * 10));
    let restarted = town.app().now();
    escalate(town.app(), restarted).await.unwrap();
    assert_eq!(town.state(order).await.term, Term(1));
    town.fixture.pass(TAKE);
    escalate(town.app(), restarted).await.unwrap();
    assert_eq!(town.state(order).await.term, Term(2));
}

#[tokio::test]
async fn who_is_off_duty_is_given_no_order_until_he_is_back() {
    let town = Township::new().await;
    let (a, caller) = (PersonId(town.a.id), town.caller(&town.clerk).await);
    let absence = duty::Absence {
        from: town.app().now(),
        until: None,
        reason: "leave".to_owned(),
    };
    attempt(town.app(), move |tx, _| {
        Box::pin(async move { duty::note(tx, &caller, a, absence).await })
    })
    .await
    .unwrap();
    let first = town.take_in(json!({ "outside_no": "1" })).await;
    assert_eq!(town.state(first).await.owner, owner(&town.b));
    town.fixture.pass(Millis(1));
    attempt(town.app(), move |tx, app| {
        Box::pin(async move { duty::end(tx, &app, a).await })
    })
    .await
    .unwrap();
    let second = town.take_in(json!({ "outside_no": "2" })).await;
    assert_eq!(town.state(second).await.owner, owner(&town.a));
}

#[tokio::test]
async fn an_absence_that_was_taken_back_can_be_noted_again() {
    let town = Township::new().await;
    let (a, caller) = (PersonId(town.a.id), town.caller(&town.clerk).await);
    let note = || {
        let absence = duty::Absence {
            from: town.app().now().plus(TAKE),
            until: None,
            reason: "leave".to_owned(),
        };
        let caller = caller.clone();
        attempt(town.app(), move |tx, _| {
            Box::pin(async move { duty::note(tx, &caller, a, absence).await })
        })
    };
    note().await.unwrap();
    assert_eq!(note().await.unwrap_err().code, Code::Conflict);
    attempt(town.app(), move |tx, app| {
        Box::pin(async move { duty::end(tx, &app, a).await })
    })
    .await
    .unwrap();
    note().await.unwrap();
    let noted = duty::open(town.app().store.read(), a, town.app().now());
    assert_eq!(noted.await.unwrap().len(), 1);
}

#[tokio::test]
async fn dispatch_knows_how_many_open_orders_each_has() {
    let town = Township::new().await;
    for n in 0..3 {
        town.take_in(json!({ "outside_no": n.to_string() })).await;
    }
    let now = town.app().now();
    let people = facts::people_of(town.app().store.read(), town.station, now)
        .await
        .unwrap();
    let open = |person: &person::Model| {
        let found = people.iter().find(|facts| facts.id.0 == person.id);
        found.unwrap().open_orders
    };
    assert_eq!((open(&town.a), open(&town.b)), (3, 0));
    assert_eq!(people.len(), 4, "the sibling's clerk is of another station");
}

#[tokio::test]
async fn of_many_refusals_in_one_batch_an_order_is_looked_at_once_and_noted_once() {
    for town in Township::on_each().await {
        let order = town.take_in(json!({})).await;
        let mut records: Vec<Sourced> = Vec::new();
        for n in 0..40 {
            // Of another term, by no owner, to someone who cannot own it.
            records.push(record(&town, order, &town.a, 9, declined()));
            records.push(record(&town, order, &town.c, 1, declined()));
            let mut handed = record(&town, order, &town.a, 1, handed_to(&town.sibling));
            handed.id.seq = Seq(10 + n);
            records.push(handed);
        }
        let before = town.records(order).await.len();
        reacted_to_all(&town, order, records.clone()).await;
        let noted = town.records(order).await.len() - before;
        assert_eq!((noted, town.state(order).await.term), (1, Term(1)));
        records.push(record(&town, order, &town.a, 1, declined()));
        reacted_to_all(&town, order, records).await;
        assert_eq!(town.records(order).await.len() - before, 2);
        assert_eq!(town.state(order).await.owner, owner(&town.b));
    }
}

async fn reacted_to_all(town: &Township, order: OrderId, records: Vec<Sourced>) {
    let station = town.station;
    attempt(town.app(), move |tx, app| {
        Box::pin(async move {
            let lock = StationLock::take(tx, station).await?;
            react(tx, &app, &lock, order, &records).await
        })
    })
    .await
    .unwrap();
}
