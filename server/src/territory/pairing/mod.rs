//! Proposing who shall be A and B in the cells of a station (DOMAIN A09, section 7 row 10).
//!
//! Given are cells with where they lie, what they weigh and which touch; managers with their
//! bases and with how many cells each may have; and pairs that stay as they are. Found is a
//! pair for each cell, in two steps, each with an objective of its own:
//!
//! 1. **A** ([`first`]): of all choices that leave the fewest cells without an A, the one
//!    with the least *cost*: the metres from the base of each A to his cell, summed, plus
//!    what unevenness costs: for each manager `even_m` metres times the square of his load,
//!    counted in equal shares. Found by an exact assignment over places with rising prices, then by
//!    moving and exchanging single cells until nothing gets cheaper. Where all cells weigh
//!    the same the assignment alone is the optimum.
//! 2. **B** ([`second`]), with the As given, in this order: as few cells as possible without
//!    a B; as few as possible whose B is not the A of a neighbouring cell; as few different
//!    pairs as possible; the least cost, reckoned as for A. Two absences leave a cell alone
//!    exactly when they are those of its pair, so the number of different pairs is the number
//!    of double absences that hurt. Where nobody is A of more than one cell the fewest pairs
//!    are those of a largest matching of neighbours, which is found exactly ([`matching`]);
//!    from there single cells and whole pairs are exchanged until nothing gets better.
//!
//! A and B of a cell are two people, so a single absence never leaves a cell alone. Both
//! steps also start from what comes to mind first, the nearest ([`naive`]), and the better
//! end counts: a proposal is never worse than that. There is no chance in it: the same
//! question has the same answer. [`neighbours`] says which cells touch, [`table`] makes what
//! people look at.

mod cost;
mod first;
pub mod limits;
mod matching;
mod naive;
mod neighbours;
mod second;
mod table;

pub use neighbours::neighbours;
pub use table::{
    CellRow, CellToPair, Figures, LockedWithoutPair, ManagerRow, ManagerToPair, Pairing, Place,
    Unplaced, UnplacedWhy, look,
};

use gridcrew_sync_protocol::position::Wgs84;

/// Most cells that are looked at at once.
pub const MOST_CELLS: usize = 2_000;
/// Most managers that are looked at at once.
pub const MOST_MANAGERS: usize = 2_000;

/// A cell that needs a pair.
#[derive(Clone, Debug, PartialEq)]
pub struct PairCell {
    /// Where its station areas lie on the average, weighted.
    pub at: Wgs84,
    /// What it weighs, in the unit of the question.
    pub weight: u64,
    /// The places of the cells that touch it, ascending.
    pub beside: Vec<usize>,
    /// A and B who stay, as places among the managers.
    pub locked: Option<[usize; 2]>,
}

/// A manager who can be A or B.
#[derive(Clone, Debug, PartialEq)]
pub struct PairManager {
    /// Where he sets out from; without one he gets no cell that he has not got locked.
    pub base: Option<Wgs84>,
    /// In how many cells he may be A.
    pub most_as_a: u32,
    /// In how many cells he may be B.
    pub most_as_b: u32,
    /// The cells that are not for him, because he has not learned what they need.
    pub not_for: Vec<usize>,
}

/// A question.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// The cells.
    pub cells: Vec<PairCell>,
    /// The managers.
    pub managers: Vec<PairManager>,
    /// What an equal share too many costs, metres; see the module.
    pub even_m: f64,
}

/// An answer: A and B of each cell, as places among the managers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The A of each cell; none where nobody can.
    pub a: Vec<Option<usize>>,
    /// The B of each cell; none where nobody can.
    pub b: Vec<Option<usize>>,
}

/// Answers a question; see the module.
#[must_use]
pub fn propose(question: &Question) -> Answer {
    let costs = cost::Costs::of(question);
    let a = first::choose(question, &costs);
    let b = second::choose(question, &costs, &a);
    Answer { a, b }
}

#[cfg(test)]
mod tests;
