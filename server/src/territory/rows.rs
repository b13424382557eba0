//! The rows of territories. Outlines are WGS-84 as JSON, in the form of
//! [`super::shape::Shape`]; coordinates are WGS-84 degrees.

use crate::trace::rows::rows;

rows! {
    /// The versions of each station's territory, as they were accepted.
    territory, "territory", {
        /// The station.
        #[sea_orm(primary_key, auto_increment = false)]
        station_id: Uuid,
        /// The version, from 1.
        #[sea_orm(primary_key, auto_increment = false)]
        version: i64,
        /// The outline of the territory.
        boundary: String,
        /// From when it counts, milliseconds.
        effective_from: i64,
        /// Who accepted it.
        author: Uuid,
        /// Why.
        reason: String,
        /// All of it, as JSON, with the ids of the cells.
        content: String,
    }
}

rows! {
    /// How often any territory has changed, and how often each group of stations
    /// ([`super::marks`]).
    territory_change, "territory_change", {
        /// 1 for all, from 2 on for the groups.
        #[sea_orm(primary_key, auto_increment = false)]
        id: i32,
        /// The count.
        change: i64,
    }
}

rows! {
    /// Cells: present ones have no `until_version`.
    cell, "cell", {
        /// The cell; kept as long as its code is.
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        /// Its station.
        station_id: Uuid,
        /// Its code within the station.
        code: String,
        /// Its name.
        name: String,
        /// Its outline.
        geometry: String,
        /// The version of the territory since which it has this outline.
        from_version: i64,
        /// The first version that no longer has it.
        until_version: Option<i64>,
    }
}

rows! {
    /// Terms as A or B. One that ends when it begins was taken back before it began.
    cell_role, "cell_role", {
        /// The term.
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        /// The cell's station.
        station_id: Uuid,
        /// The cell.
        cell_id: Uuid,
        /// `A` or `B`.
        role: String,
        /// Who.
        person_id: Uuid,
        /// From when, milliseconds, included.
        valid_from: i64,
        /// Until when, milliseconds, excluded.
        valid_until: Option<i64>,
        /// Who assigned him.
        author: Uuid,
        /// The next moment at which it begins or ends and handhelds must be told.
        next_change: Option<i64>,
    }
}

rows! {
    /// Feeders.
    feeder, "feeder", {
        /// The feeder.
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        /// Its station.
        station_id: Uuid,
        /// Its code within the station.
        code: String,
        /// Its name.
        name: String,
    }
}

rows! {
    /// Station areas.
    station_area, "station_area", {
        /// The station area; kept as long as its code is.
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        /// Its station.
        station_id: Uuid,
        /// The cell that it is in; none before the first split.
        cell_id: Option<Uuid>,
        /// The feeder that supplies it.
        feeder_id: Option<Uuid>,
        /// Its code within the station.
        code: String,
        /// Its name.
        name: String,
        /// Longitude of its transformer.
        lon: f64,
        /// Latitude of its transformer.
        lat: f64,
        /// How many customers it supplies: its weight in a split.
        customers: i64,
        /// `urban`, `rural` or `remote`.
        area_class: String,
    }
}

rows! {
    /// Customers.
    customer, "customer", {
        /// The customer.
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        /// The station that serves him.
        station_id: Uuid,
        /// The station area that supplies him.
        station_area_id: Uuid,
        /// His account number; no two customers share one.
        account_no: String,
        /// The account's name.
        name: String,
        /// The telephone number.
        phone: String,
        /// The service address.
        address: String,
        /// The asset number of the meter; empty when it is not known.
        meter_no: String,
        /// Longitude, if known.
        lon: Option<f64>,
        /// Latitude, if known.
        lat: Option<f64>,
    }
}
