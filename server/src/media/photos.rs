//! Looking at photos, and asking which are held.
//!
//! A photo is seen by those who see an order whose record promises it, parked or not; the
//! promise counts of one whose photo it is ([`super::owners`]). Whoever sees an original,
//! with the place and the camera that its metadata may name, is written down. What is
//! served has a fixed type and runs nothing (RELIABILITY T11).

use super::{
    blocking, completion,
    folder::disk_problem,
    held::{self, Held},
    owners,
};
use crate::{
    app::App,
    edge::{PACKED_MEDIA_TYPE, Packed, Problem, ProblemDocument},
    people::{Caller, Permission, audit},
};
use actix_web::{
    HttpRequest, HttpResponse,
    body::SizedStream,
    get,
    http::header::{self, ETag, EntityTag, Header, IfNoneMatch},
    post,
    web::{Data, Path},
};
use bytes::Bytes;
use futures_util::{Stream, stream};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    media::{HeldReply, HeldRequest, MediaKind, PictureFormat},
    wire,
};
use std::{
    fs::File,
    io::{self, Read},
    sync::Arc,
};
use utoipa_actix_web::service_config::ServiceConfig;

/// Most photos that may be asked about at once.
const MAX_ASKED: usize = 1_000;
/// How much is read at a time while a photo is sent.
const BLOCK: usize = 256 * 1024;

pub(super) fn configure(config: &mut ServiceConfig) {
    config
        .service(photo_original)
        .service(photo_preview)
        .service(photos_held);
}

/// See an original: the bytes as the handheld took them. Written into the audit log.
#[utoipa::path(
    tag = "media",
    params(("digest" = String, Path, description = "SHA-256 of the original, hexadecimal")),
    responses(
        (status = 200, description = "The picture; `ETag` is its SHA-256", content(
            (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/webp"),
            (Vec<u8> = "image/heic"))),
        (status = 304, description = "As `If-None-Match` has it"),
        (status = "default", body = ProblemDocument, content_type = "application/problem+json",
            description = "auth.forbidden; not_found, when it has not come or is not yours to see")
    )
)]
#[get("/media/photos/{digest}")]
pub(super) async fn photo_original(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
    digest: Path<String>,
) -> Result<HttpResponse, Problem> {
    let photo = visible(&app, &caller, &digest).await?;
    let original = there(app.get_ref(), photo, MediaKind::Original).await?;
    let original = original.ok_or_else(Problem::not_found)?;
    audit::record_reading(&app, &caller, "photo.original", photo).await?;
    serve(&app, &request, original).await
}

/// See a preview: upright, small, without metadata.
///
/// It is made here of the original, and says the order, time and place of the record that
/// promised it first. Until the original has come, and of HEIC, which is not decoded here, it
/// is the handheld's own, which nobody can check.
#[utoipa::path(
    tag = "media",
    params(("digest" = String, Path, description = "SHA-256 of the original, hexadecimal")),
    responses(
        (status = 200, description = "The picture; `ETag` is the preview's SHA-256",
            body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "As `If-None-Match` has it"),
        (status = "default", body = ProblemDocument, content_type = "application/problem+json",
            description = "auth.forbidden; not_found, when there is none or it is not yours to see")
    )
)]
#[get("/media/photos/{digest}/preview")]
pub(super) async fn photo_preview(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
    digest: Path<String>,
) -> Result<HttpResponse, Problem> {
    let photo = visible(&app, &caller, &digest).await?;
    let preview = preview(&app, photo).await?;
    audit::record_reading(&app, &caller, "photo.preview", photo).await?;
    serve(&app, &request, preview).await
}

/// The preview made of the original; until that is held, and of a kind that is not decoded
/// here, the handheld's own.
async fn preview(app: &App, photo: Digest) -> Result<Held, Problem> {
    let preview = there(app, photo, MediaKind::Preview).await?;
    if let Some(derived) = preview.filter(|preview| preview.derived) {
        return Ok(derived);
    }
    match (there(app, photo, MediaKind::Original).await?, preview) {
        // Nothing better can be made of it.
        (Some(original), Some(own)) if original.format == PictureFormat::Heic => Ok(own),
        (Some(original), _) => completion::derive_preview(app, original).await,
        (None, own) => own.ok_or_else(Problem::not_found),
    }
}

/// What is held of a photo, if its file is there.
async fn there(app: &App, photo: Digest, kind: MediaKind) -> Result<Option<Held>, Problem> {
    match held::find(app.store.read(), photo, kind).await? {
        Some(held) if completion::has_file(app, held).await? => Ok(Some(held)),
        _ => Ok(None),
    }
}

/// Ask which of at most 1,000 photos are held, verified and durable.
///
/// Only photos that records of the handheld promised are answered, and of these the ones that
/// no other person promised first, or whose bytes one of the person's handhelds brought.
#[utoipa::path(
    tag = "media",
    request_body(content = Vec<u8>, content_type = "application/vnd.gridcrew+cbor-zstd",
        description = "A packed `HeldRequest`"),
    responses(
        (status = 200, description = "A packed `HeldReply`", body = Vec<u8>,
            content_type = "application/vnd.gridcrew+cbor-zstd"),
        (status = "default", body = ProblemDocument, content_type = "application/problem+json",
            description = "auth.forbidden, request.too_large, journal.malformed")
    )
)]
#[post("/media/held")]
pub(super) async fn photos_held(
    app: Data<App>,
    caller: Caller,
    body: Packed<HeldRequest>,
) -> Result<HttpResponse, Problem> {
    caller.may_deliver()?;
    let journal = caller.handheld.ok_or_else(Problem::not_found)?;
    let asked = body.value.photos;
    if asked.len() > MAX_ASKED {
        let detail = format!("At most {MAX_ASKED} photos may be asked about at once.");
        return Err(Problem::new(Code::RequestTooLarge, detail));
    }
    let held = held::of_handheld(&app, journal, &asked).await?;
    let of_kind = |kind| {
        let some = held.iter().filter(move |held: &&Held| held.kind == kind);
        some.map(|held| held.photo).collect()
    };
    let reply = HeldReply {
        epoch: app.epoch(),
        originals: of_kind(MediaKind::Original),
        previews: of_kind(MediaKind::Preview),
    };
    Ok(HttpResponse::Ok()
        .content_type(PACKED_MEDIA_TYPE)
        .body(wire::pack(&reply)))
}

/// The photo, if a record of an order in the caller's scope promises it, by one whose photo
/// it is.
pub(super) async fn visible(app: &App, caller: &Caller, digest: &str) -> Result<Digest, Problem> {
    caller.may(Permission::ReadOrders)?;
    let photo: Digest = digest.parse().map_err(|_| Problem::not_found())?;
    if owners::is_visible(app.store.read(), &caller.scope, photo).await? {
        Ok(photo)
    } else {
        Err(Problem::not_found())
    }
}

/// Sends what is held, as what it is and nothing else.
async fn serve(app: &App, request: &HttpRequest, held: Held) -> Result<HttpResponse, Problem> {
    let tag = EntityTag::new_strong(held.digest.to_string());
    let known = match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Any) => request.headers().contains_key(header::IF_NONE_MATCH),
        Ok(IfNoneMatch::Items(tags)) => tags.iter().any(|known| known.weak_eq(&tag)),
        Err(_) => false,
    };
    if known {
        return Ok(HttpResponse::NotModified()
            .insert_header(ETag(tag))
            .finish());
    }
    let photos = Arc::clone(&app.photos);
    let file = blocking(move || File::open(photos.object(held.digest))).await?;
    let file = file.map_err(|error| disk_problem(&error))?;
    let disposition = match held.kind {
        MediaKind::Original => "attachment",
        MediaKind::Preview => "inline",
    };
    let name = format!("{}.{}", held.digest, extension(held.format));
    Ok(HttpResponse::Ok()
        .content_type(held.format.media_type())
        .insert_header(ETag(tag))
        .insert_header((header::CACHE_CONTROL, "private, no-cache"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "sandbox; default-src 'none'",
        ))
        .insert_header((
            header::CONTENT_DISPOSITION,
            format!("{disposition}; filename=\"{name}\""),
        ))
        .body(SizedStream::new(held.bytes, blocks(file))))
}

/// The ending of a file name that fits the format.
fn extension(format: PictureFormat) -> &'static str {
    match format {
        PictureFormat::Jpeg => "jpg",
        PictureFormat::Png => "png",
        PictureFormat::Webp => "webp",
        PictureFormat::Heic => "heic",
    }
}

/// A file, block by block.
fn blocks(file: File) -> impl Stream<Item = io::Result<Bytes>> {
    stream::try_unfold(file, |mut file| async move {
        let next = tokio::task::spawn_blocking(move || {
            let mut block = Vec::with_capacity(BLOCK);
            (&mut file).take(BLOCK as u64).read_to_end(&mut block)?;
            Ok::<_, io::Error>((block, file))
        });
        let (block, file) = next.await.map_err(io::Error::other)??;
        Ok((!block.is_empty()).then(|| (Bytes::from(block), file)))
    })
}
