//! Leave of somebody who changes his station, with the orders in it.

use super::look;
use crate::{
    dispatch::{
        away_tests::{HOUR, accepted, approved, asked, covers, hand_overs, leaves, offer, owner},
        escalate,
    },
    duty::rows::leave_cover,
    orders::fixture::{Township, rectangle},
    people::{
        Role,
        account::{Change, change_person},
        fixture::{Desk, code},
        rows::person,
        tree::UnitKind,
    },
    territory::{
        assign::Wish,
        content::{AreaContent, CellContent, Content},
        refresh,
        rows::cell,
        store::{self, Proposal},
    },
};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId, PersonId},
    position::Wgs84,
    time::{Millis, UnixMillis},
    workflow::AreaClass,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

/// The unit that a person of the other station belongs to: `town.sibling` is its staff.
fn other(town: &Township) -> OrgId {
    OrgId(town.sibling.org_id)
}

/// He changes his station, and everybody has looked; gives him as he is then.
async fn moves(town: &Township, who: &person::Model, to: OrgId) -> person::Model {
    let (id, now) = (PersonId(who.id), town.app().now());
    let change = Change {
        org: Some(to),
        ..Change::default()
    };
    town.fixture
        .write(move |tx, _| {
            Box::pin(async move { change_person(tx, id, change, now).await.map(drop) })
        })
        .await;
    escalate(town.app(), UnixMillis(0)).await.unwrap();
    town.fixture.reread(who).await
}

/// The other station has one cell, D1, east of the others; `a` is its A, a manager of its own
/// its B.
async fn with_a_cell_there(town: &Township) -> person::Model {
    let station = other(town);
    let team = town.fixture.unit(UnitKind::Team, Some(station)).await;
    let there = town.fixture.person(Role::Manager, team).await;
    let (a, b, author) = (
        PersonId(town.a.id),
        PersonId(there.id),
        PersonId(town.sibling.id),
    );
    town.fixture
        .write(move |tx, app| {
            Box::pin(async move {
                let content = Content {
                    boundary: rectangle(104.2, 104.3),
                    station_areas: vec![AreaContent {
                        code: "T9".to_owned(),
                        name: "T9".to_owned(),
                        position: Wgs84::new(104.25, 30.05).unwrap(),
                        feeder: None,
                        customers: 1,
                        area_class: AreaClass::Urban,
                        cell: Some("D1".to_owned()),
                    }],
                    cells: vec![CellContent {
                        code: "D1".to_owned(),
                        name: "D1".to_owned(),
                        outline: rectangle(104.2, 104.3),
                    }],
                };
                let proposal = Proposal {
                    station,
                    base: 0,
                    content,
                    effective_from: app.now(),
                    author,
                    reason: "first".to_owned(),
                };
                store::accept(tx, app, proposal).await?;
                let found = cell::Entity::find().filter(cell::Column::Code.eq("D1"));
                let found = found.one(tx).await?.unwrap();
                let wish = Wish {
                    a: Some(a),
                    b: Some(b),
                    from: None,
                };
                store::set_roles(tx, app, (station, CellId(found.id)), wish, author).await
            })
        })
        .await;
    refresh::refresh(town.app()).await.unwrap();
    there
}

async fn shown(town: &Township, who: &person::Model, leave: &str) -> (u16, Value) {
    let desk = Desk::of(&town.fixture, who).await;
    desk.get(&format!("/leaves/{leave}")).await
}

#[actix_web::test]
async fn leave_that_was_granted_before_he_moved_is_his_new_stations_with_his_orders_there() {
    for town in Township::on_each().await {
        let here = town.take_in(json!({ "outside_no": "1" })).await;
        let leave = asked(&town, &town.a, 10).await;
        assert_eq!(approved(&town, &leave, json!({})).await.0, 200);
        let a = moves(&town, &town.a, other(&town)).await;
        let there = with_a_cell_there(&town).await;
        assert_eq!(town.state(here).await.owner, owner(&town.b));

        // His new station and he himself see it, the old one does not any more.
        assert_eq!(shown(&town, &town.sibling, &leave).await.0, 200);
        assert_eq!(shown(&town, &a, &leave).await.0, 200);
        let gone = shown(&town, &town.clerk, &leave).await;
        assert_eq!((gone.0, code(&gone)), (404, "not_found"));
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        assert_eq!(clerk.get("/leaves").await.1["leaves"], json!([]));
        let path = format!("/leaves/{leave}/withdraw");
        assert_eq!(clerk.post(&path, Value::Null).await.0, 404);

        let position = json!({ "lon": 104.25, "lat": 30.05, "datum": "WGS-84" });
        let order = json!({ "outside_no": "2", "position": position });
        let order = town
            .try_take_in(&town.sibling, order)
            .await
            .unwrap()
            .order();
        assert_eq!(town.state(order).await.owner, owner(&town.a));
        town.fixture.pass(Millis(HOUR));
        assert_eq!(look(town.app()).await.unwrap(), 1);
        accepted(&town, order, &town.a, &there).await;
        town.fixture.pass(Millis(10 * HOUR));
        assert_eq!(look(town.app()).await.unwrap(), 1);
        accepted(&town, order, &there, &a).await;
        assert_eq!(town.state(order).await.owner, owner(&town.a));
        assert_eq!(town.state(here).await.owner, owner(&town.b), "it stays");
    }
}

#[actix_web::test]
async fn who_moves_during_his_leave_leaves_no_order_alone_and_his_cover_goes_on_as_named() {
    for town in Township::on_each().await {
        let taken = town.take_in(json!({ "outside_no": "1" })).await;
        let open = town.take_in(json!({ "outside_no": "2" })).await;
        leaves(&town, &town.b, 30, json!([])).await;
        let by = covers(&town, open, &town.c).await;
        let leave = leaves(&town, &town.a, 30, by).await;
        town.fixture.pass(Millis(HOUR));
        assert_eq!(look(town.app()).await.unwrap(), 2);
        accepted(&town, taken, &town.a, &town.c).await;
        let offered = offer(&town, open, &town.a, &town.c).await;

        moves(&town, &town.a, other(&town)).await;
        let after = hand_overs(&town).await;
        let offered = after.iter().find(|one| one.id == offered.id).unwrap();
        assert_eq!(offered.state, "lapsed");
        assert_eq!(town.state(open).await.owner, owner(&town.c), "who covers");
        // The new station sees the leave without what was named in the old one.
        let (status, seen) = shown(&town, &town.sibling, &leave).await;
        assert_eq!((status, &seen["covers"]), (200, &json!([])), "{seen}");
        town.fixture.pass(Millis(HOUR));
        let there = Desk::of(&town.fixture, &town.sibling).await;
        let (status, seen) = there.post(&format!("/leaves/{leave}/end"), json!({})).await;
        assert_eq!(status, 200, "{seen}");
        assert_eq!(look(town.app()).await.unwrap(), 1);
        // He is back, but not here: what he gave away stays, and the cell is covered as before.
        assert_eq!(town.state(taken).await.owner, owner(&town.c));
        assert_eq!(hand_overs(&town).await.len(), after.len());
        let fresh = town.take_in(json!({ "outside_no": "3" })).await;
        assert_eq!(town.state(fresh).await.owner, owner(&town.c));
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        let gaps = format!("/stations/{}/duty-gaps?days=2", town.station);
        let (_, gaps) = clerk.get(&gaps).await;
        let c1 = &gaps["days"][0]["cells"][0];
        assert_eq!(
            (&c1["code"], &c1["cover"], &c1["alone"]),
            (&json!("C1"), &json!(town.c.id), &json!(false)),
            "{gaps}"
        );
    }
}

#[actix_web::test]
async fn a_request_is_decided_where_he_works_and_an_open_cover_is_bounded() {
    for town in Township::on_each().await {
        let request = asked(&town, &town.c, 5).await;
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        leaves(&town, &town.b, 30, json!([])).await;
        let ill = json!({ "person": town.a.id, "kind": "sudden", "reason": "taken ill",
            "from_at": town.app().now() });
        let (status, sudden) = clerk.post("/leaves", ill).await;
        assert_eq!(status, 201, "{sudden}");
        let cell = cell::Entity::find().filter(cell::Column::Code.eq("C1"));
        let cell = cell.one(town.app().store.read()).await.unwrap().unwrap();
        let by = json!({ "covers": [{ "cell": cell.id, "person": town.c.id }] });
        let sudden = sudden["id"].as_str().unwrap().to_owned();
        assert_eq!(approved(&town, &sudden, by).await.0, 200);
        for who in [&town.a, &town.c] {
            moves(&town, who, other(&town)).await;
        }
        let answer = approved(&town, &request, json!({})).await;
        assert_eq!((answer.0, code(&answer)), (404, "not_found"));
        let there = Desk::of(&town.fixture, &town.sibling).await;
        let path = format!("/leaves/{request}/approve");
        let (status, seen) = there.post(&path, json!({})).await;
        assert_eq!(
            (status, &seen["state"]),
            (200, &json!("approved")),
            "{seen}"
        );
        let cover = leave_cover::Entity::find().one(town.app().store.read());
        let cover = cover.await.unwrap().unwrap();
        assert_eq!(cover.station_id, town.station.0);
        let longest = 180 * 24 * HOUR;
        assert_eq!(cover.until_at, Some(cover.from_at + longest));
        // What is over stays with the station in which it was; he sees it all the same.
        let path = format!("/leaves/{sudden}/end");
        town.fixture.pass(Millis(1));
        let there = Desk::of(&town.fixture, &town.sibling).await;
        assert_eq!(there.post(&path, json!({})).await.0, 200);
        let a = moves(&town, &town.a, town.station).await;
        assert_eq!(shown(&town, &town.sibling, &sudden).await.0, 200);
        assert_eq!(shown(&town, &town.clerk, &sudden).await.0, 404);
        let a = Desk::of(&town.fixture, &a).await;
        let text = json!({ "text": "I had a fever." });
        let stated = a.post(&format!("/leaves/{sudden}/statement"), text).await;
        assert_eq!(stated.0, 200, "{}", stated.1);
    }
}
