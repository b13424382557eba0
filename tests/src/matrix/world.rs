//! The facts of the world that the matrix is asked about. They are noted while it is made
//! and changed; nothing here comes from what the server lists.

use crate::{client::Client, raw::RawHandheld};
use gridcrew_sync_protocol::{
    digest::Digest,
    enrol::Tokens,
    ids::{CellId, JournalId, OrderId, OrgId, PersonId},
    journal::Batch,
};
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use uuid::Uuid;

/// The role of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Manager,
    Station,
    Center,
    Administrator,
}

impl Role {
    pub(super) const ALL: [Self; 4] = [
        Self::Manager,
        Self::Station,
        Self::Center,
        Self::Administrator,
    ];

    /// As the API names it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Manager => "manager",
            Self::Station => "station",
            Self::Center => "center",
            Self::Administrator => "administrator",
        }
    }
}

/// What a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnitKind {
    Center,
    Station,
    Crew,
    Team,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Unit {
    pub(super) id: OrgId,
    pub(super) parent: Option<OrgId>,
    pub(super) kind: UnitKind,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Person {
    pub(super) id: PersonId,
    pub(super) unit: OrgId,
    pub(super) role: Role,
    pub(super) disabled: bool,
}

/// A handheld; its person's unit says where it belongs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Device {
    pub(super) id: JournalId,
    pub(super) person: PersonId,
}

#[derive(Clone, Debug)]
pub(super) struct Cell {
    pub(super) id: CellId,
    pub(super) code: &'static str,
    pub(super) station: OrgId,
    /// Its column: cells stand side by side, each as wide as [`super::founding::SIDE`].
    pub(super) column: i32,
    pub(super) a: Option<PersonId>,
    pub(super) b: Option<PersonId>,
    /// The account number of its one customer.
    pub(super) account: String,
}

#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) id: OrderId,
    pub(super) station: OrgId,
    pub(super) cell: Option<CellId>,
    /// The person who owns it; nobody when the station's desk does.
    pub(super) owner: Option<PersonId>,
    pub(super) taken_in_by: PersonId,
    /// Everyone who ever was its owner.
    pub(super) given_to: Vec<PersonId>,
}

/// A leave that was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leave {
    pub(super) id: Uuid,
    pub(super) person: PersonId,
    pub(super) station: OrgId,
}

/// A photo that has come, and the order whose record promises it.
#[derive(Clone, Debug)]
pub(super) struct Photo {
    pub(super) digest: Digest,
    pub(super) order: OrderId,
}

/// An upload that was begun.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    /// The last part of its path.
    pub(super) id: String,
    pub(super) journal: JournalId,
}

/// The handheld of a caller.
#[derive(Clone, Debug)]
pub(super) struct Hand {
    pub(super) raw: RawHandheld,
    /// What it pushed when the world was founded.
    pub(super) batch: Batch,
    /// Photos that it promised and does not have.
    pub(super) spare: Vec<Digest>,
}

/// Someone who asks.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    /// How messages call him.
    pub(super) name: &'static str,
    pub(super) person: PersonId,
    pub(super) role: Role,
    pub(super) unit: OrgId,
    pub(super) client: Client,
    pub(super) tokens: Tokens,
    pub(super) hand: Option<Arc<Hand>>,
}

/// The units that the world began with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places {
    /// The center above all.
    pub(super) top: OrgId,
    /// A center below it, with two stations.
    pub(super) north: OrgId,
    /// Another center below it, with one.
    pub(super) south: OrgId,
    /// A station of the north.
    pub(super) ding: OrgId,
    /// A crew of that station.
    pub(super) crew: OrgId,
    /// The other station of the north.
    pub(super) sui: OrgId,
    /// The station of the south.
    pub(super) meng: OrgId,
}

/// Those who have lost their standing.
#[derive(Clone, Debug)]
pub(super) struct Fallen {
    /// Staff of a station, disabled after he signed in.
    pub(super) disabled: Caller,
    /// A manager whose handheld was revoked.
    pub(super) revoked: Caller,
    /// Staff with the token from before his move.
    pub(super) moved_staff: Caller,
    /// A manager with his handheld's token from before his move.
    pub(super) moved_manager: Caller,
}

/// All of it.
#[derive(Debug)]
pub(super) struct World {
    pub(super) nobody: Client,
    pub(super) places: Places,
    pub(super) units: Vec<Unit>,
    pub(super) people: Vec<Person>,
    pub(super) devices: Vec<Device>,
    pub(super) cells: Vec<Cell>,
    pub(super) orders: Vec<Order>,
    pub(super) photos: Vec<Photo>,
    pub(super) uploads: Vec<Upload>,
    pub(super) leaves: Vec<Leave>,
    /// Sessions that were begun and not ended.
    pub(super) sessions: Vec<(PersonId, Uuid)>,
    pub(super) callers: Vec<Caller>,
    pub(super) fallen: Option<Fallen>,
    /// Promised photos for which an upload was begun.
    pub(super) begun: BTreeSet<Digest>,
    numbers: AtomicU64,
}

impl World {
    pub(super) fn new(nobody: Client, places: Places, units: Vec<Unit>) -> Self {
        Self {
            nobody,
            places,
            units,
            people: Vec::new(),
            devices: Vec::new(),
            cells: Vec::new(),
            orders: Vec::new(),
            photos: Vec::new(),
            uploads: Vec::new(),
            leaves: Vec::new(),
            sessions: Vec::new(),
            callers: Vec::new(),
            fallen: None,
            begun: BTreeSet::new(),
            numbers: AtomicU64::new(1),
        }
    }

    /// A number that was not given before, for logins and outside numbers.
    pub(super) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn caller(&self, name: &str) -> Option<&Caller> {
        self.callers.iter().find(|caller| caller.name == name)
    }

    pub(super) fn unit(&self, id: OrgId) -> Option<&Unit> {
        self.units.iter().find(|unit| unit.id == id)
    }

    pub(super) fn person(&self, id: PersonId) -> Option<&Person> {
        self.people.iter().find(|person| person.id == id)
    }

    pub(super) fn device(&self, id: JournalId) -> Option<&Device> {
        self.devices.iter().find(|device| device.id == id)
    }

    pub(super) fn cell(&self, id: CellId) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.id == id)
    }

    pub(super) fn order(&self, id: OrderId) -> Option<&Order> {
        self.orders.iter().find(|order| order.id == id)
    }

    pub(super) fn leave(&self, id: Uuid) -> Option<&Leave> {
        self.leaves.iter().find(|leave| leave.id == id)
    }

    /// The cell of the customer with this account number.
    pub(super) fn cell_of(&self, account: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.account == account)
    }

    /// The caller whose handheld has this journal.
    pub(super) fn writer(&self, journal: JournalId) -> Option<&Hand> {
        let hands = self
            .callers
            .iter()
            .filter_map(|caller| caller.hand.as_deref());
        hands.into_iter().find(|hand| hand.raw.journal == journal)
    }
}
