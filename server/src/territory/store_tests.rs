use super::*;
use crate::{
    app::App,
    serve,
    territory::{
        assign::Wish,
        content::Content,
        fixture::{Ground, square, two_cells},
        index::TerritoryIndex,
        refresh::{Watcher, refresh},
        rows::{cell, station_area},
        sheet::accounts::Known,
    },
    trace::rows::feed_change,
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrgId, PersonId},
    position::Wgs84,
    time::{Millis, UnixMillis},
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use std::{collections::BTreeMap, sync::Arc};

async fn cells_by_code(ground: &Ground) -> BTreeMap<String, cell::Model> {
    let rows = cell::Entity::find()
        .filter(cell::Column::UntilVersion.is_null())
        .all(ground.app().store.read())
        .await
        .unwrap();
    rows.into_iter()
        .map(|row| (row.code.clone(), row))
        .collect()
}

async fn cell_id(ground: &Ground, code: &str) -> CellId {
    CellId(cells_by_code(ground).await[code].id)
}

/// How often each cell was told of.
async fn told(ground: &Ground) -> BTreeMap<CellId, usize> {
    let rows = feed_change::Entity::find()
        .filter(feed_change::Column::Subject.eq("cell"))
        .all(ground.app().store.read())
        .await
        .unwrap();
    let mut told = BTreeMap::new();
    for row in rows {
        *told.entry(CellId(row.subject_id)).or_default() += 1;
    }
    told
}

async fn assign(ground: &Ground, cell: CellId, wish: Wish) -> Result<RolesChange, Problem> {
    let (app, place) = (ground.app().clone(), (ground.station(), cell));
    let author = PersonId(ground.staff.id);
    ground
        .app()
        .store
        .write(move |tx| Box::pin(async move { set_roles(tx, &app, place, wish, author).await }))
        .await
}

fn both(ground: &Ground, from: UnixMillis) -> Wish {
    Wish {
        a: Some(ground.managers[0]),
        b: Some(ground.managers[1]),
        from: Some(from),
    }
}

/// A with the snapshot's and the reader's answer compared.
async fn who_is_a(ground: &Ground, cell: CellId) -> Option<PersonId> {
    let app = ground.app();
    refresh(app).await.unwrap();
    let now = app.now();
    let snapshot = app.territory.load().cell(cell).unwrap().managers(now).a;
    let this = cell::Column::Id.eq(cell.0).into();
    let read = cells(app.store.read(), this, Some(1), now).await.unwrap();
    let read = read[0].role_a.as_ref().map(|named| named.person);
    assert_eq!(snapshot, read);
    snapshot
}

#[actix_web::test]
async fn a_territory_is_stored_whole_and_searched() {
    let ground = Ground::new().await;
    let accepted = ground.accept(two_cells()).await.unwrap();
    assert_eq!(
        accepted,
        Accepted {
            version: 1,
            cells: 2,
            station_areas: 4
        }
    );
    let app = ground.app();
    refresh(app).await.unwrap();
    let place = Wgs84::new(120.03, 30.01).unwrap();
    let snapshot = app.territory.load();
    let found = snapshot.locate(place).located.cell().unwrap();
    assert_eq!(found, cell_id(&ground, "E").await);
    assert_eq!(snapshot.cell(found).unwrap().station_areas().len(), 2);
    assert_eq!(snapshot.cell(found).unwrap().version(), 1);

    let read = territory(app.store.read(), ground.station(), app.now())
        .await
        .unwrap()
        .unwrap();
    let sorted = |mut content: Content| {
        content.cells.sort_by(|a, b| a.code.cmp(&b.code));
        content
    };
    assert_eq!(sorted(read.content), sorted(two_cells()));
    assert_eq!(told(&ground).await.len(), 2);
}

#[actix_web::test]
async fn cells_keep_their_id_and_roles_as_long_as_their_code_stays() {
    let ground = Ground::new().await;
    ground.accept(two_cells()).await.unwrap();
    let (west, east) = (cell_id(&ground, "W").await, cell_id(&ground, "E").await);
    let now = ground.app().now();
    assert!(
        assign(&ground, west, both(&ground, now))
            .await
            .unwrap()
            .changed
    );
    assert!(
        assign(&ground, east, both(&ground, now))
            .await
            .unwrap()
            .changed
    );
    let before = told(&ground).await;

    let mut content = two_cells();
    content.cells[0].outline = square(0.0, 0.0, 1.0, 2.0);
    content.cells[1].outline = square(1.0, 0.0, 4.0, 2.0);
    content.cells[1].code = "N".to_owned();
    for area in &mut content.station_areas[1..] {
        area.cell = Some("N".to_owned());
    }
    ground.fixture.pass(Millis(1_000));
    ground.accept(content).await.unwrap();

    let held = cells_by_code(&ground).await;
    assert_eq!(held["W"].id, west.0);
    assert_eq!(held["W"].from_version, 2);
    assert_eq!(who_is_a(&ground, west).await, Some(ground.managers[0]));
    let gone = cell::Entity::find_by_id(east.0)
        .one(ground.app().store.read())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(gone.until_version, Some(2));
    let open = crate::territory::rows::cell_role::Entity::find()
        .filter(crate::territory::rows::cell_role::Column::CellId.eq(east.0))
        .filter(crate::territory::rows::cell_role::Column::ValidUntil.is_null())
        .count(ground.app().store.read())
        .await
        .unwrap();
    assert_eq!(open, 0, "the terms of a cell that is gone have ended");
    let after = told(&ground).await;
    assert_eq!(after[&west], before[&west] + 1);
    assert_eq!(after[&east], before[&east] + 1, "it is gone, so it is told");
    assert_eq!(after.len(), 3);
}

#[actix_web::test]
async fn what_stays_as_it_was_is_not_told_again() {
    let ground = Ground::new().await;
    ground.accept(two_cells()).await.unwrap();
    let before = told(&ground).await;
    ground.accept(two_cells()).await.unwrap();
    assert_eq!(told(&ground).await, before);
    assert_eq!(cells_by_code(&ground).await["W"].from_version, 1);
}

#[actix_web::test]
async fn a_refused_version_leaves_everything_as_it_was() {
    let ground = Ground::new().await;
    ground.accept(two_cells()).await.unwrap();
    let customer = NewCustomer {
        account_no: "1001".to_owned(),
        name: "Wang".to_owned(),
        phone: String::new(),
        address: String::new(),
        meter_no: String::new(),
        station_area: "t1".to_owned(),
        position: None,
    };
    take_in(&ground, vec![customer]).await.unwrap();
    let db = ground.app().store.read();
    let change = current_change(db).await.unwrap();
    let before = told(&ground).await;

    let mut content = two_cells();
    content.station_areas.remove(0);
    content.station_areas[0].name = "renamed".to_owned();
    let problem = ground.accept(content).await.unwrap_err();
    assert_eq!(problem.code, Code::TerritoryStationAreaInNoCell);

    let problem = ground.accept_over(0, two_cells()).await.unwrap_err();
    assert_eq!(problem.code, Code::TerritoryChanged);

    assert_eq!(current_change(db).await.unwrap(), change);
    assert_eq!(current_version(db, ground.station()).await.unwrap(), 1);
    assert_eq!(told(&ground).await, before);
    let renamed = station_area::Entity::find()
        .filter(station_area::Column::Name.eq("renamed"))
        .count(db)
        .await
        .unwrap();
    assert_eq!(renamed, 0);
}

#[actix_web::test]
async fn a_planned_change_of_a_counts_from_its_moment_and_is_told_once() {
    let ground = Ground::new().await;
    ground.accept(two_cells()).await.unwrap();
    let west = cell_id(&ground, "W").await;
    let now = ground.app().now();
    assign(&ground, west, both(&ground, now)).await.unwrap();
    let planned = Wish {
        a: Some(ground.managers[2]),
        b: None,
        from: Some(now.plus(Millis(60_000))),
    };
    let mut watcher = Watcher::new(ground.app().clone());
    watcher.look().await.unwrap();
    let before = told(&ground).await[&west];
    assert!(assign(&ground, west, planned).await.unwrap().changed);
    watcher.look().await.unwrap();
    assert_eq!(told(&ground).await[&west], before, "nothing to tell yet");

    ground.fixture.pass(Millis(59_999));
    assert_eq!(who_is_a(&ground, west).await, Some(ground.managers[0]));
    ground.fixture.pass(Millis(1));
    assert_eq!(who_is_a(&ground, west).await, Some(ground.managers[2]));

    ground.fixture.pass(Millis(2_000));
    let mut other = Watcher::new(ground.app().clone());
    watcher.look().await.unwrap();
    other.look().await.unwrap();
    watcher.look().await.unwrap();
    assert_eq!(told(&ground).await[&west], before + 1);
}

#[actix_web::test]
async fn only_two_different_active_managers_of_the_station_become_a_and_b() {
    let ground = Ground::new().await;
    ground.accept(two_cells()).await.unwrap();
    let west = cell_id(&ground, "W").await;
    let now = ground.app().now();
    let stranger = ground
        .fixture
        .person(crate::people::Role::Manager, ground.organisation.sibling)
        .await;
    let one = ground.managers[0];
    let refused = [
        (Some(one), Some(one)),
        (Some(one), Some(PersonId(stranger.id))),
        (Some(PersonId(ground.staff.id)), None),
        (Some(PersonId(ground.app().new_id())), None),
    ];
    for (a, b) in refused {
        let problem = assign(
            &ground,
            west,
            Wish {
                a,
                b,
                from: Some(now),
            },
        )
        .await;
        assert_eq!(problem.unwrap_err().code, Code::TerritoryRolesInvalid);
    }
    let nowhere = CellId(ground.app().new_id());
    let problem = assign(&ground, nowhere, both(&ground, now)).await;
    assert_eq!(problem.unwrap_err().code, Code::NotFound);
    assert_eq!(who_is_a(&ground, west).await, None);
    assert!(
        assign(&ground, west, both(&ground, now))
            .await
            .unwrap()
            .changed
    );
    assert!(
        !assign(&ground, west, both(&ground, now))
            .await
            .unwrap()
            .changed
    );
}

#[actix_web::test]
async fn a_second_process_sees_a_change_at_its_next_look() {
    let ground = Ground::new().await;
    let mut config = (*ground.app().config).clone();
    config.workers = 1;
    let other = serve::open(config).await.unwrap();
    assert_eq!(other.territory.load().cells().len(), 0);
    let mut watcher = Watcher::new(other.clone());
    watcher.look().await.unwrap();

    ground.accept(two_cells()).await.unwrap();
    let held = other.territory.load();
    watcher.look().await.unwrap();
    assert_eq!(other.territory.load().cells().len(), 2);
    assert_eq!(held.cells().len(), 0, "whoever holds the old one keeps it");

    let west = cell_id(&ground, "W").await;
    let now = ground.app().now();
    assign(&ground, west, both(&ground, now)).await.unwrap();
    watcher.look().await.unwrap();
    let snapshot = other.territory.load();
    let managers = snapshot.cell(west).unwrap().managers(now);
    assert_eq!(managers.b, Some(ground.managers[1]));
}

#[actix_web::test]
async fn what_cannot_be_loaded_leaves_the_old_snapshot_in_force() {
    let ground = Ground::new().await;
    ground.accept(two_cells()).await.unwrap();
    refresh(ground.app()).await.unwrap();
    let (station, now) = (ground.station(), ground.app().now());
    ground
        .app()
        .store
        .write(move |tx| {
            Box::pin(async move {
                cell::Entity::update_many()
                    .col_expr(cell::Column::Geometry, Expr::value("broken"))
                    .filter(cell::Column::Code.eq("W"))
                    .exec(tx)
                    .await?;
                raise(tx, station, now).await
            })
        })
        .await
        .unwrap();
    let mut watcher = Watcher::new(ground.app().clone());
    assert!(watcher.look().await.is_err());
    assert_eq!(ground.app().territory.load().cells().len(), 2);
}

#[actix_web::test]
async fn a_restored_database_brings_its_older_snapshot_back() {
    let ground = Ground::new().await;
    let restored: App = App {
        territory: Arc::new(TerritoryIndex::new(
            crate::territory::snapshot::TerritorySnapshot::build(i64::MAX, vec![]).unwrap(),
        )),
        ..ground.app().clone()
    };
    ground.accept(two_cells()).await.unwrap();
    Watcher::new(restored.clone()).look().await.unwrap();
    assert_eq!(restored.territory.load().cells().len(), 2);
}

async fn take_in(ground: &Ground, customers: Vec<NewCustomer>) -> Result<Imported, Problem> {
    take_in_at(ground, ground.station(), customers).await
}

async fn take_in_at(
    ground: &Ground,
    station: OrgId,
    customers: Vec<NewCustomer>,
) -> Result<Imported, Problem> {
    let app = ground.app().clone();
    ground
        .app()
        .store
        .write(move |tx| {
            Box::pin(async move { import_customers(tx, &app, station, customers).await })
        })
        .await
}

#[actix_web::test]
async fn customers_are_taken_in_all_or_none_and_keep_their_id() {
    let ground = Ground::new().await;
    ground.accept(two_cells()).await.unwrap();
    let customer = |number: usize, area: &str| NewCustomer {
        account_no: format!("{number:010}"),
        name: format!("customer {number}"),
        phone: "13800000000".to_owned(),
        address: "East street 1".to_owned(),
        meter_no: String::new(),
        station_area: area.to_owned(),
        position: Wgs84::new(120.001, 30.001).ok(),
    };
    let many: Vec<_> = (0..1_200).map(|number| customer(number, "t1")).collect();
    let counted = |added, changed, unchanged| Imported {
        added,
        changed,
        unchanged,
    };
    let done = take_in(&ground, many.clone()).await.unwrap();
    assert_eq!(done, counted(1_200, 0, 0));

    let mut again = many.clone();
    again[7].station_area = "t4".to_owned();
    again.push(customer(5_000, "t2"));
    assert_eq!(take_in(&ground, again).await.unwrap(), counted(1, 1, 1_199));

    let twice = take_in(&ground, vec![many[0].clone(), many[0].clone()]).await;
    assert_eq!(twice.unwrap_err().code, Code::TerritoryCodeTwice);
    let lost = take_in(&ground, vec![customer(9_000, "t1"), customer(9_001, "t9")]).await;
    assert_eq!(lost.unwrap_err().code, Code::RequestInvalid);
    let moved = take_in_at(&ground, ground.organisation.sibling, vec![]).await;
    assert_eq!(moved.unwrap(), Imported::default());
    let count = crate::territory::rows::customer::Entity::find();
    let count = count.count(ground.app().store.read()).await.unwrap();
    assert_eq!(count, 1_201);
}

#[actix_web::test]
async fn accounts_that_changed_since_a_sheet_was_compared_are_not_set_back() {
    for ground in Ground::on_both().await {
        ground.accept(two_cells()).await.unwrap();
        let account = |phone: &str, area: &str| NewCustomer {
            account_no: "1".to_owned(),
            name: String::new(),
            phone: phone.to_owned(),
            address: String::new(),
            meter_no: String::new(),
            station_area: area.to_owned(),
            position: None,
        };
        let numbers = ["1".to_owned()];
        let (db, station) = (&ground.app().store, ground.station());
        let compare = async || known_accounts(db.read(), station, &numbers).await.unwrap();
        let still = async |known: &Known| {
            let (known, accounts) = (known.clone(), [account("2", "t1")]);
            let seen = db.write(move |tx| {
                Box::pin(async move { still_known(tx, station, &accounts, &known).await })
            });
            seen.await.map_err(|problem| problem.code)
        };
        let unknown = compare().await;
        assert_eq!(still(&unknown).await, Ok(()));
        take_in(&ground, vec![account("1", "t1")]).await.unwrap();
        assert_eq!(
            still(&unknown).await,
            Err(Code::Conflict),
            "it is known now"
        );
        let known = compare().await;
        assert_eq!(still(&known).await, Ok(()));
        // Somebody moves the account to another station area meanwhile.
        take_in(&ground, vec![account("1", "t2")]).await.unwrap();
        assert_eq!(still(&known).await, Err(Code::Conflict));
        assert_eq!(still(&compare().await).await, Ok(()));
    }
}

#[actix_web::test]
async fn a_few_new_customers_are_told_one_by_one_and_many_with_their_cell() {
    let ground = Ground::new().await;
    ground.accept(two_cells()).await.unwrap();
    let customer = |number: usize| NewCustomer {
        account_no: format!("{number:010}"),
        name: format!("customer {number}"),
        phone: "13800000000".to_owned(),
        address: "East street 1".to_owned(),
        meter_no: String::new(),
        station_area: "t1".to_owned(),
        position: None,
    };
    let told_customers = async || {
        feed_change::Entity::find()
            .filter(feed_change::Column::Subject.eq("customer"))
            .count(ground.app().store.read())
            .await
            .unwrap()
    };
    let before = told(&ground).await;
    take_in(&ground, vec![customer(1)]).await.unwrap();
    assert_eq!(
        (told(&ground).await, told_customers().await),
        (before.clone(), 1)
    );
    take_in(&ground, (2..=301).map(customer).collect())
        .await
        .unwrap();
    assert_eq!(
        (told(&ground).await, told_customers().await),
        (before.clone(), 301)
    );
    take_in(&ground, (1_000..2_000).map(customer).collect())
        .await
        .unwrap();
    assert_eq!(told_customers().await, 301);
    assert_eq!(
        told(&ground).await.values().sum::<usize>(),
        before.values().sum::<usize>() + 1
    );
}
