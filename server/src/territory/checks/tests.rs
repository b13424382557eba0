use super::{run::*, *};
use crate::{
    app::App,
    territory::{
        fixture::{Ground, square, two_cells},
        refresh,
        store::{self, CellDetail, NewCustomer, Proposal},
    },
};
use gridcrew_sync_protocol::{ids::CellId, time::UnixMillis};
use uuid::Uuid;

fn limits() -> &'static Limits {
    Limits::in_force(UnixMillis(1_700_000_000_000))
}

/// The two cells with these A and B.
fn facts(roles: [[u128; 2]; 2]) -> Facts {
    let mut content = two_cells();
    crate::territory::edit::plane::around(&mut content).unwrap();
    let manager = |n: u128| {
        Some(NamedManager {
            person: PersonId(Uuid::from_u128(n)),
            name: String::new(),
        })
    };
    let cells = content
        .cells
        .iter()
        .zip(roles)
        .map(|(cell, [a, b])| CellDetail {
            id: CellId(Uuid::from_u128(7)),
            station: OrgId(Uuid::nil()),
            code: cell.code.clone(),
            name: cell.name.clone(),
            role_a: manager(a),
            role_b: manager(b),
            station_areas: 2,
            customers: 50,
        });
    let active = roles.into_iter().flatten();
    Facts {
        active: active.map(|n| PersonId(Uuid::from_u128(n))).collect(),
        accounts: SomeFlaws::default(),
        between: SomeFlaws::default(),
        territory: StoredTerritory {
            version: 1,
            effective_from: UnixMillis(0),
            reason: String::new(),
            cells: cells.collect(),
            content,
        },
    }
}

#[test]
fn who_has_more_cells_than_allowed_is_told_with_them() {
    let all = facts([[1, 2], [3, 1]]);
    assert_eq!(check(&all, limits()).found, 0);
    let strict = Limits {
        most_cells_of_manager: 1,
        ..limits().clone()
    };
    let checks = check(&all, &strict);
    assert_eq!(
        checks.kinds,
        BTreeMap::from([(FlawKind::ManagerOfTooManyCells, 1)])
    );
    assert_eq!(checks.flaws[0].cells, ["E", "W"]);
    assert_eq!(checks.flaws[0].person, Some(PersonId(Uuid::from_u128(1))));
}

async fn lay_out(app: &App, station: OrgId, content: crate::territory::content::Content) {
    let (state, author) = (app.clone(), PersonId(Uuid::nil()));
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let proposal = Proposal {
                    station,
                    base: store::current_version(tx, station).await?,
                    content,
                    effective_from: state.now(),
                    author,
                    reason: "a test".to_owned(),
                };
                store::accept(tx, &state, proposal).await
            })
        })
        .await
        .unwrap();
    refresh::refresh(app).await.unwrap();
}

fn kinds(checks: &Checks) -> Vec<FlawKind> {
    let between = [
        FlawKind::GroundOfTwoStations,
        FlawKind::StationAreaOnOthersGround,
    ];
    checks
        .kinds
        .keys()
        .copied()
        .filter(|kind| between.contains(kind))
        .collect()
}

#[actix_web::test]
async fn ground_that_two_stations_claim_is_found_from_both_sides_and_measured() {
    let ground = Ground::new().await;
    let app = ground.app();
    lay_out(app, ground.station(), two_cells()).await;
    // Beside it, sharing the border: nothing in common.
    let sibling = ground.organisation.sibling;
    let beside = |west: f64| {
        let mut content = two_cells();
        content.cells.truncate(1);
        content.station_areas.truncate(1);
        content.station_areas[0].position =
            gridcrew_sync_protocol::position::Wgs84::new(120.0 + 0.05 + west / 100.0, 30.01)
                .unwrap();
        content.boundary = square(4.0 + west, 0.0, 10.0, 2.0);
        content.cells[0].outline = content.boundary.clone();
        content
    };
    lay_out(app, sibling, beside(0.0)).await;
    for station in [ground.station(), sibling] {
        let checks = checked(app, station).await.unwrap().unwrap();
        assert_eq!(kinds(&checks), []);
    }
    // Half a cell over it, with a station area of ours on it.
    lay_out(app, sibling, beside(-1.0)).await;
    let checks = checked(app, ground.station()).await.unwrap().unwrap();
    let both = [
        FlawKind::GroundOfTwoStations,
        FlawKind::StationAreaOnOthersGround,
    ];
    assert_eq!(kinds(&checks), both);
    let claimed = checks
        .flaws
        .iter()
        .find(|flaw| flaw.kind == both[0])
        .unwrap();
    assert_eq!(claimed.other_station, Some(sibling));
    let share = claimed.area_m2.unwrap() / square(3.0, 0.0, 4.0, 2.0).area_m2();
    assert!((share - 1.0).abs() < 1e-6, "{share}");
    let on_it = checks
        .flaws
        .iter()
        .find(|flaw| flaw.kind == both[1])
        .unwrap();
    assert_eq!(on_it.station_area.as_deref(), Some("t4"));
    let from_there = checked(app, sibling).await.unwrap().unwrap();
    assert!(kinds(&from_there).contains(&both[0]));
}

async fn accounts_far(ground: &Ground) {
    let app = ground.app();
    lay_out(app, ground.station(), two_cells()).await;
    let customer = |n: u32, lon: f64| NewCustomer {
        account_no: format!("{n:010}"),
        name: "Wang Fang".to_owned(),
        phone: String::new(),
        address: String::new(),
        meter_no: String::new(),
        station_area: "t1".to_owned(),
        position: gridcrew_sync_protocol::position::Wgs84::new(lon, 30.01).ok(),
    };
    // t1 stands at 120.005; a hundredth of a degree are 965 m here.
    let customers = vec![
        customer(1, 120.006),
        customer(2, 120.019),
        customer(3, 120.035),
    ];
    let (state, station) = (app.clone(), ground.station());
    app.store
        .write(move |tx| {
            Box::pin(async move { store::import_customers(tx, &state, station, customers).await })
        })
        .await
        .unwrap();
    let checks = checked(app, station).await.unwrap().unwrap();
    assert_eq!(checks.kinds[&FlawKind::AccountFarFromStationArea], 1);
    let far = FlawKind::AccountFarFromStationArea;
    let flaw = checks.flaws.iter().find(|flaw| flaw.kind == far).unwrap();
    assert_eq!(flaw.account_no.as_deref(), Some("0000000003"));
    assert!(
        (flaw.distance_m.unwrap() - 2_895.0).abs() < 20.0,
        "{flaw:?}"
    );

    // What was found is kept, and again after the next change.
    let db = app.store.read();
    let all = sea_orm::Condition::all;
    assert!(found_last(db, all()).await.unwrap().is_empty());
    let (one, other) = tokio::join!(run_due(app), run_due(app));
    assert_eq!(one.unwrap() + other.unwrap(), 1, "one process checks it");
    let found = found_last(db, all()).await.unwrap()[&station];
    assert_eq!(found.flaws, i64::try_from(checks.found).unwrap());
    assert_eq!(run_due(app).await.unwrap(), 0);
    let mut named = two_cells();
    named.cells[0].name = "west".to_owned();
    lay_out(app, station, named).await;
    assert_eq!(run_due(app).await.unwrap(), 1);
    ground
        .fixture
        .pass(gridcrew_sync_protocol::time::Millis(15 * 60_000));
    assert_eq!(run_due(app).await.unwrap(), 1, "and from time to time");
}

#[actix_web::test]
async fn accounts_far_from_their_station_area_are_found_and_counts_are_kept() {
    let ground = Ground::new().await;
    accounts_far(&ground).await;
    if let Some(ground) = Ground::on_postgres().await {
        accounts_far(&ground).await;
    }
}
