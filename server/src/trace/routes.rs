//! Exporting an order's trace over HTTP: the folder of [`super::manifest`] as an archive.

use super::{
    export::{Selection, export_while},
    folder::{StillWanted, Wanted},
    manifest::{MANIFEST, Manifest, SIGNATURE},
    scratch::Scratch,
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
use gridcrew_sync_protocol::{code::Code, ids::OrderId};
use sea_orm::{EntityTrait, QueryFilter};
use std::{fs, io, path::Path as FilePath};
use utoipa_actix_web::service_config::ServiceConfig;

/// Adds the operations of traces.
pub fn configure(config: &mut ServiceConfig) {
    config.service(export_order);
}

/// Export an order's trace: signed journals, photos and a manifest, to be checked by anyone
/// with `gridcrew trace verify`. One at a time. Written into the audit log.
#[utoipa::path(
    tag = "orders",
    params(("id" = OrderId, Path, description = "The order")),
    responses(
        (status = 200, description = "A tar archive of the export", body = Vec<u8>,
            content_type = "application/x-tar"),
        (status = "default", body = ProblemDocument, content_type = "application/problem+json",
            description = "auth.forbidden; not_found, when it is not yours to see; \
                           too_many_requests, while another is exported")
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
    let permit = app.store.try_long_read().ok_or_else(busy)?;
    audit::record_reading(&app, &caller, "trace.exported", order).await?;
    let (wanted, still) = Wanted::new();
    let this = App::clone(&app);
    // In a task of its own, so that leave to read and folder stay with the work when the
    // client goes away; the work then ends before its next file.
    let made = tokio::spawn(async move {
        let made = write(&this, order, still).await;
        drop(permit);
        made
    });
    let (members, scratch) = made.await.map_err(Problem::internal)??;
    drop(wanted);
    let name = format!("attachment; filename=\"trace-{order}.tar\"");
    Ok(HttpResponse::Ok()
        .content_type("application/x-tar")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .streaming(archive(members, scratch)))
}

async fn write(
    app: &App,
    order: OrderId,
    still: StillWanted,
) -> Result<(Vec<Member>, Scratch), Problem> {
    let scratch = Scratch::make(app)?;
    let manifest = export_while(app, Selection::Order(order), scratch.path(), still).await?;
    let members = members(scratch.path(), &manifest).map_err(Problem::internal)?;
    Ok((members, scratch))
}

fn busy() -> Problem {
    let detail = "Another trace is being exported. One is at a time; come back in a moment.";
    Problem {
        retry_after: Some(5),
        ..Problem::new(Code::TooManyRequests, detail)
    }
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
