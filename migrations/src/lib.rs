//! The schema of Gridcrew's server: one file a version, SQLite and PostgreSQL alike.
//!
//! A version never changes once released; a new one is appended. Times are milliseconds
//! since 1970 (`bigint`), ids are `uuid`, hashes 32 bytes, coordinates WGS-84 degrees. Every
//! row that belongs to a station carries its `station_id`, so that the tables can be
//! distributed by it (PLAN, "The store").

use sea_orm_migration::prelude::*;

mod columns;
mod v1;
mod v10;
mod v12;
mod v2;
mod v3;
mod v4;
mod v5;
mod v6;
mod v7;
mod v8;

/// Brings a database to the present version.
#[derive(Debug)]
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(v1::FirstLight),
            Box::new(v2::HowHandheldsStand),
            Box::new(v3::LocalAnswers),
            Box::new(v4::Wipes),
            Box::new(v5::NamesOfStations),
            Box::new(v6::ServerClock),
            Box::new(v7::LifeOfCells),
            Box::new(v8::WhoIsThere),
            Box::new(v10::LooksOfPhotos),
            Box::new(v12::GuessedDays),
        ]
    }
}
