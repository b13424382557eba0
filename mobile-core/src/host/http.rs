//! The requests of the handheld, as HTTP. Gives back what came, judged by no one.
//!
//! No redirect is followed: a captive portal's is no answer, and a token must not travel to
//! another host. Every request has a time limit that grows with what it carries, so that
//! a link that hangs is noticed and a slow one is not cut off.

use crate::{
    engine::{HttpReply, PACKED, Reply, Request},
    error::Error,
    files::Folder,
    store::photos::Upload,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gridcrew_sync_protocol::{
    enrol::{EnrolRequest, LoginRequest, RefreshRequest},
    feed::MAX_PAGE_BYTES,
    ids::JournalId,
    media::MediaKind,
    time::Millis,
    wipe::WipeAsk,
};
use reqwest::{
    Client, Method, RequestBuilder, Response, Url,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, LOCATION, RETRY_AFTER},
    redirect,
};
use std::{io::Read, path::PathBuf, time::Duration};

/// Longest time to a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest silence while an answer is read.
const SILENCE: Duration = Duration::from_secs(20);
/// What a request may take beside the time for its bytes.
const PATIENCE: Duration = Duration::from_secs(30);
/// The slowest link that is still waited for, bytes a second.
const SLOWEST: u64 = 4 * 1024;
/// Most bytes of an answer as it comes.
const MAX_ANSWER: usize = MAX_PAGE_BYTES;

const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const EPOCH: HeaderName = HeaderName::from_static("gridcrew-epoch");

/// What came back, and what it cost.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) reply: Reply,
    pub(super) sent: u64,
    pub(super) received: u64,
}

/// The connection to one server.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Client,
    server: String,
}

/// What a request needs that only the device has.
#[derive(Clone, Debug)]
pub(super) struct Needs {
    pub(super) access_token: String,
    pub(super) refresh_token: String,
    /// The proof that goes with the refresh token, when that is what is sent.
    pub(super) refresh_proof: Option<String>,
    /// Random, and in the address of what is only asked for: a cache on the way, whatever it
    /// makes of `no-store`, has no answer for it. An old answer would set the time back.
    pub(super) once: String,
    pub(super) folder: Folder,
}

impl Http {
    /// A connection to `server`, without a slash at the end.
    ///
    /// # Errors
    /// [`Error::Unreachable`] when the system's TLS cannot be set up.
    pub(super) fn new(server: &str) -> Result<Self, Error> {
        let client = Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .user_agent(concat!("gridcrew-handheld/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Error::Unreachable(error.to_string()))?;
        let server = server.trim_end_matches('/').to_owned();
        Ok(Self { client, server })
    }

    /// `POST /api/v1/handhelds/enrol`
    pub(super) async fn enrol(&self, request: &EnrolRequest) -> Answer {
        let builder = self.request(Method::POST, "/api/v1/handhelds/enrol", 0);
        exchange(builder.json(request), 0).await
    }

    /// `POST /api/v1/auth/login`
    pub(super) async fn login(&self, request: &LoginRequest) -> Answer {
        let builder = self.request(Method::POST, "/api/v1/auth/login", 0);
        exchange(builder.json(request), 0).await
    }

    /// `POST /api/v1/handhelds/{id}/wipe-order`
    pub(super) async fn wipe_order(&self, journal: JournalId, ask: &WipeAsk) -> Answer {
        let path = format!("/api/v1/handhelds/{journal}/wipe-order");
        exchange(self.request(Method::POST, &path, 0).json(ask), 0).await
    }

    /// Makes a request of the engine's.
    pub(super) async fn make(&self, request: Request, needs: Needs) -> Answer {
        let token = &needs.access_token;
        match request {
            Request::Push(body) => self.packed("/api/v1/sync/push", body, token).await,
            Request::Reopen(body) => self.packed("/api/v1/sync/journals", body, token).await,
            Request::Held(body) => self.packed("/api/v1/media/held", body, token).await,
            Request::Diagnose(body) => self.packed("/api/v1/sync/diagnostics", body, token).await,
            Request::Feed(cursor) => {
                let mut query = vec![("wait", "0".to_owned()), ("once", needs.once)];
                query.extend(cursor.map(|cursor| ("cursor", cursor)));
                let address = format!("{}/api/v1/sync/feed", self.server);
                let url = match Url::parse_with_params(&address, &query) {
                    Ok(url) => url,
                    Err(error) => return broken(format!("{address}: {error}"), 0),
                };
                let patience = limit(MAX_ANSWER as u64 / 4);
                let builder = self.client.get(url).timeout(patience).bearer_auth(token);
                exchange(builder, 0).await
            }
            Request::Refresh => {
                let builder = self.request(Method::POST, "/api/v1/auth/refresh", 0);
                let wish = RefreshRequest {
                    refresh_token: needs.refresh_token,
                    proof: needs.refresh_proof,
                };
                exchange(builder.json(&wish), 0).await
            }
            Request::Create(upload) => {
                let builder = self
                    .request(Method::POST, "/api/v1/media/uploads", 0)
                    .bearer_auth(token)
                    .header(TUS_RESUMABLE, "1.0.0")
                    .header(UPLOAD_LENGTH, upload.bytes)
                    .header(UPLOAD_METADATA, metadata(&upload));
                exchange(builder, 0).await
            }
            Request::Offset(url) => match self.upload(&url) {
                Some(url) => {
                    let builder = self.client.head(url).timeout(PATIENCE);
                    let builder = builder.bearer_auth(token).header(TUS_RESUMABLE, "1.0.0");
                    exchange(builder, 0).await
                }
                None => elsewhere(&url),
            },
            Request::Chunk {
                upload,
                url,
                offset,
                length,
            } => match self.upload(&url) {
                Some(url) => {
                    let chunk = Piece {
                        path: path_of(&needs.folder, &upload),
                        folder: needs.folder,
                        offset,
                        length,
                    };
                    self.chunk(url, chunk, token).await
                }
                None => elsewhere(&url),
            },
        }
    }

    fn request(&self, method: Method, path: &str, bytes: u64) -> RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.server))
            .timeout(limit(bytes))
    }

    async fn packed(&self, path: &str, body: Vec<u8>, token: &str) -> Answer {
        let bytes = body.len() as u64;
        let builder = self
            .request(Method::POST, path, bytes)
            .bearer_auth(token)
            .header(CONTENT_TYPE, PACKED)
            .body(body);
        exchange(builder, bytes).await
    }

    async fn chunk(&self, url: String, piece: Piece, token: &str) -> Answer {
        let (offset, length) = (piece.offset, piece.length);
        let body = match tokio::task::spawn_blocking(move || piece.read()).await {
            Ok(Ok(body)) => body,
            Ok(Err(error)) => return broken(format!("the photo cannot be read: {error}"), 0),
            Err(error) => return broken(error.to_string(), 0),
        };
        let builder = self
            .client
            .patch(url)
            .timeout(limit(length))
            .bearer_auth(token)
            .header(TUS_RESUMABLE, "1.0.0")
            .header(UPLOAD_OFFSET, offset)
            .header(CONTENT_TYPE, "application/offset+octet-stream")
            .body(body);
        exchange(builder, length).await
    }

    /// Where an upload is: on this server, or nowhere.
    fn upload(&self, location: &str) -> Option<String> {
        if location.starts_with('/') && !location.starts_with("//") {
            return Some(format!("{}{location}", self.server));
        }
        let rest = location.strip_prefix(&self.server)?;
        rest.starts_with('/').then(|| location.to_owned())
    }
}

/// A piece of a photo's file.
struct Piece {
    folder: Folder,
    path: PathBuf,
    offset: u64,
    length: u64,
}

impl Piece {
    fn read(&self) -> std::io::Result<Vec<u8>> {
        let file = self.folder.reader(&self.path, self.offset)?;
        let mut piece = Vec::new();
        file.take(self.length).read_to_end(&mut piece)?;
        if piece.len() as u64 == self.length {
            Ok(piece)
        } else {
            Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof))
        }
    }
}

/// A piece of a photo's file.
pub(crate) fn piece_of(
    folder: &Folder,
    upload: &Upload,
    offset: u64,
    length: u64,
) -> std::io::Result<Vec<u8>> {
    let path = path_of(folder, upload);
    Piece {
        folder: folder.clone(),
        path,
        offset,
        length,
    }
    .read()
}

fn path_of(folder: &Folder, upload: &Upload) -> PathBuf {
    match upload.kind {
        MediaKind::Preview => folder.preview(upload.digest),
        MediaKind::Original => folder.photo(upload.digest),
    }
}

fn metadata(upload: &Upload) -> String {
    let pair = |key: &str, value: &str| format!("{key} {}", STANDARD.encode(value));
    [
        pair("digest", &upload.digest.to_string()),
        pair("photo", &upload.photo.to_string()),
        pair("kind", upload.kind.as_str()),
    ]
    .join(",")
}

fn limit(bytes: u64) -> Duration {
    PATIENCE.saturating_add(Duration::from_secs(bytes / SLOWEST))
}

fn broken(detail: String, sent: u64) -> Answer {
    Answer {
        reply: Reply::Broken(detail),
        sent,
        received: 0,
    }
}

fn elsewhere(url: &str) -> Answer {
    broken(format!("the upload lies on another server: {url}"), 0)
}

/// Sends a request and reads the whole answer.
async fn exchange(builder: RequestBuilder, sent: u64) -> Answer {
    let response = match builder.send().await {
        Ok(response) => response,
        Err(error) => return broken(cause(&error), sent),
    };
    let mut reply = head_of(&response);
    match body_of(response).await {
        Ok(body) => {
            let received = body.len() as u64;
            reply.body = body;
            Answer {
                reply: Reply::Http(reply),
                sent,
                received,
            }
        }
        Err((error, received)) => Answer {
            received,
            ..broken(error, sent)
        },
    }
}

async fn body_of(mut response: Response) -> Result<Vec<u8>, (String, u64)> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= MAX_ANSWER => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => return Err(("the answer is too long".to_owned(), body.len() as u64)),
            Ok(None) => return Ok(body),
            Err(error) => return Err((cause(&error), body.len() as u64)),
        }
    }
}

fn head_of(response: &Response) -> HttpReply {
    let headers = response.headers();
    let media_type = text(headers, &CONTENT_TYPE)
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default();
    HttpReply {
        status: response.status().as_u16(),
        media_type: media_type.trim().to_ascii_lowercase(),
        epoch: text(headers, &EPOCH).and_then(|text| text.parse().ok()),
        retry_after: text(headers, &RETRY_AFTER)
            .and_then(|text| text.parse::<u32>().ok())
            .map(Millis::seconds),
        location: text(headers, &LOCATION).map(str::to_owned),
        upload_offset: text(headers, &UPLOAD_OFFSET).and_then(|text| text.parse().ok()),
        tus: text(headers, &TUS_RESUMABLE) == Some("1.0.0"),
        body: Vec::new(),
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// The innermost cause, which says more than "error sending request".
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "timed out".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
