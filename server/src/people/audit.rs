//! Who saw or did what: each access to personal data and each security event leaves a line
//! (RELIABILITY 3.5; PIPL art. 6). Lines are only ever added.
//!
//! Whatever changes something writes its line in the same transaction ([`record`]); what
//! only reads personal data writes it by itself ([`record_reading`]). A line never holds
//! what was typed by someone unknown: it might be a password.

use super::{
    Caller, reach,
    rows::{audit_log, person},
};
use crate::{app::App, edge::Problem};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrgId, PersonId},
};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait};
use std::fmt::Display;

/// Who did it, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// The person.
    pub person: Option<PersonId>,
    /// His station.
    pub station: Option<OrgId>,
}

impl Who {
    /// A person who is not calling, such as one who signs in.
    ///
    /// # Errors
    /// Problems of the database.
    pub async fn of<C: ConnectionTrait>(conn: &C, person: &person::Model) -> Result<Self, Problem> {
        let org = OrgId(person.org_id);
        Ok(Self {
            person: Some(PersonId(person.id)),
            station: reach::around(conn, org).await?.station_of(org),
        })
    }
}

impl From<&Caller> for Who {
    fn from(caller: &Caller) -> Self {
        Self {
            person: Some(caller.person),
            station: caller.station,
        }
    }
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was done.
    Done,
    /// It was refused with this code.
    Refused(Code),
}

impl Outcome {
    /// As it is stored: `done`, or the code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused(code) => code.as_str(),
        }
    }
}

/// Writes one line within a transaction. `action` names what was done, such as
/// `order.read`; `subject` to what or whom, as an id.
///
/// # Errors
/// Problems of the database.
pub async fn record<C: ConnectionTrait>(
    conn: &C,
    app: &App,
    who: Who,
    action: &'static str,
    subject: impl Display + Send,
    outcome: Outcome,
) -> Result<(), Problem> {
    let line = audit_log::ActiveModel {
        id: Set(app.new_id()),
        at: Set(app.now().0),
        person_id: Set(who.person.map(|person| person.0)),
        station_id: Set(who.station.map(|station| station.0)),
        action: Set(action.to_owned()),
        subject: Set(subject.to_string()),
        outcome: Set(outcome.as_str().to_owned()),
    };
    audit_log::Entity::insert(line)
        .exec_without_returning(conn)
        .await?;
    Ok(())
}

/// Writes that something was refused, in a transaction of its own: what was begun for it is
/// not committed.
///
/// # Errors
/// Problems of the database.
pub async fn record_refusal(
    app: &App,
    who: Who,
    action: &'static str,
    subject: impl Display,
    code: Code,
) -> Result<(), Problem> {
    let (this, subject) = (app.clone(), subject.to_string());
    let refused = Outcome::Refused(code);
    app.store
        .write(move |tx| {
            Box::pin(async move { record(tx, &this, who, action, subject, refused).await })
        })
        .await
}

/// Writes one line in a transaction of its own, for what only reads.
///
/// # Errors
/// Problems of the database: what cannot be recorded is not shown.
pub async fn record_reading(
    app: &App,
    caller: &Caller,
    action: &'static str,
    subject: impl Display,
) -> Result<(), Problem> {
    let (this, who, subject) = (app.clone(), Who::from(caller), subject.to_string());
    app.store
        .write(move |tx| {
            Box::pin(async move { record(tx, &this, who, action, subject, Outcome::Done).await })
        })
        .await
}
