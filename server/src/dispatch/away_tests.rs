//! Leave from the request to the return, over HTTP, with the orders in it.

use super::{away, escalate, ladder::let_go_so_far};
use crate::{
    dispatch::hand_over::{
        Cause, Offered,
        rows::hand_over,
        tests::{offered_for, wish},
    },
    orders::{fixture::Township, rows::service_order},
    people::{
        fixture::{Desk, code},
        rows::{audit_log, person},
    },
};
use gridcrew_sync_protocol::{
    ids::{OrderId, PersonId},
    order::Status,
    record::{Owner, Rung},
    time::{Millis, UnixMillis},
};
use sea_orm::{ActiveValue::Set, EntityTrait};
use serde_json::{Value, json};

pub(crate) const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

pub(crate) fn owner(person: &person::Model) -> Option<Owner> {
    Some(Owner::Person(PersonId(person.id)))
}

pub(crate) fn after(town: &Township, span: i64) -> UnixMillis {
    town.app().now().plus(Millis(span))
}

/// A planned leave of `person`, asked for by himself, of so many hours from an hour on.
pub(crate) async fn asked(town: &Township, person: &person::Model, hours: i64) -> String {
    let desk = Desk::of(&town.fixture, person).await;
    let wish = json!({ "kind": "planned", "reason": "wedding",
        "from_at": after(town, HOUR), "until_at": after(town, HOUR * (1 + hours)) });
    let (status, shown) = desk.post("/leaves", wish).await;
    assert_eq!(
        (status, &shown["state"]),
        (201, &json!("requested")),
        "{shown}"
    );
    shown["id"].as_str().unwrap().to_owned()
}

pub(crate) async fn approved(town: &Township, id: &str, body: Value) -> (u16, Value) {
    let clerk = Desk::of(&town.fixture, &town.clerk).await;
    clerk.post(&format!("/leaves/{id}/approve"), body).await
}

pub(crate) async fn hand_overs(town: &Township) -> Vec<hand_over::Model> {
    hand_over::Entity::find()
        .all(town.app().store.read())
        .await
        .unwrap()
}

#[actix_web::test]
async fn from_its_first_moment_b_owns_what_comes_is_offered_what_is_open_and_gives_it_back() {
    for town in Township::on_each().await {
        let order = town.take_in(json!({ "outside_no": "1" })).await;
        let leave = asked(&town, &town.a, 10).await;
        assert_eq!(approved(&town, &leave, json!({})).await.0, 200);
        assert_eq!(away::look(town.app()).await.unwrap(), 0, "not yet");
        town.fixture.pass(Millis(HOUR));
        // New orders wait for no process to act.
        let fresh = town.take_in(json!({ "outside_no": "2" })).await;
        assert_eq!(town.state(fresh).await.owner, owner(&town.b));
        // Of two processes one acts.
        let (one, other) = tokio::join!(away::look(town.app()), away::look(town.app()));
        assert_eq!(one.unwrap() + other.unwrap(), 1);
        let offers = hand_overs(&town).await;
        assert_eq!(offers.len(), 1);
        assert_eq!(
            (offers[0].order_id, offers[0].to_person),
            (order.0, town.b.id)
        );
        assert_eq!(
            town.state(order).await.owner,
            owner(&town.a),
            "until it is accepted"
        );
        let b = Desk::of(&town.fixture, &town.b).await;
        let path = format!("/hand-overs/{}", offers[0].id);
        assert_eq!(b.post(&path, json!({ "answer": "accept" })).await.0, 200);
        assert_eq!(town.state(order).await.owner, owner(&town.b));

        town.fixture.pass(Millis(HOUR));
        let a = Desk::of(&town.fixture, &town.a).await;
        let (status, shown) = a.post(&format!("/leaves/{leave}/end"), json!({})).await;
        assert_eq!(status, 200, "{shown}");
        let next = town.take_in(json!({ "outside_no": "3" })).await;
        assert_eq!(town.state(next).await.owner, owner(&town.a));
        assert_eq!(away::look(town.app()).await.unwrap(), 1);
        assert_eq!(away::look(town.app()).await.unwrap(), 0);
        assert_eq!(
            town.state(fresh).await.owner,
            owner(&town.b),
            "what came meanwhile stays"
        );
        // B works on it, so it is his until A takes it: nothing passes it on to a third.
        town.fixture.pass(Millis(HOUR));
        escalate(town.app(), UnixMillis(0)).await.unwrap();
        assert_eq!(town.state(order).await.owner, owner(&town.b));
        accepted(&town, order, &town.b, &town.a).await;
        let state = town.state(order).await;
        assert_eq!(
            (state.owner, state.status),
            (owner(&town.a), Status::Taken),
            "it comes back"
        );
        let reasons: Vec<&str> = state.assignments.iter().map(|one| &*one.reason).collect();
        assert_eq!(reasons[1..], ["owner_on_leave", "leave_over"]);
        assert_eq!(let_go_so_far(&state), [], "nobody is barred by it");
    }
}

#[actix_web::test]
async fn an_offer_that_waits_for_the_manager_of_a_new_cell_gives_way_when_the_owner_leaves() {
    for town in Township::on_each().await {
        let order = town.take_in(json!({})).await;
        let cut = Cause::Territory { version: 2 };
        let waits = offered_for(&town, cut, wish(order, &town.a, &town.c)).await;
        assert!(matches!(waits, Offered::Made(_)), "{waits:?}");
        leaves(&town, &town.a, 10, json!([])).await;
        town.fixture.pass(Millis(HOUR));
        away::look(town.app()).await.unwrap();
        offer(&town, order, &town.a, &town.b).await;
        // And stays: it is not made anew each time somebody looks.
        let made = hand_overs(&town).await.len();
        away::look(town.app()).await.unwrap();
        escalate(town.app(), UnixMillis(0)).await.unwrap();
        assert_eq!(hand_overs(&town).await.len(), made);
    }
}

/// The open offer of an order, from one to another.
pub(crate) async fn offer(
    town: &Township,
    order: OrderId,
    from: &person::Model,
    to: &person::Model,
) -> hand_over::Model {
    let open = hand_overs(town).await;
    let open = open.into_iter().find(|one| one.open_order == Some(order.0));
    let open = open.expect("an offer is open");
    assert_eq!((open.from_person, open.to_person), (from.id, to.id));
    open
}

/// The receiver accepts it.
pub(crate) async fn accepted(
    town: &Township,
    order: OrderId,
    from: &person::Model,
    to: &person::Model,
) {
    let id = offer(town, order, from, to).await.id;
    let desk = Desk::of(&town.fixture, to).await;
    let path = format!("/hand-overs/{id}");
    let answer = desk.post(&path, json!({ "answer": "accept" })).await;
    assert_eq!(answer.0, 200, "{}", answer.1);
}

/// A leave that begins an hour from now is granted.
pub(crate) async fn leaves(
    town: &Township,
    person: &person::Model,
    hours: i64,
    covers: Value,
) -> String {
    let leave = asked(town, person, hours).await;
    let (status, shown) = approved(town, &leave, json!({ "covers": covers })).await;
    assert_eq!(status, 200, "{shown}");
    leave
}

pub(crate) async fn covers(town: &Township, order: OrderId, by: &person::Model) -> Value {
    json!([{ "cell": town.state(order).await.cell, "person": by.id }])
}

#[actix_web::test]
async fn what_nobody_has_taken_comes_back_at_once_and_the_stand_in_is_still_asked_after() {
    for town in Township::on_each().await {
        let order = town.take_in(json!({})).await;
        leaves(&town, &town.a, 10, json!([])).await;
        town.fixture.pass(Millis(HOUR));
        away::look(town.app()).await.unwrap();
        let id = offer(&town, order, &town.a, &town.b).await.id;
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        let path = format!("/hand-overs/{id}");
        let answer = clerk.post(&path, json!({ "answer": "accept" })).await;
        assert_eq!(answer.0, 200, "{}", answer.1);
        town.fixture.pass(Millis(10 * HOUR));
        away::look(town.app()).await.unwrap();
        assert_eq!(town.state(order).await.owner, owner(&town.a));
        // Should A not take it in time, B is asked as he would have been.
        town.fixture.pass(Millis(HOUR));
        escalate(town.app(), UnixMillis(0)).await.unwrap();
        assert_eq!(town.state(order).await.owner, owner(&town.b));
    }
}

#[actix_web::test]
async fn a_leave_that_follows_another_brings_back_only_when_he_is_back() {
    for town in Township::on_each().await {
        let order = town.take_in(json!({})).await;
        leaves(&town, &town.a, 10, json!([])).await;
        let a = Desk::of(&town.fixture, &town.a).await;
        let longer = json!({ "kind": "planned", "reason": "longer",
            "from_at": after(&town, 11 * HOUR), "until_at": after(&town, 21 * HOUR) });
        let (status, shown) = a.post("/leaves", longer).await;
        assert_eq!(status, 201, "{shown}");
        let longer = shown["id"].as_str().unwrap().to_owned();
        assert_eq!(approved(&town, &longer, json!({})).await.0, 200);
        town.fixture.pass(Millis(HOUR));
        away::look(town.app()).await.unwrap();
        accepted(&town, order, &town.a, &town.b).await;
        town.fixture.pass(Millis(10 * HOUR));
        assert_eq!(away::look(town.app()).await.unwrap(), 2);
        assert_eq!(hand_overs(&town).await.len(), 1, "he is still away");
        town.fixture.pass(Millis(10 * HOUR));
        assert_eq!(away::look(town.app()).await.unwrap(), 1);
        accepted(&town, order, &town.b, &town.a).await;
        assert_eq!(town.state(order).await.owner, owner(&town.a));
    }
}

#[actix_web::test]
async fn what_who_covers_has_taken_comes_back_as_well() {
    for town in Township::on_each().await {
        let order = town.take_in(json!({})).await;
        leaves(&town, &town.a, 10, json!([])).await;
        let by = covers(&town, order, &town.c).await;
        leaves(&town, &town.b, 30, by).await;
        town.fixture.pass(Millis(HOUR - 1));
        away::look(town.app()).await.unwrap();
        town.fixture.pass(Millis(1));
        assert_eq!(away::look(town.app()).await.unwrap(), 2);
        accepted(&town, order, &town.a, &town.c).await;
        town.fixture.pass(Millis(10 * HOUR));
        away::look(town.app()).await.unwrap();
        accepted(&town, order, &town.c, &town.a).await;
        assert_eq!(town.state(order).await.owner, owner(&town.a));
    }
}

#[actix_web::test]
async fn what_waits_for_somebody_who_leaves_is_offered_to_who_covers_and_goes_on_with_him() {
    for town in Township::on_each().await {
        let held = town.take_in(json!({ "outside_no": "1" })).await;
        let open = town.take_in(json!({ "outside_no": "2" })).await;
        leaves(&town, &town.a, 10, json!([])).await;
        town.fixture.pass(Millis(HOUR));
        away::look(town.app()).await.unwrap();
        accepted(&town, held, &town.a, &town.b).await;
        offer(&town, open, &town.a, &town.b).await;
        let by = covers(&town, open, &town.c).await;
        leaves(&town, &town.b, 30, by).await;
        town.fixture.pass(Millis(HOUR));
        away::look(town.app()).await.unwrap();
        accepted(&town, held, &town.b, &town.c).await;
        offer(&town, open, &town.a, &town.c).await;
        town.fixture.pass(Millis(10 * HOUR));
        away::look(town.app()).await.unwrap();
        assert_eq!(town.state(open).await.owner, owner(&town.a));
        accepted(&town, held, &town.c, &town.a).await;
        assert_eq!(town.state(held).await.owner, owner(&town.a));
    }
}

#[actix_web::test]
async fn what_could_not_be_offered_is_offered_when_somebody_can_and_holds_up_nothing() {
    for town in Township::on_each().await {
        let order = town.take_in(json!({ "outside_no": "1" })).await;
        let broken = town.take_in(json!({ "outside_no": "2" })).await;
        let unread = service_order::ActiveModel {
            id: Set(broken.0),
            template_version: Set(9_999),
            ..Default::default()
        };
        town.app()
            .store
            .write(move |tx| {
                let unread = unread.clone();
                Box::pin(async move {
                    service_order::Entity::update(unread).exec(tx).await?;
                    Ok::<_, crate::edge::Problem>(())
                })
            })
            .await
            .unwrap();
        leaves(&town, &town.a, 10, json!([])).await;
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        let path = format!("/people/{}/off-duty", town.b.id);
        let ill = json!({ "reason": "taken ill", "until_at": after(&town, 2 * HOUR) });
        assert_eq!(clerk.post(&path, ill).await.0, 200);
        town.fixture.pass(Millis(HOUR));
        assert_eq!(away::look(town.app()).await.unwrap(), 2, "B and A");
        assert_eq!(hand_overs(&town).await, []);
        away::offer_left(town.app()).await.unwrap();
        assert_eq!(hand_overs(&town).await, []);
        town.fixture.pass(Millis(HOUR));
        away::offer_left(town.app()).await.unwrap();
        away::offer_left(town.app()).await.unwrap();
        assert_eq!(hand_overs(&town).await.len(), 1);
        let id = offer(&town, order, &town.a, &town.b).await.id;
        // Left with the owner, it is not offered again and again.
        let b = Desk::of(&town.fixture, &town.b).await;
        let path = format!("/hand-overs/{id}");
        assert_eq!(b.post(&path, json!({ "answer": "keep" })).await.0, 200);
        away::offer_left(town.app()).await.unwrap();
        assert_eq!(hand_overs(&town).await.len(), 1);
    }
}

#[actix_web::test]
async fn what_nobody_answered_stays_and_a_moment_without_a_process_is_acted_upon_late() {
    for town in Township::on_each().await {
        let order = town.take_in(json!({})).await;
        let leave = asked(&town, &town.a, 10).await;
        approved(&town, &leave, json!({})).await;
        let begins = after(&town, HOUR);
        town.fixture.pass(Millis(3 * HOUR));
        assert_eq!(away::look(town.app()).await.unwrap(), 1);
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        let (_, shown) = clerk.get(&format!("/leaves/{leave}")).await;
        assert_eq!(shown["from_at"], json!(begins), "the true time stays");
        assert_eq!(shown["begun_at"], json!(town.app().now()));
        town.fixture.pass(Millis(10 * HOUR));
        assert_eq!(away::look(town.app()).await.unwrap(), 1);
        assert_eq!(hand_overs(&town).await[0].state, "kept");
        assert_eq!(town.state(order).await.owner, owner(&town.a));

        // One that passed while no process ran hands nothing over.
        let leave = asked(&town, &town.a, 1).await;
        approved(&town, &leave, json!({})).await;
        town.fixture.pass(Millis(DAY));
        assert_eq!(away::look(town.app()).await.unwrap(), 1);
        assert_eq!(hand_overs(&town).await.len(), 1);
    }
}

#[actix_web::test]
async fn a_and_b_are_not_away_together_unless_a_third_covers_who_then_owns_what_comes() {
    for town in Township::on_each().await {
        let first = asked(&town, &town.a, 10).await;
        let second = asked(&town, &town.b, 5).await;
        assert_eq!(approved(&town, &first, json!({})).await.0, 200);
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        let (_, shown) = clerk.get(&format!("/leaves/{second}")).await;
        assert_eq!(shown["left_alone"][0]["code"], "C1", "{shown}");
        let cell = shown["left_alone"][0]["cell"].clone();
        let refused = approved(&town, &second, json!({})).await;
        assert_eq!(
            (refused.0, code(&refused)),
            (409, "leave.uncovered"),
            "{}",
            refused.1
        );
        for (person, wanted) in [
            (town.a.id, "leave.bad_cover"),
            (town.b.id, "leave.bad_cover"),
            (town.sibling.id, "leave.bad_cover"),
        ] {
            let covers = json!({ "covers": [{ "cell": cell, "person": person }] });
            assert_eq!(code(&approved(&town, &second, covers).await), wanted);
        }
        let covers = json!({ "covers": [{ "cell": cell, "person": town.c.id }] });
        let (status, shown) = approved(&town, &second, covers).await;
        assert_eq!(
            (status, &shown["covers"][0]["person"]),
            (200, &json!(town.c.id)),
            "{shown}"
        );
        // The cover cannot go away then, either.
        let third = asked(&town, &town.c, 2).await;
        assert_eq!(
            code(&approved(&town, &third, json!({})).await),
            "leave.uncovered"
        );

        town.fixture.pass(Millis(2 * HOUR));
        let order = town.take_in(json!({})).await;
        let state = town.state(order).await;
        assert_eq!(state.owner, owner(&town.c));
        assert_eq!(state.assignments[0].rung, Rung::HandOver);
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        let gaps = format!("/stations/{}/duty-gaps?days=2", town.station);
        let (_, shown) = clerk.get(&gaps).await;
        let c1 = &shown["days"][0]["cells"][0];
        assert_eq!(
            (&c1["code"], &c1["cover"]),
            (&json!("C1"), &json!(town.c.id)),
            "{shown}"
        );
        assert_eq!(
            (&shown["thin_now"], &shown["alone_now"]),
            (&json!(2), &json!(1))
        );
    }
}

#[actix_web::test]
async fn nobody_decides_on_his_own_and_each_step_is_taken_once() {
    for town in Township::on_each().await {
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        let own = asked(&town, &town.clerk, 5).await;
        for (path, body) in [
            ("approve", json!({})),
            ("refuse", json!({ "reason": "no" })),
        ] {
            let answer = clerk.post(&format!("/leaves/{own}/{path}"), body).await;
            assert_eq!((answer.0, code(&answer)), (403, "leave.own"));
        }
        let leave = asked(&town, &town.a, 5).await;
        let a = Desk::of(&town.fixture, &town.a).await;
        let by_himself = a.post(&format!("/leaves/{leave}/approve"), json!({})).await;
        assert_eq!((by_himself.0, code(&by_himself)), (403, "auth.forbidden"));
        let same_time = json!({ "kind": "planned", "reason": "x",
            "from_at": after(&town, 2 * HOUR), "until_at": after(&town, 9 * HOUR) });
        assert_eq!(code(&a.post("/leaves", same_time).await), "conflict");
        let refusal = json!({ "reason": "storm expected" });
        let (status, shown) = clerk
            .post(&format!("/leaves/{leave}/refuse"), refusal)
            .await;
        assert_eq!(
            (status, &shown["decision"]),
            (200, &json!("storm expected"))
        );
        for (path, body) in [
            ("approve", json!({})),
            ("withdraw", Value::Null),
            ("end", json!({})),
        ] {
            let answer = clerk.post(&format!("/leaves/{leave}/{path}"), body).await;
            assert_eq!((answer.0, code(&answer)), (409, "leave.decided"), "{path}");
        }
        // What was granted and has not begun can be withdrawn, and then is no absence.
        let leave = asked(&town, &town.a, 5).await;
        approved(&town, &leave, json!({})).await;
        assert_eq!(
            a.post(&format!("/leaves/{leave}/withdraw"), Value::Null)
                .await
                .0,
            200
        );
        town.fixture.pass(Millis(2 * HOUR));
        assert_eq!(away::look(town.app()).await.unwrap(), 0);
        let order = town.take_in(json!({})).await;
        assert_eq!(town.state(order).await.owner, owner(&town.a));
    }
}

#[actix_web::test]
async fn a_sudden_absence_is_reported_for_another_and_owes_a_statement_when_it_is_over() {
    for town in Township::on_each().await {
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        let wish = json!({ "person": town.a.id, "kind": "sudden", "reason": "taken ill",
            "from_at": after(&town, -HOUR) });
        let (status, shown) = clerk.post("/leaves", wish).await;
        assert_eq!(status, 201, "{shown}");
        let leave = format!("/leaves/{}", shown["id"].as_str().unwrap());
        assert_eq!(
            clerk.post(&format!("{leave}/approve"), json!({})).await.0,
            200
        );
        assert_eq!(away::look(town.app()).await.unwrap(), 1);
        let missing = "/leaves?statement_missing=true";
        assert_eq!(clerk.get(missing).await.1["leaves"], json!([]));
        // He is noted to be back, which ends the leave.
        town.fixture.pass(Millis(DAY));
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        let path = format!("/people/{}/off-duty", town.a.id);
        let back = clerk
            .call(actix_web::http::Method::DELETE, &path, Value::Null)
            .await;
        assert_eq!(back.0, 204);
        assert_eq!(away::look(town.app()).await.unwrap(), 1);
        let (_, list) = clerk.get(missing).await;
        assert_eq!(list["leaves"].as_array().unwrap().len(), 1, "{list}");
        assert_eq!(list["leaves"][0]["statement_overdue"], false);
        town.fixture.pass(Millis(9 * DAY));
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        assert_eq!(
            clerk.get(missing).await.1["leaves"][0]["statement_overdue"],
            true
        );
        let a = Desk::of(&town.fixture, &town.a).await;
        let text = json!({ "text": "I had a fever." });
        assert_eq!(
            a.post(&format!("{leave}/statement"), text.clone()).await.0,
            200
        );
        assert_eq!(
            code(&a.post(&format!("{leave}/statement"), text).await),
            "conflict"
        );
        assert_eq!(clerk.get(missing).await.1["leaves"], json!([]));
    }
}

#[actix_web::test]
async fn off_duty_is_a_leave_like_any_other_and_no_way_around_it() {
    for town in Township::on_each().await {
        let order = town.take_in(json!({})).await;
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        let of = |person: &person::Model| format!("/people/{}/off-duty", person.id);
        let ill = json!({ "reason": "taken ill" });
        let back = actix_web::http::Method::DELETE;
        for answer in [
            clerk.post(&of(&town.clerk), ill.clone()).await,
            clerk
                .call(back.clone(), &of(&town.clerk), Value::Null)
                .await,
        ] {
            assert_eq!((answer.0, code(&answer)), (403, "leave.own"));
        }
        let a = Desk::of(&town.fixture, &town.a).await;
        assert_eq!(a.post(&of(&town.b), ill.clone()).await.0, 403);
        let silent = clerk.post(&of(&town.a), json!({ "reason": " " })).await;
        assert_eq!((silent.0, code(&silent)), (422, "request.invalid"));

        // A fact is noted, and what he has open is offered to who stands in.
        assert_eq!(clerk.post(&of(&town.a), ill.clone()).await.0, 200);
        assert_eq!(away::look(town.app()).await.unwrap(), 1);
        offer(&town, order, &town.a, &town.b).await;
        // What is to come must leave no cell alone.
        let later = json!({ "reason": "a visit", "from_at": after(&town, HOUR),
            "until_at": after(&town, 2 * HOUR) });
        let refused = clerk.post(&of(&town.b), later).await;
        assert_eq!((refused.0, code(&refused)), (409, "leave.uncovered"));
        assert_eq!(clerk.post(&of(&town.b), ill).await.0, 200, "a fact");
        let shown = clerk.get("/leaves").await.1;
        assert_eq!(shown["leaves"].as_array().unwrap().len(), 2, "{shown}");
        assert_eq!(shown["leaves"][0]["state"], "approved");
        assert_eq!(shown["leaves"][0]["kind"], "sudden");
        town.fixture.pass(Millis(1));
        let answer = clerk.call(back, &of(&town.a), Value::Null).await;
        assert_eq!(answer.0, 204);
        let logged = audit_log::Entity::find()
            .all(town.app().store.read())
            .await
            .unwrap();
        let logged: Vec<&str> = logged.iter().map(|line| &*line.action).collect();
        for action in ["leave.recorded", "leave.ended"] {
            assert!(logged.contains(&action), "{action}: {logged:?}");
        }
    }
}

#[actix_web::test]
async fn who_may_not_see_a_leave_finds_none_and_bad_input_is_refused_by_name() {
    let town = Township::new().await;
    let leave = asked(&town, &town.a, 5).await;
    for stranger in [&town.b, &town.sibling] {
        let desk = Desk::of(&town.fixture, stranger).await;
        let shown = desk.get(&format!("/leaves/{leave}")).await;
        assert_eq!((shown.0, code(&shown)), (404, "not_found"));
        assert_eq!(desk.get("/leaves").await.1["leaves"], json!([]));
    }
    let center = Desk::of(&town.fixture, &town.center).await;
    assert_eq!(center.get("/leaves").await.0, 403);
    let a = Desk::of(&town.fixture, &town.a).await;
    let foreign = json!({ "person": town.b.id, "kind": "sudden", "reason": "x" });
    assert_eq!(a.post("/leaves", foreign).await.0, 404);
    let from = after(&town, DAY);
    for (wish, wanted) in [
        (
            json!({ "kind": "planned", "reason": "x" }),
            "request.invalid",
        ),
        (
            json!({ "kind": "planned", "reason": " ", "from_at": from, "until_at": after(&town, 2 * DAY) }),
            "request.invalid",
        ),
        (
            json!({ "kind": "planned", "reason": "x", "from_at": from, "until_at": from }),
            "request.invalid",
        ),
        (
            json!({ "kind": "sudden", "reason": "x", "from_at": i64::MIN }),
            "request.invalid",
        ),
        (
            json!({ "kind": "sudden", "reason": "x", "from_at": 0, "until_at": i64::MAX }),
            "request.invalid",
        ),
        (
            json!({ "kind": "planned", "reason": "x", "from_at": i64::MAX, "until_at": i64::MAX }),
            "request.invalid",
        ),
        (
            json!({ "kind": "holiday", "reason": "x" }),
            "request.malformed",
        ),
        (
            json!({ "kind": "sudden", "reason": "x", "extra": 1 }),
            "request.malformed",
        ),
    ] {
        let answer = a.post("/leaves", wish.clone()).await;
        assert_eq!(code(&answer), wanted, "{wish}: {}", answer.1);
    }
}
