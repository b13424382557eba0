//! What a row of the matrix says of one operation.

use super::{
    ask::Ask,
    world::{Caller, Role, World},
};
use crate::{client::Reply, failure::Fallible};
use gridcrew_sync_protocol::ids::OrgId;
use serde_json::Value;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Who may ask for an operation at all.
#[derive(Clone, Copy, Debug)]
pub(super) enum Who {
    /// Everyone, without a token.
    Anybody,
    /// Who has one of these roles.
    Roles(&'static [Role]),
    /// Managers, and only by their handheld.
    Handhelds,
}

impl Who {
    pub(super) fn includes(self, caller: &Caller) -> bool {
        match self {
            Self::Anybody => true,
            Self::Roles(roles) => roles.contains(&caller.role),
            Self::Handhelds => caller.role == Role::Manager && caller.hand.is_some(),
        }
    }
}

/// What an operation is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing in particular.
    Nothing,
    Unit,
    Person,
    Device,
    Session,
    /// The territory of a station, by the station's id.
    Ground,
    Cell,
    /// A customer, by the account number.
    Customer,
    Order,
    /// An order that nobody handed over yet.
    FreshOrder,
    Photo,
    /// A photo that a handheld promised, by its digest.
    Promise,
    Upload,
    /// A leave that somebody asked for.
    Leave,
    Journal,
}

/// One thing that an operation is asked about.
#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Its id, digest or number.
    pub(super) key: String,
    /// The unit where it belongs; nowhere when it was made up.
    pub(super) place: Option<OrgId>,
}

impl Target {
    /// The key as an id; the nil id when it is none.
    pub(super) fn id<T: From<Uuid>>(&self) -> T {
        self.key.parse::<Uuid>().unwrap_or_default().into()
    }
}

/// What is to come of a request by someone whose role may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is done, with this status.
    Done(u16),
    /// It is visible, but this is not possible with it.
    Refused(u16, &'static str),
    /// It is hidden: the answer is the very same as for something made up.
    Hidden(u16, &'static str),
}

impl Verdict {
    /// There is no such thing for him.
    pub(super) const NOT_FOUND: Self = Self::Hidden(404, "not_found");

    /// Done if it is visible, else not found.
    pub(super) const fn done_if(visible: bool, status: u16) -> Self {
        if visible {
            Self::Done(status)
        } else {
            Self::NOT_FOUND
        }
    }
}

/// The ids that a list must have for a caller.
pub(super) type Listed = fn(&World, &Caller) -> BTreeSet<Uuid>;

/// What is compared of an answer.
#[derive(Clone, Copy)]
pub(super) enum Reads {
    /// Nothing but that it came.
    Nothing,
    /// The ids of a list, page after page: the member that holds the items, the member that
    /// continues it, and for each further query what it must have.
    List {
        items: &'static str,
        next: &'static str,
        queries: &'static [(&'static str, &'static str, Listed)],
    },
    /// Whatever this function compares.
    One(fn(&World, &Caller, &Target, &Reply) -> Fallible<()>),
    /// The feed of a handheld.
    Feed,
}

/// What the world learns from an answer.
pub(super) type Learns = fn(&mut World, &Caller, &Target, &Value) -> Fallible<()>;

/// A row of the matrix.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// The operation.
    pub(super) id: &'static str,
    /// Who may at all.
    pub(super) who: Who,
    /// What it is about.
    pub(super) about: Kind,
    /// It changes its target: each time one like it is made and used up.
    pub(super) spends: bool,
    /// It changes something.
    pub(super) writes: bool,
    /// It is done by hand, in `standing`; here it is only refused.
    pub(super) by_hand: bool,
    /// How it is asked for.
    pub(super) ask: fn(&World, &Caller, &Target) -> Ask,
    /// What must come of it.
    pub(super) verdict: fn(&World, &Caller, &Target) -> Verdict,
    /// What is compared.
    pub(super) reads: Reads,
    /// What is learned.
    pub(super) learns: Option<Learns>,
}

impl Row {
    /// A row that reads.
    pub(super) fn reading(
        id: &'static str,
        who: Who,
        about: Kind,
        ask: fn(&World, &Caller, &Target) -> Ask,
        verdict: fn(&World, &Caller, &Target) -> Verdict,
        reads: Reads,
    ) -> Self {
        Self {
            id,
            who,
            about,
            spends: false,
            writes: false,
            by_hand: false,
            ask,
            verdict,
            reads,
            learns: None,
        }
    }

    /// A row that changes something.
    pub(super) fn writing(
        id: &'static str,
        who: Who,
        about: Kind,
        ask: fn(&World, &Caller, &Target) -> Ask,
        verdict: fn(&World, &Caller, &Target) -> Verdict,
    ) -> Self {
        Self {
            writes: true,
            ..Self::reading(id, who, about, ask, verdict, Reads::Nothing)
        }
    }

    /// A row whose doing is a story of its own.
    pub(super) fn by_hand(
        id: &'static str,
        who: Who,
        ask: fn(&World, &Caller, &Target) -> Ask,
    ) -> Self {
        Self {
            by_hand: true,
            ..Self::writing(id, who, Kind::Nothing, ask, |_, _, _| Verdict::Done(200))
        }
    }

    pub(super) fn spending(self) -> Self {
        Self {
            spends: true,
            ..self
        }
    }

    pub(super) fn learning(self, learns: Learns) -> Self {
        Self {
            learns: Some(learns),
            ..self
        }
    }

    pub(super) fn comparing(
        self,
        one: fn(&World, &Caller, &Target, &Reply) -> Fallible<()>,
    ) -> Self {
        Self {
            reads: Reads::One(one),
            ..self
        }
    }
}
