use super::*;
use crate::{
    people::{
        account::{Change, change_person},
        fixture::Fixture,
    },
    territory::{
        assign::Wish,
        fixture::{Ground, two_cells},
        refresh::{Watcher, refresh},
        rows::cell_role,
        store::{self, NewCustomer, set_roles},
    },
};
use gridcrew_sync_protocol::{
    ids::{CellId, PersonId},
    position::Wgs84,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ExprTrait, IntoActiveModel, QueryFilter, sea_query::Expr,
};

/// What is in force of both stations, by where it lies: the same place is the same ground.
fn lying(ground: &Ground) -> [*const StationGround; 2] {
    let map = ground.app().territory.load();
    let stations = [ground.station(), ground.organisation.sibling];
    stations.map(|station| std::ptr::from_ref(map.station(station).unwrap()))
}

/// Brings the snapshot up to date and says of which station it was laid out anew.
async fn anew(ground: &Ground) -> [bool; 2] {
    let held = ground.app().territory.load();
    let before = lying(ground);
    refresh(ground.app()).await.unwrap();
    let after = lying(ground);
    drop(held);
    [0, 1].map(|n| before[n] != after[n])
}

async fn only_what_changed_is_loaded(ground: Ground) {
    let app = ground.app();
    ground.accept(two_cells()).await.unwrap();
    let sibling = ground.organisation.sibling;
    ground.accept_of(sibling, 0, two_cells()).await.unwrap();
    if marks::group_of(ground.station()) == marks::group_of(sibling) {
        return; // They are loaded together: once in 4,096 runs.
    }
    refresh(app).await.unwrap();
    assert_eq!(app.territory.load().cells().len(), 4);
    assert_eq!(anew(&ground).await, [false, false]);

    ground.accept_of(sibling, 1, two_cells()).await.unwrap();
    assert_eq!(anew(&ground).await, [false, true]);
    assert_eq!(app.territory.load().version_of(sibling), 2);

    // A and B, accounts and bases have no version: the counts tell of them.
    let cell = {
        let map = app.territory.load();
        let cell = map.station(ground.station()).unwrap().cells().next();
        cell.unwrap().id()
    };
    assign(&ground, cell, [0, 1]).await;
    assert_eq!(anew(&ground).await, [true, false]);
    let map = app.territory.load();
    let managers = map.cell(cell).unwrap().managers(app.now());
    assert_eq!(managers.a, Some(ground.managers[0]));

    import(&ground, "0100", "t3").await;
    assert_eq!(anew(&ground).await, [true, false]);
    let stations = [ground.station()];
    let area = |map: &TerritorySnapshot| map.area_of_account("0100", &stations).unwrap().1;
    let first = area(&app.territory.load());
    import(&ground, "0100", "t3").await;
    assert_eq!(anew(&ground).await, [false, false], "nothing changed");
    import(&ground, "0100", "t4").await;
    assert_eq!(anew(&ground).await, [true, false]);
    assert_ne!(area(&app.territory.load()), first);

    let base = Wgs84::new(120.01, 30.01).unwrap();
    move_base(&ground, ground.managers[2], base).await;
    assert_eq!(anew(&ground).await, [true, false]);
    let known = app
        .territory
        .load()
        .base_of(ground.station(), ground.managers[2]);
    assert_eq!(known, Some(base), "he is of a crew of the station");

    // A process that raises the count of all alone.
    raise_all_alone(&ground).await;
    assert_eq!(anew(&ground).await, [true, true]);
    assert_eq!(anew(&ground).await, [false, false]);
    let whole = load(app, None).await.unwrap();
    let marks = app.territory.load().marks().clone();
    assert_eq!(
        (whole.change(), whole.marks()),
        (app.territory.load().change(), &marks)
    );
}

async fn assign(ground: &Ground, cell: CellId, [a, b]: [usize; 2]) {
    let (app, place) = (ground.app().clone(), (ground.station(), cell));
    let author = PersonId(ground.staff.id);
    let wish = Wish {
        a: Some(ground.managers[a]),
        b: Some(ground.managers[b]),
        from: None,
    };
    let work = ground
        .app()
        .store
        .write(move |tx| Box::pin(async move { set_roles(tx, &app, place, wish, author).await }));
    work.await.unwrap();
}

async fn import(ground: &Ground, account_no: &str, area: &str) {
    let (app, station) = (ground.app().clone(), ground.station());
    let customer = NewCustomer {
        account_no: account_no.to_owned(),
        name: "Zhang".to_owned(),
        phone: String::new(),
        address: String::new(),
        meter_no: String::new(),
        station_area: area.to_owned(),
        position: None,
    };
    let work = ground.app().store.write(move |tx| {
        Box::pin(async move { store::import_customers(tx, &app, station, vec![customer]).await })
    });
    work.await.unwrap();
}

async fn move_base(ground: &Ground, person: PersonId, base: Wgs84) {
    let now = ground.app().now();
    let change = Change {
        base: Some(base),
        ..Change::default()
    };
    let work = ground
        .app()
        .store
        .write(move |tx| Box::pin(async move { change_person(tx, person, change, now).await }));
    work.await.unwrap();
}

async fn raise_all_alone(ground: &Ground) {
    let work = ground.app().store.write(|tx| {
        Box::pin(async move {
            let change = territory_change::Column::Change;
            let raised = Expr::col(change).add(1);
            territory_change::Entity::update_many()
                .col_expr(change, raised)
                .filter(territory_change::Column::Id.eq(marks::ALL))
                .exec(tx)
                .await?;
            Ok(())
        })
    });
    work.await.unwrap();
}

/// What a backup holds of terms and of what changed.
#[derive(Clone)]
struct Backup {
    terms: Vec<cell_role::Model>,
    marks: Vec<territory_change::Model>,
}

impl Backup {
    async fn of(ground: &Ground) -> Self {
        let db = ground.app().store.read();
        Self {
            terms: cell_role::Entity::find().all(db).await.unwrap(),
            marks: territory_change::Entity::find().all(db).await.unwrap(),
        }
    }

    /// Puts it in the place of what there is; a second later people work with it.
    async fn restore(self, ground: &Ground) {
        let Self { terms, marks } = self;
        let work = ground.app().store.write(move |tx| {
            Box::pin(async move {
                cell_role::Entity::delete_many().exec(tx).await?;
                for term in terms {
                    let term = term.into_active_model().reset_all();
                    cell_role::Entity::insert(term)
                        .exec_without_returning(tx)
                        .await?;
                }
                territory_change::Entity::delete_many().exec(tx).await?;
                for mark in marks {
                    let mark = mark.into_active_model().reset_all();
                    territory_change::Entity::insert(mark)
                        .exec_without_returning(tx)
                        .await?;
                }
                Ok(())
            })
        });
        work.await.unwrap();
        ground.fixture.pass(Millis(1_000));
    }
}

/// A station whose terms are lost and made anew, and its watcher.
struct Restored {
    ground: Ground,
    watcher: Watcher,
    cell: CellId,
}

impl Restored {
    async fn on(ground: Ground) -> Self {
        ground.accept(two_cells()).await.unwrap();
        let sibling = ground.organisation.sibling;
        ground.accept_of(sibling, 0, two_cells()).await.unwrap();
        let mut watcher = Watcher::new(ground.app().clone());
        watcher.look().await.unwrap();
        let cell = {
            let map = ground.app().territory.load();
            let cell = map.station(ground.station()).unwrap().cells().next();
            cell.unwrap().id()
        };
        Self {
            ground,
            watcher,
            cell,
        }
    }

    async fn assign_and_look(&mut self, pair: [usize; 2]) {
        assign(&self.ground, self.cell, pair).await;
        self.watcher.look().await.unwrap();
    }

    fn a_in_force(&self) -> Option<PersonId> {
        let app = self.ground.app();
        let map = app.territory.load();
        map.cell(self.cell).unwrap().managers(app.now()).a
    }
}

async fn a_restored_database_with_as_many_changes_is_seen(ground: Ground) {
    let mut this = Restored::on(ground).await;
    let managers = this.ground.managers.clone();
    let backup = Backup::of(&this.ground).await;
    this.assign_and_look([0, 1]).await;
    assert_eq!(this.a_in_force(), Some(managers[0]));
    backup.restore(&this.ground).await;
    this.assign_and_look([1, 2]).await;
    assert_eq!(this.a_in_force(), Some(managers[1]));
}

/// More changes than were lost, and one of them where one was lost.
async fn a_restored_database_that_overtook_is_seen(ground: Ground) {
    let mut this = Restored::on(ground).await;
    let managers = this.ground.managers.clone();
    let sibling = this.ground.organisation.sibling;
    let backup = Backup::of(&this.ground).await;
    this.assign_and_look([0, 1]).await;
    backup.restore(&this.ground).await;
    this.ground
        .accept_of(sibling, 1, two_cells())
        .await
        .unwrap();
    this.assign_and_look([2, 0]).await;
    assert_eq!(this.a_in_force(), Some(managers[2]));
    let map = this.ground.app().territory.load();
    assert_eq!(map.version_of(sibling), 2);
}

/// A backup of before a station's first territory, beside later changes of its group.
async fn a_restored_database_without_a_territory_is_seen(ground: Ground) {
    let mut this = Restored::on(ground).await;
    let app = this.ground.app().clone();
    let (station, sibling) = (this.ground.station(), this.ground.organisation.sibling);
    let now = app.now();
    let gone = app.store.write(move |tx| {
        Box::pin(async move {
            territory::Entity::delete_many()
                .filter(territory::Column::StationId.eq(sibling.0))
                .exec(tx)
                .await?;
            store::raise(tx, sibling, now).await
        })
    });
    gone.await.unwrap();
    this.watcher.look().await.unwrap();
    let map = app.territory.load();
    assert!(map.station(sibling).is_none() && map.station(station).is_some());
}

#[actix_web::test]
async fn a_restored_database_is_seen_with_as_many_changes() {
    for ground in Ground::on_both().await {
        a_restored_database_with_as_many_changes_is_seen(ground).await;
    }
}

#[actix_web::test]
async fn a_restored_database_is_seen_when_it_overtook() {
    for ground in Ground::on_both().await {
        a_restored_database_that_overtook_is_seen(ground).await;
    }
}

#[actix_web::test]
async fn a_restored_database_is_seen_without_a_territory() {
    for ground in Ground::on_both().await {
        a_restored_database_without_a_territory_is_seen(ground).await;
    }
}

#[actix_web::test]
async fn only_what_changed_is_loaded_on_sqlite() {
    only_what_changed_is_loaded(Ground::new().await).await;
}

#[actix_web::test]
async fn only_what_changed_is_loaded_on_postgresql() {
    if let Some(fixture) = Fixture::on_postgres().await {
        only_what_changed_is_loaded(Ground::on(fixture).await).await;
    }
}
