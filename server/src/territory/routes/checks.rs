//! What is wrong with a territory as it is stored (I12).

use super::{allow, no_territory};
use crate::{
    app::App,
    edge::{Problem, ProblemDocument},
    people::{Caller, Permission, audit},
    territory::checks::{Checks, FlawKind, run},
};
use actix_web::{get, web};
use gridcrew_sync_protocol::ids::OrgId;

/// Checks a territory: gaps, overlaps, station areas in no cell or outside, cells without A or
/// B, A equal to B, A or B who cannot be it any more or have too many cells, accounts far from
/// their station area, ground and station areas that another station has as well.
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
    let mut checks = run::checked(&app, *station)
        .await?
        .ok_or_else(no_territory)?;
    // Account numbers are for who may look a customer of any cell up; a manager only of his.
    let sees = caller.may(Permission::IntakeOrders).is_ok();
    let far = FlawKind::AccountFarFromStationArea;
    if sees && checks.kinds.contains_key(&far) {
        audit::record_reading(&app, &caller, "customers.checked", *station).await?;
    }
    for flaw in &mut checks.flaws {
        if !sees {
            flaw.account_no = None;
            if flaw.kind == far {
                flaw.at = None;
            }
        }
        // A station out of sight is another, and no more is told of it.
        flaw.other_station = flaw
            .other_station
            .filter(|other| caller.scope.has_station(*other));
    }
    Ok(web::Json(checks))
}
