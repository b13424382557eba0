//! The cells without a present A or B, now and on the days to come: for the station's desk.

use crate::{
    app::App,
    duty::{
        calendar::{Calendar, DayKind, date_at, date_text, start_of},
        facts,
        presence::{Away, CellDuty, Span, Standing},
    },
    edge::{Problem, ProblemDocument},
    people::{Caller, Permission},
};
use actix_web::{
    get,
    web::{self, Data, Path, Query},
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, OrgId, PersonId},
    time::UnixMillis,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Days looked at when nothing is said.
const USUAL_DAYS: u32 = 7;
/// Most days looked at.
const MOST_DAYS: u32 = 62;

/// How far ahead.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct GapsQuery {
    /// How many days, today the first: 1 to 62; absent: 7.
    #[param(minimum = 1, maximum = 62)]
    days: Option<u32>,
}

/// A stretch of time in which a cell is without a present A or B.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ThinCell {
    /// The cell.
    pub cell: CellId,
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// From when.
    pub from_at: UnixMillis,
    /// Until when, or the end of the day.
    pub until_at: UnixMillis,
    /// Its A; absent when there is none.
    pub role_a: Option<PersonId>,
    /// Whether A is there.
    pub a_present: bool,
    /// Its B; absent when there is none.
    pub role_b: Option<PersonId>,
    /// Whether B is there.
    pub b_present: bool,
    /// Who covers it.
    pub cover: Option<PersonId>,
    /// Whether nobody at all answers for it: neither A nor B nor a cover.
    pub alone: bool,
}

/// One day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DayGaps {
    /// The day, such as `2026-10-01`.
    pub date: String,
    /// What kind of day it is.
    pub kind: DayKind,
    /// Whether the calendar knows it; else it goes by the weekday.
    pub known: bool,
    /// The cells without a present A or B on that day, by code and time.
    pub cells: Vec<ThinCell>,
}

/// The cells without a present A or B.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DutyGaps {
    /// How many cells are without a present A or B now.
    pub thin_now: usize,
    /// How many of them have nobody at all now.
    pub alone_now: usize,
    /// The days, the rest of today first.
    pub days: Vec<DayGaps>,
}

/// The cells without a present A or B now and on each of the days to come: by roles that are
/// vacant, by leave and other absence, and by people who cannot be A or B any more.
#[utoipa::path(
    operation_id = "read_duty_gaps",
    tag = "duty",
    params(("id" = OrgId, Path, description = "The station"), GapsQuery),
    responses(
        (status = 200, description = "The cells, day by day", body = DutyGaps),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/stations/{id}/duty-gaps")]
pub(super) async fn read_duty_gaps(
    app: Data<App>,
    caller: Caller,
    station: Path<OrgId>,
    query: Query<GapsQuery>,
) -> Result<web::Json<DutyGaps>, Problem> {
    caller.may(Permission::ReadDuty)?;
    if !caller.scope.has_station(*station) {
        return Err(Problem::not_found());
    }
    let days = query.days.unwrap_or(USUAL_DAYS);
    if !(1..=MOST_DAYS).contains(&days) {
        let detail = format!("days is 1 to {MOST_DAYS}.");
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    let (db, now) = (app.store.read(), caller.now);
    let ahead = Span {
        from: now,
        until: None,
    };
    let cells = facts::cells(db, *station, &ahead).await?;
    let away = facts::away(db, *station, &ahead).await?;
    Ok(web::Json(gaps(&cells, &away, now, days)))
}

/// Looks at the cells day by day.
fn gaps(cells: &[CellDuty], away: &Away, now: UnixMillis, days: u32) -> DutyGaps {
    let standing: Vec<Standing> = cells.iter().map(|cell| cell.at(now, away)).collect();
    let mut list = Vec::new();
    let (mut date, mut from) = (date_at(now), now);
    for _ in 0..days {
        let Some(next) = date.next_day() else { break };
        let until = start_of(next);
        let window = Span {
            from,
            until: Some(until),
        };
        let day = Calendar::shipped().day(date);
        list.push(DayGaps {
            date: date_text(date),
            kind: day.kind,
            known: day.known,
            cells: cells
                .iter()
                .flat_map(|cell| of_cell(cell, away, &window, until))
                .collect(),
        });
        (date, from) = (next, until);
    }
    DutyGaps {
        thin_now: standing.iter().filter(|one| one.is_thin()).count(),
        alone_now: standing.iter().filter(|one| one.is_alone()).count(),
        days: list,
    }
}

fn of_cell(cell: &CellDuty, away: &Away, window: &Span, end: UnixMillis) -> Vec<ThinCell> {
    let thin = cell.thin(away, window).into_iter();
    thin.map(|thin| ThinCell {
        cell: cell.id,
        code: cell.code.clone(),
        name: cell.name.clone(),
        from_at: thin.time.from,
        until_at: thin.time.until.unwrap_or(end),
        role_a: thin.standing.a,
        a_present: thin.standing.a_present,
        role_b: thin.standing.b,
        b_present: thin.standing.b_present,
        cover: thin.standing.cover,
        alone: thin.standing.is_alone(),
    })
    .collect()
}
