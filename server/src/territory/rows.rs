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
        /// When it came into force, milliseconds; 0 when that was not noted yet.
        came_at: i64,
        /// What it changed, as JSON (`changes::Changes`).
        changes: String,
        /// The version that it undid.
        undoes: Option<i64>,
        /// Whether hand-overs of the open orders that it moved are still to be looked for.
        hand_overs_due: bool,
    }
}

rows! {
    /// Versions that count from a later day.
    territory_plan, "territory_plan", {
        /// The plan.
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        /// The station.
        station_id: Uuid,
        /// The version that it was worked out from.
        base_version: i64,
        /// From when it counts, milliseconds.
        effective_from: i64,
        /// Who accepted it.
        author: Uuid,
        /// Why.
        reason: String,
        /// When it was made, milliseconds.
        made_at: i64,
        /// What is done with the present territory: edits as JSON, none when it was not made
        /// by edits.
        edits: String,
        /// The whole territory as it shall be, as JSON.
        content: String,
        /// What it would change, as JSON.
        changes: String,
        /// The version that it undoes.
        undoes: Option<i64>,
        /// A `PlanState` in snake case.
        state: String,
        /// Why it is stale; empty when it is not.
        flaw: String,
        /// When it was put in force or cancelled, milliseconds.
        ended_at: Option<i64>,
        /// By whom; the nil id when by the calendar.
        ended_by: Option<Uuid>,
        /// The version that it became.
        version: Option<i64>,
    }
}

rows! {
    /// To which station area an account was linked before.
    account_area_link, "account_area_link", {
        /// The customer.
        #[sea_orm(primary_key, auto_increment = false)]
        customer_id: Uuid,
        /// Until when, milliseconds, excluded.
        #[sea_orm(primary_key, auto_increment = false)]
        until_at: i64,
        /// The station of that station area.
        station_id: Uuid,
        /// Its code.
        station_area: String,
    }
}

rows! {
    /// What the checks of a station's territory found last.
    territory_check, "territory_check", {
        /// The station.
        #[sea_orm(primary_key, auto_increment = false)]
        station_id: Uuid,
        /// When it is to be checked again, milliseconds.
        due_at: i64,
        /// When it was checked, milliseconds.
        checked_at: Option<i64>,
        /// Which version was checked.
        version: Option<i64>,
        /// How many flaws there were.
        found: Option<i64>,
        /// How many of each kind, as JSON.
        kinds: String,
    }
}

rows! {
    /// How far all territories have moved on by their changes, and each group of stations
    /// ([`super::marks`]).
    territory_change, "territory_change", {
        /// 1 for all, from 2 on for the groups.
        #[sea_orm(primary_key, auto_increment = false)]
        id: i32,
        /// The mark.
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
