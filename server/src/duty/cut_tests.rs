//! Covers of cells that are cut otherwise while people are on leave.

use crate::{
    dispatch::{
        away,
        away_tests::{HOUR, leaves, owner},
    },
    orders::fixture::{Township, attempt, rectangle},
    people::fixture::Desk,
    territory::{
        content::CellContent,
        refresh,
        rows::cell,
        store::{self, How, Proposal},
    },
};
use gridcrew_sync_protocol::{
    ids::{CellId, PersonId},
    time::Millis,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

async fn id_of(town: &Township, code: &str) -> CellId {
    let found = cell::Entity::find().filter(cell::Column::Code.eq(code));
    let found = found.one(town.app().store.read()).await.unwrap();
    CellId(found.unwrap().id)
}

/// The cells of the station are these now, from west to east, with their western borders; all
/// reach to 104.2 or to the next.
async fn cut(town: &Township, borders: &[(&str, f64)], how: How) {
    let station = town.station;
    let held = store::territory(town.app().store.read(), station, town.app().now()).await;
    let held = held.unwrap().unwrap();
    let mut content = held.content;
    let easts = borders.iter().skip(1).map(|(_, west)| *west).chain([104.2]);
    let cells = borders
        .iter()
        .zip(easts)
        .map(|((code, west), east)| CellContent {
            code: (*code).to_owned(),
            name: (*code).to_owned(),
            outline: rectangle(*west, east),
        });
    content.cells = cells.collect();
    let proposal = Proposal {
        station,
        base: held.version,
        content,
        effective_from: town.app().now(),
        author: PersonId(town.clerk.id),
        reason: "the ground is cut otherwise".to_owned(),
    };
    attempt(town.app(), move |tx, app| {
        Box::pin(async move { store::accept_as(tx, &app, proposal, &how).await })
    })
    .await
    .unwrap();
    refresh::refresh(town.app()).await.unwrap();
}

fn heir(of: &str) -> How {
    How {
        heirs: [("C3".to_owned(), of.to_owned())].into(),
        ..How::default()
    }
}

/// How a cell stands now: who covers it, and whether it is alone.
async fn standing(town: &Township, code: &str) -> (Value, Value) {
    let clerk = Desk::of(&town.fixture, &town.clerk).await;
    let gaps = format!("/stations/{}/duty-gaps?days=2", town.station);
    let (_, gaps) = clerk.get(&gaps).await;
    let cells = gaps["days"][0]["cells"].as_array().unwrap();
    let cell = cells.iter().find(|cell| cell["code"] == code);
    let cell = cell.unwrap_or_else(|| panic!("{code} is not thin: {gaps}"));
    (cell["cover"].clone(), cell["alone"].clone())
}

const WHOLE: [(&str, f64); 2] = [("C1", 104.0), ("C2", 104.1)];
const SPLIT: [(&str, f64); 3] = [("C1", 104.0), ("C3", 104.06), ("C2", 104.1)];

#[actix_web::test]
async fn a_cell_that_is_cut_from_one_is_covered_as_that_was_and_again_when_it_comes_back() {
    for town in Township::on_each().await {
        let c1 = id_of(&town, "C1").await;
        leaves(&town, &town.a, 20, json!([])).await;
        let by = json!([{ "cell": c1, "person": town.c.id }]);
        let leave = leaves(&town, &town.b, 10, by).await;
        // One that is to begin is inherited like one that runs.
        cut(&town, &SPLIT, heir("C1")).await;
        let c3 = id_of(&town, "C3").await;
        town.fixture.pass(Millis(HOUR));
        assert_eq!(away::look(town.app()).await.unwrap(), 2);
        let covered = (json!(town.c.id), json!(false));
        for code in ["C1", "C3"] {
            assert_eq!(standing(&town, code).await, covered, "{code}");
        }
        let at = json!({ "lon": 104.08, "lat": 30.05, "datum": "WGS-84" });
        let order = town
            .take_in(json!({ "outside_no": "1", "position": at }))
            .await;
        let state = town.state(order).await;
        assert_eq!((state.cell, state.owner), (Some(c3), owner(&town.c)));

        // Merged, the cell that goes on has its own cover; undone, both have it.
        cut(&town, &WHOLE, How::default()).await;
        assert_eq!(standing(&town, "C1").await, covered);
        let revived = How {
            revived: [("C3".to_owned(), c3)].into(),
            ..heir("C1")
        };
        cut(&town, &SPLIT, revived).await;
        for code in ["C1", "C3"] {
            assert_eq!(standing(&town, code).await, covered, "{code}");
        }

        // The leave ends, and with it all that was inherited.
        let b = Desk::of(&town.fixture, &town.b).await;
        town.fixture.pass(Millis(1));
        let (status, shown) = b.post(&format!("/leaves/{leave}/end"), json!({})).await;
        assert_eq!(status, 200, "{shown}");
        assert_eq!(shown["covers"].as_array().unwrap().len(), 2, "{shown}");
        assert_eq!(standing(&town, "C3").await, (Value::Null, json!(false)));
    }
}

#[actix_web::test]
async fn a_new_cell_of_nobody_and_a_cover_that_is_over_are_told_of_as_gaps() {
    for town in Township::on_each().await {
        let c1 = id_of(&town, "C1").await;
        leaves(&town, &town.a, 20, json!([])).await;
        let until = town.app().now().plus(Millis(5 * HOUR));
        leaves(
            &town,
            &town.b,
            4,
            json!([{ "cell": c1, "person": town.c.id }]),
        )
        .await;
        town.fixture.pass(Millis(5 * HOUR));
        away::look(town.app()).await.unwrap();
        assert_eq!(town.app().now(), until);
        cut(&town, &SPLIT, heir("C1")).await;
        // B is back, so it is thin and not alone; nobody covers it any more.
        assert_eq!(standing(&town, "C3").await, (Value::Null, json!(false)));
        cut(&town, &WHOLE, How::default()).await;
        cut(
            &town,
            &[("C1", 104.0), ("C4", 104.06), ("C2", 104.1)],
            How::default(),
        )
        .await;
        assert_eq!(standing(&town, "C4").await, (Value::Null, json!(true)));
    }
}
