//! Storing boards: what is the cell's own, the unguessable part of its address, and what hangs
//! out there.

use super::{
    BoardContent, BoardMark,
    gone::{Gone, gone},
};
use crate::{
    app::App,
    edge::Problem,
    people::rows::org_unit,
    territory::{
        rows::cell,
        store::{CellDetail, cells, cells_ever},
    },
    trace::rows::rows,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use cell_board::Column;
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, sea_query::Query,
};
use std::collections::{BTreeSet, HashMap};
use uuid::Uuid;

rows! {
    /// Notice boards of cells.
    cell_board, "cell_board", {
        /// The cell.
        #[sea_orm(primary_key, auto_increment = false)]
        cell_id: Uuid,
        /// Its station.
        station_id: Uuid,
        /// The unguessable part of its public address.
        token: String,
        /// The cell's telephone.
        phone: String,
        /// What it serves, in Chinese.
        service_zh: String,
        /// The same in English.
        service_en: String,
        /// The mark of what hangs out there.
        posted_mark: Option<String>,
        /// Since when.
        posted_at: Option<i64>,
        /// Who changed it last.
        author: Uuid,
        /// When.
        changed_at: i64,
    }
}

/// Bytes of chance in an address: nobody guesses 32.
const TOKEN_BYTES: usize = 32;
/// Characters that these are written in.
const TOKEN_CHARS: usize = 43;

/// A cell with its board, if it was given one.
#[derive(Clone, Debug)]
pub struct CellBoard {
    /// The cell.
    pub cell: CellDetail,
    /// What is kept of its board.
    pub row: Option<cell_board::Model>,
    /// What the board says; none without one, and none of a cell that is no more.
    pub content: Option<BoardContent>,
    /// What became of a cell that is no more, and whose board still hangs out there.
    pub gone: Option<Gone>,
}

impl CellBoard {
    /// Whether what hangs out there, if anything does, says something else, or should not hang
    /// there any more.
    #[must_use]
    pub fn is_outdated(&self) -> bool {
        if self.gone.is_some() {
            return true;
        }
        let posted = self.row.as_ref().and_then(|row| row.posted_mark.as_deref());
        let now = self.content.as_ref().map(|content| content.mark().0);
        now.is_some() && now.as_deref() != posted
    }
}

/// The present cells that meet a condition on `cell`, with their boards.
///
/// # Errors
/// A problem of the database.
pub async fn boards<C: ConnectionTrait>(
    db: &C,
    condition: Condition,
    limit: Option<u64>,
    now: UnixMillis,
) -> Result<Vec<CellBoard>, Problem> {
    let cells = cells(db, condition, limit, now).await?;
    with_boards(db, cells, HashMap::new()).await
}

/// As [`boards`], also of cells that are no more while their boards hang out there.
///
/// # Errors
/// A problem of the database, or `internal` when what is stored cannot be read.
pub async fn boards_out_there<C: ConnectionTrait>(
    db: &C,
    condition: Condition,
    limit: Option<u64>,
    now: UnixMillis,
) -> Result<Vec<CellBoard>, Problem> {
    let hanging = Query::select()
        .column(Column::CellId)
        .from(cell_board::Entity)
        .and_where(Column::PostedMark.is_not_null())
        .take();
    let there = Condition::any()
        .add(cell::Column::UntilVersion.is_null())
        .add(cell::Column::Id.in_subquery(hanging));
    let these = Condition::all().add(condition).add(there);
    let cells = cells_ever(db, these, limit, now).await?;
    let gone = gone(db, &cells).await?;
    with_boards(db, cells, gone).await
}

async fn with_boards<C: ConnectionTrait>(
    db: &C,
    cells: Vec<CellDetail>,
    mut gone: HashMap<Uuid, Gone>,
) -> Result<Vec<CellBoard>, Problem> {
    let ids: Vec<Uuid> = cells.iter().map(|cell| cell.id.0).collect();
    let stations: BTreeSet<Uuid> = cells.iter().map(|cell| cell.station.0).collect();
    let units = org_unit::Entity::find()
        .filter(org_unit::Column::Id.is_in(stations))
        .all(db)
        .await?;
    let names: HashMap<Uuid, String> = units.into_iter().map(|unit| (unit.id, unit.name)).collect();
    let rows = cell_board::Entity::find()
        .filter(Column::CellId.is_in(ids))
        .all(db)
        .await?;
    let mut rows: HashMap<Uuid, cell_board::Model> =
        rows.into_iter().map(|row| (row.cell_id, row)).collect();
    Ok(cells
        .into_iter()
        .map(|cell| {
            let (row, gone) = (rows.remove(&cell.id.0), gone.remove(&cell.id.0));
            let station = names.get(&cell.station.0).cloned().unwrap_or_default();
            let said = row.as_ref().filter(|_| gone.is_none());
            let content = said.map(|row| content(station, &cell, row));
            CellBoard {
                cell,
                row,
                content,
                gone,
            }
        })
        .collect())
}

fn content(station: String, cell: &CellDetail, row: &cell_board::Model) -> BoardContent {
    let name = |role: &Option<crate::territory::store::NamedManager>| {
        role.as_ref().map(|manager| manager.name.clone())
    };
    BoardContent {
        station,
        code: cell.code.clone(),
        name: cell.name.clone(),
        role_a: name(&cell.role_a),
        role_b: name(&cell.role_b),
        phone: row.phone.clone(),
        service_zh: row.service_zh.clone(),
        service_en: row.service_en.clone(),
    }
}

/// The board at an address; none when there is no such board, or its cell is gone.
///
/// # Errors
/// A problem of the database.
pub async fn by_token<C: ConnectionTrait>(
    db: &C,
    token: &str,
    now: UnixMillis,
) -> Result<Option<CellBoard>, Problem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if token.len() != TOKEN_CHARS || !token.chars().all(plain) {
        return Ok(None);
    }
    let found = cell_board::Entity::find()
        .filter(Column::Token.eq(token))
        .one(db)
        .await?;
    let Some(row) = found else { return Ok(None) };
    let this = Condition::all().add(cell::Column::Id.eq(row.cell_id));
    Ok(boards(db, this, Some(1), now).await?.pop())
}

/// What is the cell's own on its board.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Own {
    /// The telephone.
    pub phone: String,
    /// What it serves, in Chinese.
    pub service_zh: String,
    /// The same in English; may be empty.
    pub service_en: String,
}

/// Gives a cell a board, or changes what it says; its address stays.
///
/// # Errors
/// A problem of the database.
pub async fn set(
    tx: &DatabaseTransaction,
    app: &App,
    (station, cell): (OrgId, CellId),
    own: Own,
    author: PersonId,
) -> Result<(), Problem> {
    crate::trace::feed_log::StationLock::take(tx, station).await?;
    let known = cell_board::Entity::find_by_id(cell.0).one(tx).await?;
    let new = known.is_none();
    let mut row = known.map_or_else(
        || cell_board::ActiveModel {
            cell_id: Set(cell.0),
            station_id: Set(station.0),
            token: Set(new_token(app)),
            posted_mark: Set(None),
            posted_at: Set(None),
            ..cell_board::ActiveModel::default()
        },
        IntoActiveModel::into_active_model,
    );
    row.phone = Set(own.phone);
    row.service_zh = Set(own.service_zh);
    row.service_en = Set(own.service_en);
    row.author = Set(author.0);
    row.changed_at = Set(app.now().0);
    if new {
        cell_board::Entity::insert(row)
            .exec_without_returning(tx)
            .await?;
    } else {
        cell_board::Entity::update(row).exec(tx).await?;
    }
    Ok(())
}

fn new_token(app: &App) -> String {
    let mut bytes = [0; TOKEN_BYTES];
    app.randomness.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Notes that a board with this mark hangs out there now.
///
/// # Errors
/// `conflict` when the cell has no board or its board says something else by now, or a problem
/// of the database.
pub async fn posted(
    tx: &DatabaseTransaction,
    app: &App,
    board: CellBoard,
    mark: &BoardMark,
) -> Result<(), Problem> {
    let now = board.content.map(|content| content.mark());
    let (Some(row), true) = (board.row, now.as_ref() == Some(mark)) else {
        let detail = "The board says something else by now, or there is none. Print it again.";
        return Err(Problem::new(Code::Conflict, detail));
    };
    let mut posted = row.into_active_model();
    posted.posted_mark = Set(Some(mark.0.clone()));
    posted.posted_at = Set(Some(app.now().0));
    cell_board::Entity::update(posted).exec(tx).await?;
    Ok(())
}

/// Notes that what hung out there was taken down.
///
/// # Errors
/// `conflict` when nothing hung there, or a problem of the database.
pub async fn taken_down(tx: &DatabaseTransaction, board: CellBoard) -> Result<(), Problem> {
    let Some(row) = board.row.filter(|row| row.posted_mark.is_some()) else {
        let detail = "As far as is known nothing hangs out there.";
        return Err(Problem::new(Code::Conflict, detail));
    };
    let mut down = row.into_active_model();
    down.posted_mark = Set(None);
    down.posted_at = Set(None);
    cell_board::Entity::update(down).exec(tx).await?;
    Ok(())
}
