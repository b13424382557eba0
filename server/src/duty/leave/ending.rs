//! Leave that ends sooner than planned, or before it begins: with it ends the absence, and who
//! covers is free again.

use super::{
    rule::LeaveState,
    store::{covers_of, decided, locked, state_of},
};
use crate::{
    app::App,
    duty::{
        absence::duty_off,
        rows::{leave, leave_cover},
    },
    edge::Problem,
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrgId, PersonId},
    time::UnixMillis,
};
use leave::Column;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QuerySelect,
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Takes a leave back that has not begun.
///
/// # Errors
/// `leave.decided` when it has begun, is over, or is none any more, or a problem of the
/// database.
pub async fn withdraw(
    tx: &DatabaseTransaction,
    app: &App,
    (station, id): (OrgId, Uuid),
) -> Result<leave::Model, Problem> {
    let row = locked(tx, station, id).await?;
    let now = app.now();
    match state_of(&row)? {
        LeaveState::Requested => {}
        LeaveState::Approved if row.from_at >= now.0 => {
            set_absence_end(tx, &row, UnixMillis(row.from_at)).await?;
            leave_cover::Entity::delete_many()
                .filter(leave_cover::Column::LeaveId.eq(id))
                .filter(leave_cover::Column::StationId.eq(station.0))
                .exec(tx)
                .await?;
        }
        LeaveState::Approved => return Err(decided("This leave has begun; end it instead.")),
        _ => return Err(decided("This leave was refused or withdrawn already.")),
    }
    let mut withdrawn = row.into_active_model();
    withdrawn.state = Set(LeaveState::Withdrawn.as_str().to_owned());
    withdrawn.next_change = Set(None);
    Ok(leave::Entity::update(withdrawn).exec(tx).await?)
}

/// Lets a granted leave end sooner than was planned: now, or at a later moment.
///
/// # Errors
/// `leave.decided` when it is not granted or over, `request.invalid` when the moment is past,
/// not before the present end, or not after the beginning, or a problem of the database.
pub async fn end(
    tx: &DatabaseTransaction,
    app: &App,
    (station, id): (OrgId, Uuid),
    until: Option<UnixMillis>,
) -> Result<leave::Model, Problem> {
    let row = locked(tx, station, id).await?;
    let now = app.now();
    let over = row.until_at.is_some_and(|until| until <= now.0);
    if state_of(&row)? != LeaveState::Approved || over {
        return Err(decided("This leave is not granted, or over already."));
    }
    let until = until.unwrap_or(now);
    let later = row.until_at.is_some_and(|before| before <= until.0);
    if until < now || later || until.0 <= row.from_at {
        let detail = "A leave ends after it began, not in the past, and sooner than it would; \
                      withdraw one that has not begun, and ask for another to stay away longer.";
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    set_absence_end(tx, &row, until).await?;
    clip_covers(tx, &row, until).await?;
    let begun = row.begun_at.is_some();
    let mut ended = row.into_active_model();
    ended.until_at = Set(Some(until.0));
    if begun {
        ended.next_change = Set(Some(until.0));
    }
    Ok(leave::Entity::update(ended).exec(tx).await?)
}

/// What a person has of granted leave that is not over.
fn granted(person: PersonId, now: UnixMillis) -> Condition {
    Condition::all()
        .add(Column::PersonId.eq(person.0))
        .add(Column::State.eq(LeaveState::Approved.as_str()))
        .add(
            Condition::any()
                .add(Column::UntilAt.is_null())
                .add(Column::UntilAt.gt(now.0)),
        )
}

/// The stations that his granted leaves are of: for a moment after a move that is still the
/// one before.
///
/// # Errors
/// A problem of the database.
pub async fn stations_of<C: ConnectionTrait>(
    db: &C,
    person: PersonId,
    now: UnixMillis,
) -> Result<BTreeSet<OrgId>, Problem> {
    let stations: Vec<Uuid> = leave::Entity::find()
        .select_only()
        .column(Column::StationId)
        .filter(granted(person, now))
        .into_tuple()
        .all(db)
        .await?;
    Ok(stations.into_iter().map(OrgId).collect())
}

/// Ends what a person has of granted leave, now: he is back. What has not begun is withdrawn.
/// Gives which leaves that were, as they are now.
///
/// # Errors
/// A problem of the database.
pub async fn end_all(
    tx: &DatabaseTransaction,
    app: &App,
    person: PersonId,
) -> Result<Vec<leave::Model>, Problem> {
    let now = app.now();
    let rows = leave::Entity::find()
        .filter(granted(person, now))
        .all(tx)
        .await?;
    let mut ended = Vec::with_capacity(rows.len());
    for row in rows {
        let place = (OrgId(row.station_id), row.id);
        if row.from_at < now.0 {
            ended.push(end(tx, app, place, None).await?);
        } else {
            ended.push(withdraw(tx, app, place).await?);
        }
    }
    Ok(ended)
}

/// Sets the end of the absence that is this leave.
async fn set_absence_end(
    tx: &DatabaseTransaction,
    row: &leave::Model,
    until: UnixMillis,
) -> Result<(), Problem> {
    let absence = duty_off::ActiveModel {
        person_id: Set(row.person_id),
        from_at: Set(row.from_at),
        until_at: Set(Some(until.0)),
        ..Default::default()
    };
    duty_off::Entity::update(absence).exec(tx).await?;
    Ok(())
}

async fn clip_covers(
    tx: &DatabaseTransaction,
    leave: &leave::Model,
    until: UnixMillis,
) -> Result<(), Problem> {
    for row in covers_of(tx, leave).await? {
        if row.until_at.is_none_or(|end| end > until.0) {
            let (id, from) = (row.id, row.from_at);
            let mut clipped = row.into_active_model();
            clipped.until_at = Set(Some(until.0));
            if from >= until.0 {
                leave_cover::Entity::delete_by_id(id).exec(tx).await?;
            } else {
                leave_cover::Entity::update(clipped).exec(tx).await?;
            }
        }
    }
    Ok(())
}
