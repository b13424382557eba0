//! Where a manager sets out from: set by the station, which knows where its people live.

use super::{
    Short,
    people::{PersonView, in_scope},
};
use crate::{
    app::App,
    edge::{Problem, ProblemDocument},
    people::{
        Caller, Permission,
        account::{Change, change_person},
        audit::{self, Outcome, Who},
        caller::act,
        field,
    },
};
use actix_web::{
    put,
    web::{Data, Json, Path},
};
use gridcrew_sync_protocol::{
    ids::PersonId,
    position::{PositionInput, TypedPosition},
};
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A base.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BaseWish {
    /// Where, with its datum.
    #[schema(value_type = TypedPosition)]
    pub base: PositionInput,
}

/// Sets where a person of your station sets out from: what ways are measured from.
#[utoipa::path(
    operation_id = "set_base",
    tag = "people",
    params(("id" = Uuid, Path, description = "The person")),
    request_body = BaseWish,
    responses(
        (status = 200, description = "The person as he is now", body = PersonView),
        (status = "default", description = "not_found, position.*", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[put("/people/{id}/base")]
pub(super) async fn set_base(
    app: Data<App>,
    caller: Caller,
    id: Path<Uuid>,
    body: Short<BaseWish>,
) -> Result<Json<PersonView>, Problem> {
    caller.may(Permission::ManageTerritory)?;
    let id = id.into_inner();
    in_scope(app.store.read(), &caller, id).await?;
    let change = Change {
        base: Some(field::base(&body.0.base)?),
        ..Change::default()
    };
    let row = act(&app, &caller, move |tx, app, caller| {
        Box::pin(async move {
            in_scope(tx, caller, id).await?;
            let row = change_person(tx, PersonId(id), change, caller.now).await?;
            let who = Who::from(caller);
            audit::record(tx, app, who, "person.base_set", id, Outcome::Done).await?;
            Ok(row)
        })
    })
    .await?;
    Ok(Json(row.into()))
}
