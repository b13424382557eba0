//! Exporting an order's trace over HTTP: the folder of [`super::manifest`] as an archive.

use super::{
    export::{Selection, export},
    manifest::{MANIFEST, Manifest, SIGNATURE},
    tar::{Member, archive},
};
use crate::{
    app::App,
    edge::{Problem, ProblemDocument},
    orders::rows::service_order,
    people::{Caller, Permission, audit},
};
use actix_web::{
    HttpResponse, get,
    http::header,
    web::{Data, Path},
};
use gridcrew_sync_protocol::{
    ids::OrderId,
    time::{Millis, UnixMillis},
};
use sea_orm::{EntityTrait, QueryFilter};
use std::{
    fs, io,
    path::{Path as FilePath, PathBuf},
    time::SystemTime,
};
use utoipa_actix_web::service_config::ServiceConfig;

/// Exports that a kill left behind are removed after this time.
const LEFT_BEHIND: Millis = Millis(24 * 3_600_000);

/// Adds the operations of traces.
pub fn configure(config: &mut ServiceConfig) {
    config.service(export_order);
}

/// Export an order's trace: signed journals, photos and a manifest, to be checked by anyone
/// with `gridcrew trace verify`. Written into the audit log.
#[utoipa::path(
    tag = "orders",
    params(("id" = OrderId, Path, description = "The order")),
    responses(
        (status = 200, description = "A tar archive of the export", body = Vec<u8>,
            content_type = "application/x-tar"),
        (status = "default", body = ProblemDocument, content_type = "application/problem+json",
            description = "auth.forbidden; not_found, when it is not yours to see")
    )
)]
#[get("/orders/{id}/export")]
async fn export_order(
    app: Data<App>,
    caller: Caller,
    id: Path<OrderId>,
) -> Result<HttpResponse, Problem> {
    caller.may(Permission::ExportTraces)?;
    let order = id.into_inner();
    service_order::Entity::find_by_id(order.0)
        .filter(caller.scope.orders())
        .one(app.store.read())
        .await?
        .ok_or_else(Problem::not_found)?;
    audit::record_reading(&app, &caller, "trace.exported", order).await?;
    let scratch = Scratch::make(&app).await?;
    let manifest = export(&app, Selection::Order(order), &scratch.0).await?;
    let members = members(&scratch.0, &manifest).map_err(Problem::internal)?;
    let name = format!("attachment; filename=\"trace-{order}.tar\"");
    Ok(HttpResponse::Ok()
        .content_type("application/x-tar")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .streaming(archive(members, scratch)))
}

fn members(folder: &FilePath, manifest: &Manifest) -> io::Result<Vec<Member>> {
    [MANIFEST, SIGNATURE]
        .into_iter()
        .chain(manifest.files.keys().map(String::as_str))
        .map(|name| {
            let path = folder.join(name);
            Ok(Member {
                name: name.to_owned(),
                size: fs::metadata(&path)?.len(),
                path,
            })
        })
        .collect()
}

/// A folder that goes when it is not needed any more.
struct Scratch(PathBuf);

impl Scratch {
    async fn make(app: &App) -> Result<Self, Problem> {
        let exports = app.config.data.join("exports");
        let (scratch, now) = (exports.join(app.new_id().to_string()), app.now());
        tokio::task::spawn_blocking(move || remove_left_behind(&exports, now))
            .await
            .map_err(Problem::internal)?
            .map_err(Problem::internal)?;
        Ok(Self(scratch))
    }
}

fn remove_left_behind(exports: &FilePath, now: UnixMillis) -> io::Result<()> {
    fs::create_dir_all(exports)?;
    for entry in fs::read_dir(exports)? {
        let entry = entry?;
        let made = entry.metadata()?.modified()?;
        let made = made
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let made = UnixMillis(i64::try_from(made.as_millis()).unwrap_or(i64::MAX));
        if now.since(made) > LEFT_BEHIND {
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let folder = std::mem::take(&mut self.0);
        tokio::task::spawn_blocking(move || {
            if let Err(error) = fs::remove_dir_all(&folder) {
                tracing::warn!(%error, folder = %folder.display(), "an export is left behind");
            }
        });
    }
}
