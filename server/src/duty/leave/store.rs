//! Storing leave: each change of one under the station's lock, in the transaction of its
//! caller.

use super::{
    limits::LeaveLimits,
    rule::{Cover, LeaveKind, LeaveState, LeftAlone, check_cover, check_time, left_alone},
};
use crate::{
    app::App,
    duty::{
        absence::{self, Absence},
        calendar::Calendar,
        facts,
        presence::Span,
        rows::{leave, leave_cover},
    },
    edge::Problem,
    people::Caller,
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, OrgId, PersonId},
    time::UnixMillis,
};
use leave::Column;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait,
    DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder,
};
use uuid::Uuid;

/// What an absence that is a leave says; the person's own words stay with the leave.
const ABSENT: &str = "leave";

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Who is to be away.
    pub person: PersonId,
    /// Whether it was foreseen.
    pub kind: LeaveKind,
    /// From when; absent: from the moment at which it is written down.
    pub from: Option<UnixMillis>,
    /// Until when; open if absent.
    pub until: Option<UnixMillis>,
    /// Why.
    pub reason: String,
}

/// When a leave is.
#[must_use]
pub const fn time_of(row: &leave::Model) -> Span {
    Span {
        from: UnixMillis(row.from_at),
        until: match row.until_at {
            Some(until) => Some(UnixMillis(until)),
            None => None,
        },
    }
}

/// How a leave stands.
///
/// # Errors
/// `internal` when what is stored is no state.
pub fn state_of(row: &leave::Model) -> Result<LeaveState, Problem> {
    LeaveState::stored(&row.state)
        .ok_or_else(|| Problem::internal(format!("no state of a leave: {}", row.state)))
}

/// Whether it was foreseen.
///
/// # Errors
/// `internal` when what is stored is no kind.
pub fn kind_of(row: &leave::Model) -> Result<LeaveKind, Problem> {
    LeaveKind::stored(&row.kind)
        .ok_or_else(|| Problem::internal(format!("no kind of a leave: {}", row.kind)))
}

/// Writes a request down.
///
/// # Errors
/// `request.invalid` when it cannot be at that time, `conflict` when the person has asked for
/// or been granted leave at that time already, or a problem of the database.
pub async fn ask(
    tx: &DatabaseTransaction,
    app: &App,
    station: OrgId,
    wish: Wish,
    asked_by: PersonId,
) -> Result<leave::Model, Problem> {
    StationLock::take(tx, station).await?;
    let now = app.now();
    let time = Span {
        from: wish.from.unwrap_or(now),
        until: wish.until,
    };
    check_time(wish.kind, &time, now, LeaveLimits::in_force(now))
        .map_err(|error| Problem::new(Code::RequestInvalid, format!("{error}.")))?;
    let live = [LeaveState::Requested, LeaveState::Approved].map(LeaveState::as_str);
    let others = leave::Entity::find()
        .filter(Column::PersonId.eq(wish.person.0))
        .filter(Column::State.is_in(live))
        .filter(
            Condition::any()
                .add(Column::UntilAt.is_null())
                .add(Column::UntilAt.gt(time.from.0)),
        )
        .all(tx)
        .await?;
    if others
        .iter()
        .any(|other| time_of(other).common(&time).is_some())
    {
        let detail = "There is a leave at that time already; withdraw or end it first, or give \
                      another time.";
        return Err(Problem::new(Code::Conflict, detail));
    }
    let row = leave::Model {
        id: app.new_id(),
        station_id: station.0,
        person_id: wish.person.0,
        kind: wish.kind.as_str().to_owned(),
        from_at: time.from.0,
        until_at: time.until.map(|until| until.0),
        reason: wish.reason,
        state: LeaveState::Requested.as_str().to_owned(),
        asked_by: asked_by.0,
        asked_at: now.0,
        decided_by: None,
        decided_at: None,
        decision: None,
        statement_due: None,
        statement: None,
        statement_at: None,
        next_change: None,
        begun_at: None,
        ended_at: None,
    };
    leave::Entity::insert(row.clone().into_active_model().reset_all())
        .exec_without_returning(tx)
        .await?;
    Ok(row)
}

/// The leave, read anew under the station's lock.
pub(super) async fn locked(
    tx: &DatabaseTransaction,
    station: OrgId,
    id: Uuid,
) -> Result<leave::Model, Problem> {
    StationLock::take(tx, station).await?;
    leave::Entity::find_by_id(id)
        .filter(Column::StationId.eq(station.0))
        .one(tx)
        .await?
        .ok_or_else(Problem::not_found)
}

pub(super) fn decided(detail: &str) -> Problem {
    Problem::new(Code::LeaveDecided, detail)
}

/// A request that waits for a decision by somebody else than who is to be away.
async fn to_decide(
    tx: &DatabaseTransaction,
    station: OrgId,
    id: Uuid,
    caller: &Caller,
) -> Result<leave::Model, Problem> {
    let row = locked(tx, station, id).await?;
    not_his_own(PersonId(row.person_id), caller)?;
    match state_of(&row)? {
        LeaveState::Requested => Ok(row),
        _ => Err(decided("This leave was decided on or withdrawn already.")),
    }
}

/// Who would have to be covered for if the leave is granted as it stands.
///
/// # Errors
/// A problem of the database.
pub async fn would_leave_alone<C: ConnectionTrait>(
    db: &C,
    row: &leave::Model,
) -> Result<Vec<LeftAlone>, Problem> {
    let (station, time) = (OrgId(row.station_id), time_of(row));
    let cells = facts::cells(db, station, &time).await?;
    let away = facts::away(db, station, &time).await?;
    Ok(left_alone(&cells, &away, PersonId(row.person_id), &time))
}

/// Grants a leave: the absence and the covers are noted, and from its first moment on nobody
/// is given an order who is away.
///
/// # Errors
/// `leave.decided`, `leave.own`, `leave.bad_cover` naming why, `leave.uncovered` naming the
/// cells that would be left alone, `conflict` when an absence that begins at the same moment
/// is noted already, or a problem of the database.
pub async fn approve(
    tx: &DatabaseTransaction,
    app: &App,
    (station, id): (OrgId, Uuid),
    covers: Vec<Cover>,
    decision: Option<String>,
    caller: &Caller,
) -> Result<leave::Model, Problem> {
    let row = to_decide(tx, station, id, caller).await?;
    let (person, time) = (PersonId(row.person_id), time_of(&row));
    let mut cells = facts::cells(tx, station, &time).await?;
    let away = facts::away(tx, station, &time).await?;
    for cover in &covers {
        check_cover(&cells, &away, (person, &time), cover)
            .map_err(|error| Problem::new(Code::LeaveBadCover, format!("{error}.")))?;
    }
    for cover in &covers {
        for cell in cells.iter_mut().filter(|cell| cell.id == cover.cell) {
            cell.covers.push((cover.person, cover.time));
        }
    }
    let alone = left_alone(&cells, &away, person, &time);
    if !alone.is_empty() {
        return Err(uncovered(&alone));
    }
    for cover in covers {
        let row = leave_cover::ActiveModel {
            id: Set(app.new_id()),
            leave_id: Set(id),
            station_id: Set(station.0),
            cell_id: Set(cover.cell.0),
            person_id: Set(cover.person.0),
            from_at: Set(cover.time.from.0),
            until_at: Set(cover.time.until.map(|until| until.0)),
        };
        leave_cover::Entity::insert(row)
            .exec_without_returning(tx)
            .await?;
    }
    grant(tx, app, row, decision, caller).await
}

/// Writes down, as the staff of his station, that somebody is absent who did not ask: a sudden
/// leave that is granted at once. One that is a fact already is not refused, whatever it
/// leaves alone; one to come is, as any leave.
///
/// # Errors
/// `leave.own` for oneself, `leave.uncovered` naming the cells that would be left alone, and
/// as [`ask`].
pub async fn record(
    tx: &DatabaseTransaction,
    app: &App,
    station: OrgId,
    wish: Wish,
    caller: &Caller,
) -> Result<leave::Model, Problem> {
    not_his_own(wish.person, caller)?;
    let row = ask(tx, app, station, wish, caller.person).await?;
    if row.from_at > app.now().0 {
        let alone = would_leave_alone(tx, &row).await?;
        if !alone.is_empty() {
            return Err(uncovered(&alone));
        }
    }
    grant(tx, app, row, None, caller).await
}

/// Notes the absence, from whose first moment on nobody gives him an order, and when somebody
/// must act.
async fn grant(
    tx: &DatabaseTransaction,
    app: &App,
    row: leave::Model,
    decision: Option<String>,
    caller: &Caller,
) -> Result<leave::Model, Problem> {
    let time = time_of(&row);
    let absence = Absence {
        from: time.from,
        until: time.until,
        reason: ABSENT.to_owned(),
    };
    absence::note(tx, caller, PersonId(row.person_id), absence).await?;
    let mut granted = row.into_active_model();
    granted.state = Set(LeaveState::Approved.as_str().to_owned());
    granted.next_change = Set(Some(time.from.0));
    write_decision(tx, app, granted, decision, caller).await
}

/// Nobody decides on his own absence.
///
/// # Errors
/// `leave.own`.
pub fn not_his_own(person: PersonId, caller: &Caller) -> Result<(), Problem> {
    if person == caller.person {
        let detail = "Nobody decides on his own leave.";
        return Err(Problem::new(Code::LeaveOwn, detail));
    }
    Ok(())
}

/// The problem of cells that would be left alone; the first ten by name.
fn uncovered(alone: &[LeftAlone]) -> Problem {
    const NAMED: usize = 10;
    let named = alone.iter().take(NAMED).map(|one| {
        let until = one
            .until_at
            .map_or_else(|| "open".to_owned(), |until| until.0.to_string());
        format!("{} ({} to {until})", one.code, one.from_at.0)
    });
    let named: Vec<String> = named.collect();
    let more = match alone.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let detail = format!(
        "A and B would both be away in {}{more}; name a third who covers.",
        named.join(", ")
    );
    Problem::new(Code::LeaveUncovered, detail)
}

/// Does not grant a leave.
///
/// # Errors
/// `leave.decided`, `leave.own`, or a problem of the database.
pub async fn refuse(
    tx: &DatabaseTransaction,
    app: &App,
    (station, id): (OrgId, Uuid),
    decision: String,
    caller: &Caller,
) -> Result<leave::Model, Problem> {
    let row = to_decide(tx, station, id, caller).await?;
    let mut refused = row.into_active_model();
    refused.state = Set(LeaveState::Refused.as_str().to_owned());
    write_decision(tx, app, refused, Some(decision), caller).await
}

async fn write_decision(
    tx: &DatabaseTransaction,
    app: &App,
    mut row: leave::ActiveModel,
    decision: Option<String>,
    caller: &Caller,
) -> Result<leave::Model, Problem> {
    row.decided_by = Set(Some(caller.person.0));
    row.decided_at = Set(Some(app.now().0));
    row.decision = Set(decision);
    Ok(leave::Entity::update(row).exec(tx).await?)
}

/// The covers of a leave in its station. Those that were named in a station that its person
/// left are not its any more: it neither shows nor ends them.
///
/// # Errors
/// A problem of the database.
pub async fn covers_of<C: ConnectionTrait>(
    db: &C,
    row: &leave::Model,
) -> Result<Vec<leave_cover::Model>, Problem> {
    Ok(leave_cover::Entity::find()
        .filter(leave_cover::Column::LeaveId.eq(row.id))
        .filter(leave_cover::Column::StationId.eq(row.station_id))
        .order_by_asc(leave_cover::Column::Id)
        .all(db)
        .await?)
}

/// A cover as the rules know it.
#[must_use]
pub const fn cover_of(row: &leave_cover::Model) -> Cover {
    Cover {
        cell: CellId(row.cell_id),
        person: PersonId(row.person_id),
        time: Span {
            from: UnixMillis(row.from_at),
            until: match row.until_at {
                Some(until) => Some(UnixMillis(until)),
                None => None,
            },
        },
    }
}

/// Keeps the written statement of a sudden absence.
///
/// # Errors
/// `leave.decided` when the leave is not granted or was planned, `conflict` when there is one,
/// or a problem of the database.
pub async fn state(
    tx: &DatabaseTransaction,
    app: &App,
    (station, id): (OrgId, Uuid),
    statement: String,
) -> Result<leave::Model, Problem> {
    let row = locked(tx, station, id).await?;
    if state_of(&row)? != LeaveState::Approved || kind_of(&row)? != LeaveKind::Sudden {
        return Err(decided(
            "A statement is written of a sudden absence that was granted.",
        ));
    }
    if row.statement.is_some() {
        return Err(Problem::new(
            Code::Conflict,
            "There is a statement already; it stays.",
        ));
    }
    let mut stated = row.into_active_model();
    stated.statement = Set(Some(statement));
    stated.statement_at = Set(Some(app.now().0));
    Ok(leave::Entity::update(stated).exec(tx).await?)
}

/// Until when the statement of a leave that ends then is due; none of a planned one.
///
/// # Errors
/// `internal` when what is stored is no kind.
pub(super) fn statement_due(row: &leave::Model, end: UnixMillis) -> Result<Option<i64>, Problem> {
    if kind_of(row)? == LeaveKind::Planned {
        return Ok(None);
    }
    let days = LeaveLimits::in_force(end).statement_working_days;
    Ok(Some(Calendar::shipped().end_of_working_day(end, days).0.0))
}
