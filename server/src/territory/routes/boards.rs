//! Notice boards: what they say, which are outdated, and the pages for who has their address.

use super::text;
use crate::{
    app::App,
    edge::{Json, Problem, ProblemDocument},
    people::{
        Caller, Permission,
        audit::{self, Outcome, Who},
        caller::act,
    },
    territory::{
        board::{
            BoardMark, page,
            store::{self, CellBoard, Own},
        },
        rows::cell,
    },
};
use actix_web::{
    HttpResponse, delete, get,
    http::header,
    post, put,
    web::{self, Data, Path, Query},
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, OrgId},
    time::UnixMillis,
};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Most cells of one page.
const PAGE: u64 = 500;
/// Most characters of what a board says it serves, in each language.
const MOST_SERVICE: usize = 1_000;

/// A cell and its notice board.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct BoardView {
    /// The cell.
    pub id: CellId,
    /// Its station.
    pub station: OrgId,
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Whether the cell was given a board; without one all that follows is absent.
    pub set_up: bool,
    /// The cell's telephone.
    pub phone: Option<String>,
    /// What it serves, in Chinese.
    pub service_zh: Option<String>,
    /// The same in English.
    pub service_en: Option<String>,
    /// The name of its A.
    pub role_a: Option<String>,
    /// The name of its B.
    pub role_b: Option<String>,
    /// The public page of the board; absent where the server was not told its address.
    pub address: Option<String>,
    /// The path of the public page; `/sheet` behind it is the sheet to print.
    pub path: Option<String>,
    /// What the board says now.
    pub mark: Option<BoardMark>,
    /// What hangs out there.
    pub posted_mark: Option<BoardMark>,
    /// Since when.
    pub posted_at: Option<UnixMillis>,
    /// Whether it is to be printed and put up anew, and a photo taken; or to be taken down.
    pub outdated: bool,
    /// Whether the cell is no more, so that what hangs out there is to be taken down.
    pub take_down: bool,
    /// The codes of the cells that have its station areas now, whose boards take its place;
    /// none of a cell that there is.
    pub went_to: Vec<String>,
}

fn path_of(token: &str) -> String {
    format!("/board/{token}")
}

fn view(app: &App, board: CellBoard) -> BoardView {
    let outdated = board.is_outdated();
    let CellBoard {
        cell,
        row,
        content,
        gone,
    } = board;
    let path = row.as_ref().map(|row| path_of(&row.token));
    let base = app.config.public_url.as_ref();
    BoardView {
        id: cell.id,
        station: cell.station,
        code: cell.code,
        name: cell.name,
        set_up: row.is_some(),
        phone: row.as_ref().map(|row| row.phone.clone()),
        service_zh: row.as_ref().map(|row| row.service_zh.clone()),
        service_en: row.as_ref().map(|row| row.service_en.clone()),
        role_a: content.as_ref().and_then(|content| content.role_a.clone()),
        role_b: content.as_ref().and_then(|content| content.role_b.clone()),
        address: base
            .zip(path.as_ref())
            .map(|(base, path)| format!("{base}{path}")),
        path,
        mark: content.map(|content| content.mark()),
        posted_mark: row
            .as_ref()
            .and_then(|row| row.posted_mark.clone())
            .map(BoardMark),
        posted_at: row.as_ref().and_then(|row| row.posted_at).map(UnixMillis),
        outdated,
        take_down: gone.is_some(),
        went_to: gone.map_or_else(Vec::new, |gone| gone.went_to.into_iter().collect()),
    }
}

/// A present cell in scope, with its board.
async fn visible<C: ConnectionTrait>(
    db: &C,
    caller: &Caller,
    id: CellId,
    now: UnixMillis,
) -> Result<CellBoard, Problem> {
    let found = store::boards(db, this(caller, id), Some(1), now)
        .await?
        .pop();
    found.ok_or_else(Problem::not_found)
}

/// A cell, in the caller's scope.
fn this(caller: &Caller, id: CellId) -> Condition {
    let in_scope = caller.scope.of_stations("cell");
    in_scope.add(cell::Column::Id.eq(id.0))
}

/// Which boards.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct BoardsQuery {
    /// Only those of this station.
    #[param(value_type = Option<OrgId>)]
    station: Option<OrgId>,
    /// Only those that are to be put up anew.
    #[serde(default)]
    outdated: bool,
    /// Only those of cells after this one, as the page before said.
    #[param(value_type = Option<CellId>)]
    after: Option<CellId>,
}

/// A page of boards.
#[derive(Debug, Serialize, ToSchema)]
pub struct BoardList {
    /// In the order of the ids of their cells.
    pub boards: Vec<BoardView>,
    /// Where the next page begins; absent on the last.
    pub after: Option<CellId>,
}

/// The cells that you may see with their notice boards; `outdated` lists those that say
/// something else than what hangs out there: A or B, the telephone or the text has changed. Cells
/// that are no more are listed while their boards hang out there, with `take_down`.
#[utoipa::path(
    operation_id = "list_boards",
    tag = "territory",
    params(BoardsQuery),
    responses(
        (status = 200, description = "The boards in scope", body = BoardList),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/boards")]
pub(super) async fn list_boards(
    app: Data<App>,
    caller: Caller,
    query: Query<BoardsQuery>,
) -> Result<web::Json<BoardList>, Problem> {
    caller.may(Permission::ReadTerritory)?;
    let condition = caller
        .scope
        .of_stations("cell")
        .add_option(query.station.map(|id| cell::Column::StationId.eq(id.0)))
        .add_option(query.after.map(|id| cell::Column::Id.gt(id.0)));
    let now = caller.now;
    let found = store::boards_out_there(app.store.read(), condition, Some(PAGE), now).await?;
    let full = u64::try_from(found.len()).is_ok_and(|found| found == PAGE);
    let after = found.last().filter(|_| full).map(|board| board.cell.id);
    let wanted = found
        .into_iter()
        .filter(|board| !query.outdated || board.is_outdated());
    Ok(web::Json(BoardList {
        boards: wanted.map(|board| view(&app, board)).collect(),
        after,
    }))
}

/// The notice board of a cell.
#[utoipa::path(
    operation_id = "read_board",
    tag = "territory",
    params(("id" = CellId, Path, description = "The cell")),
    responses(
        (status = 200, description = "The board", body = BoardView),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/cells/{id}/board")]
pub(super) async fn read_board(
    app: Data<App>,
    caller: Caller,
    id: Path<CellId>,
) -> Result<web::Json<BoardView>, Problem> {
    caller.may(Permission::ReadTerritory)?;
    let board = visible(app.store.read(), &caller, *id, caller.now).await?;
    Ok(web::Json(view(&app, board)))
}

/// What is the cell's own on its board.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BoardWish {
    /// The cell's telephone, whoever is A: 3 to 30 digits, spaces, `+`, `-`, `(`, `)`.
    pub phone: String,
    /// What it serves, in Chinese, 1 to 1000 characters; lines are kept.
    pub service_zh: String,
    /// The same in English; may be left out.
    #[serde(default)]
    pub service_en: String,
}

fn own(wish: BoardWish) -> Result<Own, Problem> {
    let phone = text("phone", &wish.phone, 3, 30)?;
    let dialled = |c: char| c.is_ascii_digit() || matches!(c, ' ' | '+' | '-' | '(' | ')');
    if !phone.chars().all(dialled) || !phone.chars().any(|c| c.is_ascii_digit()) {
        let detail = "phone has digits, spaces, +, -, ( and ) only.";
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    Ok(Own {
        phone,
        service_zh: lines("service_zh", &wish.service_zh, 1)?,
        service_en: lines("service_en", &wish.service_en, 0)?,
    })
}

/// A text of several lines.
fn lines(what: &str, given: &str, least: usize) -> Result<String, Problem> {
    let given = given.trim();
    let clean = !given.chars().any(|c| c.is_control() && c != '\n');
    if (least..=MOST_SERVICE).contains(&given.chars().count()) && clean {
        return Ok(given.to_owned());
    }
    let detail = format!("{what} has {least} to {MOST_SERVICE} characters and none for control.");
    Err(Problem::new(Code::RequestInvalid, detail))
}

/// Gives a cell its notice board, or changes what it says. The address stays.
#[utoipa::path(
    operation_id = "set_board",
    tag = "territory",
    params(("id" = CellId, Path, description = "The cell")),
    request_body = BoardWish,
    responses(
        (status = 200, description = "The board as it is now", body = BoardView),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[put("/cells/{id}/board")]
pub(super) async fn set_board(
    app: Data<App>,
    caller: Caller,
    id: Path<CellId>,
    wish: Json<BoardWish, 16_384>,
) -> Result<web::Json<BoardView>, Problem> {
    caller.may(Permission::ManageTerritory)?;
    let (id, own) = (*id, own(wish.0)?);
    let board = act(&app, &caller, move |tx, app, caller| {
        Box::pin(async move {
            let station = visible(tx, caller, id, caller.now).await?.cell.station;
            store::set(tx, app, (station, id), own, caller.person).await?;
            audit::record(tx, app, Who::from(caller), "board.set", id, Outcome::Done).await?;
            visible(tx, caller, id, caller.now).await
        })
    })
    .await?;
    Ok(web::Json(view(&app, board)))
}

/// A board was put up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BoardPosted {
    /// The mark on the sheet that hangs out there now.
    pub mark: BoardMark,
}

/// Notes that the board of a cell was printed and put up. Refused when it says something else
/// by now.
#[utoipa::path(
    operation_id = "board_posted",
    tag = "territory",
    params(("id" = CellId, Path, description = "The cell")),
    request_body = BoardPosted,
    responses(
        (status = 200, description = "The board as it is now", body = BoardView),
        (status = "4XX", description = "conflict", body = ProblemDocument),
    )
)]
#[post("/cells/{id}/board/posted")]
pub(super) async fn board_posted(
    app: Data<App>,
    caller: Caller,
    id: Path<CellId>,
    body: Json<BoardPosted, 8192>,
) -> Result<web::Json<BoardView>, Problem> {
    caller.may(Permission::ManageTerritory)?;
    let (id, mark) = (*id, body.0.mark);
    let board = act(&app, &caller, move |tx, app, caller| {
        Box::pin(async move {
            let board = visible(tx, caller, id, caller.now).await?;
            store::posted(tx, app, board, &mark).await?;
            audit::record(
                tx,
                app,
                Who::from(caller),
                "board.posted",
                id,
                Outcome::Done,
            )
            .await?;
            visible(tx, caller, id, caller.now).await
        })
    })
    .await?;
    Ok(web::Json(view(&app, board)))
}

/// Notes that what hung out there of a cell, which may be no more, was taken down.
#[utoipa::path(
    operation_id = "board_taken_down",
    tag = "territory",
    params(("id" = CellId, Path, description = "The cell")),
    responses(
        (status = NO_CONTENT, description = "Noted"),
        (status = "4XX", description = "conflict when nothing hangs there",
         body = ProblemDocument),
    )
)]
#[delete("/cells/{id}/board/posted")]
pub(super) async fn board_taken_down(
    app: Data<App>,
    caller: Caller,
    id: Path<CellId>,
) -> Result<HttpResponse, Problem> {
    caller.may(Permission::ManageTerritory)?;
    let id = *id;
    act(&app, &caller, move |tx, app, caller| {
        Box::pin(async move {
            let found = store::boards_out_there(tx, this(caller, id), Some(1), caller.now).await?;
            let board = found.into_iter().next().ok_or_else(Problem::not_found)?;
            store::taken_down(tx, board).await?;
            let (who, action) = (Who::from(caller), "board.taken_down");
            audit::record(tx, app, who, action, id, Outcome::Done).await
        })
    })
    .await?;
    Ok(HttpResponse::NoContent().finish())
}

/// The page of a board, for whoever has its address.
#[get("/board/{token}")]
pub async fn board_page(app: Data<App>, token: Path<String>) -> Result<HttpResponse, Problem> {
    let board = public(&app, &token).await?;
    Ok(shown(page::page(&board).into_string()))
}

/// The sheet of a board, to be printed.
#[get("/board/{token}/sheet")]
pub async fn board_sheet(app: Data<App>, token: Path<String>) -> Result<HttpResponse, Problem> {
    let board = public(&app, &token).await?;
    let base = app.config.public_url.as_ref();
    let address = base.map(|base| format!("{base}{}", path_of(&token)));
    Ok(shown(page::sheet(&board, address.as_deref()).into_string()))
}

async fn public(app: &App, token: &str) -> Result<crate::territory::board::BoardContent, Problem> {
    let board = store::by_token(app.store.read(), token, app.now()).await?;
    board
        .and_then(|board| board.content)
        .ok_or_else(Problem::not_found)
}

fn shown(html: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, page::policy()))
        .body(html)
}
