//! The routes of duty: who is off duty, and that he is back; and those of hand-overs
//! ([`super::hand_over::routes`]).

use super::hand_over::routes::{answer_hand_over, list_hand_overs};
use crate::duty::{
    absence::{self as duty, Absence},
    leave,
};
use crate::{
    app::App,
    edge::{Json, Problem, ProblemDocument},
    people::{
        Caller, Permission,
        audit::{self, Outcome, Who},
        caller::still_stands,
        rows::person,
    },
};
use actix_web::{
    HttpResponse, delete, post,
    web::{self, Data, Path},
};
use gridcrew_sync_protocol::{ids::PersonId, time::UnixMillis};
use sea_orm::{DatabaseTransaction, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_actix_web::service_config::ServiceConfig;

/// Registers the operations.
pub fn configure(config: &mut ServiceConfig) {
    config
        .service(set_off_duty)
        .service(set_on_duty)
        .service(list_hand_overs)
        .service(answer_hand_over);
}

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
    /// Why, at most 200 characters.
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

/// Notes that a person is off duty: he is given no orders meanwhile.
#[utoipa::path(
    tag = "people",
    params(("id" = PersonId, Path, description = "The person.")),
    request_body = OffDuty,
    responses(
        (status = OK, body = Absences),
        (status = "4XX", body = ProblemDocument, content_type = "application/problem+json"),
    )
)]
#[post("/people/{id}/off-duty")]
async fn set_off_duty(
    app: Data<App>,
    caller: Caller,
    id: Path<PersonId>,
    body: Json<OffDuty>,
) -> Result<web::Json<Absences>, Problem> {
    let Json(wish) = body;
    let absence = Absence {
        from: wish.from_at.unwrap_or(caller.now),
        until: wish.until_at,
        reason: wish.reason,
    };
    change(&app, caller, *id, Some(absence)).await
}

/// Notes that a person is back: absences that last end, those to come are taken back.
#[utoipa::path(
    tag = "people",
    params(("id" = PersonId, Path, description = "The person.")),
    responses(
        (status = NO_CONTENT),
        (status = "4XX", body = ProblemDocument, content_type = "application/problem+json"),
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
    absence: Option<Absence>,
) -> Result<web::Json<Absences>, Problem> {
    caller.may(Permission::ManageTerritory)?;
    let state = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move { change_in(tx, &state, &caller, person, absence).await })
        })
        .await
        .map(web::Json)
}

async fn change_in(
    tx: &DatabaseTransaction,
    app: &App,
    caller: &Caller,
    person: PersonId,
    absence: Option<Absence>,
) -> Result<Absences, Problem> {
    person::Entity::find_by_id(person.0)
        .filter(caller.scope.people())
        .one(tx)
        .await?
        .ok_or_else(Problem::not_found)?;
    let action = match absence {
        Some(absence) => {
            duty::note(tx, caller, person, absence).await?;
            "person.off_duty"
        }
        None => {
            leave::store::end_all(tx, app, person).await?;
            duty::end(tx, app, person).await?;
            "person.on_duty"
        }
    };
    still_stands(tx, caller).await?;
    audit::record(tx, app, Who::from(caller), action, person, Outcome::Done).await?;
    let now = app.now();
    let open = duty::open(tx, person, now).await?;
    Ok(Absences {
        person,
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
