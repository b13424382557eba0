//! Dispatch: whose order is it, why, and what if nobody takes it (I11).
//!
//! The way of an order through this folder: [`place`] finds its cell from the account or the
//! point, [`ladder`] goes from A to B to the team to the crew to the station's desk and
//! notes everyone who was passed over, [`explain`] says it in a sentence. These are pure
//! rules. [`facts`] reads what they need, [`route`] writes the decision into the trace and
//! keeps the explanation. When an owner declines or hands over, [`react()`] finds the next;
//! when he does not answer, [`escalate`](escalate()) does. [`crate::duty`] knows who is off duty
//! and who stands in; [`hand_over`] offers open orders to another when the ground changes hands
//! or someone leaves, and [`away`] does so when a leave begins, and back when it is over.

pub mod away;
pub mod escalate;
pub mod explain;
pub mod facts;
pub mod hand_over;
pub mod ladder;
mod left_behind;
pub mod limits;
pub mod place;
mod react;
pub mod route;
pub mod routes;
pub mod waiting;

pub use escalate::{LOOK_EVERY, escalate};
pub use react::react;

#[cfg(test)]
pub(crate) mod away_tests;
#[cfg(test)]
mod tests;
