//! Problems: RFC 9457 documents whose `code` is one of the register
//! ([`gridcrew_sync_protocol::code::Code`]).

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{StatusCode, header},
};
use gridcrew_sync_protocol::{code::Code, position::PositionError};
use sea_orm::{DbErr, RuntimeErr, sqlx};
use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

/// Something that keeps a request from being done, with what the caller may know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The stable code.
    pub code: Code,
    /// What was wrong, with which value, and what to do.
    pub detail: String,
    /// After how many seconds to come back.
    pub retry_after: Option<u32>,
}

impl Problem {
    /// A problem with a code and what was wrong.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            retry_after: None,
        }
    }

    /// Foreign and missing look the same: both are this.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(
            Code::NotFound,
            "There is no such thing, or it is not yours to see.",
        )
    }

    /// A fault of the server: the cause goes to the log, not to the caller.
    pub fn internal(cause: impl fmt::Display) -> Self {
        tracing::error!(%cause, "internal fault");
        Self::new(
            Code::Internal,
            "The server met a fault of its own. It has been logged.",
        )
    }

    /// The server cannot do it now.
    pub fn unavailable(cause: impl fmt::Display) -> Self {
        tracing::warn!(%cause, "unavailable");
        Self {
            code: Code::Unavailable,
            detail: "The server cannot do this now. Try again.".to_owned(),
            retry_after: Some(2),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Problem {}

/// A problem as it is sent: `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ProblemDocument {
    /// `urn:gridcrew:problem:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// What the code means.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What was wrong here.
    pub detail: String,
    /// The stable code.
    pub code: String,
}

impl From<&Problem> for ProblemDocument {
    fn from(problem: &Problem) -> Self {
        Self {
            kind: format!("urn:gridcrew:problem:{}", problem.code),
            title: problem.code.meaning().to_owned(),
            status: problem.code.status(),
            detail: problem.detail.clone(),
            code: problem.code.to_string(),
        }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponseBuilder::new(self.status_code());
        if let Some(seconds) = self.retry_after {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        if self.status_code() == StatusCode::UNAUTHORIZED {
            response.insert_header((header::WWW_AUTHENTICATE, "Bearer"));
        }
        response
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .content_type("application/problem+json")
            .body(serde_json::to_string(&ProblemDocument::from(self)).unwrap_or_default())
    }
}

/// SQLite's and PostgreSQL's codes for "the disk is full".
const DISK_FULL: [&str; 3] = ["13", "53100", "3338"];
/// Their codes for "busy, locked, shutting down, too many connections, only for reading now,
/// try again".
const TRY_AGAIN: [&str; 23] = [
    "5", "6", "8", "261", "517", "08000", "08001", "08003", "08004", "08006", "25006", "25P03",
    "40001", "40P01", "53000", "53200", "53300", "53400", "55P03", "57014", "57P01", "57P02",
    "57P03",
];

impl From<DbErr> for Problem {
    fn from(error: DbErr) -> Self {
        let sqlx_error = match &error {
            DbErr::ConnectionAcquire(_) => return Self::unavailable(&error),
            DbErr::Conn(RuntimeErr::SqlxError(e))
            | DbErr::Exec(RuntimeErr::SqlxError(e))
            | DbErr::Query(RuntimeErr::SqlxError(e)) => e.clone(),
            _ => return Self::internal(&error),
        };
        match sqlx_error.as_ref() {
            sqlx::Error::Database(database) => {
                let code = database.code().unwrap_or_default();
                if DISK_FULL.contains(&code.as_ref()) {
                    let detail = "The server's disk is full. Nothing was changed.";
                    Self {
                        retry_after: Some(60),
                        ..Self::new(Code::StorageFull, detail)
                    }
                } else if TRY_AGAIN.contains(&code.as_ref()) {
                    Self::unavailable(&error)
                } else {
                    Self::internal(&error)
                }
            }
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::unavailable(&error),
            _ => Self::internal(&error),
        }
    }
}

/// What can go wrong with JSON of the wrong shape, said without echoing the body.
impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        Self::new(
            Code::RequestMalformed,
            format!("The body is not what this operation takes: {error}."),
        )
    }
}

/// What can be wrong with a position.
impl From<PositionError> for Problem {
    fn from(error: PositionError) -> Self {
        Self::new(error.code(), format!("{error}."))
    }
}
