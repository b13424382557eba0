//! Storing duty tables: one for a unit, replaced as a whole by who has seen the last one.

use super::{DutyKind, DutyTable, Facts, Review, Shift, expand, review, unconfirmed_from, wanted};
use crate::{
    app::App,
    duty::{
        calendar::Calendar,
        facts,
        presence::Span,
        rows::{duty_shift, duty_table},
    },
    edge::Problem,
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder,
};
use std::collections::{BTreeSet, HashMap};

/// Rows in one statement.
const CHUNK: usize = 500;

/// A table as it is kept.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The version, from 1.
    pub version: i64,
    /// What was written down.
    pub table: DutyTable,
    /// The shifts that came of it.
    pub shifts: Vec<Shift>,
    /// What is to be said of it.
    pub review: Review,
}

/// Reads the table of a unit, and looks it over by what is known of leave now.
///
/// # Errors
/// `internal` when what is stored makes no sense, or a problem of the database.
pub async fn read<C: ConnectionTrait>(
    db: &C,
    unit: OrgId,
    now: UnixMillis,
) -> Result<Option<Kept>, Problem> {
    read_by(db, unit, (Calendar::shipped(), now)).await
}

/// As [`read`], by another calendar than the one that ships.
pub(in crate::duty) async fn read_by<C: ConnectionTrait>(
    db: &C,
    unit: OrgId,
    (calendar, now): (&Calendar, UnixMillis),
) -> Result<Option<Kept>, Problem> {
    let Some(row) = duty_table::Entity::find_by_id(unit.0).one(db).await? else {
        return Ok(None);
    };
    let table: DutyTable = serde_json::from_str(&row.content).map_err(Problem::internal)?;
    let rows = duty_shift::Entity::find()
        .filter(duty_shift::Column::UnitId.eq(unit.0))
        .order_by_asc(duty_shift::Column::FromAt)
        .order_by_asc(duty_shift::Column::Id)
        .all(db)
        .await?;
    let shifts = rows.iter().map(shift_of).collect::<Result<Vec<_>, _>>()?;
    let wanted = wanted(&table, calendar).map_err(Problem::internal)?;
    let away = away(db, &row, &shifts, now).await?;
    let facts = Facts {
        away: &away,
        unconfirmed_from: unconfirmed_from(&table, calendar, row.calendar_to),
    };
    Ok(Some(Kept {
        version: row.version,
        review: review(&wanted, &shifts, facts),
        table,
        shifts,
    }))
}

/// When the people of a table are not there.
async fn away<C: ConnectionTrait>(
    db: &C,
    row: &duty_table::Model,
    shifts: &[Shift],
    now: UnixMillis,
) -> Result<HashMap<PersonId, Vec<Span>>, Problem> {
    let people: BTreeSet<PersonId> = shifts.iter().map(|shift| shift.person).collect();
    let from = shifts.iter().map(|shift| shift.from_at).min();
    match from {
        Some(from) => facts::away_from_duty(db, OrgId(row.station_id), &people, (from, now)).await,
        None => Ok(HashMap::new()),
    }
}

/// A row as a shift.
pub(in crate::duty) fn shift_of(row: &duty_shift::Model) -> Result<Shift, Problem> {
    let kind = DutyKind::stored(&row.kind);
    Ok(Shift {
        person: PersonId(row.person_id),
        kind: kind.ok_or_else(|| Problem::internal(format!("no kind of duty: {}", row.kind)))?,
        from_at: UnixMillis(row.from_at),
        until_at: UnixMillis(row.until_at),
    })
}

/// Puts a table in the place of the one of that version, 0 when there is none.
///
/// # Errors
/// `conflict` when there is another version, `request.invalid` when the table cannot be or
/// names somebody who is no manager or staff of the station, or a problem of the database.
pub async fn replace(
    tx: &DatabaseTransaction,
    app: &App,
    (station, unit): (OrgId, OrgId),
    of_version: i64,
    table: DutyTable,
    author: PersonId,
) -> Result<(), Problem> {
    StationLock::take(tx, station).await?;
    let version = expect_version(tx, unit, of_version).await?;
    let wanted = wanted(&table, Calendar::shipped())
        .map_err(|error| Problem::new(Code::RequestInvalid, format!("{error}.")))?;
    let shifts = expand(&table, &wanted);
    let people: BTreeSet<PersonId> = table.turns.iter().copied().collect();
    let people = people
        .into_iter()
        .chain(shifts.iter().map(|shift| shift.person))
        .collect();
    facts::expect_workers(tx, station, &people).await?;
    remove_rows(tx, unit).await?;
    let row = duty_table::ActiveModel {
        unit_id: Set(unit.0),
        station_id: Set(station.0),
        name: Set(table.name.clone()),
        version: Set(version + 1),
        content: Set(serde_json::to_string(&table).map_err(Problem::internal)?),
        calendar_to: Set(Calendar::shipped().last_year().unwrap_or(0)),
        author: Set(author.0),
        changed_at: Set(app.now().0),
    };
    duty_table::Entity::insert(row)
        .exec_without_returning(tx)
        .await?;
    let rows = shifts.iter().map(|shift| duty_shift::ActiveModel {
        id: Set(app.new_id()),
        unit_id: Set(unit.0),
        station_id: Set(station.0),
        person_id: Set(shift.person.0),
        kind: Set(shift.kind.as_str().to_owned()),
        from_at: Set(shift.from_at.0),
        until_at: Set(shift.until_at.0),
    });
    let rows: Vec<duty_shift::ActiveModel> = rows.collect();
    for chunk in rows.chunks(CHUNK) {
        duty_shift::Entity::insert_many(chunk.to_vec())
            .exec_without_returning(tx)
            .await?;
    }
    Ok(())
}

/// Takes the table of a unit away.
///
/// # Errors
/// `not_found` when there is none, or a problem of the database.
pub async fn remove(
    tx: &DatabaseTransaction,
    (station, unit): (OrgId, OrgId),
) -> Result<(), Problem> {
    StationLock::take(tx, station).await?;
    if remove_rows(tx, unit).await? {
        Ok(())
    } else {
        Err(Problem::not_found())
    }
}

async fn expect_version(
    tx: &DatabaseTransaction,
    unit: OrgId,
    of_version: i64,
) -> Result<i64, Problem> {
    let row = duty_table::Entity::find_by_id(unit.0).one(tx).await?;
    let version = row.map_or(0, |row| row.version);
    if version == of_version {
        Ok(version)
    } else {
        let detail = format!("The table is at version {version} now. Look again.");
        Err(Problem::new(Code::Conflict, detail))
    }
}

async fn remove_rows(tx: &DatabaseTransaction, unit: OrgId) -> Result<bool, Problem> {
    duty_shift::Entity::delete_many()
        .filter(duty_shift::Column::UnitId.eq(unit.0))
        .exec(tx)
        .await?;
    let gone = duty_table::Entity::delete_by_id(unit.0).exec(tx).await?;
    Ok(gone.rows_affected > 0)
}
