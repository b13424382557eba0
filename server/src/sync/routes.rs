//! The operations of sync. Bodies are packed: CBOR in a Zstandard frame.

use super::{
    apply::{Outcome, apply},
    aside, cursor, diagnostics, handheld,
    handheld::Handheld,
    incoming::{self, Incoming},
    page,
    push::Head,
    reopen,
    wait::Heads,
};
use crate::{
    app::App,
    edge::{PACKED_MEDIA_TYPE, Packed, Problem, ProblemDocument},
    people::{Caller, Permission},
};
use actix_web::{
    FromRequest, HttpRequest, HttpResponse, get, post,
    web::{Data, Payload, Query},
};
use gridcrew_sync_protocol::{
    code::Code,
    feed::MAX_WAIT_SECONDS,
    ids::JournalId,
    journal::Batch,
    push::{PushOutcome, PushReply, Receipt, ReopenRequest},
    wire,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::IntoParams;
use utoipa_actix_web::service_config::ServiceConfig;

/// Adds the operations of sync.
pub fn configure(config: &mut ServiceConfig) {
    config
        .app_data(Data::new(Heads::default()))
        .service(sync_push)
        .service(sync_feed)
        .service(sync_reopen)
        .service(diagnostics::routes::sync_diagnostics)
        .service(diagnostics::routes::show_diagnostics)
        .service(aside::routes::list_set_aside);
}

/// Journal in: a signed batch of the handheld's journal.
///
/// The answer says what became of it; a gap and a fork are answers, not failures. The same
/// batch may be sent any number of times.
#[utoipa::path(
    tag = "sync",
    request_body(content = Vec<u8>, content_type = PACKED_MEDIA_TYPE,
        description = "A packed `Batch` of at most 500 entries and 1 MiB"),
    responses(
        (status = 200, description = "A packed `PushReply`", body = Vec<u8>,
            content_type = PACKED_MEDIA_TYPE),
        (status = "default", body = ProblemDocument, content_type = "application/problem+json",
            description = "journal.malformed, journal.bad_signature, journal.bad_link, \
                           journal.not_yours, journal.other_person, journal.bad_opening: \
                           nothing of the batch is applied; auth.revoked, when the handheld \
                           may not write any more and no more of it is kept")
    )
)]
#[post("/sync/push")]
async fn sync_push(
    app: Data<App>,
    request: HttpRequest,
    caller: Result<Caller, Problem>,
    body: Payload,
) -> Result<HttpResponse, Problem> {
    // Who calls is looked at before what he sends.
    let refusal = match &caller {
        Ok(caller) => caller.may_deliver().err(),
        // Who was sent away cannot renew a token that runs out.
        Err(problem) if matches!(problem.code, Code::AuthRevoked | Code::AuthExpired) => None,
        Err(problem) => Some(problem.clone()),
    };
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    let body = Packed::<Batch>::from_request(&request, &mut body.into_inner()).await;
    let outcome = match caller {
        Ok(caller) => push(&app, &caller, body?).await?,
        Err(refusal) => match body {
            Ok(body) => keep_apart(&app, body, refusal).await?,
            Err(_) => return Err(refusal),
        },
    };
    Ok(packed(&PushReply {
        epoch: app.epoch(),
        server_time: app.now(),
        outcome,
    }))
}

/// Takes in a batch of the caller's handheld and says what became of it.
///
/// # Errors
/// As the operation says.
pub async fn push(app: &App, caller: &Caller, body: Packed<Batch>) -> Result<PushOutcome, Problem> {
    let handheld = of_caller(app, caller).await?;
    let incoming = checked(body.value, handheld).await?;
    let journal = handheld.writer.journal;
    match apply(app, handheld, incoming, body.raw).await? {
        Outcome::Held { head, parked } => Ok(PushOutcome::Held {
            receipt: receipt(app, journal, head),
            parked,
        }),
        Outcome::Gap { head } => Ok(PushOutcome::Gap {
            receipt: (head != Head::NOTHING).then(|| receipt(app, journal, head)),
        }),
        Outcome::Fork { common, parked } => Ok(PushOutcome::Fork {
            common: common.seq,
            link: common.link,
            parked,
        }),
        Outcome::BadLink { head } => {
            let detail = format!(
                "The batch does not follow what is held of the journal (up to entry {}): it \
                 forked before the batch. Send the journal again from an earlier entry.",
                head.seq.0
            );
            Err(Problem::new(Code::JournalBadLink, detail))
        }
        Outcome::Revoked => Ok(PushOutcome::Revoked),
    }
}

/// The handheld that calls.
pub(super) async fn of_caller(app: &App, caller: &Caller) -> Result<Handheld, Problem> {
    caller.may_deliver()?;
    let journal = caller.handheld.ok_or_else(Problem::not_found)?;
    handheld::find(app.store.read(), journal)
        .await?
        .ok_or_else(Problem::not_found)
}

/// Checks a batch in a thread for heavy work.
async fn checked(batch: Batch, handheld: Handheld) -> Result<Incoming, Problem> {
    tokio::task::spawn_blocking(move || incoming::check(batch, &handheld.writer))
        .await
        .map_err(Problem::internal)?
}

/// A receipt for what was committed.
fn receipt(app: &App, journal: JournalId, head: Head) -> Receipt {
    let key = &app.keys.trace;
    Receipt::sign(app.epoch(), journal, head.seq, head.link, app.now(), key)
}

/// The records of a revoked handheld or a disabled person are not applied, but they are not
/// lost either: what the handheld's key signed is kept apart, for the station to look at.
async fn keep_apart(
    app: &App,
    body: Packed<Batch>,
    refusal: Problem,
) -> Result<PushOutcome, Problem> {
    let journal = body.value.journal;
    let found = handheld::find(app.store.read(), journal).await?;
    let Some((handheld, reason)) = found.and_then(|one| Some((one, one.apart?))) else {
        return Err(refusal);
    };
    let incoming = checked(body.value, handheld).await?;
    let (packed, now) = (body.raw, app.now());
    app.store
        .write(move |tx| {
            Box::pin(async move { aside::keep_apart(tx, reason, &incoming, &packed, now).await })
        })
        .await?;
    Ok(PushOutcome::Revoked)
}

/// What is asked of the feed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FeedQuery {
    /// The cursor of the page before; nothing for the first.
    cursor: Option<String>,
    /// How many seconds to wait for something new when there is nothing, at most 50.
    #[serde(default)]
    wait: u32,
    /// Anything that was not said before: no cache on the way has an answer for it.
    #[serde(rename = "once")]
    _once: Option<String>,
}

/// Feed out: what is new for the handheld since its cursor.
#[utoipa::path(
    tag = "sync",
    responses(
        (status = 200, description = "A packed `FeedPage`", body = Vec<u8>,
            content_type = PACKED_MEDIA_TYPE),
        (status = "default", body = ProblemDocument, content_type = "application/problem+json",
            description = "feed.bad_cursor")
    )
)]
#[get("/sync/feed")]
async fn sync_feed(
    app: Data<App>,
    heads: Data<Heads>,
    caller: Caller,
    query: Query<FeedQuery>,
) -> Result<HttpResponse, Problem> {
    caller.may(Permission::Sync)?;
    let cursor = match query.cursor.as_deref().filter(|text| !text.is_empty()) {
        Some(text) => Some(cursor::open(&app.keys, &caller, text)?),
        None => None,
    };
    let patience = Duration::from_secs(u64::from(query.wait.min(MAX_WAIT_SECONDS)));
    let page = page::next(&app, &heads, &caller, cursor, patience).await?;
    // Squeezing a page takes some milliseconds, which other requests shall not wait for.
    let body = tokio::task::spawn_blocking(move || wire::pack_tight(&page))
        .await
        .map_err(Problem::internal)?;
    Ok(HttpResponse::Ok()
        .content_type(PACKED_MEDIA_TYPE)
        .body(body))
}

/// A new journal after a fork: it names the old one, and the session counts for it from now
/// on. Asking again with the same key gives the same journal.
#[utoipa::path(
    tag = "sync",
    request_body(content = Vec<u8>, content_type = PACKED_MEDIA_TYPE,
        description = "A packed `ReopenRequest`"),
    responses(
        (status = 200, description = "A packed `ReopenReply`", body = Vec<u8>,
            content_type = PACKED_MEDIA_TYPE),
        (status = "default", body = ProblemDocument, content_type = "application/problem+json",
            description = "journal.not_yours, journal.bad_signature; conflict, when the \
                           journal did not fork; auth.revoked, when the handheld may not \
                           write any more")
    )
)]
#[post("/sync/journals")]
async fn sync_reopen(
    app: Data<App>,
    caller: Caller,
    body: Packed<ReopenRequest>,
) -> Result<HttpResponse, Problem> {
    caller.may_deliver()?;
    Ok(packed(&reopen::reopen(&app, &caller, body.value).await?))
}

/// A packed reply.
fn packed<T: Serialize>(value: &T) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(PACKED_MEDIA_TYPE)
        .body(wire::pack(value))
}
