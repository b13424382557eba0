//! Leave from the request to the return, over HTTP, with the orders in it.

use super::away;
use crate::{
    dispatch::hand_over::rows::hand_over,
    orders::fixture::Township,
    people::{
        fixture::{Desk, code},
        rows::person,
    },
};
use gridcrew_sync_protocol::{
    ids::PersonId,
    record::{Owner, Rung},
    time::{Millis, UnixMillis},
};
use sea_orm::EntityTrait;
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

fn owner(person: &person::Model) -> Option<Owner> {
    Some(Owner::Person(PersonId(person.id)))
}

fn after(town: &Township, span: i64) -> UnixMillis {
    town.app().now().plus(Millis(span))
}

/// A planned leave of `person`, asked for by himself, of so many hours from an hour on.
async fn asked(town: &Township, person: &person::Model, hours: i64) -> String {
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

async fn approved(town: &Township, id: &str, body: Value) -> (u16, Value) {
    let clerk = Desk::of(&town.fixture, &town.clerk).await;
    clerk.post(&format!("/leaves/{id}/approve"), body).await
}

async fn hand_overs(town: &Township) -> Vec<hand_over::Model> {
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
            town.state(order).await.owner,
            owner(&town.a),
            "it comes back"
        );
        assert_eq!(
            town.state(fresh).await.owner,
            owner(&town.b),
            "what came meanwhile stays"
        );
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
        assert_eq!(state.assignments[0].rung, Rung::Cover);
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
