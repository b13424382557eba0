//! Who is off duty: absences with a beginning and, if it is known, an end. Nobody is given
//! an order while he is absent; orders that he has stay his until he lets go of them.

use crate::{app::App, edge::Problem, people::Caller, trace::rows::rows};
use duty_off::Column;
use gridcrew_sync_protocol::{code::Code, ids::PersonId, time::UnixMillis};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, SqlErr,
};
use std::collections::BTreeSet;
use uuid::Uuid;

rows! {
    /// Absences.
    duty_off, "duty_off", {
        /// Who is absent.
        #[sea_orm(primary_key, auto_increment = false)]
        person_id: Uuid,
        /// From when, milliseconds, included.
        #[sea_orm(primary_key, auto_increment = false)]
        from_at: i64,
        /// Until when, milliseconds, excluded; open if absent.
        until_at: Option<i64>,
        /// Why.
        reason: String,
        /// Who said so.
        author: Uuid,
    }
}

/// Most characters of the reason of an absence.
const MAX_REASON: usize = 200;

/// An absence to be noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    /// From when.
    pub from: UnixMillis,
    /// Until when; open if absent.
    pub until: Option<UnixMillis>,
    /// Why.
    pub reason: String,
}

/// Notes an absence. One that was to begin at the same moment and was taken back gives way.
///
/// # Errors
/// `request.invalid` when it ends before it begins or the reason is too long, `conflict`
/// when one that begins at the same moment is noted already.
pub async fn note(
    tx: &DatabaseTransaction,
    caller: &Caller,
    person: PersonId,
    absence: Absence,
) -> Result<(), Problem> {
    let reason = absence.reason.trim();
    let invalid = |detail: &str| Err(Problem::new(Code::RequestInvalid, detail));
    if absence.until.is_some_and(|until| until <= absence.from) {
        return invalid("The absence ends when or before it begins; give a later until_at.");
    }
    if reason.chars().count() > MAX_REASON || reason.chars().any(char::is_control) {
        return invalid("The reason must have at most 200 characters and none for control.");
    }
    duty_off::Entity::delete_many()
        .filter(Column::PersonId.eq(person.0))
        .filter(Column::FromAt.eq(absence.from.0))
        .filter(Column::UntilAt.lte(absence.from.0))
        .exec(tx)
        .await?;
    let row = duty_off::ActiveModel {
        person_id: Set(person.0),
        from_at: Set(absence.from.0),
        until_at: Set(absence.until.map(|until| until.0)),
        reason: Set(reason.to_owned()),
        author: Set(caller.person.0),
    };
    duty_off::Entity::insert(row)
        .exec_without_returning(tx)
        .await
        .map_err(|error| match error.sql_err() {
            Some(SqlErr::UniqueConstraintViolation(_)) => Problem::new(
                Code::Conflict,
                "An absence that begins at this moment is noted already.",
            ),
            _ => error.into(),
        })?;
    Ok(())
}

/// Ends a person's absences: one that lasts ends now, one to come is taken back.
///
/// # Errors
/// A problem of the database.
pub async fn end(tx: &DatabaseTransaction, app: &App, person: PersonId) -> Result<(), Problem> {
    let now = app.now();
    for row in open(tx, person, now).await? {
        let until = row.from_at.max(now.0);
        let mut ended = row.into_active_model();
        ended.until_at = Set(Some(until));
        duty_off::Entity::update(ended).exec(tx).await?;
    }
    Ok(())
}

/// The absences of a person that last or are to come, the earliest first.
///
/// # Errors
/// A problem of the database.
pub async fn open<C: ConnectionTrait>(
    db: &C,
    person: PersonId,
    now: UnixMillis,
) -> Result<Vec<duty_off::Model>, Problem> {
    let rows = duty_off::Entity::find()
        .filter(Column::PersonId.eq(person.0))
        .filter(not_over(now))
        .order_by_asc(Column::FromAt)
        .all(db)
        .await?;
    // What was taken back before it began ends when it begins.
    Ok(rows
        .into_iter()
        .filter(|row| row.until_at.is_none_or(|until| until > row.from_at))
        .collect())
}

/// Who of these people is off duty now.
///
/// # Errors
/// A problem of the database.
pub async fn off_now<C: ConnectionTrait>(
    db: &C,
    people: impl IntoIterator<Item = Uuid>,
    now: UnixMillis,
) -> Result<BTreeSet<Uuid>, Problem> {
    let absent: Vec<Uuid> = duty_off::Entity::find()
        .select_only()
        .column(Column::PersonId)
        .filter(Column::PersonId.is_in(people))
        .filter(Column::FromAt.lte(now.0))
        .filter(not_over(now))
        .into_tuple()
        .all(db)
        .await?;
    Ok(absent.into_iter().collect())
}

fn not_over(now: UnixMillis) -> Condition {
    Condition::any()
        .add(Column::UntilAt.is_null())
        .add(Column::UntilAt.gt(now.0))
}
