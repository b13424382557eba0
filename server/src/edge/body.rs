//! Bodies: never longer than allowed, never slower than bearable.
//!
//! actix-web ends slow headers by itself, slow bodies never (RELIABILITY F5). So every
//! body runs through [`pace`]: it must bring something every [`IDLE`], and after a grace
//! time at least [`LEAST_RATE`] bytes a second on the whole.

use super::Problem;
use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::{Payload, ServiceRequest},
    error::PayloadError,
    http::header,
    web::{Bytes, BytesMut},
};
use futures_util::{Stream, StreamExt, future::LocalBoxFuture};
use gridcrew_sync_protocol::{code::Code, journal::MAX_BATCH_BYTES, wire};
use serde::de::DeserializeOwned;
use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::time::{Instant, Sleep, sleep_until};

/// Longest silence within a body.
pub const IDLE: Duration = Duration::from_secs(15);
/// How long a body may take before its rate is looked at.
pub const GRACE: Duration = Duration::from_secs(30);
/// Least bytes a second after the grace time.
pub const LEAST_RATE: u64 = 1024;
/// Most bytes of a JSON body, where the operation says nothing else.
pub const MAX_JSON_BYTES: usize = 256 * 1024;
/// The media type of packed bodies: CBOR in a Zstandard frame.
pub const PACKED_MEDIA_TYPE: &str = "application/vnd.gridcrew+cbor-zstd";

/// Puts a body under its deadlines. Applied to every request, in one place.
pub fn pace(request: &mut ServiceRequest) {
    let payload = request.take_payload();
    let now = Instant::now();
    request.set_payload(Payload::Stream {
        payload: Box::pin(Paced {
            payload,
            began: now,
            bytes: 0,
            deadline: Box::pin(sleep_until(now + IDLE)),
        }),
    });
}

struct Paced {
    payload: Payload,
    began: Instant,
    bytes: u64,
    deadline: Pin<Box<Sleep>>,
}

impl Paced {
    /// The latest moment for the next bytes.
    fn next_deadline(&self, now: Instant) -> Instant {
        let paid_for = Duration::from_secs(self.bytes / LEAST_RATE);
        (now + IDLE).min(self.began + GRACE + paid_for)
    }
}

impl Stream for Paced {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.payload.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(bytes))) => {
                self.bytes = self.bytes.saturating_add(bytes.len() as u64);
                let deadline = self.next_deadline(Instant::now());
                self.deadline.as_mut().reset(deadline);
                Poll::Ready(Some(Ok(bytes)))
            }
            Poll::Ready(other) => Poll::Ready(other),
            Poll::Pending => self.deadline.as_mut().poll(cx).map(|()| {
                Some(Err(PayloadError::Io(io::Error::from(
                    io::ErrorKind::TimedOut,
                ))))
            }),
        }
    }
}

/// What a broken body means to the caller.
impl From<PayloadError> for Problem {
    fn from(error: PayloadError) -> Self {
        match error {
            PayloadError::Io(io) if io.kind() == io::ErrorKind::TimedOut => Self::new(
                Code::RequestTimeout,
                format!(
                    "The body must bring something every {} s and {LEAST_RATE} bytes a second.",
                    IDLE.as_secs()
                ),
            ),
            PayloadError::Overflow => Self::new(Code::RequestTooLarge, "The body is too large."),
            other => Self::new(
                Code::RequestMalformed,
                format!("The body broke off: {other}."),
            ),
        }
    }
}

/// Reads a whole body of at most `limit` bytes.
///
/// # Errors
/// `request.too_large`, `request.timeout`, `request.malformed`.
pub async fn read(request: &HttpRequest, payload: Payload, limit: usize) -> Result<Bytes, Problem> {
    read_counted(request, payload, limit, |_| Ok(())).await
}

/// Reads a whole body of at most `limit` bytes; `count` is told of each piece before it is
/// kept, and may refuse it.
///
/// # Errors
/// `request.too_large`, `request.timeout`, `request.malformed`, and what `count` says.
pub async fn read_counted(
    request: &HttpRequest,
    payload: Payload,
    limit: usize,
    mut count: impl FnMut(usize) -> Result<(), Problem>,
) -> Result<Bytes, Problem> {
    let too_large = || {
        Problem::new(
            Code::RequestTooLarge,
            format!("The body may have at most {limit} bytes."),
        )
    };
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let mut payload = payload;
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk?;
        if body.len() + chunk.len() > limit {
            return Err(too_large());
        }
        count(chunk.len())?;
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

/// A JSON body of at most `LIMIT` bytes, of the media type `application/json`.
#[derive(Debug)]
pub struct Json<T, const LIMIT: usize = MAX_JSON_BYTES>(pub T);

impl<T: DeserializeOwned + 'static, const LIMIT: usize> FromRequest for Json<T, LIMIT> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            expect_media_type(&request, &["application/json", "application/geo+json"])?;
            let body = read(&request, payload, LIMIT).await?;
            Ok(Self(serde_json::from_slice(&body)?))
        })
    }
}

/// A packed body (compressed CBOR), and its length as it came.
#[derive(Debug)]
pub struct Packed<T> {
    /// The value.
    pub value: T,
    /// The bytes as they came.
    pub raw: Bytes,
}

impl<T: DeserializeOwned + 'static> FromRequest for Packed<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let (request, payload) = (request.clone(), payload.take());
        Box::pin(async move {
            expect_media_type(&request, &[PACKED_MEDIA_TYPE])?;
            let raw = read(&request, payload, MAX_BATCH_BYTES).await?;
            let value = wire::unpack(&raw, MAX_BATCH_BYTES).map_err(|error| match error {
                wire::WireError::TooLarge { .. } => {
                    Problem::new(Code::RequestTooLarge, error.to_string())
                }
                _ => Problem::new(Code::JournalMalformed, error.to_string()),
            })?;
            Ok(Self { value, raw })
        })
    }
}

/// Refuses a body of another media type.
///
/// # Errors
/// `request.media_type`.
pub fn expect_media_type(request: &HttpRequest, allowed: &[&str]) -> Result<(), Problem> {
    if allowed
        .iter()
        .any(|kind| request.content_type().eq_ignore_ascii_case(kind))
    {
        Ok(())
    } else {
        let detail = format!("Send the body as {}.", allowed.join(" or "));
        Err(Problem::new(Code::RequestMediaType, detail))
    }
}
