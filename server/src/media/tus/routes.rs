//! The routes of tus. Each works in a task of its own, so that what a vanished connection
//! had brought is still written down.

use super::{
    protocol::{self, CHUNK_MEDIA_TYPE, Checksum},
    receive::{self, Chunk},
    reply::{TusProblem, location, reply, stands_at},
};
use crate::{
    app::App,
    edge::{Problem, ProblemDocument},
    media::{
        blocking,
        completion::{self, Standing},
        folder::disk_problem,
        uploads::{self, Upload},
    },
    people::Caller,
};
use actix_web::{
    HttpMessage, HttpRequest, HttpResponse, delete, head,
    http::{StatusCode, header},
    options, patch, post,
    web::{Data, Path, Payload},
};
use gridcrew_sync_protocol::{code::Code, ids::JournalId, media::MAX_ORIGINAL_BYTES};
use std::sync::Arc;
use uuid::Uuid;

/// The handheld that calls.
fn handheld(caller: &Caller) -> Result<JournalId, Problem> {
    caller.may_deliver()?;
    caller.handheld.ok_or_else(Problem::not_found)
}

/// Runs the work of a request to its end, whatever becomes of the connection.
async fn in_a_task(
    work: impl Future<Output = Result<HttpResponse, TusProblem>> + 'static,
) -> Result<HttpResponse, TusProblem> {
    actix_web::rt::spawn(work)
        .await
        .map_err(|broken| TusProblem::from(Problem::internal(broken)))?
}

/// Waits for the upload's turn and says how far it is; its length when it is held.
async fn offset(app: &App, upload: &Upload) -> Result<u64, Problem> {
    let turn = app.photos.turns.take(upload.id).await?;
    let standing = completion::stand(app, upload, turn).await?;
    Ok(standing.offset(upload))
}

/// What the server speaks of tus.
#[utoipa::path(
    tag = "media",
    security(()),
    responses((status = 204, description = "`Tus-Version`, `Tus-Extension`, `Tus-Max-Size`, \
        `Tus-Checksum-Algorithm`"))
)]
#[options("/media/uploads")]
pub(super) async fn tus_options() -> HttpResponse {
    reply(StatusCode::NO_CONTENT)
        .insert_header((protocol::TUS_VERSION, protocol::VERSION))
        .insert_header((protocol::TUS_EXTENSION, protocol::EXTENSIONS))
        .insert_header((protocol::TUS_MAX_SIZE, MAX_ORIGINAL_BYTES))
        .insert_header((protocol::TUS_CHECKSUM_ALGORITHM, protocol::CHECKSUMS))
        .finish()
}

/// Begin an upload, or find the one that was begun.
///
/// `Upload-Length` and `Upload-Metadata` with `digest`, `photo` and `kind` say what comes. A
/// body of `application/offset+octet-stream` is its first bytes. `Upload-Offset` of the
/// answer says where to go on; at the length, everything is held.
#[utoipa::path(
    tag = "media",
    params(
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("Upload-Length" = u64, Header, description = "How many bytes"),
        ("Upload-Metadata" = String, Header, description = "`digest`, `photo`, `kind`, each \
            followed by its value in base64"),
        ("Upload-Checksum" = Option<String>, Header, description = "Of the body")
    ),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses(
        (status = 201, description = "`Location`, `Upload-Offset`, `Upload-Expires`"),
        (status = "default", body = ProblemDocument, content_type = "application/problem+json",
            description = "media.malformed, media.tus_version, media.too_large, \
            media.not_promised, media.preview_not_wanted, media.busy, media.checksum_mismatch, media.digest_mismatch, \
            media.no_picture, media.too_many_pixels, too_many_requests, storage.full")
    )
)]
#[post("/media/uploads")]
pub(super) async fn tus_create(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
    body: Payload,
) -> Result<HttpResponse, TusProblem> {
    let journal = handheld(&caller)?;
    protocol::expect_version(request.headers())?;
    let claim = protocol::claim(request.headers())?;
    let brings_bytes = request.content_type() == CHUNK_MEDIA_TYPE;
    let checksum = Checksum::announced(request.headers())?;
    in_a_task(async move {
        let upload = uploads::begin(&app, journal, claim).await?;
        let offset = if brings_bytes {
            first_bytes(&app, &upload, checksum, body).await?
        } else {
            offset(&app, &upload).await?
        };
        Ok(stands_at(StatusCode::CREATED, &upload, offset)
            .insert_header((header::LOCATION, location(&upload)))
            .finish())
    })
    .await
}

/// Takes in the body of a creation, which starts at 0 wherever the upload stands.
async fn first_bytes(
    app: &App,
    upload: &Upload,
    checksum: Option<Checksum>,
    body: Payload,
) -> Result<u64, Problem> {
    let turn = app.photos.turns.take(upload.id).await?;
    match completion::stand(app, upload, turn).await? {
        Standing::Open(part) => {
            let chunk = Chunk {
                body,
                skip: part.offset(),
                checksum,
            };
            receive::receive(app, upload, part, chunk).await
        }
        Standing::Held => {
            receive::skip(upload.claim.length, body).await?;
            Ok(upload.claim.length)
        }
    }
}

/// Ask where an upload stands.
///
/// At its length, everything is held: verified and durable. A request that still writes to
/// the upload is ended.
#[utoipa::path(
    tag = "media",
    params(("Tus-Resumable" = String, Header, description = "`1.0.0`")),
    responses(
        (status = 200, description = "`Upload-Offset`, `Upload-Length`, `Upload-Metadata`, \
            `Upload-Expires`"),
        (status = "default", description = "As for the creation, and not_found, media.gone; \
            without a body")
    )
)]
#[head("/media/uploads/{id}")]
pub(super) async fn tus_head(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
    id: Path<Uuid>,
) -> Result<HttpResponse, TusProblem> {
    let journal = handheld(&caller)?;
    protocol::expect_version(request.headers())?;
    in_a_task(async move {
        let upload = uploads::find(&app, journal, *id).await?;
        let offset = offset(&app, &upload).await?;
        Ok(stands_at(StatusCode::OK, &upload, offset)
            .insert_header((protocol::UPLOAD_LENGTH, upload.claim.length))
            .insert_header((protocol::UPLOAD_METADATA, protocol::metadata(&upload.claim)))
            .finish())
    })
    .await
}

/// Bring the next bytes of an upload.
///
/// When the last have come, the upload is verified; 204 with `Upload-Offset` at the length
/// says that it is held.
#[utoipa::path(
    tag = "media",
    params(
        ("Tus-Resumable" = String, Header, description = "`1.0.0`"),
        ("Upload-Offset" = u64, Header, description = "Where the chunk starts"),
        ("Upload-Checksum" = Option<String>, Header, description = "`sha1` or `sha256` and the \
            checksum of the chunk in base64")
    ),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses(
        (status = 204, description = "`Upload-Offset`, `Upload-Expires`"),
        (status = 409, body = ProblemDocument, content_type = "application/problem+json",
            description = "media.wrong_offset, with the true `Upload-Offset`"),
        (status = "default", body = ProblemDocument, content_type = "application/problem+json",
            description = "As for the creation, and not_found, media.gone, request.media_type, \
            request.timeout")
    )
)]
#[patch("/media/uploads/{id}")]
pub(super) async fn tus_patch(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
    id: Path<Uuid>,
    body: Payload,
) -> Result<HttpResponse, TusProblem> {
    let journal = handheld(&caller)?;
    protocol::expect_version(request.headers())?;
    if request.content_type() != CHUNK_MEDIA_TYPE {
        let detail = format!("Send the chunk as {CHUNK_MEDIA_TYPE}.");
        return Err(Problem::new(Code::RequestMediaType, detail).into());
    }
    let at = protocol::offset(request.headers())?;
    let checksum = Checksum::announced(request.headers())?;
    in_a_task(async move {
        let upload = uploads::find(&app, journal, *id).await?;
        let offset = next_bytes(&app, &upload, at, checksum, body).await?;
        Ok(stands_at(StatusCode::NO_CONTENT, &upload, offset).finish())
    })
    .await
}

/// Takes in a chunk that starts where the upload stands, and no other.
async fn next_bytes(
    app: &App,
    upload: &Upload,
    at: u64,
    checksum: Option<Checksum>,
    body: Payload,
) -> Result<u64, TusProblem> {
    let turn = app.photos.turns.take(upload.id).await?;
    match completion::stand(app, upload, turn).await? {
        Standing::Open(part) if part.offset() == at => {
            let chunk = Chunk {
                body,
                skip: 0,
                checksum,
            };
            Ok(receive::receive(app, upload, part, chunk).await?)
        }
        Standing::Held if at == upload.claim.length => {
            receive::skip(0, body).await?;
            Ok(at)
        }
        standing => Err(TusProblem::wrong_offset(standing.offset(upload), at)),
    }
}

/// End an upload. What it brought is dropped, unless it is already held.
#[utoipa::path(
    tag = "media",
    params(("Tus-Resumable" = String, Header, description = "`1.0.0`")),
    responses(
        (status = 204, description = "It is gone"),
        (status = "default", body = ProblemDocument, content_type = "application/problem+json",
            description = "not_found, media.gone, media.busy, media.tus_version")
    )
)]
#[delete("/media/uploads/{id}")]
pub(super) async fn tus_delete(
    app: Data<App>,
    caller: Caller,
    request: HttpRequest,
    id: Path<Uuid>,
) -> Result<HttpResponse, TusProblem> {
    let journal = handheld(&caller)?;
    protocol::expect_version(request.headers())?;
    in_a_task(async move {
        let upload = uploads::find(&app, journal, *id).await?;
        let turn = app.photos.turns.take(upload.id).await?;
        uploads::end(&app, upload.id).await?;
        let photos = Arc::clone(&app.photos);
        let dropped = blocking(move || {
            let dropped = photos.drop_part(upload.id);
            drop(turn);
            dropped
        });
        dropped.await?.map_err(|error| disk_problem(&error))?;
        Ok(reply(StatusCode::NO_CONTENT).finish())
    })
    .await
}
