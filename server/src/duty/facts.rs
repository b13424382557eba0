//! What the rules of duty rest on, read from the store: the cells of a station with terms and
//! covers, and who is away when.

use super::{
    absence::duty_off,
    presence::{Away, CellDuty, Span},
    rows::leave_cover,
};
use crate::{
    edge::Problem,
    people::{reach, rows::person, workplace::WORKERS},
    territory::{
        assign::StoredTerm,
        roles::RoleTerm,
        rows::{cell, cell_role},
        store,
    },
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use uuid::Uuid;

/// The present cells of a station, in the order of their codes, with the terms and covers
/// that have not ended when the window begins.
///
/// # Errors
/// A problem of the database.
pub async fn cells<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    window: &Span,
) -> Result<Vec<CellDuty>, Problem> {
    let rows: Vec<(Uuid, String, String)> = cell::Entity::find()
        .select_only()
        .columns([cell::Column::Id, cell::Column::Code, cell::Column::Name])
        .filter(cell::Column::StationId.eq(station.0))
        .filter(cell::Column::UntilVersion.is_null())
        .order_by_asc(cell::Column::Code)
        .order_by_asc(cell::Column::Id)
        .into_tuple()
        .all(db)
        .await?;
    let mut terms = terms(db, station, window).await?;
    let mut covers = covers(db, station, window).await?;
    Ok(rows
        .into_iter()
        .map(|(id, code, name)| CellDuty {
            id: CellId(id),
            code,
            name,
            terms: terms.remove(&id).unwrap_or_default(),
            covers: covers.remove(&id).unwrap_or_default(),
        })
        .collect())
}

async fn terms<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    window: &Span,
) -> Result<BTreeMap<Uuid, Vec<RoleTerm>>, Problem> {
    use cell_role::Column;
    let rows = cell_role::Entity::find()
        .filter(Column::StationId.eq(station.0))
        .filter(not_over(Column::ValidUntil, window.from))
        .all(db)
        .await?;
    let mut terms: BTreeMap<Uuid, Vec<RoleTerm>> = BTreeMap::new();
    for row in rows {
        let stored: StoredTerm = store::term(&row)?;
        if !stored.is_void() {
            terms.entry(row.cell_id).or_default().push(RoleTerm {
                person: stored.person,
                role: stored.role,
                from: stored.from,
                until: stored.until,
            });
        }
    }
    Ok(terms)
}

async fn covers<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    window: &Span,
) -> Result<BTreeMap<Uuid, Vec<(PersonId, Span)>>, Problem> {
    use leave_cover::Column;
    let rows = leave_cover::Entity::find()
        .filter(Column::StationId.eq(station.0))
        .filter(not_over(Column::UntilAt, window.from))
        .order_by_asc(Column::Id)
        .all(db)
        .await?;
    let mut covers: BTreeMap<Uuid, Vec<(PersonId, Span)>> = BTreeMap::new();
    for row in rows {
        let time = Span {
            from: UnixMillis(row.from_at),
            until: row.until_at.map(UnixMillis),
        };
        covers
            .entry(row.cell_id)
            .or_default()
            .push((PersonId(row.person_id), time));
    }
    Ok(covers)
}

fn not_over<C: ColumnTrait>(until: C, from: UnixMillis) -> Condition {
    Condition::any().add(until.is_null()).add(until.gt(from.0))
}

/// Who of a station is away when, and who can be A or B at all.
///
/// # Errors
/// A problem of the database.
pub async fn away<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    window: &Span,
) -> Result<Away, Problem> {
    let managers = store::station_managers(db, station).await?;
    let able: BTreeSet<PersonId> = managers.iter().map(|row| PersonId(row.id)).collect();
    let spans = absences(db, &able, window.from).await?;
    Ok(Away { spans, able })
}

/// When these people are absent, as far as that is not over at a moment.
async fn absences<C: ConnectionTrait>(
    db: &C,
    people: &BTreeSet<PersonId>,
    from: UnixMillis,
) -> Result<HashMap<PersonId, Vec<Span>>, Problem> {
    use duty_off::Column;
    let rows = duty_off::Entity::find()
        .filter(Column::PersonId.is_in(people.iter().map(|person| person.0)))
        .filter(not_over(Column::UntilAt, from))
        .order_by_asc(Column::FromAt)
        .all(db)
        .await?;
    let mut spans: HashMap<PersonId, Vec<Span>> = HashMap::new();
    for row in rows {
        let time = Span {
            from: UnixMillis(row.from_at),
            until: row.until_at.map(UnixMillis),
        };
        // What was taken back before it began ends when it begins.
        if time.until.is_none_or(|until| until > time.from) {
            spans.entry(PersonId(row.person_id)).or_default().push(time);
        }
    }
    Ok(spans)
}

/// When people on a duty table are not there: absent, from a moment on, and from now on
/// whoever does not work at the station any more.
///
/// # Errors
/// A problem of the database.
pub async fn away_from_duty<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    people: &BTreeSet<PersonId>,
    (from, now): (UnixMillis, UnixMillis),
) -> Result<HashMap<PersonId, Vec<Span>>, Problem> {
    let mut spans = absences(db, people, from).await?;
    let workers = workers(db, station, people).await?;
    for person in people.difference(&workers) {
        let gone = Span {
            from: now,
            until: None,
        };
        spans.entry(*person).or_default().push(gone);
    }
    Ok(spans)
}

/// Refuses people who are neither managers nor staff of the station, or may not sign in.
///
/// # Errors
/// `request.invalid` naming the first, or a problem of the database.
pub async fn expect_workers<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    people: &BTreeSet<PersonId>,
) -> Result<(), Problem> {
    match people
        .difference(&workers(db, station, people).await?)
        .next()
    {
        None => Ok(()),
        Some(person) => {
            let detail = format!("{person} is no active manager or staff of this station.");
            Err(Problem::new(Code::RequestInvalid, detail))
        }
    }
}

/// Those of these people who are active managers or staff of a station.
async fn workers<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    people: &BTreeSet<PersonId>,
) -> Result<BTreeSet<PersonId>, Problem> {
    let tree = reach::around(db, station).await?;
    let units = tree.subtree(station).into_iter().map(|unit| unit.id.0);
    let found: Vec<Uuid> = person::Entity::find()
        .select_only()
        .column(person::Column::Id)
        .filter(person::Column::Id.is_in(people.iter().map(|person| person.0)))
        .filter(person::Column::OrgId.is_in(units))
        .filter(person::Column::Role.is_in(WORKERS))
        .filter(person::Column::DisabledAt.is_null())
        .into_tuple()
        .all(db)
        .await?;
    Ok(found.into_iter().map(PersonId).collect())
}
