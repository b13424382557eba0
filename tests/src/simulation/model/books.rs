//! What the server holds durably, and what follows from it: who owns what, what is in whose
//! scope, and what changed since when.

use super::super::scene;
use crate::Fallible;
use ed25519_dalek::VerifyingKey;
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::{CellId, JournalId, OrderId, PersonId},
    journal::{Entry, EntryId, Seq},
    media::MediaKind,
    order::{OrderState, Sourced, fold},
    record::{Event, Record, Term},
    time::{TimeEvidence, UnixMillis},
};
use std::collections::{BTreeMap, BTreeSet};

/// A position in the feed's line of changes.
pub type Version = u64;

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// An order.
    Order(OrderId),
    /// A cell.
    Cell(CellId),
}

/// An installation: one journal.
#[derive(Clone, Debug)]
pub struct Handheld {
    /// Whose it is.
    pub person: PersonId,
    /// The key that its batches are signed with.
    pub key: VerifyingKey,
    /// The journal that it goes on from.
    pub continues: Option<JournalId>,
    /// It was revoked.
    pub revoked: bool,
    /// Its journal has forked.
    pub forked: bool,
}

/// A session.
#[derive(Clone, Debug)]
pub struct Session {
    /// The journal that it counts for.
    pub journal: JournalId,
    /// The number of its newest tokens.
    pub newest: u32,
    /// Access tokens up to this number are not taken any more.
    pub expired: u32,
    /// It is over.
    pub ended: bool,
}

/// An order.
#[derive(Clone, Debug)]
pub struct Order {
    /// The cell by which it was routed.
    pub cell: CellId,
    /// Its owners, each since when.
    pub owners: Vec<(Version, PersonId)>,
    /// Its trace: every entry that counts, each with the change that brought it.
    pub trace: Vec<(Version, EntryId, Vec<u8>)>,
    /// Entries of the server itself.
    written: u64,
}

/// An upload that is not whole yet, or was just now.
#[derive(Clone, Debug)]
pub struct Incoming {
    pub photo: Digest,
    pub kind: MediaKind,
    pub digest: Digest,
    pub length: u64,
    pub bytes: Vec<u8>,
}

/// What a backup holds.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// Every journal, entry by entry: bytes and link.
    pub journals: BTreeMap<JournalId, Vec<(Vec<u8>, Digest)>>,
    /// Branches of forked journals, kept apart.
    pub branches: BTreeMap<EntryId, Vec<Vec<u8>>>,
    /// Entries of revoked handhelds, kept apart.
    pub apart: BTreeSet<Vec<u8>>,
    /// Photos, verified.
    pub held: BTreeMap<(Digest, MediaKind), Vec<u8>>,
    /// Uploads.
    pub uploads: BTreeMap<u64, Incoming>,
    /// Photos that a record held promises.
    pub promised: BTreeSet<Digest>,
    /// Installations, by journal.
    pub handhelds: BTreeMap<JournalId, Handheld>,
    /// Sessions.
    pub sessions: BTreeMap<u64, Session>,
    /// Codes for enrolment that were used.
    pub codes: BTreeSet<String>,
    /// Orders.
    pub orders: BTreeMap<OrderId, Order>,
    /// Who has which cell, since when.
    pub cells: BTreeMap<CellId, Vec<(Version, PersonId)>>,
    /// Entries that are parked, each with why.
    pub parked: BTreeMap<EntryId, Code>,
    /// Every change, in line.
    pub line: Vec<Subject>,
}

fn at<T: Copy>(line: &[(Version, T)], version: Version) -> Option<T> {
    let before = line.iter().take_while(|(since, _)| *since <= version);
    before.last().map(|(_, value)| *value)
}

impl Books {
    /// A station with its people, cells and orders.
    pub(super) fn founded() -> Self {
        let mut books = Self::default();
        for number in 0..scene::CELLS {
            books.move_cell(scene::cell(number), scene::person(number));
        }
        for number in 0..scene::ORDERS {
            let order = scene::order(number);
            let cell = scene::cell(number);
            let empty = Order {
                cell,
                owners: Vec::new(),
                trace: Vec::new(),
                written: 0,
            };
            books.orders.insert(order, empty);
            let now = UnixMillis(super::super::hardware::START);
            books.write(order, Term(0), now, scene::accepted(order));
            books.assign(order, scene::person(number), now);
        }
        books
    }

    /// The last change.
    #[must_use]
    pub fn head(&self) -> Version {
        self.line.len() as Version
    }

    fn changed(&mut self, subject: Subject) -> Version {
        self.line.push(subject);
        self.head()
    }

    /// The server writes an entry of its own.
    fn write(&mut self, order: OrderId, term: Term, now: UnixMillis, event: Event) {
        let record = Record {
            order,
            actor: scene::person(0),
            term,
            time: TimeEvidence::of_server(now),
            fix: None,
            claims: None,
            event,
        };
        let version = self.changed(Subject::Order(order));
        if let Some(row) = self.orders.get_mut(&order) {
            row.written += 1;
            let id = EntryId {
                journal: JournalId(order.0),
                seq: Seq(row.written),
            };
            row.trace
                .push((version, id, Entry::Record(record).to_bytes()));
        }
    }

    pub(super) fn assign(&mut self, order: OrderId, to: PersonId, now: UnixMillis) {
        let Some(row) = self.orders.get(&order) else {
            return;
        };
        let term = Term(u32::try_from(row.owners.len()).unwrap_or(u32::MAX) + 1);
        let event = scene::assigned(term, to, row.cell);
        self.write(order, term, now, event);
        let version = self.head();
        if let Some(row) = self.orders.get_mut(&order) {
            row.owners.push((version, to));
        }
    }

    /// Gives a cell to a person; whether he had it before and not now.
    pub(super) fn move_cell(&mut self, cell: CellId, to: PersonId) -> bool {
        self.changed(Subject::Cell(cell));
        let orders: Vec<OrderId> = self
            .orders
            .iter()
            .filter(|(_, row)| row.cell == cell)
            .map(|(order, _)| *order)
            .collect();
        for order in orders {
            self.changed(Subject::Order(order));
        }
        // It counts from the last of these changes on: who was told only some of them is told
        // the rest as what it was not told before.
        let version = self.head();
        let holders = self.cells.entry(cell).or_default();
        let back = holders.iter().any(|(_, before)| *before == to)
            && holders.last().is_some_and(|(_, last)| *last != to);
        holders.push((version, to));
        back
    }

    /// A record that counts joins the trace of its order.
    pub(super) fn join(&mut self, order: OrderId, id: EntryId, bytes: &[u8]) {
        let version = self.changed(Subject::Order(order));
        if let Some(row) = self.orders.get_mut(&order) {
            row.trace.push((version, id, bytes.to_vec()));
        }
    }

    /// Everybody who ever owned an order, in turn.
    #[must_use]
    pub fn owners_of(&self, order: OrderId) -> Vec<PersonId> {
        self.orders.get(&order).map_or_else(Vec::new, |row| {
            row.owners.iter().map(|(_, person)| *person).collect()
        })
    }

    /// Whether a person had a cell at that time.
    #[must_use]
    pub fn has_cell(&self, person: PersonId, cell: CellId, version: Version) -> bool {
        let holders = self.cells.get(&cell);
        holders.is_some_and(|holders| at(holders, version) == Some(person))
    }

    /// Whether an order was in a person's scope at that time.
    #[must_use]
    pub fn has_order(&self, person: PersonId, order: OrderId, version: Version) -> bool {
        self.orders.get(&order).is_some_and(|row| {
            at(&row.owners, version) == Some(person) || self.has_cell(person, row.cell, version)
        })
    }

    /// The orders that are in a person's scope now.
    #[must_use]
    pub fn scope_of(&self, person: PersonId) -> BTreeSet<OrderId> {
        let all = self.orders.keys().copied();
        all.filter(|order| self.has_order(person, *order, self.head()))
            .collect()
    }

    /// The cells that a person has now.
    #[must_use]
    pub fn cells_of(&self, person: PersonId) -> BTreeSet<CellId> {
        let all = self.cells.keys().copied();
        all.filter(|cell| self.has_cell(person, *cell, self.head()))
            .collect()
    }

    /// The state of an order, folded from its trace.
    ///
    /// # Errors
    /// When the trace holds what is no record.
    pub fn state_of(&self, order: OrderId) -> Fallible<Option<OrderState>> {
        let Some(row) = self.orders.get(&order) else {
            return Ok(None);
        };
        let mut records = Vec::with_capacity(row.trace.len());
        for (_, id, bytes) in &row.trace {
            if let Entry::Record(record) = Entry::from_bytes(bytes)? {
                records.push(Sourced { id: *id, record });
            }
        }
        Ok(fold(&scene::template()?, &records))
    }
}
