//! What a schedule asks of a server, whichever kind it is: the [`model`](super::model), or
//! the [`real`](super::real) one over SQLite.

use super::{fault::Fault, model::Model, real::Real, scene::Cast};
use crate::Fallible;
use gridcrew_mobile_core::{
    drive::Credentials,
    engine::{HttpReply, Request},
};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    enrol::{EnrolReply, EnrolRequest},
    ids::{CellId, CustomerId, JournalId, OrderId, PersonId},
    journal::EntryId,
    media::MediaKind,
    order::OrderState,
    time::Millis,
};
use std::collections::{BTreeMap, BTreeSet};

/// Which server a schedule is played against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Kind {
    /// A model in memory.
    #[default]
    Model,
    /// The server's own code over SQLite.
    Sqlite,
}

/// A request of a handheld, as far as it came through.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// What is asked.
    pub request: &'a Request,
    /// What goes with it.
    pub credentials: &'a Credentials,
    /// The body of a chunk, or as much of it as came through.
    pub piece: &'a [u8],
}

/// When a server is to be killed that answers a request: counted are the moments at which it
/// could be, from 0 on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At this moment of all: before it begins, at a statement, before or after a commit.
    Moment(u64),
    /// Right after this commit.
    Commit(u64),
}

/// When a server was killed that was to answer a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Killed {
    /// Before it had done anything.
    Before,
    /// At a statement of the database.
    Inside,
    /// After a commit, before it went on.
    Committed,
    /// With the answer made and not sent.
    After,
}

/// What a person shall see on a handheld, by the server's books.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Orders that must be there.
    pub must: BTreeSet<OrderId>,
    /// Orders that may be there: also those of the past.
    pub may: BTreeSet<OrderId>,
    /// Cells.
    pub cells: BTreeSet<CellId>,
    /// Customers.
    pub customers: BTreeSet<CustomerId>,
}

/// Entries of a journal: bytes and link, in line.
pub type Entries = Vec<(Vec<u8>, Digest)>;

/// A server of a simulated world.
pub trait Server {
    /// Its people, cells and orders.
    fn cast(&self) -> Cast;

    /// The server as schedules that begin now shall find it.
    ///
    /// # Errors
    /// When its files cannot be read.
    fn as_founded(&self) -> Fallible<Founded>;

    /// Answers a request.
    ///
    /// # Errors
    /// When the request cannot be what a handheld sends, or the server breaks.
    fn answer(&mut self, asking: Asking<'_>) -> Fallible<HttpReply>;

    /// Is to answer a request and is killed then, or, when there are not so many moments,
    /// with the answer made. Starts again.
    ///
    /// # Errors
    /// When it does not start again.
    fn answer_and_die(&mut self, asking: Asking<'_>, when: When) -> Fallible<Killed>;

    /// Is killed between requests, and once more while it starts, at the `again`th moment.
    /// Whether the latter happened.
    ///
    /// # Errors
    /// When it does not start again.
    fn die(&mut self, again: Option<u64>) -> Fallible<bool>;

    /// Gives out a code for a handheld of a person.
    ///
    /// # Errors
    /// When it does not.
    fn code_for(&mut self, person: PersonId) -> Fallible<String>;

    /// Enrols a handheld of `person`.
    ///
    /// # Errors
    /// When the request cannot be what a handheld sends.
    fn enrol(
        &mut self,
        person: PersonId,
        request: &EnrolRequest,
    ) -> Fallible<Result<EnrolReply, Code>>;

    /// Gives an order to a person; whether it is open, so that this can be done.
    ///
    /// # Errors
    /// When the server breaks.
    fn assign(&mut self, order: OrderId, to: PersonId) -> Fallible<bool>;

    /// Gives a cell to a person.
    ///
    /// # Errors
    /// When the server breaks.
    fn move_cell(&mut self, cell: CellId, to: PersonId) -> Fallible<()>;

    /// The access tokens of a handheld's session expire.
    fn expire(&mut self, journal: JournalId);

    /// A handheld is revoked.
    ///
    /// # Errors
    /// When the server breaks.
    fn revoke(&mut self, journal: JournalId) -> Fallible<()>;

    /// Its database and photos are copied.
    ///
    /// # Errors
    /// When they cannot be.
    fn back_up(&mut self) -> Fallible<()>;

    /// It comes back from the copy, in a new life: it notices by itself when it may
    /// (`noticing`), or is told.
    ///
    /// # Errors
    /// When it does not start.
    fn restore(&mut self, noticing: bool) -> Fallible<()>;

    /// Does what it does beside requests, after time has passed.
    ///
    /// # Errors
    /// When it breaks.
    fn work_beside(&mut self) -> Fallible<()>;

    /// What happened at the server since the last time.
    fn seen(&mut self) -> Vec<Fault>;

    /// What should not have happened at the server, since the last time.
    fn complaints(&mut self) -> Vec<String>;

    /// How often it was restored.
    fn restores(&self) -> u32;

    /// After how long without a request a handheld may be shut out.
    fn longest_absence(&self) -> Option<Millis>;

    /// Every journal that it holds.
    ///
    /// # Errors
    /// When they cannot be read.
    fn journals(&self) -> Fallible<BTreeMap<JournalId, Entries>>;

    /// Entries that it holds as copies of what another journal brought, and does not count.
    ///
    /// # Errors
    /// When they cannot be read.
    fn copies(&self) -> Fallible<BTreeSet<EntryId>>;

    /// Entries that it keeps apart, of revoked handhelds and forked journals.
    ///
    /// # Errors
    /// When they cannot be read.
    fn apart(&self) -> Fallible<Vec<Vec<u8>>>;

    /// The photos whose original it says it holds.
    ///
    /// # Errors
    /// When they cannot be read.
    fn photos(&self) -> Fallible<BTreeSet<Digest>>;

    /// Whether it has the bytes of a photo, and for an original, the right ones.
    ///
    /// # Errors
    /// When they cannot be read.
    fn has(&self, photo: Digest, kind: MediaKind) -> Fallible<bool>;

    /// What a person shall see.
    ///
    /// # Errors
    /// When it cannot be read.
    fn scope_of(&self, person: PersonId) -> Fallible<Scope>;

    /// The state of an order, folded anew from its trace.
    ///
    /// # Errors
    /// When the trace holds what is no record, or the server has stored another state.
    fn state_of(&self, order: OrderId) -> Fallible<Option<OrderState>>;
}

/// A server as every schedule finds it.
#[derive(Debug)]
pub enum Founded {
    /// The model.
    Model(Box<Model>),
    /// The real one: its files.
    Real(Box<super::real::Founded>),
}

impl Founded {
    /// A server of a kind, founded.
    ///
    /// # Errors
    /// When it cannot be.
    pub fn new(kind: Kind, time: &super::hardware::TrueTime) -> Fallible<Self> {
        Ok(match kind {
            Kind::Model => Self::Model(Box::new(Model::new(time))),
            Kind::Sqlite => Self::Real(Box::new(super::real::found(time)?)),
        })
    }

    /// Its people, cells and orders.
    #[must_use]
    pub fn cast(&self) -> Cast {
        match self {
            Self::Model(_) => Cast::modelled(),
            Self::Real(founded) => founded.cast,
        }
    }

    /// Which kind it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Model(_) => Kind::Model,
            Self::Real(_) => Kind::Sqlite,
        }
    }

    /// The server, its files under `root`.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(
        &self,
        time: &super::hardware::TrueTime,
        root: &std::path::Path,
    ) -> Fallible<Box<dyn Server>> {
        Ok(match self {
            Self::Model(model) => Box::new(model.as_ref().clone().at(time)),
            Self::Real(founded) => Box::new(Real::start(founded, time, root)?),
        })
    }
}
