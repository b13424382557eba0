//! Names for ids: of people, of desks (their station's), of cells (their code). Whoever sees
//! an order sees the names of those who worked on it, also when they have left since.

use crate::{
    edge::Problem,
    people::rows::{org_unit, person},
    territory::rows::cell,
};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId, PersonId},
    record::Owner,
};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;
use uuid::Uuid;

/// A person with his name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedPerson {
    /// Who; the nil id where the server itself decided.
    pub id: PersonId,
    /// His name; empty for the server.
    pub name: String,
}

/// A unit with its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedUnit {
    /// Which.
    pub id: OrgId,
    /// Its name.
    pub name: String,
}

/// A cell with its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NamedCell {
    /// Which.
    pub id: CellId,
    /// Its code within the station; empty when it is no more.
    pub code: String,
}

/// The owner of an order with his name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NamedOwner {
    /// A person.
    Person(NamedPerson),
    /// The desk of a station.
    Desk(NamedUnit),
}

/// The names that one answer needs, collected first and looked up together.
#[derive(Clone, Debug, Default)]
pub struct Names {
    people: BTreeMap<Uuid, String>,
    units: BTreeMap<Uuid, String>,
    cells: BTreeMap<Uuid, String>,
}

/// The ids whose names an answer needs.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// People.
    pub people: BTreeSet<Uuid>,
    /// Units.
    pub units: BTreeSet<Uuid>,
    /// Cells.
    pub cells: BTreeSet<Uuid>,
}

impl Wanted {
    /// Adds an owner.
    pub fn owner(&mut self, owner: Owner) {
        match owner {
            Owner::Person(person) => self.people.insert(person.0),
            Owner::Desk(desk) => self.units.insert(desk.0),
        };
    }

    /// Looks all of them up.
    ///
    /// # Errors
    /// A problem of the database.
    pub async fn look_up<C: ConnectionTrait>(self, db: &C) -> Result<Names, Problem> {
        let mut names = Names::default();
        if !self.people.is_empty() {
            let rows: Vec<(Uuid, String)> = person::Entity::find()
                .select_only()
                .columns([person::Column::Id, person::Column::Name])
                .filter(person::Column::Id.is_in(self.people))
                .into_tuple()
                .all(db)
                .await?;
            names.people.extend(rows);
        }
        if !self.units.is_empty() {
            let rows: Vec<(Uuid, String)> = org_unit::Entity::find()
                .select_only()
                .columns([org_unit::Column::Id, org_unit::Column::Name])
                .filter(org_unit::Column::Id.is_in(self.units))
                .into_tuple()
                .all(db)
                .await?;
            names.units.extend(rows);
        }
        if !self.cells.is_empty() {
            let rows: Vec<(Uuid, String)> = cell::Entity::find()
                .select_only()
                .columns([cell::Column::Id, cell::Column::Code])
                .filter(cell::Column::Id.is_in(self.cells))
                .into_tuple()
                .all(db)
                .await?;
            names.cells.extend(rows);
        }
        Ok(names)
    }
}

impl Names {
    /// A person with his name.
    #[must_use]
    pub fn person(&self, id: PersonId) -> NamedPerson {
        let name = self.people.get(&id.0).cloned().unwrap_or_default();
        NamedPerson { id, name }
    }

    /// A unit with its name.
    #[must_use]
    pub fn unit(&self, id: OrgId) -> NamedUnit {
        let name = self.units.get(&id.0).cloned().unwrap_or_default();
        NamedUnit { id, name }
    }

    /// A cell with its code.
    #[must_use]
    pub fn cell(&self, id: CellId) -> NamedCell {
        let code = self.cells.get(&id.0).cloned().unwrap_or_default();
        NamedCell { id, code }
    }

    /// An owner with his name.
    #[must_use]
    pub fn owner(&self, owner: Owner) -> NamedOwner {
        match owner {
            Owner::Person(person) => NamedOwner::Person(self.person(person)),
            Owner::Desk(desk) => NamedOwner::Desk(self.unit(desk)),
        }
    }
}
