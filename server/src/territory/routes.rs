//! The routes of territories.
//!
//! Whoever may see a station sees its territory; station staff and administrators change
//! it. A station out of the caller's scope is as if it did not exist.

mod boards;
mod cells;
mod checks;
mod customers;
mod desk;
mod edits;
mod exchange;
mod history;
mod import;
mod locate;
mod pairs;
mod sheets;
mod split;
mod stations;
mod take;
mod undo;
mod wishes;

pub use boards::{BoardList, BoardPosted, BoardView, BoardWish, board_page, board_sheet};
pub use cells::{CellList, CellSummary, Manager, RolesSet, RolesWish};
pub use customers::{CustomerFound, CustomerInput, CustomersImported, CustomersToImport};
pub use edits::{Acceptance, EditsDone, EditsWish};
pub use exchange::TerritoryFileImported;
pub use history::{CellThen, VersionList, VersionView, Whose, WhoseMatch};
pub use import::TerritoryImport;
pub use locate::{Located, LocatedCandidate, Place};
pub use pairs::{PairWish, PairingDone, PairingWish, PairsAccepted, PairsToAccept, WithLimits};
pub use sheets::{SheetImported, SheetOutcome};
pub use split::{SplitDone, SplitProgress, SplitWish};
pub use stations::{Station, StationList};
pub use take::{Mended, StandsElsewhere, TerritoryImported};
pub use undo::{PlanList, PlanView, UndoWish};
pub use wishes::EditWish;

use super::{
    changes::ChangeKind,
    problem::Problems,
    refresh,
    store::{self, Accepted, How, Planned, Proposal},
    storing::{self, Taking},
};
use crate::{
    app::App,
    edge::Problem,
    people::{
        Caller, Permission,
        audit::{self, Outcome, Who},
        caller::still_stands,
    },
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::OrgId,
    position::{Datum, PositionError},
};
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Registers the operations.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(stations::list_stations)
        .service(stations::read_territory)
        .service(import::import_territory)
        .service(exchange::export_territory_file)
        .service(exchange::import_territory_file)
        .service(split::split_territory)
        .service(split::split_progress)
        .service(edits::edit_territory)
        .service(undo::undo_territory)
        .service(undo::list_plans)
        .service(undo::rebase_plan)
        .service(undo::cancel_plan)
        .service(history::list_versions)
        .service(history::read_territory_at)
        .service(history::whose_was_it)
        .service(checks::check_territory)
        .service(cells::list_cells)
        .service(cells::set_roles)
        .service(boards::list_boards)
        .service(boards::read_board)
        .service(boards::set_board)
        .service(boards::board_posted)
        .service(boards::board_taken_down)
        .service(pairs::propose_pairs)
        .service(pairs::accept_pairs)
        .service(customers::import_customers)
        .service(customers::find_customer)
        .service(sheets::sheet_template)
        .service(sheets::export_station_areas)
        .service(sheets::import_station_areas)
        .service(sheets::export_customers)
        .service(sheets::import_customers_sheet)
        .service(locate::locate);
}

/// Refuses a caller who may not do this, or not with this station.
fn allow(caller: &Caller, permission: Permission, station: OrgId) -> Result<(), Problem> {
    caller.may(permission)?;
    if caller.scope.has_station(station) {
        Ok(())
    } else {
        Err(Problem::not_found())
    }
}

/// Runs geometry beside the work of the request's thread.
async fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Problem::internal)?
}

/// What was stored.
enum Stored {
    /// A version that is in force.
    Version(Accepted),
    /// A plan that comes into force later.
    Plan(Uuid),
}

/// Stores a version, or plans it when it counts from a later day.
async fn store_or_plan(app: &App, caller: Caller, planned: Planned) -> Result<Stored, Problem> {
    if planned.proposal.effective_from <= app.now() {
        let Planned { proposal, how, .. } = planned;
        let by = caller.into();
        let accepted = storing::version(app, by, proposal, how, Taking::ForGood).await?;
        refresh::refresh_after_change(app).await;
        return Ok(Stored::Version(accepted));
    }
    let state = app.clone();
    let plan = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let plan = store::plan(tx, &state, planned).await?;
                still_stands(tx, &caller).await?;
                let who = Who::from(&caller);
                audit::record(tx, &state, who, "territory.planned", plan, Outcome::Done).await?;
                Ok(plan)
            })
        })
        .await?;
    refresh::refresh_after_change(app).await;
    Ok(Stored::Plan(plan))
}

/// Stores a version that was brought in and puts it in force in this process, or only looks.
async fn accept(
    app: &App,
    caller: Caller,
    proposal: Proposal,
    taking: Taking,
) -> Result<Accepted, Problem> {
    let how = How::of(ChangeKind::Import);
    let accepted = storing::version(app, caller.into(), proposal, how, taking).await?;
    if taking == Taking::ForGood {
        refresh::refresh_after_change(app).await;
    }
    Ok(accepted)
}

/// What is wrong with a territory that someone gives; the first twenty things by name.
impl From<Problems> for Problem {
    fn from(problems: Problems) -> Self {
        const NAMED: usize = 20;
        let all = problems.all();
        let named: Vec<String> = all.iter().take(NAMED).map(ToString::to_string).collect();
        let more = match all.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        Self::new(problems.code(), format!("{}{more}.", named.join("; ")))
    }
}

/// The problem of a station without a territory.
fn no_territory() -> Problem {
    Problem::new(
        Code::TerritoryNone,
        "The station has no territory yet; import one.",
    )
}

/// A datum from a query or body.
fn datum_of(text: Option<&str>) -> Result<Datum, Problem> {
    text.ok_or(PositionError::DatumMissing)
        .and_then(str::parse)
        .map_err(Problem::from)
}

/// A text of at most so many characters, without the space around it.
fn text(what: &str, given: &str, least: usize, most: usize) -> Result<String, Problem> {
    let given = given.trim();
    let length = given.chars().count();
    let clean = !given.chars().any(char::is_control);
    if (least..=most).contains(&length) && clean {
        return Ok(given.to_owned());
    }
    let detail = format!("{what} must have {least} to {most} characters and none for control.");
    Err(Problem::new(Code::RequestInvalid, detail))
}

#[cfg(test)]
mod file_tests;
#[cfg(test)]
#[path = "routes_pairs_tests.rs"]
mod pairs_tests;
#[cfg(test)]
#[path = "routes_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "routes_life_tests.rs"]
mod life_tests;
