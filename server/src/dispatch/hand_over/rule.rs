//! What a hand-over is and who decides on it: rules without I/O.
//!
//! The rule (DOMAIN 1.A A21, 4.18): the owner stays the owner until the receiver accepts or
//! the station decides. So an order never is without one accountable person, whatever becomes
//! of the offer.

use gridcrew_sync_protocol::{
    ids::{CellId, OrderId, OrgId, PersonId},
    order::Status,
    record::Term,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Most characters of a reason.
pub const MAX_REASON: usize = 500;

/// Why orders are to change hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A version of the territory gave their cell, or their place in it, to another manager.
    Territory {
        /// The version.
        version: i64,
    },
    /// Their owner is away.
    Leave {
        /// The leave.
        leave: Uuid,
    },
    /// Their owner before is back.
    LeaveOver {
        /// The leave that is over.
        leave: Uuid,
    },
}

/// The kind of a [`Cause`], as it is stored and shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// A version of the territory.
    Territory,
    /// A leave that began.
    Leave,
    /// A leave that is over.
    LeaveOver,
}

impl CauseKind {
    const ALL: [Self; 3] = [Self::Territory, Self::Leave, Self::LeaveOver];

    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Territory => "territory",
            Self::Leave => "leave",
            Self::LeaveOver => "leave_over",
        }
    }

    /// What was stored; none when it is no kind.
    #[must_use]
    pub fn stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl Cause {
    /// Its kind.
    #[must_use]
    pub const fn kind(self) -> CauseKind {
        match self {
            Self::Territory { .. } => CauseKind::Territory,
            Self::Leave { .. } => CauseKind::Leave,
            Self::LeaveOver { .. } => CauseKind::LeaveOver,
        }
    }

    /// Which version, or which leave, as text.
    #[must_use]
    pub fn reference(self) -> String {
        match self {
            Self::Territory { version } => version.to_string(),
            Self::Leave { leave } | Self::LeaveOver { leave } => leave.to_string(),
        }
    }
}

/// An order that is to change hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The order.
    pub order: OrderId,
    /// Who owns it.
    pub from: PersonId,
    /// Who is to own it.
    pub to: PersonId,
    /// The cell by which it was routed, if any.
    pub from_cell: Option<CellId>,
    /// The cell that it belongs to now, if any.
    pub to_cell: Option<CellId>,
}

/// How a hand-over stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nobody has decided yet: the owner still is the owner.
    Offered,
    /// The receiver is the owner.
    Accepted,
    /// The owner keeps the order.
    Kept,
    /// The order was closed, or changed hands otherwise, before anybody decided.
    Lapsed,
}

impl State {
    const ALL: [Self; 4] = [Self::Offered, Self::Accepted, Self::Kept, Self::Lapsed];

    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Offered => "offered",
            Self::Accepted => "accepted",
            Self::Kept => "kept",
            Self::Lapsed => "lapsed",
        }
    }

    /// What was stored; none when it is no state.
    #[must_use]
    pub fn stored(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What can be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The receiver takes the order over.
    Accept,
    /// The owner keeps it.
    Keep,
}

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decider {
    /// The person.
    pub person: PersonId,
    /// The station whose staff he is, if he is staff.
    pub staff_of: Option<OrgId>,
}

/// Whether someone may give this answer: the receiver accepts or leaves the order where it is,
/// the owner keeps it, the staff of the station decides either way. The owner alone cannot
/// push the order onto the receiver.
#[must_use]
pub fn may_answer(
    decider: Decider,
    station: OrgId,
    (from, to): (PersonId, PersonId),
    answer: Answer,
) -> bool {
    if decider.staff_of == Some(station) || decider.person == to {
        return true;
    }
    decider.person == from && answer == Answer::Keep
}

/// Whether an offer can still be answered: the order is open, in the hands and in the term in
/// which it was offered.
#[must_use]
pub fn stands(offered_in: Term, from: PersonId, order: &Order) -> bool {
    order.status != Status::Returned && order.term == offered_in && order.owner == Some(from)
}

/// Whether an open offer of one cause gives way to a new one of another: that of a version of
/// the territory, which can wait and is found again, to that of a leave.
#[must_use]
pub fn gives_way(open: Option<CauseKind>, new: CauseKind) -> bool {
    open == Some(CauseKind::Territory) && new != CauseKind::Territory
}

/// What a hand-over asks of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Where it stands.
    pub status: Status,
    /// Its term.
    pub term: Term,
    /// The person who owns it.
    pub owner: Option<PersonId>,
}

/// Who takes an order over whose cell is another now: A, else B, of the cell that it belongs
/// to, the first who can. None when it belongs to the same cell as before, when its owner is A
/// or B of the new one, or when neither of these can own it: then it stays where it is.
#[must_use]
pub fn receiver(
    owner: PersonId,
    before: Option<CellId>,
    now: Option<CellId>,
    managers: [Option<PersonId>; 2],
    can_own: impl Fn(PersonId) -> bool,
) -> Option<PersonId> {
    let moved = now.is_some() && now != before;
    if !moved || managers.contains(&Some(owner)) {
        return None;
    }
    managers.into_iter().flatten().find(|one| can_own(*one))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(n: u128) -> PersonId {
        PersonId(Uuid::from_u128(n))
    }

    fn cell(n: u128) -> Option<CellId> {
        Some(CellId(Uuid::from_u128(n)))
    }

    #[test]
    fn the_receiver_accepts_the_owner_keeps_the_station_does_either_and_no_one_else_any() {
        let station = OrgId(Uuid::from_u128(9));
        let both = (person(1), person(2));
        let answers = |who: u128, staff_of: Option<u128>| {
            let decider = Decider {
                person: person(who),
                staff_of: staff_of.map(|id| OrgId(Uuid::from_u128(id))),
            };
            [Answer::Accept, Answer::Keep].map(|answer| may_answer(decider, station, both, answer))
        };
        assert_eq!(answers(1, None), [false, true]);
        assert_eq!(answers(2, None), [true, true]);
        assert_eq!(answers(3, None), [false, false]);
        assert_eq!(answers(3, Some(9)), [true, true]);
        assert_eq!(answers(3, Some(8)), [false, false]);
    }

    #[test]
    fn an_offer_stands_as_long_as_the_order_is_open_and_in_the_same_hands() {
        let order = Order {
            status: Status::Taken,
            term: Term(2),
            owner: Some(person(1)),
        };
        let still = |order: Order| stands(Term(2), person(1), &order);
        assert!(still(order));
        let (returned, later) = (Status::Returned, Term(3));
        assert!(!still(Order {
            status: returned,
            ..order
        }));
        assert!(!still(Order {
            term: later,
            ..order
        }));
        assert!(!still(Order {
            owner: Some(person(2)),
            ..order
        }));
        assert!(!still(Order {
            owner: None,
            ..order
        }));
    }

    #[test]
    fn an_order_goes_to_the_first_of_the_other_cell_who_can_and_else_stays() {
        let pair = [Some(person(2)), Some(person(3))];
        let to = |owner, before, now, managers, able: &[u128]| {
            receiver(person(owner), before, now, managers, |one| {
                able.iter().any(|able| person(*able) == one)
            })
        };
        assert_eq!(to(1, cell(1), cell(2), pair, &[2, 3]), Some(person(2)));
        assert_eq!(to(1, cell(1), cell(2), pair, &[3]), Some(person(3)));
        assert_eq!(to(1, cell(1), cell(2), pair, &[]), None);
        assert_eq!(to(1, None, cell(2), pair, &[2]), Some(person(2)));
        // The same cell, the owner's own cell, a cell of nobody, no cell at all.
        assert_eq!(to(1, cell(1), cell(1), pair, &[2]), None);
        assert_eq!(to(3, cell(1), cell(2), pair, &[2]), None);
        assert_eq!(to(1, cell(1), cell(2), [None, None], &[2]), None);
        assert_eq!(to(1, cell(1), None, pair, &[2]), None);
    }
}
