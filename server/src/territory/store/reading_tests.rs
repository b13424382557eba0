//! What is read, and of which moment.

use super::*;
use crate::territory::{
    checks::run::checked,
    content::Content,
    fixture::{Ground, islands, square, two_cells},
    rows::{territory, territory_plan},
};
use gridcrew_sync_protocol::{code::Code, ids::PersonId, position::Wgs84, time::Millis};
use sea_orm::{ConnectionTrait, sea_query::Query};
use tokio::sync::oneshot;

fn proposal(ground: &Ground, base: i64, content: Content, from: UnixMillis) -> Proposal {
    Proposal {
        station: ground.station(),
        base,
        content,
        effective_from: from,
        author: PersonId(ground.staff.id),
        reason: "a test".to_owned(),
    }
}

/// Bytes that are no text stand where a version says what it says: whoever reads them fails.
/// PostgreSQL takes no such bytes.
#[actix_web::test]
async fn lists_and_heads_do_not_read_what_versions_and_plans_say() {
    let ground = Ground::new().await;
    ground.accept(two_cells()).await.unwrap();
    let later = ground.app().now().plus(Millis(60_000));
    let planned = Planned {
        proposal: proposal(&ground, 1, two_cells(), later),
        how: How::default(),
        edits: "[]".to_owned(),
    };
    let write = ground
        .fixture
        .write(|tx, app| Box::pin(async move { plan(tx, app, planned).await }));
    let id = write.await;
    let spoil = ground.fixture.write(|tx, _| {
        Box::pin(async move {
            tx.execute_unprepared("UPDATE territory SET content = x'ff'")
                .await?;
            tx.execute_unprepared("UPDATE territory_plan SET content = x'ff', edits = x'ff'")
                .await?;
            Ok(())
        })
    });
    spoil.await;
    let (app, station) = (ground.app(), ground.station());
    let db = app.store.read();
    assert!(version_of(db, station, 1).await.is_err(), "it is read here");
    assert!(edits_of(db, id).await.is_err());
    assert!(territory::Entity::find().all(db).await.is_err());
    assert!(territory_plan::Entity::find().all(db).await.is_err());

    assert_eq!(versions(db, station, (0, None), 9).await.unwrap().len(), 1);
    let held = whole_territory(&app.store, station, app.now()).await;
    assert_eq!(held.unwrap().unwrap().version, 1);
    let listed = plans(db, station, &[]).await.unwrap();
    assert_eq!(listed, [plan_of(db, id).await.unwrap()]);
    assert!(listed[0].by_edits && listed[0].state == PlanState::Planned);
    let by = PersonId(ground.staff.id);
    let cancel = ground.fixture.write(move |tx, app| {
        Box::pin(async move { cancel_plan(tx, app, (station, id), by).await })
    });
    cancel.await;
    assert_eq!(plan_of(db, id).await.unwrap().state, PlanState::Cancelled);
}

/// One cell where there were two.
fn one_cell() -> Content {
    let mut content = two_cells();
    content.cells.truncate(1);
    content.cells[0].outline = square(0.0, 0.0, 4.0, 2.0);
    for area in &mut content.station_areas {
        area.cell = Some("W".to_owned());
    }
    content
}

/// Waits until somebody waits for a table that this transaction has locked.
async fn somebody_waits(tx: &DatabaseTransaction, table: &str) {
    let waiting = Query::select()
        .expr(Expr::cust("count(*)"))
        .from("pg_locks")
        .and_where(Expr::cust(format!(
            "NOT granted AND relation = '{table}'::regclass"
        )))
        .take();
    loop {
        let row = tx.query_one(&waiting).await.unwrap().unwrap();
        if row.try_get_by_index::<i64>(0).unwrap() > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// Runs `read` so that it has read some tables and waits for `table` while a change of the
/// territory is committed.
async fn amid_a_change<T>(
    ground: &Ground,
    table: &'static str,
    change: impl for<'t> FnOnce(
        &'t DatabaseTransaction,
        &'t App,
    ) -> futures_util::future::BoxFuture<'t, Result<(), Problem>>
    + Send
    + 'static,
    read: impl Future<Output = T>,
) -> T {
    let (tell, locked) = oneshot::channel();
    let changed = ground.fixture.write(move |tx, app| {
        Box::pin(async move {
            tx.execute_unprepared(&format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
                .await?;
            tell.send(()).unwrap();
            somebody_waits(tx, table).await;
            change(tx, app).await
        })
    });
    let read = async {
        locked.await.unwrap();
        read.await
    };
    tokio::join!(changed, read).1
}

#[actix_web::test]
async fn a_territory_is_read_as_of_one_moment_on_postgresql() {
    let Some(ground) = Ground::on_postgres().await else {
        return;
    };
    ground.accept(two_cells()).await.unwrap();
    let (app, station) = (ground.app(), ground.station());
    let next = proposal(&ground, 1, one_cell(), app.now());
    let seen = amid_a_change(
        &ground,
        "cell",
        |tx, app| {
            Box::pin(async move {
                accept(tx, app, next).await?;
                Ok(())
            })
        },
        whole_territory(&app.store, station, app.now()),
    );
    let seen = seen.await.unwrap().unwrap();
    assert_eq!((seen.version, seen.cells.len()), (1, 2));
    let now = whole_territory(&app.store, station, app.now()).await;
    let now = now.unwrap().unwrap();
    assert_eq!((now.version, now.cells.len()), (2, 1));
}

#[actix_web::test]
async fn a_territory_is_checked_as_of_one_moment_on_postgresql() {
    let Some(ground) = Ground::on_postgres().await else {
        return;
    };
    ground.accept(two_cells()).await.unwrap();
    let (app, station) = (ground.app(), ground.station());
    // More than is far from its station area.
    let moved = NewCustomer {
        account_no: "0100".to_owned(),
        name: "Zhang".to_owned(),
        phone: String::new(),
        address: String::new(),
        meter_no: String::new(),
        station_area: "t1".to_owned(),
        position: Some(Wgs84::new(121.0, 31.0).unwrap()),
    };
    let before = checked(app, station).await.unwrap().unwrap().found;
    let seen = amid_a_change(
        &ground,
        "customer",
        move |tx, app| {
            Box::pin(async move {
                import_customers(tx, app, station, vec![moved]).await?;
                Ok(())
            })
        },
        checked(app, station),
    );
    assert_eq!(seen.await.unwrap().unwrap().found, before);
    let now = checked(app, station).await.unwrap().unwrap().found;
    assert_eq!(now, before + 1);
}

#[actix_web::test]
async fn what_no_import_would_take_is_neither_stored_nor_planned() {
    for ground in Ground::on_both().await {
        let mut scattered = two_cells();
        scattered.cells[0].outline = islands(51);
        let refused = ground.accept(scattered.clone()).await.unwrap_err();
        assert_eq!(refused.code, Code::TerritoryTooLarge, "{refused}");
        let later = ground.app().now().plus(Millis(60_000));
        let planned = Planned {
            proposal: proposal(&ground, 0, scattered, later),
            how: How::default(),
            edits: String::new(),
        };
        let app = ground.app().clone();
        let write = ground
            .app()
            .store
            .write(move |tx| Box::pin(async move { plan(tx, &app, planned).await }));
        let refused = write.await.unwrap_err();
        assert_eq!(refused.code, Code::TerritoryTooLarge, "{refused}");
    }
}
