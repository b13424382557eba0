//! Duty tables and gaps over HTTP, with the orders that follow from them.

use super::{
    calendar::{Calendar, date_at, date_text},
    table::store::read_by,
};
use crate::{
    dispatch::away_tests::{HOUR, leaves},
    orders::{fixture::Township, rows::routing_decision},
    people::{
        Role,
        fixture::{Desk, code},
    },
};
use actix_web::http::Method;
use gridcrew_sync_protocol::{
    ids::PersonId,
    record::{Owner, Rung},
    time::Millis,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

/// A table of today and tomorrow in which `turns` are on duty at all hours.
fn around_the_clock(town: &Township, turns: Value) -> Value {
    let today = date_at(town.app().now());
    json!({
        "name": "夜间值班", "from": date_text(today), "to": date_text(today.next_day().unwrap()),
        "windows": [{ "kind": "night", "start": "00:00", "end": "24:00" }],
        "turns": turns,
    })
}

#[actix_web::test]
async fn who_is_on_duty_owns_what_comes_and_the_explanation_says_by_which_table() {
    for town in Township::on_each().await {
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        let path = format!("/org-units/{}/duty-table", town.station);
        let (status, none) = clerk.get(&path).await;
        assert_eq!((status, &none["version"]), (200, &json!(0)));
        let table = around_the_clock(&town, json!([town.c.id]));
        let wish = json!({ "of_version": 0, "table": table });
        let (status, shown) = clerk.put(&path, wish.clone()).await;
        assert_eq!((status, &shown["version"]), (200, &json!(1)), "{shown}");
        assert_eq!(shown["shifts"].as_array().unwrap().len(), 2);
        assert_eq!(
            (&shown["review"]["gaps"], &shown["review"]["overlaps"]),
            (&json!([]), &json!([]))
        );
        assert!(
            shown["review"]["calendar_unknown_from"].is_string(),
            "2027 is not known yet"
        );
        assert_eq!(code(&clerk.put(&path, wish).await), "conflict");

        let order = town.take_in(json!({ "outside_no": "1" })).await;
        let state = town.state(order).await;
        assert_eq!(state.owner, Some(Owner::Person(PersonId(town.c.id))));
        assert_eq!(state.assignments[0].rung, Rung::HandOver);
        let kept = routing_decision::Entity::find()
            .filter(routing_decision::Column::OrderId.eq(order.0))
            .one(town.app().store.read())
            .await
            .unwrap()
            .unwrap();
        let kept: Value = serde_json::from_str(&kept.explanation).unwrap();
        assert_eq!(kept["rung"], "duty", "{kept}");
        assert_eq!(kept["duty"]["table"], "夜间值班", "{kept}");
        assert!(
            kept["sentence"]["zh"]
                .as_str()
                .unwrap()
                .contains("夜间由值班表“夜间值班”")
        );

        assert_eq!(clerk.call(Method::DELETE, &path, Value::Null).await.0, 204);
        let again = clerk.call(Method::DELETE, &path, Value::Null).await;
        assert_eq!(again.0, 404);
        let order = town.take_in(json!({ "outside_no": "2" })).await;
        assert_eq!(town.state(order).await.assignments[0].rung, Rung::RoleA);
    }
}

#[actix_web::test]
async fn a_bad_table_is_refused_and_a_foreign_one_is_not_there() {
    let town = Township::new().await;
    let clerk = Desk::of(&town.fixture, &town.clerk).await;
    let path = format!("/org-units/{}/duty-table", town.station);
    let plain = around_the_clock(&town, json!([town.c.id]));
    for (place, value) in [
        ("/name", json!("")),
        ("/from", json!("yesterday")),
        ("/to", json!("2000-01-01")),
        ("/windows/0/start", json!("7")),
        ("/windows", json!([])),
        ("/turns", json!([town.sibling.id])),
    ] {
        let mut table = plain.clone();
        *table.pointer_mut(place).unwrap() = value;
        let answer = clerk
            .put(&path, json!({ "of_version": 0, "table": table }))
            .await;
        assert_eq!(code(&answer), "request.invalid", "{place}: {}", answer.1);
    }
    let stranger = Desk::of(&town.fixture, &town.sibling).await;
    let wish = json!({ "of_version": 0, "table": plain });
    for answer in [
        stranger.get(&path).await,
        stranger.put(&path, wish.clone()).await,
        stranger.call(Method::DELETE, &path, Value::Null).await,
        stranger
            .get(&format!("/stations/{}/duty-gaps", town.station))
            .await,
    ] {
        assert_eq!((answer.0, code(&answer)), (404, "not_found"));
    }
    let manager = Desk::of(&town.fixture, &town.a).await;
    assert_eq!(manager.get(&path).await.0, 200);
    assert_eq!(manager.put(&path, wish).await.0, 403);
    for days in ["0", "63", "-1"] {
        let path = format!("/stations/{}/duty-gaps?days={days}", town.station);
        assert!([400, 422].contains(&clerk.get(&path).await.0), "{days}");
    }
}

#[actix_web::test]
async fn who_is_on_duty_and_on_leave_is_a_gap_of_the_table_with_his_name() {
    for town in Township::on_each().await {
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        let path = format!("/org-units/{}/duty-table", town.station);
        let table = around_the_clock(&town, json!([town.c.id]));
        let wish = json!({ "of_version": 0, "table": table });
        let (_, shown) = clerk.put(&path, wish).await;
        assert_eq!(shown["review"]["gaps"], json!([]));
        let begins = town.app().now().plus(Millis(HOUR));
        let leave = leaves(&town, &town.c, 3, json!([])).await;
        let gaps = async || clerk.get(&path).await.1["review"]["gaps"].clone();
        assert_eq!(
            gaps().await,
            json!([{ "kind": "night", "people": [town.c.id], "from_at": begins,
                "until_at": begins.plus(Millis(3 * HOUR)) }])
        );
        let c = Desk::of(&town.fixture, &town.c).await;
        let path = format!("/leaves/{leave}/withdraw");
        assert_eq!(c.post(&path, Value::Null).await.0, 200);
        assert_eq!(gaps().await, json!([]));
        // Who does not work here any more is not there, either.
        let path = format!("/people/{}", town.c.id);
        let admin = town.fixture.person(Role::Administrator, town.station).await;
        let admin = Desk::of(&town.fixture, &admin).await;
        let disabled = json!({ "disabled": true });
        let (status, said) = admin.call(Method::PATCH, &path, disabled).await;
        assert_eq!(status, 200, "{said}");
        let gaps = gaps().await;
        assert_eq!(gaps[0]["from_at"], json!(town.app().now()), "{gaps}");
        assert_eq!(gaps.as_array().unwrap().len(), 2, "today and tomorrow");
    }
}

#[actix_web::test]
async fn days_that_were_guessed_stay_marked_when_another_calendar_reads_the_table() {
    for town in Township::on_each().await {
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        let path = format!("/org-units/{}/duty-table", town.station);
        let table = around_the_clock(&town, json!([town.c.id]));
        let (today, tomorrow) = (table["from"].clone(), table["to"].clone());
        let wish = json!({ "of_version": 0, "table": table });
        let (_, shown) = clerk.put(&path, wish).await;
        assert_eq!(shown["review"]["calendar_unknown_from"], today);

        let shipped = include_str!("../../rules/calendar.1.toml");
        let marked = async |off: &str, work: &str| {
            let year = format!("\n[[year]]\nyear = 2027\noff = [{off}]\nwork = [{work}]\n");
            let calendar = Calendar::from_toml(&format!("{shipped}{year}")).unwrap();
            let by = (&calendar, town.app().now());
            let kept = read_by(town.app().store.read(), town.station, by).await;
            json!(kept.unwrap().unwrap().review.calendar_unknown_from)
        };
        // A Friday and a Saturday, by the calendar of the year as well.
        assert_eq!(marked("", "").await, Value::Null);
        assert_eq!(marked("", &tomorrow.to_string()).await, tomorrow);
        assert_eq!(marked(&today.to_string(), "").await, today);
    }
}
