//! The rules of the organisation tree: what may stand under what, who may stand where, and
//! how far a role reaches from its place. Pure; [`super::reach`] brings the rows.

use super::Role;
use gridcrew_sync_protocol::ids::OrgId;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};
use utoipa::ToSchema;

/// What a unit is (DOMAIN 2.1).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum UnitKind {
    /// A management center: at the top, or below another center.
    Center,
    /// A township supply station: below a center.
    Station,
    /// A crew of a station.
    Crew,
    /// A service team of a station.
    Team,
}

/// A text that names no kind of unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such kind of unit")]
pub struct NoSuchKind;

impl UnitKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Center, Self::Station, Self::Crew, Self::Team];

    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Center => "center",
            Self::Station => "station",
            Self::Crew => "crew",
            Self::Team => "team",
        }
    }

    /// Whether it may stand under a unit of kind `parent`, or at the top. As a new unit has
    /// nothing below it and a unit never gets another parent, no circle can come about.
    #[must_use]
    pub const fn may_stand_under(self, parent: Option<Self>) -> bool {
        match self {
            Self::Center => matches!(parent, None | Some(Self::Center)),
            Self::Station => matches!(parent, Some(Self::Center)),
            Self::Crew | Self::Team => matches!(parent, Some(Self::Station)),
        }
    }

    /// Whether a person with `role` may belong to a unit of this kind.
    #[must_use]
    pub const fn may_hold(self, role: Role) -> bool {
        match role {
            Role::Center => matches!(self, Self::Center),
            Role::Administrator => matches!(self, Self::Center | Self::Station),
            Role::Station | Role::Manager => !matches!(self, Self::Center),
        }
    }
}

impl FromStr for UnitKind {
    type Err = NoSuchKind;
    fn from_str(text: &str) -> Result<Self, NoSuchKind> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or(NoSuchKind)
    }
}

/// One unit and its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Its id.
    pub id: OrgId,
    /// The unit above it.
    pub parent: Option<OrgId>,
    /// What it is.
    pub kind: UnitKind,
}

/// A tree of units, or a part of one: the way up from a unit and what is below it.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    units: BTreeMap<OrgId, Unit>,
    below: BTreeMap<OrgId, Vec<OrgId>>,
}

impl FromIterator<Unit> for Tree {
    fn from_iter<I: IntoIterator<Item = Unit>>(units: I) -> Self {
        let mut tree = Self::default();
        for unit in units {
            if tree.units.insert(unit.id, unit).is_none()
                && let Some(parent) = unit.parent
            {
                tree.below.entry(parent).or_default().push(unit.id);
            }
        }
        tree
    }
}

impl Tree {
    /// One unit.
    #[must_use]
    pub fn get(&self, unit: OrgId) -> Option<&Unit> {
        self.units.get(&unit)
    }

    /// The unit and all that stand over it, from below. Ends even if the rows hold a circle.
    pub fn way_up(&self, unit: OrgId) -> impl Iterator<Item = &Unit> {
        let mut next = self.get(unit);
        std::iter::from_fn(move || {
            let this = next?;
            next = this.parent.and_then(|parent| self.get(parent));
            Some(this)
        })
        .take(self.units.len())
    }

    /// The station that the unit is or belongs to.
    #[must_use]
    pub fn station_of(&self, unit: OrgId) -> Option<OrgId> {
        self.way_up(unit)
            .find(|above| above.kind == UnitKind::Station)
            .map(|station| station.id)
    }

    /// The unit and all below it, in the order of their ids.
    #[must_use]
    pub fn subtree(&self, root: OrgId) -> Vec<Unit> {
        let mut seen = BTreeSet::new();
        let mut open = vec![root];
        while let Some(unit) = open.pop() {
            if self.units.contains_key(&unit) && seen.insert(unit) {
                open.extend(self.below.get(&unit).into_iter().flatten());
            }
        }
        seen.iter()
            .filter_map(|unit| self.get(*unit))
            .copied()
            .collect()
    }

    /// Where the reach of a role begins that belongs to `unit`: managers and station staff
    /// work for their whole station, wherever in it they are; center and administrators
    /// reach from their own unit down.
    #[must_use]
    pub fn root_of_reach(&self, role: Role, unit: OrgId) -> OrgId {
        match role {
            Role::Manager | Role::Station => self.station_of(unit).unwrap_or(unit),
            Role::Center | Role::Administrator => unit,
        }
    }
}

#[cfg(test)]
mod tests;
