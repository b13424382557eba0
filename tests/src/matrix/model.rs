//! Who may see what, from the facts of the world alone: the organisation as people would
//! explain it, not as the server computes it.
//!
//! | role | sees units, people, handhelds, ground | sees orders, customers, photos |
//! |---|---|---|
//! | manager | his whole station | what he owns in it, and what is in his cells there |
//! | station | his whole station | all of his station |
//! | center | his unit and all below | all of the stations below |
//! | administrator | his unit and all below | nothing |

use super::world::{Caller, Order, Person, Role, UnitKind, World};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{CellId, JournalId, OrderId, OrgId, PersonId},
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// How a place lies to a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Relation {
    /// His own unit.
    Own,
    /// A unit below it.
    Child,
    /// A unit above it.
    Parent,
    /// A unit beside the line.
    Sibling,
}

impl Relation {
    pub(super) const ALL: [Self; 4] = [Self::Own, Self::Child, Self::Parent, Self::Sibling];
}

impl World {
    /// Whether `unit` is `top` or stands below it.
    fn is_within(&self, unit: OrgId, top: OrgId) -> bool {
        let mut at = Some(unit);
        while let Some(here) = at {
            if here == top {
                return true;
            }
            at = self.unit(here).and_then(|unit| unit.parent);
        }
        false
    }

    pub(super) fn relation(&self, caller: &Caller, place: OrgId) -> Relation {
        if place == caller.unit {
            Relation::Own
        } else if self.is_within(place, caller.unit) {
            Relation::Child
        } else if self.is_within(caller.unit, place) {
            Relation::Parent
        } else {
            Relation::Sibling
        }
    }

    /// The station that a unit is or belongs to.
    pub(super) fn station_of(&self, unit: OrgId) -> Option<OrgId> {
        let found = self.unit(unit)?;
        match found.kind {
            UnitKind::Station => Some(unit),
            UnitKind::Crew | UnitKind::Team => found.parent,
            UnitKind::Center => None,
        }
    }

    pub(super) fn is_station(&self, unit: OrgId) -> bool {
        self.unit(unit)
            .is_some_and(|unit| unit.kind == UnitKind::Station)
    }

    /// Whether a caller reaches a unit: managers and staff work for their whole station,
    /// the others for what is below them.
    pub(super) fn sees_unit(&self, caller: &Caller, unit: OrgId) -> bool {
        let top = match caller.role {
            Role::Manager | Role::Station => self.station_of(caller.unit),
            Role::Center | Role::Administrator => Some(caller.unit),
        };
        top.is_some_and(|top| self.unit(unit).is_some() && self.is_within(unit, top))
    }

    pub(super) fn sees_station(&self, caller: &Caller, unit: OrgId) -> bool {
        self.is_station(unit) && self.sees_unit(caller, unit)
    }

    pub(super) fn sees_person(&self, caller: &Caller, person: PersonId) -> bool {
        self.person(person)
            .is_some_and(|person| self.sees_unit(caller, person.unit))
    }

    pub(super) fn sees_device(&self, caller: &Caller, device: JournalId) -> bool {
        self.device(device)
            .is_some_and(|device| self.sees_person(caller, device.person))
    }

    pub(super) fn sees_cell(&self, caller: &Caller, cell: CellId) -> bool {
        self.cell(cell)
            .is_some_and(|cell| self.sees_station(caller, cell.station))
    }

    /// Whether a caller is A or B of a cell of the station where he works now.
    pub(super) fn answers_for(&self, caller: &Caller, cell: CellId) -> bool {
        self.cell(cell).is_some_and(|cell| {
            let me = Some(caller.person);
            self.sees_station(caller, cell.station) && (cell.a == me || cell.b == me)
        })
    }

    /// Whether he may know why somebody is away: his own leave, and the staff of the station
    /// that of all its people.
    pub(super) fn sees_leave(&self, caller: &Caller, leave: Uuid) -> bool {
        self.leave(leave).is_some_and(|leave| {
            self.sees_station(caller, leave.station)
                && match caller.role {
                    Role::Station => true,
                    Role::Manager => leave.person == caller.person,
                    Role::Center | Role::Administrator => false,
                }
        })
    }

    pub(super) fn all_leaves(&self, caller: &Caller) -> BTreeSet<Uuid> {
        let leaves = self.leaves.iter().map(|leave| leave.id);
        leaves
            .filter(|leave| self.sees_leave(caller, *leave))
            .collect()
    }

    pub(super) fn sees_customer(&self, caller: &Caller, account: &str) -> bool {
        self.cell_of(account).is_some_and(|cell| match caller.role {
            Role::Manager => self.answers_for(caller, cell.id),
            Role::Station | Role::Center => self.sees_station(caller, cell.station),
            Role::Administrator => false,
        })
    }

    pub(super) fn sees_order(&self, caller: &Caller, order: OrderId) -> bool {
        self.order(order)
            .is_some_and(|order| self.sees_this_order(caller, order))
    }

    pub(super) fn sees_this_order(&self, caller: &Caller, order: &Order) -> bool {
        self.sees_station(caller, order.station)
            && match caller.role {
                Role::Manager => {
                    order.owner == Some(caller.person)
                        || order
                            .cell
                            .is_some_and(|cell| self.answers_for(caller, cell))
                }
                Role::Station | Role::Center => true,
                Role::Administrator => false,
            }
    }

    pub(super) fn sees_photo(&self, caller: &Caller, photo: Digest) -> bool {
        self.photos
            .iter()
            .any(|known| known.digest == photo && self.sees_order(caller, known.order))
    }

    /// Whether he may read a customer's whole number: the order's owner, the station's staff.
    pub(super) fn reads_phone(&self, caller: &Caller, order: &Order) -> bool {
        order.owner == Some(caller.person)
            || caller.role == Role::Station && self.sees_station(caller, order.station)
    }

    pub(super) fn all_units(&self, caller: &Caller) -> BTreeSet<Uuid> {
        let units = self.units.iter().map(|unit| unit.id);
        units
            .filter(|unit| self.sees_unit(caller, *unit))
            .map(Uuid::from)
            .collect()
    }

    pub(super) fn all_stations(&self, caller: &Caller) -> BTreeSet<Uuid> {
        let units = self.units.iter().map(|unit| unit.id);
        units
            .filter(|unit| self.sees_station(caller, *unit))
            .map(Uuid::from)
            .collect()
    }

    pub(super) fn all_people(&self, caller: &Caller) -> BTreeSet<Uuid> {
        let people = self.people.iter().map(|person| person.id);
        people
            .filter(|person| self.sees_person(caller, *person))
            .map(Uuid::from)
            .collect()
    }

    pub(super) fn all_devices(&self, caller: &Caller) -> BTreeSet<Uuid> {
        let devices = self.devices.iter().map(|device| device.id);
        devices
            .filter(|device| self.sees_device(caller, *device))
            .map(Uuid::from)
            .collect()
    }

    pub(super) fn all_cells(&self, caller: &Caller) -> BTreeSet<Uuid> {
        let cells = self.cells.iter().map(|cell| cell.id);
        cells
            .filter(|cell| self.sees_cell(caller, *cell))
            .map(Uuid::from)
            .collect()
    }

    pub(super) fn own_cells(&self, caller: &Caller) -> BTreeSet<Uuid> {
        let cells = self.cells.iter().map(|cell| cell.id);
        cells
            .filter(|cell| self.answers_for(caller, *cell))
            .map(Uuid::from)
            .collect()
    }

    pub(super) fn all_accounts(&self, caller: &Caller) -> BTreeSet<String> {
        let accounts = self.cells.iter().map(|cell| &cell.account);
        accounts
            .filter(|account| self.sees_customer(caller, account))
            .cloned()
            .collect()
    }

    /// The orders in scope that also are `such`.
    pub(super) fn orders_such(
        &self,
        caller: &Caller,
        such: impl Fn(&Order) -> bool,
    ) -> BTreeSet<Uuid> {
        let seen = self
            .orders
            .iter()
            .filter(|order| self.sees_this_order(caller, order));
        seen.filter(|order| such(order))
            .map(|order| order.id.into())
            .collect()
    }

    pub(super) fn all_sessions(&self, caller: &Caller) -> BTreeSet<Uuid> {
        let own = self
            .sessions
            .iter()
            .filter(|(person, _)| *person == caller.person);
        own.map(|(_, session)| *session).collect()
    }

    /// The other managers of his station, to whom he can hand over.
    pub(super) fn colleagues(&self, caller: &Caller) -> BTreeSet<Uuid> {
        let is_one = |person: &&Person| {
            person.role == Role::Manager
                && !person.disabled
                && person.id != caller.person
                && self.sees_unit(caller, person.unit)
        };
        let colleagues = self.people.iter().filter(is_one);
        colleagues.map(|person| person.id.into()).collect()
    }
}
