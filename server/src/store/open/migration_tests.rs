//! Versions of the schema that change what is there, on both databases.

use super::{Migrator, connect_postgres, connect_sqlite};
use crate::{
    clock::{SystemClock, SystemRandomness, new_id},
    duty::rows::duty_table,
    media::rows::{media_object, photo_brought, photo_promise},
};
use sea_orm::{
    ActiveValue::{NotSet, Set},
    ConnectionTrait, DatabaseConnection, EntityTrait,
};
use sea_orm_migration::MigratorTrait;
use uuid::Uuid;

/// Empty databases at version 4.
async fn at_version_4(folder: &tempfile::TempDir) -> Vec<DatabaseConnection> {
    with_the_first(folder, 4).await
}

/// Empty databases with the first so many of the versions.
async fn with_the_first(folder: &tempfile::TempDir, versions: u32) -> Vec<DatabaseConnection> {
    let file = folder.path().join("test.db");
    let url = format!("sqlite:{}", file.display());
    let mut databases = vec![connect_sqlite(&url, 1, "0").await.unwrap()];
    match std::env::var("GRIDCREW_TEST_POSTGRES") {
        Ok(server) => {
            let id = new_id(&SystemClock, &SystemRandomness).simple();
            let around = connect_postgres(&server).await.unwrap();
            let create = format!("CREATE DATABASE schema_{id}");
            around.execute_unprepared(&create).await.unwrap();
            let (address, _) = server.rsplit_once('/').unwrap();
            let url = format!("{address}/schema_{id}");
            databases.push(connect_postgres(&url).await.unwrap());
        }
        Err(_) => println!("skipped: GRIDCREW_TEST_POSTGRES is not set"),
    }
    for db in &databases {
        Migrator::up(db, Some(versions)).await.unwrap();
    }
    databases
}

async fn promise(db: &DatabaseConnection, photo: u8, journal: Uuid, held: bool) {
    let promise = photo_promise::ActiveModel {
        photo: Set(vec![photo; 32]),
        journal_id: Set(journal),
        seq: Set(2),
        slot: Set("site".to_owned()),
        station_id: Set(Uuid::nil()),
        order_id: Set(None),
        bytes: Set(7),
    };
    let object = media_object::ActiveModel {
        photo: Set(vec![photo; 32]),
        kind: Set("original".to_owned()),
        digest: Set(vec![photo; 32]),
        bytes: Set(7),
        media_type: Set("image/jpeg".to_owned()),
        stored_at: Set(1),
        derived: Set(false),
    };
    let promises = photo_promise::Entity::insert(promise);
    promises.exec_without_returning(db).await.unwrap();
    if held {
        let objects = media_object::Entity::insert(object);
        objects.exec_without_returning(db).await.unwrap();
    }
}

#[tokio::test]
async fn version_5_takes_who_promised_what_is_held_for_who_brought_it() {
    let folder = tempfile::tempdir().unwrap();
    for db in at_version_4(&folder).await {
        let journal = Uuid::from_u128(5);
        promise(&db, 1, journal, true).await;
        promise(&db, 2, journal, false).await;
        Migrator::up(&db, None).await.unwrap();
        let brought = photo_brought::Entity::find().all(&db).await.unwrap();
        let brought: Vec<_> = brought
            .iter()
            .map(|row| (row.photo[0], row.journal_id))
            .collect();
        assert_eq!(brought, [(1, journal)]);
    }
}

#[tokio::test]
async fn version_5_comes_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    for db in at_version_4(&folder).await {
        let stands_in_the_way = "CREATE TABLE photo_brought (x BIGINT)";
        db.execute_unprepared(stands_in_the_way).await.unwrap();
        Migrator::up(&db, None).await.unwrap_err();
        // The index that it drops first is still there.
        let again = "CREATE INDEX service_order_by_source_outside_no ON service_order (id)";
        db.execute_unprepared(again).await.unwrap_err();
        db.execute_unprepared("DROP TABLE photo_brought")
            .await
            .unwrap();
        Migrator::up(&db, None).await.unwrap();
        db.execute_unprepared(again).await.unwrap();
    }
}

#[tokio::test]
async fn version_12_takes_tables_of_before_for_made_by_the_calendar_of_before() {
    let folder = tempfile::tempdir().unwrap();
    let versions = Migrator::migrations();
    let before = versions.iter().position(|one| one.name() == "v12").unwrap();
    for db in with_the_first(&folder, u32::try_from(before).unwrap()).await {
        let table = |unit, calendar_to| duty_table::ActiveModel {
            unit_id: Set(Uuid::from_u128(unit)),
            station_id: Set(Uuid::nil()),
            name: Set("nights".to_owned()),
            version: Set(1),
            content: Set("{}".to_owned()),
            calendar_to,
            author: Set(Uuid::nil()),
            changed_at: Set(1),
        };
        let written = duty_table::Entity::insert(table(1, NotSet));
        written.exec_without_returning(&db).await.unwrap();
        Migrator::up(&db, None).await.unwrap();
        let written = duty_table::Entity::insert(table(2, Set(2027)));
        written.exec_without_returning(&db).await.unwrap();
        let years = async |unit| {
            let row = duty_table::Entity::find_by_id(Uuid::from_u128(unit)).one(&db);
            row.await.unwrap().unwrap().calendar_to
        };
        assert_eq!((years(1).await, years(2).await), (2026, 2027));
    }
}
