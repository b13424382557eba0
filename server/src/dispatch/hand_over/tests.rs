use super::{
    Answer, Cause, Decider, Offer, Offered, State, answer, move_at_once, moved, of_cause, offer,
    rows::hand_over,
};
use crate::{
    dispatch::{LOOK_EVERY, facts, route},
    edge::Problem,
    orders::{
        fixture::{Township, attempt},
        rows::{routing_decision, service_order},
    },
    people::{Role, rows::person},
    territory::{
        assign::Wish,
        content::Content,
        refresh,
        rows::cell,
        store::{self, Proposal},
    },
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, OrderId, PersonId},
    record::{Event, Owner, Rung, Term},
    time::{Millis, UnixMillis},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::json;
use uuid::Uuid;

fn id(person: &person::Model) -> PersonId {
    PersonId(person.id)
}

fn owner(person: &person::Model) -> Option<Owner> {
    Some(Owner::Person(id(person)))
}

const LEAVE: Cause = Cause::Leave { leave: Uuid::nil() };

pub(in crate::dispatch) fn wish(order: OrderId, from: &person::Model, to: &person::Model) -> Offer {
    Offer {
        order,
        from: id(from),
        to: id(to),
        from_cell: None,
        to_cell: None,
    }
}

async fn offered(town: &Township, wish: Offer) -> Offered {
    offered_for(town, LEAVE, wish).await
}

/// An offer for a cause.
pub(in crate::dispatch) async fn offered_for(
    town: &Township,
    cause: Cause,
    wish: Offer,
) -> Offered {
    let (station, author) = (town.station, id(&town.clerk));
    attempt(town.app(), move |tx, app| {
        Box::pin(async move {
            let lock = StationLock::take(tx, station).await?;
            let people = facts::people_of(tx, station, app.now()).await?;
            let why = (cause, "he is away");
            offer(tx, &app, &lock, &people, wish, why, author).await
        })
    })
    .await
    .unwrap()
}

async fn answered(
    town: &Township,
    hand_over: Uuid,
    by: &person::Model,
    what: Answer,
) -> Result<State, Problem> {
    let station = town.station;
    let decider = Decider {
        person: id(by),
        staff_of: (by.role == Role::Station.as_str()).then_some(station),
    };
    attempt(town.app(), move |tx, app| {
        Box::pin(async move {
            let lock = StationLock::take(tx, station).await?;
            answer(tx, &app, &lock, hand_over, (decider, what)).await
        })
    })
    .await
}

fn made(offered: Offered) -> Uuid {
    match offered {
        Offered::Made(id) => id,
        other => panic!("{other:?}"),
    }
}

async fn row(town: &Township, id: Uuid) -> hand_over::Model {
    let found = hand_over::Entity::find_by_id(id);
    found.one(town.app().store.read()).await.unwrap().unwrap()
}

#[tokio::test]
async fn the_owner_stays_the_owner_until_the_receiver_accepts_and_it_is_in_the_trace() {
    for town in Township::on_each().await {
        let order = town.take_in(json!({})).await;
        let offer = made(offered(&town, wish(order, &town.a, &town.c)).await);
        assert_eq!(town.state(order).await.owner, owner(&town.a));
        let again = offered(&town, wish(order, &town.a, &town.b)).await;
        assert_eq!(again, Offered::OpenAlready(offer), "one at a time");

        let owners_wish = answered(&town, offer, &town.a, Answer::Accept).await;
        assert_eq!(owners_wish.unwrap_err().code, Code::HandOverNotYours);
        let accepted = answered(&town, offer, &town.c, Answer::Accept).await;
        assert_eq!(accepted.unwrap(), State::Accepted);
        let state = town.state(order).await;
        assert_eq!((state.owner, state.term), (owner(&town.c), Term(2)));
        assert_eq!(state.assignments[1].rung, Rung::HandOver);
        assert!(
            state.taken_at.is_some(),
            "who accepts for himself has taken it"
        );
        let twice = answered(&town, offer, &town.c, Answer::Accept).await;
        assert_eq!(twice.unwrap_err().code, Code::HandOverDecided);

        let records = town.records(order).await;
        let told = |what: &str| {
            records.iter().any(|one| match &one.record.event {
                Event::Noted(noted) => noted.text.starts_with(what),
                _ => false,
            })
        };
        assert!(told("hand_over.offered: "));
        let handed = |one: &&gridcrew_sync_protocol::order::Sourced| matches!(&one.record.event, Event::HandedOver(handed) if handed.note == "he is away");
        assert_eq!(records.iter().filter(handed).count(), 1);
        let kept = routing_decision::Entity::find()
            .filter(routing_decision::Column::OrderId.eq(order.0))
            .all(town.app().store.read())
            .await
            .unwrap();
        assert_eq!(kept.len(), 2, "each term has its stored explanation");
    }
}

#[tokio::test]
async fn the_owner_keeps_it_the_station_decides_and_a_foreign_receiver_is_refused() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    let first = made(offered(&town, wish(order, &town.a, &town.c)).await);
    let kept = answered(&town, first, &town.a, Answer::Keep).await;
    assert_eq!(kept.unwrap(), State::Kept);
    assert_eq!(town.state(order).await.owner, owner(&town.a));
    let second = made(offered(&town, wish(order, &town.a, &town.c)).await);
    let stranger = answered(&town, second, &town.b, Answer::Keep).await;
    assert_eq!(stranger.unwrap_err().code, Code::HandOverNotYours);
    answered(&town, second, &town.clerk, Answer::Accept)
        .await
        .unwrap();
    let state = town.state(order).await;
    assert_eq!((state.owner, state.taken_at), (owner(&town.c), None));
    let foreign = offered(&town, wish(order, &town.c, &town.sibling)).await;
    assert!(matches!(foreign, Offered::CannotOwn(_)));
    let not_his = offered(&town, wish(order, &town.a, &town.b)).await;
    assert_eq!(not_his, Offered::NotHis);
}

#[tokio::test]
async fn an_order_that_moves_on_takes_its_hand_over_with_it() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    let offer = made(offered(&town, wish(order, &town.a, &town.c)).await);
    town.fixture.pass(Millis(180_000));
    let since = gridcrew_sync_protocol::time::UnixMillis(0);
    crate::dispatch::escalate(town.app(), since).await.unwrap();
    assert_eq!(town.state(order).await.owner, owner(&town.b));
    let row = row(&town, offer).await;
    assert_eq!((&*row.state, row.open_order), ("lapsed", None));
    let late = answered(&town, offer, &town.c, Answer::Accept).await;
    assert_eq!(late.unwrap_err().code, Code::HandOverDecided);
    assert!(LOOK_EVERY.as_secs() < 10);
}

#[tokio::test]
async fn what_cannot_wait_changes_hands_at_once_and_comes_back_by_its_cause() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    let (station, author) = (town.station, id(&town.clerk));
    let away = wish(order, &town.a, &town.b);
    let done = attempt(town.app(), move |tx, app| {
        Box::pin(async move {
            let lock = StationLock::take(tx, station).await?;
            let people = facts::people_of(tx, station, app.now()).await?;
            move_at_once(tx, &app, &lock, &people, away, (LEAVE, "sick"), author).await
        })
    })
    .await
    .unwrap();
    assert!(matches!(done, Offered::Made(_)));
    assert_eq!(town.state(order).await.owner, owner(&town.b));
    let led_to = of_cause(town.app().store.read(), station, LEAVE)
        .await
        .unwrap();
    let (from, to) = (led_to[0].from_person, led_to[0].to_person);
    assert_eq!((from, to, led_to.len()), (town.a.id, town.b.id, 1));
}

/// Makes C1 all that lies west of `lon`, with T1 in it and T2 in C2, or the other way round.
async fn redrawn(town: &Township, change: impl FnOnce(&mut Content) + Send + 'static) {
    let station = town.station;
    let author = id(&town.clerk);
    let held = store::territory(town.app().store.read(), station, town.app().now()).await;
    let held = held.unwrap().unwrap();
    let mut content = held.content;
    change(&mut content);
    let proposal = Proposal {
        station,
        base: held.version,
        content,
        effective_from: town.app().now(),
        author,
        reason: "the road was moved".to_owned(),
    };
    attempt(town.app(), move |tx, app| {
        Box::pin(async move { store::accept(tx, &app, proposal).await })
    })
    .await
    .unwrap();
    refresh::refresh(town.app()).await.unwrap();
}

/// C2 gets a manager as A.
async fn manned(town: &Township, who: &person::Model) {
    let db = town.app().store.read();
    let c2 = cell::Entity::find().filter(cell::Column::Code.eq("C2"));
    let c2 = CellId(c2.one(db).await.unwrap().unwrap().id);
    let (station, author) = (town.station, id(&town.clerk));
    let wish = Wish {
        a: Some(id(who)),
        b: None,
        from: None,
    };
    attempt(town.app(), move |tx, app| {
        Box::pin(async move { store::set_roles(tx, &app, (station, c2), wish, author).await })
    })
    .await
    .unwrap();
    refresh::refresh(town.app()).await.unwrap();
}

/// C1 reaches to `border`, and T1 lies in the cell `first`.
fn swap(content: &mut Content, border: f64, first: &str) {
    for area in &mut content.station_areas {
        let other = if first == "C1" { "C2" } else { "C1" };
        let cell = if area.code == "T1" { first } else { other };
        area.cell = Some(cell.to_owned());
    }
    for cell in &mut content.cells {
        let (west, east) = if cell.code == "C1" {
            (104.0, border)
        } else {
            (border, 104.2)
        };
        cell.outline = crate::orders::fixture::rectangle(west, east);
    }
}

#[tokio::test]
async fn a_version_offers_what_it_moved_once_and_another_takes_it_back() {
    for town in Township::on_each().await {
        manned(&town, &town.c).await;
        // One by the account's station area, one by its point.
        let by_account = json!({ "account_no": crate::orders::fixture::ACCOUNT, "position": null });
        let by_account = town.take_in(by_account).await;
        let east = json!({ "lon": 104.09, "lat": 30.05, "datum": "WGS-84" });
        let by_point = town
            .take_in(json!({ "outside_no": "2", "position": east }))
            .await;
        let stays = town.take_in(json!({ "outside_no": "3" })).await;
        assert_eq!(
            moved::look(town.app()).await.unwrap(),
            0,
            "nothing moved yet"
        );

        redrawn(&town, move |content| swap(content, 104.08, "C2")).await;
        let (one, other) = tokio::join!(moved::look(town.app()), moved::look(town.app()));
        assert_eq!(one.unwrap() + other.unwrap(), 2, "each is offered once");
        assert_eq!(moved::look(town.app()).await.unwrap(), 0);
        for order in [by_account, by_point] {
            let state = town.state(order).await;
            assert_eq!(
                state.owner,
                owner(&town.a),
                "he keeps it until it is taken over"
            );
            let version = town.row(order).await;
            assert!(version.cell_id.is_some());
        }
        let db = town.app().store.read();
        let all = hand_over::Entity::find().all(db).await.unwrap();
        assert!(
            all.iter()
                .all(|one| one.to_person == town.c.id && one.cause == "territory")
        );
        assert!(all.iter().all(|one| one.order_id != stays.0));
        assert!(all.iter().all(|one| one.reason == "the road was moved"));

        // The owner keeps one; the version is taken back, and with it the other.
        let kept = all
            .iter()
            .find(|one| one.order_id == by_account.0)
            .unwrap()
            .id;
        answered(&town, kept, &town.a, Answer::Keep).await.unwrap();
        redrawn(&town, |content| content.cells[0].name = "west".to_owned()).await;
        assert_eq!(
            moved::look(town.app()).await.unwrap(),
            0,
            "who kept it is not asked again"
        );
        redrawn(&town, move |content| swap(content, 104.1, "C1")).await;
        assert_eq!(moved::look(town.app()).await.unwrap(), 0);
        let open = hand_over::Entity::find()
            .filter(hand_over::Column::OpenOrder.is_not_null())
            .all(town.app().store.read())
            .await
            .unwrap();
        assert_eq!(open, []);
    }
}

#[tokio::test]
async fn who_is_offered_an_order_sees_it_until_it_is_decided() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    let sees = async || {
        let scope = town.caller(&town.c).await.scope;
        let found = service_order::Entity::find_by_id(order.0).filter(scope.orders());
        found.one(town.app().store.read()).await.unwrap().is_some()
    };
    assert!(!sees().await);
    let offer = made(offered(&town, wish(order, &town.a, &town.c)).await);
    assert!(sees().await);
    answered(&town, offer, &town.c, Answer::Keep).await.unwrap();
    assert!(!sees().await);
    assert_ne!(route::SERVER, id(&town.a));
}

/// A person is disabled, or is so no more.
async fn disabled(town: &Township, who: &person::Model, at: Option<i64>) {
    let who = who.id;
    attempt(town.app(), move |tx, _| {
        Box::pin(async move {
            person::Entity::update_many()
                .col_expr(person::Column::DisabledAt, Expr::value(at))
                .filter(person::Column::Id.eq(who))
                .exec(tx)
                .await?;
            Ok(())
        })
    })
    .await
    .unwrap();
}

async fn open(town: &Township) -> Vec<hand_over::Model> {
    let open = hand_over::Entity::find().filter(hand_over::Column::OpenOrder.is_not_null());
    open.all(town.app().store.read()).await.unwrap()
}

#[tokio::test]
async fn what_cannot_wait_ends_the_offer_that_is_open() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    let first = made(offered(&town, wish(order, &town.a, &town.c)).await);
    let (station, author) = (town.station, id(&town.clerk));
    let away = wish(order, &town.a, &town.b);
    let done = attempt(town.app(), move |tx, app| {
        Box::pin(async move {
            let lock = StationLock::take(tx, station).await?;
            let people = facts::people_of(tx, station, app.now()).await?;
            move_at_once(tx, &app, &lock, &people, away, (LEAVE, "sick"), author).await
        })
    })
    .await
    .unwrap();
    assert_eq!(row(&town, first).await.state, "lapsed");
    assert_eq!(row(&town, made(done)).await.state, "accepted");
    assert_eq!(town.state(order).await.owner, owner(&town.b));
}

#[tokio::test]
async fn a_leave_takes_the_place_of_what_a_version_offered_and_gives_it_back() {
    for town in Township::on_each().await {
        manned(&town, &town.c).await;
        let order = town
            .take_in(json!({ "account_no": crate::orders::fixture::ACCOUNT, "position": null }))
            .await;
        redrawn(&town, move |content| swap(content, 104.08, "C2")).await;
        assert_eq!(moved::look(town.app()).await.unwrap(), 1);
        let by_ground = open(&town).await.remove(0);
        let by_leave = made(offered(&town, wish(order, &town.a, &town.b)).await);
        assert_eq!(row(&town, by_ground.id).await.state, "lapsed");
        assert_eq!(moved::look(town.app()).await.unwrap(), 0, "one at a time");
        // All is settled and no version is marked any more.
        town.fixture.pass(Millis(11_000));
        assert_eq!(moved::look(town.app()).await.unwrap(), 0);
        let back = answered(&town, by_leave, &town.clerk, Answer::Keep).await;
        assert_eq!(back.unwrap(), State::Kept);
        assert_eq!(moved::look(town.app()).await.unwrap(), 1);
        assert_eq!(open(&town).await[0].to_person, town.c.id);
    }
}

#[tokio::test]
async fn an_offer_to_who_is_gone_lapses_and_keeps_nothing_from_the_order() {
    for town in Township::on_each().await {
        let order = town.take_in(json!({})).await;
        let offer = made(offered(&town, wish(order, &town.a, &town.c)).await);
        disabled(&town, &town.c, Some(town.app().now().0)).await;
        let escalate = crate::dispatch::escalate(town.app(), UnixMillis(0));
        escalate.await.unwrap();
        assert_eq!(row(&town, offer).await.state, "lapsed");
        assert_eq!(town.state(order).await.owner, owner(&town.a));
        made(offered(&town, wish(order, &town.a, &town.b)).await);
    }
}

#[tokio::test]
async fn an_order_that_cannot_be_read_keeps_nothing_from_the_others() {
    for town in Township::on_each().await {
        manned(&town, &town.c).await;
        let by_account = json!({ "account_no": crate::orders::fixture::ACCOUNT, "position": null });
        let broken = town.take_in(by_account.clone()).await;
        let mut sound = by_account;
        sound["outside_no"] = json!("2");
        town.take_in(sound).await;
        attempt(town.app(), move |tx, _| {
            Box::pin(async move {
                service_order::Entity::update_many()
                    .col_expr(
                        service_order::Column::TemplateCode,
                        Expr::value("none such"),
                    )
                    .filter(service_order::Column::Id.eq(broken.0))
                    .exec(tx)
                    .await?;
                Ok(())
            })
        })
        .await
        .unwrap();
        redrawn(&town, move |content| swap(content, 104.08, "C2")).await;
        assert_eq!(moved::look(town.app()).await.unwrap(), 1);
    }
}

#[tokio::test]
async fn what_nobody_could_take_is_offered_when_somebody_can() {
    for town in Township::on_each().await {
        manned(&town, &town.c).await;
        town.take_in(json!({ "account_no": crate::orders::fixture::ACCOUNT, "position": null }))
            .await;
        disabled(&town, &town.c, Some(town.app().now().0)).await;
        redrawn(&town, move |content| swap(content, 104.08, "C2")).await;
        assert_eq!(moved::look(town.app()).await.unwrap(), 0);
        town.fixture.pass(Millis(11_000));
        assert_eq!(moved::look(town.app()).await.unwrap(), 0);
        disabled(&town, &town.c, None).await;
        // Old versions are looked at once a minute.
        let slow = moved::SLOW.0;
        let to_next = slow - town.app().now().0.rem_euclid(slow);
        town.fixture.pass(Millis(slow + to_next));
        assert_eq!(moved::look(town.app()).await.unwrap(), 1);

        // All is settled; another A of the cell has it offered to him instead.
        assert_eq!(moved::look(town.app()).await.unwrap(), 0);
        manned(&town, &town.b).await;
        assert_eq!(moved::look(town.app()).await.unwrap(), 1);
        let all = open(&town).await;
        assert_eq!((all.len(), all[0].to_person), (1, town.b.id));
    }
}
