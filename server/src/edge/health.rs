//! Whether this process can do its work.

use super::{Problem, ProblemDocument};
use crate::app::App;
use actix_web::{get, web};
use gridcrew_sync_protocol::{
    ids::Epoch,
    time::{Millis, UnixMillis},
};
use sea_orm::ConnectionTrait;
use serde::Serialize;
use utoipa::ToSchema;

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// The server's version.
    version: &'static str,
    /// This life of the database.
    epoch: Epoch,
    /// The server's time.
    server_time: UnixMillis,
    /// How far the machine's clock is behind that, milliseconds: not 0 when it was put back.
    clock_behind: Millis,
}

/// Says that the server and its database answer.
#[utoipa::path(
    operation_id = "health",
    tag = "server",
    security(()),
    responses(
        (status = 200, description = "Server and database answer", body = Health),
        (status = 503, description = "The database does not answer", body = ProblemDocument),
    )
)]
#[get("/health")]
pub async fn health(app: web::Data<App>) -> Result<web::Json<Health>, Problem> {
    app.store
        .read()
        .execute_unprepared("SELECT 1")
        .await
        .map_err(Problem::unavailable)?;
    Ok(web::Json(Health {
        version: env!("CARGO_PKG_VERSION"),
        epoch: app.epoch(),
        server_time: app.now(),
        clock_behind: app.clock.behind(),
    }))
}
