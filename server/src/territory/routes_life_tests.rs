use super::tests::{Desk, code};
use crate::{
    orders::fixture::attempt,
    people::{
        Role,
        rows::{audit_log, person},
    },
    territory::{
        fixture::{Ground, two_cells_json},
        refresh::Watcher,
        rows::{cell, territory, territory_plan},
        store::{self, How, Planned, Proposal},
    },
};
use actix_web::http::Method;
use gridcrew_sync_protocol::{code::Code, ids::PersonId, time::Millis};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use serde_json::{Value, json};

const HOUR: i64 = 3_600_000;

/// SQLite, and PostgreSQL where there is one, each with the two cells and A and B in both.
async fn grounds() -> Vec<Ground> {
    let mut grounds = vec![Ground::new().await];
    grounds.extend(Ground::on_postgres().await);
    for ground in &grounds {
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        let path = path(ground, "");
        let (status, done) = desk.post(&path, two_cells_json()).await;
        assert_eq!(status, 200, "{done}");
        for (code, [a, b]) in [("W", [0, 1]), ("E", [1, 2])] {
            let wish = json!({ "role_a": ground.managers[a], "role_b": ground.managers[b] });
            let roles = format!("/cells/{}/roles", id_of(ground, code).await);
            assert_eq!(desk.call(Method::PUT, &roles, wish).await.0, 200);
        }
    }
    grounds
}

fn path(ground: &Ground, rest: &str) -> String {
    format!("/stations/{}/territory{rest}", ground.station())
}

async fn id_of(ground: &Ground, code: &str) -> uuid::Uuid {
    let found = cell::Entity::find()
        .filter(cell::Column::Code.eq(code))
        .filter(cell::Column::UntilVersion.is_null());
    found
        .one(ground.app().store.read())
        .await
        .unwrap()
        .unwrap()
        .id
}

fn polygon(west: f64, south: f64, east: f64, north: f64) -> Value {
    let at = |x: f64, y: f64| json!([120.0 + x / 100.0, 30.0 + y / 100.0]);
    json!({ "type": "Polygon", "coordinates": [[
        at(west, south), at(east, south), at(east, north), at(west, north), at(west, south),
    ]] })
}

fn rename(cell: &str, name: &str) -> Value {
    json!({ "do": "rename", "cell": cell, "name": name })
}

fn draw() -> Value {
    json!({ "do": "draw", "outline": polygon(1.0, 0.5, 3.0, 1.5), "code": "N", "name": "north" })
}

/// The body of edits that are accepted.
fn accepted(of: i64, edits: &[Value], reason: &str) -> Value {
    json!({
        "datum": "WGS-84", "edits": edits, "accept": true, "of_version": of, "reason": reason,
    })
}

fn later(mut body: Value, at: i64) -> Value {
    body["effective_from"] = json!(at);
    body
}

async fn versions(ground: &Ground) -> usize {
    let found = territory::Entity::find()
        .all(ground.app().store.read())
        .await;
    found.unwrap().len()
}

#[actix_web::test]
async fn an_edit_is_looked_at_first_and_stored_with_who_why_and_what_it_changed() {
    for ground in grounds().await {
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        let edits = path(&ground, "/edits");
        let look = json!({ "datum": "WGS-84", "edits": [draw()] });
        let (status, seen) = desk.post(&edits, look).await;
        assert_eq!((status, &seen["version"]), (200, &Value::Null), "{seen}");
        let codes: Vec<&str> = rows(&seen["cells"], "code");
        assert_eq!(codes, ["E", "N", "W"]);
        assert_eq!(rows(&seen["moves"], "station_area"), ["t2", "t3"]);
        assert_eq!(seen["customers_moved"], 30);
        assert_eq!(
            seen["cells"][1]["role_a"], seen["cells"][0]["role_a"],
            "heir of E: {seen}"
        );
        assert_eq!(versions(&ground).await, 1);

        let west = id_of(&ground, "W").await;
        let bare = json!({ "datum": "WGS-84", "edits": [draw()], "accept": true });
        assert_eq!(code(&desk.post(&edits, bare).await), "request.invalid");
        let (status, done) = desk
            .post(&edits, accepted(1, &[draw()], "a new road"))
            .await;
        assert_eq!((status, &done["version"]), (200, &json!(2)), "{done}");
        assert_eq!(id_of(&ground, "W").await, west);
        let cells = desk.get("/cells").await.1;
        let north = cells["cells"]
            .as_array()
            .unwrap()
            .iter()
            .find(|cell| cell["code"] == "N");
        let north = north.unwrap();
        assert_eq!(north["role_a"]["person"], json!(ground.managers[1]));
        assert_eq!(north["role_b"]["person"], json!(ground.managers[2]));
        let checks = desk.get(&path(&ground, "/checks")).await.1;
        assert_eq!(checks["found"], 0, "{checks}");

        let (_, list) = desk.get(&path(&ground, "/versions")).await;
        let newest = &list["versions"][0];
        assert_eq!(
            (&newest["version"], &newest["reason"]),
            (&json!(2), &json!("a new road"))
        );
        assert_eq!(newest["author"], json!(ground.staff.id));
        assert_eq!(newest["changes"]["kind"], "edit");
        assert_eq!(rows(&newest["changes"]["cells"], "code"), ["E", "N", "W"]);
        let logged = audit_log::Entity::find()
            .filter(audit_log::Column::Action.eq("territory.changed"))
            .all(ground.app().store.read())
            .await
            .unwrap();
        assert_eq!(logged.len(), 2);
    }
}

fn rows<'v>(list: &'v Value, member: &str) -> Vec<&'v str> {
    let rows = list.as_array().unwrap().iter();
    rows.map(|row| row[member].as_str().unwrap()).collect()
}

#[actix_web::test]
async fn the_second_of_two_is_told_what_changed_and_overwrites_nothing() {
    for ground in grounds().await {
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        let edits = path(&ground, "/edits");
        let first = accepted(1, &[rename("W", "river side")], "the sign says so");
        let second = accepted(1, &[rename("W", "west")], "mine");
        // At the same time: one wins.
        let (one, other) = tokio::join!(
            desk.post(&edits, first.clone()),
            desk.post(&edits, first.clone())
        );
        let mut statuses = [one.0, other.0];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 409]);
        let late = desk.post(&edits, second).await;
        assert_eq!(code(&late), "territory.changed");
        let detail = late.1["detail"].as_str().unwrap();
        for told in ["version 2", "Li Wei", "changed W", "the sign says so", "T"] {
            assert!(detail.contains(told), "{told}: {detail}");
        }
        let name = cell::Entity::find_by_id(id_of(&ground, "W").await);
        let name = name
            .one(ground.app().store.read())
            .await
            .unwrap()
            .unwrap()
            .name;
        assert_eq!(name, "river side");
    }
}

#[actix_web::test]
async fn a_planned_version_comes_into_force_once_at_its_moment_also_after_a_restart() {
    for ground in grounds().await {
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        let monday = ground.app().now().0 + HOUR;
        let body = later(accepted(1, &[draw()], "from Monday"), monday);
        let (status, done) = desk.post(&path(&ground, "/edits"), body).await;
        assert_eq!((status, &done["version"]), (200, &Value::Null), "{done}");
        let mut waits = Watcher::new(ground.app().clone());
        waits.look().await.unwrap();
        ground.fixture.pass(Millis(HOUR - 1));
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        waits.look().await.unwrap();
        assert_eq!(versions(&ground).await, 1);
        let planned = desk.get(&path(&ground, "/plans")).await.1;
        assert_eq!(planned["plans"][0]["state"], "planned");
        assert_eq!(
            rows(&planned["plans"][0]["changes"]["cells"], "code"),
            ["E", "N", "W"]
        );

        ground.fixture.pass(Millis(1));
        // One that was there all the time, and one that has just been started.
        let mut new = Watcher::new(ground.app().clone());
        let (one, other) = tokio::join!(waits.look(), new.look());
        one.and(other).unwrap();
        assert_eq!(versions(&ground).await, 2);
        assert_eq!(
            ground.app().territory.load().version_of(ground.station()),
            2
        );
        let planned = desk.get(&path(&ground, "/plans")).await.1;
        let plan = &planned["plans"][0];
        assert_eq!(
            (&plan["state"], &plan["version"]),
            (&json!("in_force"), &json!(2))
        );
        let (_, list) = desk.get(&path(&ground, "/versions")).await;
        assert_eq!(list["versions"][0]["effective_from"], json!(monday));
        assert_eq!(list["versions"][0]["reason"], "from Monday");
        let id = plan["id"].as_str().unwrap();
        let gone = desk
            .call(
                Method::DELETE,
                &format!("/territory-plans/{id}"),
                Value::Null,
            )
            .await;
        assert_eq!(code(&gone), "territory.plan_ended");
    }
}

#[actix_web::test]
async fn a_plan_whose_base_is_gone_is_flagged_and_waits_for_people() {
    for ground in grounds().await {
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        let edits = path(&ground, "/edits");
        let monday = ground.app().now().0 + HOUR;
        for reason in ["first", "second"] {
            let body = later(accepted(1, &[draw()], reason), monday);
            assert_eq!(desk.post(&edits, body).await.0, 200);
        }
        let body = accepted(1, &[rename("W", "west")], "meanwhile");
        assert_eq!(desk.post(&edits, body).await.0, 200);
        let plans = desk.get(&path(&ground, "/plans")).await.1;
        assert_eq!(rows(&plans["plans"], "state"), ["stale", "stale"]);
        let flaw = plans["plans"][0]["flaw"].as_str().unwrap();
        assert!(flaw.contains("version 2"), "{flaw}");
        ground.fixture.pass(Millis(2 * HOUR));
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        Watcher::new(ground.app().clone()).look().await.unwrap();
        assert_eq!(
            versions(&ground).await,
            2,
            "neither dropped nor put in force"
        );

        let by_reason = |reason: &str| -> String {
            let plans = plans["plans"].as_array().unwrap().iter();
            let mut plan = plans.filter(|plan| plan["reason"] == reason);
            plan.next().unwrap()["id"].as_str().unwrap().to_owned()
        };
        let rebase = format!("/territory-plans/{}/rebase", by_reason("first"));
        let (status, look) = desk.post(&rebase, json!({})).await;
        assert_eq!((status, &look["plan"]), (200, &Value::Null), "{look}");
        assert_eq!(rows(&look["cells"], "code"), ["E", "N", "W"]);
        let old = json!({ "accept": true, "of_version": 1 });
        assert_eq!(code(&desk.post(&rebase, old).await), "territory.changed");
        let (status, done) = desk
            .post(&rebase, json!({ "accept": true, "of_version": 2 }))
            .await;
        assert_eq!(status, 200, "{done}");
        Watcher::new(ground.app().clone()).look().await.unwrap();
        assert_eq!(versions(&ground).await, 3);
        let cancel = format!("/territory-plans/{}", by_reason("second"));
        assert_eq!(desk.call(Method::DELETE, &cancel, Value::Null).await.0, 204);
        let plans = desk.get(&path(&ground, "/plans")).await.1;
        let mut states = rows(&plans["plans"], "state");
        states.sort_unstable();
        assert_eq!(states, ["cancelled", "in_force"]);
    }
}

#[actix_web::test]
async fn a_version_is_undone_by_a_new_one_and_cells_that_were_gone_come_back_with_a_and_b() {
    for ground in grounds().await {
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        let (edits, undo) = (path(&ground, "/edits"), path(&ground, "/undo"));
        let [west, east] = [id_of(&ground, "W").await, id_of(&ground, "E").await];
        ground.fixture.pass(Millis(1_000));
        let merge = json!({ "do": "merge", "cells": ["W", "E"], "into": "E" });
        assert_eq!(
            desk.post(&edits, accepted(1, &[merge], "fewer")).await.0,
            200
        );
        assert_eq!(
            desk.get("/cells").await.1["cells"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
        ground.fixture.pass(Millis(1_000));
        let look = desk.post(&undo, json!({})).await;
        assert_eq!(
            (look.0, &look.1["version"]),
            (200, &Value::Null),
            "{}",
            look.1
        );
        let body = json!({ "accept": true, "of_version": 2, "reason": "it was wrong" });
        let (status, done) = desk.post(&undo, body).await;
        assert_eq!((status, &done["version"]), (200, &json!(3)), "{done}");
        assert_eq!(
            [id_of(&ground, "W").await, id_of(&ground, "E").await],
            [west, east]
        );
        let checks = desk.get(&path(&ground, "/checks")).await.1;
        assert_eq!(checks["found"], 0, "A and B of W are back: {checks}");
        let (_, list) = desk.get(&path(&ground, "/versions")).await;
        assert_eq!(list["versions"][0]["undoes"], 2);

        // An earlier one, under a later one that changed another cell; and one that did not.
        let two = [rename("W", "west"), rename("E", "east")];
        for (n, edit) in two.into_iter().enumerate() {
            let base = 3 + i64::try_from(n).unwrap();
            assert_eq!(
                desk.post(&edits, accepted(base, &[edit], "names")).await.0,
                200
            );
        }
        let body = json!({ "version": 4, "accept": true, "of_version": 5, "reason": "no" });
        assert_eq!(desk.post(&undo, body).await.0, 200);
        let again = desk.post(&undo, json!({ "version": 4 })).await;
        assert_eq!(code(&again), "territory.cannot_undo");
        assert!(
            again.1["detail"].as_str().unwrap().contains("version 6"),
            "{}",
            again.1
        );
        let first = desk.post(&undo, json!({ "version": 1 })).await;
        assert_eq!(code(&first), "territory.cannot_undo");
    }
}

#[actix_web::test]
async fn the_history_tells_whose_something_was_at_a_moment() {
    for ground in grounds().await {
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        let customers = json!({ "customers": [{
            "account_no": "0123456789", "name": "Wang Fang", "phone": "", "address": "",
            "station_area": "t2",
        }] });
        let import = format!("/stations/{}/customers", ground.station());
        let (status, done) = desk.post(&import, customers.clone()).await;
        assert_eq!(status, 200, "{done}");
        let before = ground.app().now().0;
        ground.fixture.pass(Millis(HOUR));
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        let body = accepted(
            1,
            &[json!({ "do": "move", "station_areas": ["t2"], "to": "E" })],
            "x",
        );
        assert_eq!(desk.post(&path(&ground, "/edits"), body).await.0, 200);
        ground.fixture.pass(Millis(HOUR));
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        let mut elsewhere = customers;
        elsewhere["customers"][0]["station_area"] = json!("t1");
        assert_eq!(desk.post(&import, elsewhere).await.0, 200);
        let now = ground.app().now().0;

        let asked = async |at: i64, what: &str| {
            let (status, whose) = desk
                .get(&path(&ground, &format!("/whose?at={at}&{what}")))
                .await;
            assert_eq!(status, 200, "{whose}");
            let first = &whose["matches"][0];
            let cell = first["cell"]["code"].as_str().unwrap_or("none").to_owned();
            (
                whose["version"].as_i64().unwrap(),
                cell,
                first["cell"]["role_a"]["person"].clone(),
            )
        };
        let [a, b] = [json!(ground.managers[0]), json!(ground.managers[1])];
        for what in [
            "station_area=t2",
            "village=village%20t2",
            "lon=120.015&lat=30.01&datum=WGS-84",
        ] {
            assert_eq!(
                asked(before, what).await,
                (1, "W".to_owned(), a.clone()),
                "{what}"
            );
            assert_eq!(
                asked(now, what).await,
                (2, "E".to_owned(), b.clone()),
                "{what}"
            );
        }
        let account = "account_no=0123456789";
        assert_eq!(asked(before, account).await.1, "W", "t2 was in W");
        assert_eq!(asked(now - HOUR, account).await.1, "E", "t2 had gone to E");
        assert_eq!(asked(now, account).await.1, "W", "it is linked to t1 now");

        let (status, shown) = desk.get(&path(&ground, &format!("/at?at={before}"))).await;
        assert_eq!(
            (status, &shown["features"][0]["properties"]["version"]),
            (200, &json!(1))
        );
        let long_ago = desk.get(&path(&ground, "/at?at=1")).await;
        assert_eq!(code(&long_ago), "territory.none");
        let nothing = desk.get(&path(&ground, &format!("/whose?at={now}"))).await;
        assert_eq!(code(&nothing), "request.invalid");
        let two = desk
            .get(&path(
                &ground,
                &format!("/whose?at={now}&{account}&village=t"),
            ))
            .await;
        assert_eq!(code(&two), "request.invalid");
        let admin = ground
            .fixture
            .person(Role::Administrator, ground.station())
            .await;
        let admin = Desk::of(&ground.fixture, &admin).await;
        let hidden = admin
            .get(&path(&ground, &format!("/whose?at={now}&{account}")))
            .await;
        assert_eq!(code(&hidden), "auth.forbidden");
    }
}

#[actix_web::test]
async fn bad_edits_are_refused_with_their_code_and_change_nothing() {
    let ground = grounds().await.remove(0);
    let desk = Desk::of(&ground.fixture, &ground.staff).await;
    let drawn = |outline: Value| json!({ "do": "draw", "outline": outline });
    let ring = |points: Value| drawn(json!({ "type": "Polygon", "coordinates": [points] }));
    let many: Vec<Value> = (0..5_001)
        .map(|n| json!([120.0 + f64::from(n) * 1e-6, 30.01]))
        .collect();
    let across = json!({ "type": "LineString", "coordinates": [[120.01, 29.99], [120.01, 30.03]] });
    let cases: Vec<(Value, &str)> = vec![
        (
            ring(json!([
                [120.0, 30.0],
                [120.02, 30.02],
                [120.02, 30.0],
                [120.0, 30.02],
                [120.0, 30.0]
            ])),
            "territory.self_crossing",
        ),
        (
            drawn(polygon(9.0, 0.0, 10.0, 1.0)),
            "territory.outside_boundary",
        ),
        (
            drawn(polygon(0.0, 0.0, 2.0, 2.0)),
            "territory.cell_without_station_area",
        ),
        (
            ring(json!([
                [200.0, 30.0],
                [200.1, 30.0],
                [200.1, 30.1],
                [200.0, 30.0]
            ])),
            "position.out_of_range",
        ),
        (
            ring(json!([
                [30.0, 120.0],
                [30.1, 120.0],
                [30.1, 120.1],
                [30.0, 120.0]
            ])),
            "position.out_of_range",
        ),
        (ring(json!(many)), "territory.too_large"),
        (
            drawn(json!({ "type": "Point", "coordinates": [120.0, 30.0] })),
            "territory.malformed",
        ),
        (drawn(json!({})), "territory.malformed"),
        (rename("X", "west"), "request.invalid"),
        (rename("W", " "), "request.invalid"),
        (json!({ "do": "merge", "cells": ["W"] }), "request.invalid"),
        (
            json!({ "do": "split", "cell": "W", "into": 1 }),
            "request.invalid",
        ),
        (
            json!({ "do": "split", "cell": "W", "into": 9 }),
            "territory.cannot_split",
        ),
        (
            json!({ "do": "move", "station_areas": ["t1", "t2"], "to": "E" }),
            "territory.cell_without_station_area",
        ),
        (
            json!({ "do": "border", "cells": ["W"], "line": across }),
            "request.invalid",
        ),
        (
            json!({ "do": "split_along", "cell": "E", "line": across }),
            "territory.cannot_edit",
        ),
        (json!({ "do": "burn", "cell": "W" }), "request.malformed"),
    ];
    for (edit, wanted) in cases {
        let answer = desk
            .post(
                &path(&ground, "/edits"),
                accepted(1, std::slice::from_ref(&edit), "bad"),
            )
            .await;
        let shown: String = edit.to_string().chars().take(200).collect();
        assert_eq!(code(&answer), wanted, "{shown}: {}", answer.1);
    }
    let untyped = json!({ "edits": [draw()] });
    let answer = desk.post(&path(&ground, "/edits"), untyped).await;
    assert_eq!(code(&answer), "position.datum_missing");
    let none = json!({ "datum": "WGS-84", "edits": [] });
    assert_eq!(
        code(&desk.post(&path(&ground, "/edits"), none).await),
        "request.invalid"
    );
    let swapped = ring(json!([
        [30.0, 120.0],
        [30.1, 120.0],
        [30.1, 120.1],
        [30.0, 120.0]
    ]));
    let answer = desk
        .post(&path(&ground, "/edits"), accepted(1, &[swapped], "bad"))
        .await;
    let detail = answer.1["detail"].as_str().unwrap();
    assert!(
        detail.contains("swapped") && detail.starts_with("Edit 1: "),
        "{detail}"
    );
    assert_eq!(versions(&ground).await, 1);
}

#[actix_web::test]
async fn a_plan_that_cannot_be_read_holds_up_no_other_and_what_comes_is_in_the_log() {
    for ground in grounds().await {
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        let monday = ground.app().now().0 + HOUR;
        for reason in ["unreadable", "sound"] {
            let body = later(accepted(1, &[draw()], reason), monday);
            assert_eq!(desk.post(&path(&ground, "/edits"), body).await.0, 200);
        }
        attempt(ground.app(), |tx, _| {
            Box::pin(async move {
                territory_plan::Entity::update_many()
                    .col_expr(territory_plan::Column::Content, Expr::value("{"))
                    .filter(territory_plan::Column::Reason.eq("unreadable"))
                    .exec(tx)
                    .await?;
                Ok(())
            })
        })
        .await
        .unwrap();
        ground.fixture.pass(Millis(HOUR));
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        Watcher::new(ground.app().clone()).look().await.unwrap();
        let plans = desk.get(&path(&ground, "/plans")).await.1;
        let told = |reason: &str| {
            let plans = plans["plans"].as_array().unwrap().iter();
            let mut plan = plans.filter(|plan| plan["reason"] == reason);
            plan.next().unwrap()["state"].as_str().unwrap().to_owned()
        };
        assert_eq!(
            (&*told("unreadable"), &*told("sound")),
            ("stale", "in_force")
        );
        let lines = audit_log::Entity::find()
            .filter(audit_log::Column::Action.eq("territory.changed"))
            .all(ground.app().store.read())
            .await
            .unwrap();
        assert_eq!(lines.len(), 2, "the import and the plan");
        assert!(
            lines
                .iter()
                .all(|line| line.person_id == Some(ground.staff.id))
        );
    }
}

#[actix_web::test]
async fn a_plan_of_who_may_no_more_stays_out_of_force() {
    for ground in grounds().await {
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        let monday = ground.app().now().0 + HOUR;
        let body = later(accepted(1, &[draw()], "from Monday"), monday);
        assert_eq!(desk.post(&path(&ground, "/edits"), body).await.0, 200);
        let author = ground.staff.id;
        attempt(ground.app(), move |tx, app| {
            Box::pin(async move {
                person::Entity::update_many()
                    .col_expr(person::Column::DisabledAt, Expr::value(app.now().0))
                    .filter(person::Column::Id.eq(author))
                    .exec(tx)
                    .await?;
                Ok(())
            })
        })
        .await
        .unwrap();
        ground.fixture.pass(Millis(HOUR));
        Watcher::new(ground.app().clone()).look().await.unwrap();
        assert_eq!(versions(&ground).await, 1);
        let plans = store::plans(ground.app().store.read(), ground.station(), &[]).await;
        let plan = plans.unwrap().remove(0);
        assert_eq!(plan.state, store::PlanState::Stale);
        assert!(plan.flaw.contains("may not change"), "{}", plan.flaw);
    }
}

#[actix_web::test]
async fn who_bases_a_plan_anew_does_not_overwrite_another_who_did() {
    for ground in grounds().await {
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        let edits = path(&ground, "/edits");
        let monday = ground.app().now().0 + HOUR;
        let body = later(accepted(1, &[draw()], "from Monday"), monday);
        let (_, done) = desk.post(&edits, body).await;
        let id: uuid::Uuid = done["plan"].as_str().unwrap().parse().unwrap();
        let body = accepted(1, &[rename("W", "west")], "meanwhile");
        assert_eq!(desk.post(&edits, body).await.0, 200);
        let db = ground.app().store.read();
        let seen = store::plan_of(db, id).await.unwrap();
        let rebase = format!("/territory-plans/{id}/rebase");
        let body = json!({ "accept": true, "of_version": 2 });
        assert_eq!(desk.post(&rebase, body).await.0, 200);
        let held = store::territory(db, ground.station(), ground.app().now()).await;
        let proposal = Proposal {
            station: ground.station(),
            base: 2,
            content: held.unwrap().unwrap().content,
            effective_from: seen.effective_from,
            author: PersonId(ground.staff.id),
            reason: "mine".to_owned(),
        };
        let planned = Planned {
            proposal,
            how: How::default(),
            edits: String::new(),
        };
        let late = attempt(ground.app(), move |tx, app| {
            Box::pin(async move { store::rebase_plan(tx, &app, &seen, planned).await })
        });
        assert_eq!(late.await.unwrap_err().code, Code::Conflict);
    }
}

#[actix_web::test]
async fn cells_come_back_with_a_and_b_also_when_it_was_not_noted_when_they_went() {
    for ground in grounds().await {
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        ground.fixture.pass(Millis(1_000));
        let merge = json!({ "do": "merge", "cells": ["W", "E"], "into": "E" });
        let body = accepted(1, &[merge], "fewer");
        assert_eq!(desk.post(&path(&ground, "/edits"), body).await.0, 200);
        attempt(ground.app(), |tx, _| {
            Box::pin(async move {
                territory::Entity::update_many()
                    .col_expr(territory::Column::CameAt, Expr::value(0i64))
                    .exec(tx)
                    .await?;
                Ok(())
            })
        })
        .await
        .unwrap();
        ground.fixture.pass(Millis(1_000));
        let body = json!({ "accept": true, "of_version": 2, "reason": "it was wrong" });
        assert_eq!(desk.post(&path(&ground, "/undo"), body).await.0, 200);
        let checks = desk.get(&path(&ground, "/checks")).await.1;
        assert_eq!(checks["found"], 0, "A and B of W are back: {checks}");
    }
}

#[actix_web::test]
async fn the_board_of_a_merged_cell_is_listed_until_it_is_taken_down() {
    for ground in grounds().await {
        // Terms that never ran are not given back with a cell.
        ground.fixture.pass(Millis(1_000));
        let desk = Desk::of(&ground.fixture, &ground.staff).await;
        let east = id_of(&ground, "E").await;
        let board = format!("/cells/{east}/board");
        let wish = json!({ "phone": "95598", "service_zh": "抢修" });
        let (_, shown) = desk.call(Method::PUT, &board, wish).await;
        let outdated = "/boards?outdated=true";
        let merge = json!({ "do": "merge", "cells": ["W", "E"], "into": "W" });
        let edits = path(&ground, "/edits");
        let undo = |of: i64| json!({ "accept": true, "of_version": of, "reason": "as it was" });
        let posted = format!("{board}/posted");
        let nothing = desk.call(Method::DELETE, &posted, Value::Null).await;
        assert_eq!(code(&nothing), "conflict");

        // One that never hung out there needs no taking down.
        let (status, done) = desk
            .post(
                &edits,
                accepted(1, std::slice::from_ref(&merge), "one road"),
            )
            .await;
        assert_eq!(status, 200, "{done}");
        assert_eq!(desk.get(outdated).await.1["boards"], json!([]));
        assert_eq!(desk.post(&path(&ground, "/undo"), undo(2)).await.0, 200);

        let mark = json!({ "mark": shown["mark"] });
        assert_eq!(desk.post(&posted, mark).await.0, 200);
        assert_eq!(desk.get(outdated).await.1["boards"], json!([]));
        let (status, done) = desk.post(&edits, accepted(3, &[merge], "one road")).await;
        assert_eq!(status, 200, "{done}");
        for list in [outdated, "/boards"] {
            let (_, listed) = desk.get(list).await;
            let boards = listed["boards"].as_array().unwrap();
            let old = boards.iter().find(|one| one["id"] == json!(east));
            let old = old.unwrap_or_else(|| panic!("{list}: {listed}"));
            assert_eq!(
                (&old["take_down"], &old["outdated"]),
                (&json!(true), &json!(true))
            );
            assert_eq!(
                (&old["went_to"], &old["code"]),
                (&json!(["W"]), &json!("E"))
            );
            assert_eq!(
                (&old["mark"], &old["posted_mark"]),
                (&Value::Null, &shown["mark"])
            );
        }
        assert_eq!(desk.get(&board).await.0, 404, "it is no cell any more");
        let stranger = ground.organisation.sibling;
        let stranger = ground.fixture.person(Role::Station, stranger).await;
        let stranger = Desk::of(&ground.fixture, &stranger).await;
        assert_eq!(stranger.get("/boards").await.1["boards"], json!([]));
        let foreign = stranger.call(Method::DELETE, &posted, Value::Null).await;
        assert_eq!(code(&foreign), "not_found");

        let down = desk.call(Method::DELETE, &posted, Value::Null).await;
        assert_eq!(down.0, 204, "{}", down.1);
        let again = desk.call(Method::DELETE, &posted, Value::Null).await;
        assert_eq!(code(&again), "not_found");
        assert_eq!(desk.get(outdated).await.1["boards"], json!([]));
        let logged = audit_log::Entity::find()
            .filter(audit_log::Column::Action.eq("board.taken_down"))
            .all(ground.app().store.read())
            .await
            .unwrap();
        assert_eq!(logged.len(), 1);

        // The cell comes back, and its board is to be put up again.
        let (status, done) = desk.post(&path(&ground, "/undo"), undo(4)).await;
        assert_eq!(status, 200, "{done}");
        let (_, listed) = desk.get(outdated).await;
        assert_eq!(rows(&listed["boards"], "code"), ["E"]);
        assert_eq!(listed["boards"][0]["take_down"], false);
    }
}
