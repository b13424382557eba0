//! Lists of orders, and what a line of them says.

use gridcrew_mobile_core as core;
use gridcrew_sync_protocol::{
    order::{self, DeadlineOutcome as Outcome},
    record::Owner,
    workflow,
};

/// A text in the two languages of the screens.
#[derive(Clone, Debug, Default, PartialEq, Eq, uniffi::Record)]
pub struct Words {
    /// Simplified Chinese.
    pub zh: String,
    /// English.
    pub en: String,
}

/// Which orders are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum OrderList {
    /// The person's own orders whose work is not closed, the most urgent first.
    ToDo,
    /// Orders with records or photos that the server does not hold yet.
    Waiting,
    /// Orders that the person worked on, of which nothing waits and nothing is left to do.
    Sent,
    /// All orders here.
    All,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum OrderStatus {
    /// Taken in, not yet given to anyone.
    Accepted,
    /// Given to an owner who has not taken it.
    Routed,
    /// The owner has taken it.
    Taken,
    /// At least one step is done.
    Working,
    /// The closing step is done.
    Returned,
}

/// Who is responsible for an order.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum OrderOwner {
    /// A person.
    Person {
        /// His id.
        person: String,
    },
    /// The duty desk of a station.
    Desk {
        /// The station's id.
        station: String,
    },
}

/// A line of a list.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct OrderLine {
    /// The order's id.
    pub order: String,
    /// Where it stands; none until its workflow has come.
    pub status: Option<OrderStatus>,
    /// Whether the person is its owner at present.
    pub mine: bool,
    /// What is wrong, in the caller's words; empty when the person may not see it.
    pub phenomenon: String,
    /// The address in words; empty when the person may not see it.
    pub address: String,
    /// The running deadline that is due first.
    pub next_deadline: Option<DeadlineLine>,
    /// What this handheld recorded of it, and what waits.
    pub waits: Waits,
}

/// A deadline, seen at the moment of the call.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct DeadlineLine {
    /// The rule's code.
    pub code: String,
    /// What it is called.
    pub title: Words,
    /// When it is due, once started.
    pub due_unix_ms: Option<i64>,
    /// How long until it is due; negative when it is over. Only while it runs.
    pub left_ms: Option<i64>,
    /// How it stands.
    pub outcome: DeadlineOutcome,
    /// The time by which what is left was counted is not sure.
    pub unsure: bool,
}

/// How a deadline stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum DeadlineOutcome {
    /// Its start has not happened.
    NotStarted,
    /// It runs.
    Running,
    /// Met, by a sure time.
    Met,
    /// It would be met, but the time is not sure.
    MetUnsure,
    /// Missed.
    Missed,
    /// Neither met nor missed.
    Lapsed,
}

/// What this handheld recorded of an order, and how much of it waits to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Waits {
    /// Records of this handheld.
    pub recorded: u64,
    /// Records that the server does not hold yet.
    pub records: u64,
    /// Records that the server holds but could not apply.
    pub parked: u64,
    /// Photos whose original the server does not hold yet.
    pub photos: u64,
}

impl From<workflow::Words> for Words {
    fn from(words: workflow::Words) -> Self {
        let workflow::Words { zh, en } = words;
        Self { zh, en }
    }
}

impl From<OrderList> for core::List {
    fn from(list: OrderList) -> Self {
        match list {
            OrderList::ToDo => Self::ToDo,
            OrderList::Waiting => Self::Waiting,
            OrderList::Sent => Self::Sent,
            OrderList::All => Self::All,
        }
    }
}

impl From<order::Status> for OrderStatus {
    fn from(status: order::Status) -> Self {
        match status {
            order::Status::Accepted => Self::Accepted,
            order::Status::Routed => Self::Routed,
            order::Status::Taken => Self::Taken,
            order::Status::Working => Self::Working,
            order::Status::Returned => Self::Returned,
        }
    }
}

impl From<Owner> for OrderOwner {
    fn from(owner: Owner) -> Self {
        match owner {
            Owner::Person(person) => Self::Person {
                person: person.to_string(),
            },
            Owner::Desk(station) => Self::Desk {
                station: station.to_string(),
            },
        }
    }
}

impl From<core::OrderLine> for OrderLine {
    fn from(line: core::OrderLine) -> Self {
        Self {
            order: line.order.to_string(),
            status: line.status.map(Into::into),
            mine: line.mine,
            phenomenon: line.phenomenon,
            address: line.address,
            next_deadline: line.next_deadline.map(Into::into),
            waits: line.waits.into(),
        }
    }
}

impl From<core::DeadlineLine> for DeadlineLine {
    fn from(line: core::DeadlineLine) -> Self {
        Self {
            code: line.code,
            title: line.title.into(),
            due_unix_ms: line.due.map(|due| due.0),
            left_ms: line.left.map(|left| left.0),
            outcome: match line.outcome {
                Outcome::NotStarted => DeadlineOutcome::NotStarted,
                Outcome::Running => DeadlineOutcome::Running,
                Outcome::Met => DeadlineOutcome::Met,
                Outcome::MetUnsure => DeadlineOutcome::MetUnsure,
                Outcome::Missed => DeadlineOutcome::Missed,
                Outcome::Lapsed => DeadlineOutcome::Lapsed,
            },
            unsure: line.unsure,
        }
    }
}

impl From<core::Waits> for Waits {
    fn from(waits: core::Waits) -> Self {
        Self {
            recorded: waits.recorded,
            records: waits.records,
            parked: waits.parked,
            photos: waits.photos,
        }
    }
}
