//! Reading the versions of a territory.

use super::{CHUNK, NamedManager, read::managers};
use crate::{
    edge::Problem,
    people::rows::person,
    territory::{
        changes::Changes,
        content::{AreaContent, CellContent, Content},
        rows::{account_area_link, customer, station_area, territory},
        shape::Shape,
        undo::Version,
    },
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect,
};
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use uuid::Uuid;

/// Most versions that a problem tells of.
const TOLD: usize = 5;

/// A version without what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct VersionHead {
    /// The version.
    pub version: i64,
    /// From when it counts.
    pub effective_from: UnixMillis,
    /// When it came into force; none when that was not noted yet.
    pub came_at: Option<UnixMillis>,
    /// Who accepted it.
    pub author: PersonId,
    /// His name.
    pub author_name: String,
    /// Why.
    pub reason: String,
    /// What it changed.
    pub changes: Changes,
    /// The version that it undid.
    pub undoes: Option<i64>,
}

#[derive(FromQueryResult)]
struct Row {
    version: i64,
    effective_from: i64,
    came_at: i64,
    author: Uuid,
    reason: String,
    changes: String,
    undoes: Option<i64>,
}

/// The versions of a station's territory, the newest first, at most `limit`, only those
/// before and after the ones given.
///
/// # Errors
/// A problem of the database, or `internal` when what is stored cannot be read.
pub async fn versions<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    (after, before): (i64, Option<i64>),
    limit: u64,
) -> Result<Vec<VersionHead>, Problem> {
    use territory::Column;
    let mut query = territory::Entity::find()
        .select_only()
        .columns([
            Column::Version,
            Column::EffectiveFrom,
            Column::CameAt,
            Column::Author,
            Column::Reason,
            Column::Changes,
            Column::Undoes,
        ])
        .filter(Column::StationId.eq(station.0))
        .filter(Column::Version.gt(after));
    if let Some(before) = before {
        query = query.filter(Column::Version.lt(before));
    }
    let rows: Vec<Row> = query
        .order_by_desc(Column::Version)
        .limit(limit)
        .into_model()
        .all(db)
        .await?;
    let names = names(db, rows.iter().map(|row| row.author)).await?;
    rows.into_iter()
        .map(|row| {
            Ok(VersionHead {
                version: row.version,
                effective_from: UnixMillis(row.effective_from),
                came_at: (row.came_at != 0).then_some(UnixMillis(row.came_at)),
                author: PersonId(row.author),
                author_name: names.get(&row.author).cloned().unwrap_or_default(),
                changes: Changes::stored(&row.changes)?,
                reason: row.reason,
                undoes: row.undoes,
            })
        })
        .collect()
}

/// Names of people.
pub(super) async fn names<C: ConnectionTrait>(
    db: &C,
    people: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, String>, Problem> {
    let people: BTreeSet<Uuid> = people.collect();
    let rows: Vec<(Uuid, String)> = person::Entity::find()
        .select_only()
        .column(person::Column::Id)
        .column(person::Column::Name)
        .filter(person::Column::Id.is_in(people))
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows.into_iter().collect())
}

/// The problem of who worked from a version that is not the present one: which came since, by
/// whom, when, why, and which cells they changed.
///
/// # Errors
/// A problem of the database.
pub async fn what_came<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    base: i64,
    held: i64,
) -> Result<Problem, Problem> {
    let came = versions(db, station, (base, None), TOLD as u64).await?;
    let told: Vec<String> = came.iter().rev().map(told).collect();
    let detail = format!(
        "The territory is at version {held} now, this was worked out from {base}. {}Nothing was \
         overwritten; look again from version {held}.",
        told.concat()
    );
    Ok(Problem::new(Code::TerritoryChanged, detail))
}

/// One version in a sentence.
pub(super) fn told(head: &VersionHead) -> String {
    let at = head.came_at.unwrap_or(head.effective_from);
    let codes: Vec<&str> = head.changes.codes().collect();
    let cells = match codes.as_slice() {
        [] => "no cell".to_owned(),
        few if few.len() <= 12 => few.join(", "),
        many => format!("{} and {} more", many[..12].join(", "), many.len() - 12),
    };
    format!(
        "Version {} by {} at {} changed {cells} (\u{201c}{}\u{201d}). ",
        head.version,
        head.author_name,
        written(at),
        head.reason
    )
}

/// A moment as text, UTC.
fn written(at: UnixMillis) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0).saturating_mul(1_000_000))
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| at.0.to_string())
}

/// A stored version as a whole.
#[derive(Deserialize)]
struct Document {
    boundary: Shape,
    cells: Vec<PlacedCell>,
    station_areas: Vec<AreaContent>,
}

#[derive(Deserialize)]
struct PlacedCell {
    id: CellId,
    #[serde(flatten)]
    content: CellContent,
}

/// One version of a station's territory with all that it says; `None` when there is none.
///
/// # Errors
/// A problem of the database, or `internal` when what is stored cannot be read.
pub async fn version_of<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    version: i64,
) -> Result<Option<Version>, Problem> {
    let content: Option<String> = territory::Entity::find_by_id((station.0, version))
        .select_only()
        .column(territory::Column::Content)
        .into_tuple()
        .one(db)
        .await?;
    content.map(|content| read(version, &content)).transpose()
}

/// The version that counted at a moment: of all that count from then or earlier the newest.
///
/// # Errors
/// A problem of the database.
pub async fn version_at<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    at: UnixMillis,
) -> Result<Option<i64>, Problem> {
    use territory::Column;
    Ok(territory::Entity::find()
        .select_only()
        .column(Column::Version)
        .filter(Column::StationId.eq(station.0))
        .filter(Column::EffectiveFrom.lte(at.0))
        .order_by_desc(Column::Version)
        .into_tuple()
        .one(db)
        .await?)
}

fn read(version: i64, content: &str) -> Result<Version, Problem> {
    let document: Document = serde_json::from_str(content).map_err(Problem::internal)?;
    let ids = document
        .cells
        .iter()
        .map(|cell| (cell.content.code.clone(), cell.id));
    Ok(Version {
        version,
        ids: ids.collect(),
        content: Content {
            boundary: document.boundary,
            station_areas: document.station_areas,
            cells: document
                .cells
                .into_iter()
                .map(|cell| cell.content)
                .collect(),
        },
    })
}

/// Who was A and B of cells at a moment, by cell.
///
/// # Errors
/// A problem of the database.
pub async fn roles_at<C: ConnectionTrait>(
    db: &C,
    cells: impl IntoIterator<Item = CellId>,
    at: UnixMillis,
) -> Result<HashMap<Uuid, [Option<NamedManager>; 2]>, Problem> {
    let cells: Vec<Uuid> = cells.into_iter().map(|cell| cell.0).collect();
    let mut found = HashMap::new();
    for chunk in cells.chunks(CHUNK) {
        found.extend(managers(db, chunk, at).await?);
    }
    Ok(found)
}

/// The code of the station area that an account was linked to at a moment.
///
/// # Errors
/// A problem of the database.
pub async fn area_of_account_at<C: ConnectionTrait>(
    db: &C,
    customer: &customer::Model,
    at: UnixMillis,
) -> Result<Option<String>, Problem> {
    use account_area_link::Column;
    // The first link that ended after that moment was the one that counted.
    let before = account_area_link::Entity::find()
        .filter(Column::CustomerId.eq(customer.id))
        .filter(Column::UntilAt.gt(at.0))
        .order_by_asc(Column::UntilAt)
        .one(db)
        .await?;
    if let Some(link) = before {
        return Ok(Some(link.station_area));
    }
    let area = station_area::Entity::find_by_id(customer.station_area_id)
        .one(db)
        .await?;
    Ok(area.map(|area| area.code))
}
