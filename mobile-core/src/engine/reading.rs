//! What a reply means. Only an answer in the server's own form is an answer: everything
//! else, be it HTTP 200, means "unknown, try again" (RELIABILITY, design rules 3 and 4).

use super::{HttpReply, Problem, Reply};
use gridcrew_sync_protocol::{code::Code, time::Millis, wire};
use serde::{Deserialize, de::DeserializeOwned};

/// The media type of packed bodies: CBOR in a Zstandard frame.
pub(crate) const PACKED: &str = "application/vnd.gridcrew+cbor-zstd";
const PROBLEM: &str = "application/problem+json";

/// What is wrong with a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Unknown: try again.
    Unknown(Problem),
    /// The server cannot now; costs no attempt.
    Busy(Option<Millis>),
    /// The access token is not taken.
    Auth(Code),
    /// The server refused, with one of its codes.
    Refused(Code),
}

impl Trouble {
    /// How it is said.
    pub(super) fn problem(&self) -> Problem {
        match self {
            Self::Unknown(problem) => problem.clone(),
            Self::Busy(_) => Problem::ServerBusy,
            Self::Auth(Code::AuthRevoked) => Problem::Revoked,
            Self::Auth(code) => Problem::SessionOver {
                code: code.to_string(),
            },
            Self::Refused(code) => Problem::Refused {
                code: code.to_string(),
            },
        }
    }
}

/// A problem document; other members do not matter here.
#[derive(Deserialize)]
struct Document {
    code: String,
}

/// The reply, if it says that what was asked was done.
pub(super) fn success(reply: &Reply) -> Result<&HttpReply, Trouble> {
    let http = match reply {
        Reply::Http(http) => http,
        Reply::Broken(detail) => {
            return Err(Trouble::Unknown(Problem::Unreachable {
                detail: detail.clone(),
            }));
        }
    };
    if (200..300).contains(&http.status) {
        return Ok(http);
    }
    Err(match (code_of(http), http.status) {
        (Some(Code::Unavailable | Code::TooManyRequests), _) | (_, 503 | 429) => {
            Trouble::Busy(http.retry_after)
        }
        (Some(Code::StorageFull), _) => Trouble::Busy(http.retry_after.or(Some(Millis(60_000)))),
        (Some(Code::Internal | Code::RequestTimeout), _) => Trouble::Unknown(Problem::Refused {
            code: code_of(http).map_or("", Code::as_str).to_owned(),
        }),
        (Some(code), 401) => Trouble::Auth(code),
        (Some(code), _) => Trouble::Refused(code),
        // An answer to HEAD has no body; the epoch says whose answer it is.
        (None, 401) if http.epoch.is_some() => Trouble::Auth(Code::AuthExpired),
        (None, _) => Trouble::Unknown(not_the_server(http)),
    })
}

/// The packed value in a reply.
pub(super) fn packed<T: DeserializeOwned>(reply: &Reply, limit: usize) -> Result<T, Trouble> {
    let http = success(reply)?;
    if http.media_type != PACKED {
        return Err(Trouble::Unknown(not_the_server(http)));
    }
    wire::unpack(&http.body, limit).map_err(|error| {
        Trouble::Unknown(Problem::NotTheServer {
            detail: error.to_string(),
        })
    })
}

/// The JSON value in a reply.
pub(super) fn json<T: DeserializeOwned>(reply: &Reply) -> Result<T, Trouble> {
    let http = success(reply)?;
    if http.media_type != "application/json" {
        return Err(Trouble::Unknown(not_the_server(http)));
    }
    serde_json::from_slice(&http.body).map_err(|error| {
        Trouble::Unknown(Problem::NotTheServer {
            detail: error.to_string(),
        })
    })
}

/// Whether a reply is an answer of the kind that is waited for: packed when it is one of the
/// protocol's own, else in JSON. `limit` is in bytes, once decompressed.
#[must_use]
pub fn understood<T: DeserializeOwned>(reply: &Reply, limit: usize) -> Option<T> {
    packed(reply, limit).or_else(|_| json(reply)).ok()
}

/// The code of a problem document of the server.
pub(crate) fn code_of(http: &HttpReply) -> Option<Code> {
    if http.media_type != PROBLEM {
        return None;
    }
    let document: Document = serde_json::from_slice(&http.body).ok()?;
    Code::ALL
        .iter()
        .copied()
        .find(|code| code.as_str() == document.code)
}

/// Says what answered instead of the server.
pub(super) fn not_the_server(http: &HttpReply) -> Problem {
    let kind = match http.media_type.as_str() {
        "" => "no content type",
        kind => kind,
    };
    Problem::NotTheServer {
        detail: format!("HTTP {}, {kind}", http.status),
    }
}
