//! What is wrong with a territory as it is stored (I12).

use super::{allow, beside, no_territory};
use crate::{
    app::App,
    edge::{Problem, ProblemDocument},
    people::{Caller, Permission},
    territory::{
        store::{self, NamedManager, StoredTerritory},
        tiling::{self, TilingProblem},
    },
};
use actix_web::{get, web};
use gridcrew_sync_protocol::{
    ids::{OrgId, PersonId},
    position::Wgs84,
};
use serde::Serialize;
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// What kind of flaw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FlawKind {
    /// Ground in no cell.
    Gap,
    /// Ground in several cells.
    Overlap,
    /// Ground of a cell beyond the boundary.
    OutsideBoundary,
    /// Borders that do not share their points.
    BorderNotShared,
    /// A station area in no cell.
    StationAreaInNoCell,
    /// A station area outside the boundary.
    StationAreaOutsideBoundary,
    /// A cell without station areas.
    CellWithoutStationArea,
    /// A cell without A.
    CellWithoutA,
    /// A cell without B.
    CellWithoutB,
    /// A cell whose A and B are one person.
    AIsB,
    /// A cell whose A is disabled, of another station or no manager any more.
    AIsNoManager,
    /// A cell whose B is disabled, of another station or no manager any more.
    BIsNoManager,
}

/// One thing wrong.
#[derive(Debug, Serialize, ToSchema)]
pub struct Flaw {
    /// What.
    pub kind: FlawKind,
    /// The codes of the cells concerned.
    pub cells: Vec<String>,
    /// The code of the station area concerned.
    pub station_area: Option<String>,
    /// Where.
    pub at: Option<Wgs84>,
    /// How much ground, square metres.
    pub area_m2: Option<f64>,
}

/// What a check found.
#[derive(Debug, Serialize, ToSchema)]
pub struct Checks {
    /// The version checked.
    pub version: i64,
    /// What is wrong; of flaws in the ground at most the hundred largest.
    pub flaws: Vec<Flaw>,
    /// How many flaws there are.
    pub found: usize,
    /// The area of all cells together, square metres.
    pub cells_m2: f64,
    /// The area of the territory, square metres.
    pub boundary_m2: f64,
}

/// Checks a territory: gaps, overlaps, station areas in no cell, cells without A or B, A
/// equal to B, and A or B who cannot be it any more.
#[utoipa::path(
    operation_id = "check_territory",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station")),
    responses(
        (status = 200, description = "What was found", body = Checks),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/stations/{id}/territory/checks")]
pub(super) async fn check_territory(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
) -> Result<web::Json<Checks>, Problem> {
    allow(&caller, Permission::ReadTerritory, *station)?;
    let territory = store::territory(app.store.read(), *station, caller.now)
        .await?
        .ok_or_else(no_territory)?;
    let holders = territory.cells.iter().flat_map(|c| [&c.role_a, &c.role_b]);
    let holders = holders.flatten().map(|holder| holder.person).collect();
    let active = store::active_managers(app.store.read(), *station, &holders).await?;
    let checks = beside(move || Ok(check(&territory, &active))).await?;
    Ok(web::Json(checks))
}

fn check(territory: &StoredTerritory, active: &BTreeSet<PersonId>) -> Checks {
    let content = &territory.content;
    let outlines: Vec<_> = content.cells.iter().map(|cell| &cell.outline).collect();
    let tiling = tiling::check(&content.boundary, &outlines);
    let unnamed = tiling.found.saturating_sub(tiling.problems.len());
    let codes: Vec<&str> = content
        .cells
        .iter()
        .map(|cell| cell.code.as_str())
        .collect();
    let mut flaws: Vec<Flaw> = tiling
        .problems
        .into_iter()
        .map(|problem| of_ground(problem, &codes))
        .collect();
    flaws.extend(of_areas(territory));
    flaws.extend(of_roles(territory, active));
    Checks {
        version: territory.version,
        found: flaws.len() + unnamed,
        flaws,
        cells_m2: tiling.cells_m2,
        boundary_m2: tiling.boundary_m2,
    }
}

fn of_ground(problem: TilingProblem, codes: &[&str]) -> Flaw {
    let (kind, at, area_m2, cells) = match problem {
        TilingProblem::Gap {
            at,
            area_m2,
            beside,
        } => (FlawKind::Gap, at, Some(area_m2), beside),
        TilingProblem::Overlap { at, area_m2, cells } => {
            (FlawKind::Overlap, at, Some(area_m2), cells)
        }
        TilingProblem::Outside { at, area_m2, cells } => {
            (FlawKind::OutsideBoundary, at, Some(area_m2), cells)
        }
        TilingProblem::NotShared { at, beside } => (FlawKind::BorderNotShared, at, None, beside),
    };
    let named = cells.into_iter().filter_map(|cell| codes.get(cell));
    Flaw {
        kind,
        cells: named.map(|code| (*code).to_owned()).collect(),
        station_area: None,
        at: Some(at),
        area_m2,
    }
}

fn of_areas(territory: &StoredTerritory) -> impl Iterator<Item = Flaw> {
    let content = &territory.content;
    let inside = content.boundary.searchable();
    content.station_areas.iter().flat_map(move |area| {
        let flaw = |kind| Flaw {
            kind,
            cells: area.cell.iter().cloned().collect(),
            station_area: Some(area.code.clone()),
            at: Some(area.position),
            area_m2: None,
        };
        let homeless = area.cell.is_none();
        let outside = !inside.contains(area.position);
        [
            homeless.then(|| flaw(FlawKind::StationAreaInNoCell)),
            outside.then(|| flaw(FlawKind::StationAreaOutsideBoundary)),
        ]
        .into_iter()
        .flatten()
    })
}

/// Flaws of cells in who answers for them; `active` can be A or B.
fn of_roles(
    territory: &StoredTerritory,
    active: &BTreeSet<PersonId>,
) -> impl Iterator<Item = Flaw> {
    let gone = |holder: &Option<NamedManager>| {
        let holder = holder.as_ref();
        holder.is_some_and(|holder| !active.contains(&holder.person))
    };
    let areas = &territory.content.station_areas;
    let filled: BTreeSet<&str> = areas
        .iter()
        .filter_map(|area| area.cell.as_deref())
        .collect();
    territory.cells.iter().flat_map(move |cell| {
        let flaw = |kind| Flaw {
            kind,
            cells: vec![cell.code.clone()],
            station_area: None,
            at: None,
            area_m2: None,
        };
        let (a, b) = (&cell.role_a, &cell.role_b);
        [
            (!filled.contains(cell.code.as_str())).then(|| flaw(FlawKind::CellWithoutStationArea)),
            a.is_none().then(|| flaw(FlawKind::CellWithoutA)),
            b.is_none().then(|| flaw(FlawKind::CellWithoutB)),
            (a.is_some() && a == b).then(|| flaw(FlawKind::AIsB)),
            gone(a).then(|| flaw(FlawKind::AIsNoManager)),
            gone(b).then(|| flaw(FlawKind::BIsNoManager)),
        ]
        .into_iter()
        .flatten()
    })
}
