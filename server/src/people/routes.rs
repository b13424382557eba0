//! The routes of people.
//!
//! A handler asks the caller's permission, takes its rows from his scope, and writes what
//! it changed into the audit log in the same transaction. Ids come from the path, never
//! from tokens or bodies, and one that is not in scope is as if it did not exist.

mod auth;
mod base;
mod handhelds;
mod log;
mod me;
mod people;
mod units;
mod wipes;

pub use base::BaseWish;
pub use handhelds::{EnrolmentCode, HandheldView};
pub use log::LogLine;
pub use me::{Me, PasswordChange, SessionView};
pub use people::{NewPassword, PersonChange, PersonInput, PersonView};
pub use units::{UnitInput, UnitView};
pub use wipes::{WipeView, WipeWish};

use crate::edge::Json;
use utoipa_actix_web::service_config::ServiceConfig;

/// No body here is longer.
type Short<T> = Json<T, 8192>;

/// Adds the operations of people.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(auth::login)
        .service(auth::refresh)
        .service(auth::logout)
        .service(me::read_me)
        .service(me::list_sessions)
        .service(me::end_session)
        .service(me::change_password)
        .service(units::list_units)
        .service(units::add_unit)
        .service(people::list_people)
        .service(people::add_person)
        .service(people::read_person)
        .service(people::change)
        .service(base::set_base)
        .service(people::reset_password)
        .service(handhelds::issue_code)
        .service(handhelds::enrol_handheld)
        .service(handhelds::list_handhelds)
        .service(handhelds::revoke_handheld)
        .service(wipes::wipe_handheld)
        .service(wipes::take_wipe_back)
        .service(wipes::ask_wipe_order)
        .service(log::read_audit);
}

#[cfg(test)]
mod tests;
