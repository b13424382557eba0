//! The routes of duty: leave, duty tables, and the cells without a present A or B.
//!
//! A manager asks for leave and sees his own; the staff of his station decides on it, and sees
//! why. Nobody else does. Duty tables and gaps name people and times, not reasons.

mod gaps;
mod leaves;
mod tables;

pub use gaps::{DayGaps, DutyGaps, ThinCell};
pub use leaves::{
    Approval, CoverView, CoverWish, EndWish, LeaveList, LeaveView, LeaveWish, Refusal, Statement,
};
pub use tables::{DutyTableView, DutyTableWish};

use crate::edge::Problem;
use gridcrew_sync_protocol::code::Code;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the operations.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(leaves::asking::ask_leave)
        .service(leaves::asking::list_leaves)
        .service(leaves::asking::read_leave)
        .service(leaves::deciding::approve_leave)
        .service(leaves::deciding::refuse_leave)
        .service(leaves::ending::withdraw_leave)
        .service(leaves::ending::end_leave)
        .service(leaves::ending::state_leave)
        .service(tables::read_duty_table)
        .service(tables::replace_duty_table)
        .service(tables::remove_duty_table)
        .service(gaps::read_duty_gaps);
}

/// A text of so many characters without the space around it; lines are allowed.
pub(crate) fn words(what: &str, given: &str, most: usize) -> Result<String, Problem> {
    let given = given.trim();
    let length = given.chars().count();
    let clean = !given.chars().any(|c| c.is_control() && c != '\n');
    if (1..=most).contains(&length) && clean {
        return Ok(given.to_owned());
    }
    let detail = format!("{what} has 1 to {most} characters and none for control.");
    Err(Problem::new(Code::RequestInvalid, detail))
}
