//! Who is there, and who stands in: absences, leave with its covers, duty tables, and the
//! cells that are left without a present A or B (DOMAIN 4.18, section 7 rows 10 and 29).
//!
//! The way through: a manager asks for [`leave`]; his station approves it, naming who covers
//! where A and B would both be away, or refuses it. What was approved is an [`absence`], so
//! that from its first moment on nobody is given an order who is away, whichever process
//! decides. [`table`] says who is on duty at night, at the weekend and on holidays, by the
//! [`calendar`]. [`presence`] puts terms, absences and covers together: where and when is a
//! cell without a present A or B? These are rules; [`stand_in`] reads what dispatch asks at
//! one moment, and [`routes`] is the edge. What becomes of the open orders when a leave begins
//! and ends is dispatch's ([`crate::dispatch::away`]).

pub mod absence;
pub mod calendar;
pub mod facts;
pub mod leave;
pub mod presence;
pub mod routes;
pub mod rows;
pub mod stand_in;
pub mod table;

#[cfg(test)]
mod cut_tests;
#[cfg(test)]
mod tests;
