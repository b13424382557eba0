//! What a handheld's host would put on the wire for a request, and how it reads the answer:
//! the same methods, paths, headers and bodies, without a connection between.

use super::super::server::Asking;
use crate::Fallible;
use actix_web::{
    body::{MessageBody, to_bytes},
    dev::{Payload, ServiceResponse},
    error::PayloadError,
    http::Method,
    test::TestRequest,
    web::Bytes,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use gridcrew_mobile_core::engine::{HttpReply, Request};
use gridcrew_sync_protocol::{enrol::RefreshRequest, time::Millis};
use serde::Serialize;

/// The media type of packed bodies.
const PACKED: &str = "application/vnd.gridcrew+cbor-zstd";
/// Where the server is said to be.
pub const SERVER: &str = "http://server";

/// A body as it comes, piece by piece.
type BoxedPayloadStream =
    std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Bytes, PayloadError>>>>;

/// A request as it goes over the wire.
#[derive(Clone, Debug)]
pub struct Sent {
    method: Method,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// The connection breaks after the body's bytes.
    pub cut: bool,
}

impl Sent {
    /// A request of a handheld's.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn of(asking: Asking<'_>) -> Fallible<Self> {
        let access = &asking.credentials.access_token;
        let packed = |path: &str, body: &[u8]| {
            let sent = Self::bare(Method::POST, path).bearing(access);
            sent.with("content-type", PACKED).bringing(body.to_vec())
        };
        let tus = |method: Method, path: &str| {
            let sent = Self::bare(method, path.strip_prefix(SERVER).unwrap_or(path));
            sent.bearing(access).with("tus-resumable", "1.0.0")
        };
        Ok(match asking.request {
            Request::Push(body) => packed("/api/v1/sync/push", body),
            Request::Reopen(body) => packed("/api/v1/sync/journals", body),
            Request::Held(body) => packed("/api/v1/media/held", body),
            Request::Diagnose(body) => packed("/api/v1/sync/diagnostics", body),
            Request::Feed(cursor) => {
                let mut query = vec![("wait", "0")];
                query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
                let url = format!("{SERVER}/api/v1/sync/feed");
                let url = reqwest::Url::parse_with_params(&url, &query)?;
                let path = format!("{}?{}", url.path(), url.query().unwrap_or_default());
                Self::bare(Method::GET, &path).bearing(access)
            }
            Request::Refresh => {
                let wish = RefreshRequest {
                    refresh_token: asking.credentials.refresh_token.clone(),
                    proof: asking.credentials.refresh_proof.clone(),
                };
                Self::json("/api/v1/auth/refresh", &wish)?
            }
            Request::Create(upload) => {
                let pair = |key: &str, value: &str| format!("{key} {}", STANDARD.encode(value));
                let metadata = [
                    pair("digest", &upload.digest.to_string()),
                    pair("photo", &upload.photo.to_string()),
                    pair("kind", upload.kind.as_str()),
                ];
                tus(Method::POST, "/api/v1/media/uploads")
                    .with("upload-length", &upload.bytes.to_string())
                    .with("upload-metadata", &metadata.join(","))
            }
            Request::Offset(url) => tus(Method::HEAD, url),
            Request::Chunk {
                url,
                offset,
                length,
                ..
            } => {
                let sent = tus(Method::PATCH, url)
                    .with("upload-offset", &offset.to_string())
                    .with("content-type", "application/offset+octet-stream")
                    .bringing(asking.piece.to_vec());
                Self {
                    cut: (asking.piece.len() as u64) < *length,
                    ..sent
                }
            }
        })
    }

    fn bare(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            cut: false,
        }
    }

    /// A JSON body to be posted.
    ///
    /// # Errors
    /// When it cannot be encoded.
    pub fn json<T: Serialize>(path: &str, body: &T) -> Fallible<Self> {
        let sent = Self::bare(Method::POST, path).with("content-type", "application/json");
        Ok(sent.bringing(serde_json::to_vec(body)?))
    }

    /// The same to be put.
    #[must_use]
    pub fn put(self) -> Self {
        Self {
            method: Method::PUT,
            ..self
        }
    }

    /// Something to be got.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::bare(Method::GET, path)
    }

    /// With a token.
    #[must_use]
    pub fn bearing(self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }

    fn bringing(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// As the service takes it.
    pub fn into_test(self) -> (TestRequest, Payload) {
        let mut test = TestRequest::default().method(self.method).uri(&self.path);
        for (name, value) in self.headers {
            test = test.insert_header((name, value));
        }
        if !self.cut && !self.body.is_empty() {
            test = test.insert_header(("content-length", self.body.len().to_string()));
        }
        let mut parts = vec![Ok(Bytes::from(self.body))];
        if self.cut {
            parts.push(Err(PayloadError::Incomplete(None)));
        }
        let payload: BoxedPayloadStream = Box::pin(futures_util::stream::iter(parts));
        (test, Payload::Stream { payload })
    }
}

/// Reads an answer as a host does.
///
/// # Errors
/// When its body breaks off.
pub async fn read<B: MessageBody>(response: ServiceResponse<B>) -> Fallible<HttpReply> {
    let (_, response) = response.into_parts();
    let text = |name: &str| {
        response
            .headers()
            .get(name)
            .and_then(|text| text.to_str().ok())
    };
    let media_type = text("content-type").and_then(|kind| kind.split(';').next());
    let reply = HttpReply {
        status: response.status().as_u16(),
        media_type: media_type.unwrap_or_default().trim().to_ascii_lowercase(),
        epoch: text("gridcrew-epoch").and_then(|text| text.parse().ok()),
        retry_after: text("retry-after")
            .and_then(|text| text.parse::<u32>().ok())
            .map(Millis::seconds),
        location: text("location").map(str::to_owned),
        upload_offset: text("upload-offset").and_then(|text| text.parse().ok()),
        tus: text("tus-resumable") == Some("1.0.0"),
        body: Vec::new(),
    };
    let body = to_bytes(response.into_body())
        .await
        .map_err(|error| crate::Failure::new(error.into().to_string()))?;
    Ok(HttpReply {
        body: body.to_vec(),
        ..reply
    })
}
