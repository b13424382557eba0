//! The routes of duty: who is off duty, and that he is back; and those of hand-overs
//! ([`super::hand_over::routes`]).

use super::hand_over::routes::{answer_hand_over, list_hand_overs};
use crate::{
    app::App,
    duty::{
        absence as duty,
        leave::{LeaveKind, LeaveState, ending, store},
        routes::words,
    },
    edge::{Json, Problem, ProblemDocument},
    people::{
        Caller, Permission,
        audit::{self, Outcome, Who},
        caller::act,
        reach,
        rows::person,
    },
    trace::feed_log::StationLock,
};
use actix_web::{
    HttpResponse, delete, post,
    web::{self, Data, Path},
};
use gridcrew_sync_protocol::{
    ids::{OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{DatabaseTransaction, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

/// Registers the operations.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(set_off_duty)
        .service(set_on_duty)
        .service(list_hand_overs)
        .service(answer_hand_over);
}

/// Most characters of a reason.
const MOST_REASON: usize = 200;

/// An absence.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct OffDuty {
    /// From when; now when left out.
    #[serde(default)]
    from_at: Option<UnixMillis>,
    /// Until when; open when left out.
    #[serde(default)]
    until_at: Option<UnixMillis>,
    /// Why, 1 to 200 characters.
    reason: String,
}

/// The absences of a person that last or are to come.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct Absences {
    /// Who.
    person: PersonId,
    /// Whether he is off duty now.
    off_duty: bool,
    /// The absences, the earliest first.
    absences: Vec<AbsenceNoted>,
    /// The station that the leaves are of.
    station: OrgId,
    /// The leaves that this recorded.
    leaves: Vec<Uuid>,
}

/// An absence that is noted.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct AbsenceNoted {
    /// From when.
    from_at: UnixMillis,
    /// Until when; open if absent.
    until_at: Option<UnixMillis>,
    /// Why.
    reason: String,
}

/// Notes that a person is absent who did not ask for leave: a sudden leave that is granted at
/// once, with its reason. He is given no orders meanwhile, and what he has open is offered to
/// who stands in. One that is to come must leave no cell alone.
#[utoipa::path(
    tag = "people",
    params(("id" = PersonId, Path, description = "The person; not oneself.")),
    request_body = OffDuty,
    responses(
        (status = OK, body = Absences),
        (status = "4XX", description = "leave.own, leave.uncovered, conflict, request.invalid",
            body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
#[post("/people/{id}/off-duty")]
async fn set_off_duty(
    app: Data<App>,
    caller: Caller,
    id: Path<PersonId>,
    body: Json<OffDuty>,
) -> Result<web::Json<Absences>, Problem> {
    change(&app, caller, *id, Some(body.0)).await
}

/// Notes that a person is back: leave and absences that last end, those to come are taken back.
#[utoipa::path(
    tag = "people",
    params(("id" = PersonId, Path, description = "The person; not oneself.")),
    responses(
        (status = NO_CONTENT),
        (status = "4XX", description = "leave.own",
            body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
#[delete("/people/{id}/off-duty")]
async fn set_on_duty(
    app: Data<App>,
    caller: Caller,
    id: Path<PersonId>,
) -> Result<HttpResponse, Problem> {
    change(&app, caller, *id, None).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Notes an absence, or ends all of them.
async fn change(
    app: &App,
    caller: Caller,
    person: PersonId,
    absence: Option<OffDuty>,
) -> Result<web::Json<Absences>, Problem> {
    caller.may(Permission::ManageDuty)?;
    act(app, &caller, move |tx, app, caller| {
        Box::pin(async move { change_in(tx, app, caller, person, absence).await })
    })
    .await
    .map(web::Json)
}

async fn change_in(
    tx: &DatabaseTransaction,
    app: &App,
    caller: &Caller,
    person: PersonId,
    absence: Option<OffDuty>,
) -> Result<Absences, Problem> {
    let row = person::Entity::find_by_id(person.0)
        .filter(caller.scope.people())
        .one(tx)
        .await?
        .ok_or_else(Problem::not_found)?;
    store::not_his_own(person, caller)?;
    let org = OrgId(row.org_id);
    let tree = reach::around(tx, org).await?;
    let station = tree.station_of(org).ok_or_else(Problem::not_found)?;
    // All that may be needed, in their order: who is back ends leaves of where he was, too.
    let mut stations = ending::stations_of(tx, person, app.now()).await?;
    stations.insert(station);
    StationLock::take_all(tx, &stations).await?;
    let (action, leaves) = match absence {
        Some(absence) => {
            let wish = store::Wish {
                person,
                kind: LeaveKind::Sudden,
                from: absence.from_at,
                until: absence.until_at,
                reason: words("The reason", &absence.reason, MOST_REASON)?,
            };
            let leave = store::record(tx, app, station, wish, caller).await?;
            ("person.off_duty", vec![leave])
        }
        None => {
            let ended = ending::end_all(tx, app, person).await?;
            duty::end(tx, app, person).await?;
            ("person.on_duty", ended)
        }
    };
    let recorded = leaves.iter().map(|leave| leave.id).collect();
    let who = || Who::from(caller);
    audit::record(tx, app, who(), action, person, Outcome::Done).await?;
    for leave in leaves {
        let action = match (action, store::state_of(&leave)?) {
            ("person.off_duty", _) => "leave.recorded",
            (_, LeaveState::Withdrawn) => "leave.withdrawn",
            _ => "leave.ended",
        };
        audit::record(tx, app, who(), action, leave.id, Outcome::Done).await?;
    }
    let now = app.now();
    let open = duty::open(tx, person, now).await?;
    Ok(Absences {
        person,
        station,
        leaves: recorded,
        off_duty: open.iter().any(|row| row.from_at <= now.0),
        absences: open
            .into_iter()
            .map(|row| AbsenceNoted {
                from_at: UnixMillis(row.from_at),
                until_at: row.until_at.map(UnixMillis),
                reason: row.reason,
            })
            .collect(),
    })
}
