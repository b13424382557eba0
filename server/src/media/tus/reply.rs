//! Answers of tus: each names the version, and a wrong offset comes with the true one.

use super::{
    UPLOADS,
    protocol::{self, TUS_RESUMABLE, TUS_VERSION, UPLOAD_EXPIRES, UPLOAD_OFFSET, VERSION},
};
use crate::{edge::Problem, media::uploads::Upload};
use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{
        StatusCode,
        header::{self, HeaderValue},
    },
};
use gridcrew_sync_protocol::code::Code;
use std::fmt;

/// A problem of an upload, as tus wants it told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::media) struct TusProblem {
    /// What it is.
    pub(in crate::media) problem: Problem,
    /// Where the upload stands, if the client was wrong about it.
    pub(in crate::media) offset: Option<u64>,
}

impl TusProblem {
    /// The chunk does not start where the upload stands.
    pub(super) fn wrong_offset(stands_at: u64, given: u64) -> Self {
        let detail = format!("The upload stands at {stands_at}, the chunk starts at {given}.");
        Self {
            problem: Problem::new(Code::MediaWrongOffset, detail),
            offset: Some(stands_at),
        }
    }
}

impl From<Problem> for TusProblem {
    fn from(problem: Problem) -> Self {
        Self {
            problem,
            offset: None,
        }
    }
}

impl fmt::Display for TusProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.problem.fmt(f)
    }
}

impl ResponseError for TusProblem {
    fn status_code(&self) -> StatusCode {
        self.problem.status_code()
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = self.problem.error_response();
        let headers = response.headers_mut();
        headers.insert(TUS_RESUMABLE, VERSION);
        if self.problem.code == Code::MediaTusVersion {
            headers.insert(TUS_VERSION, VERSION);
        }
        if let Some(offset) = self.offset {
            headers.insert(UPLOAD_OFFSET, HeaderValue::from(offset));
        }
        response
    }
}

/// An answer without a body.
pub(super) fn reply(status: StatusCode) -> HttpResponseBuilder {
    let mut response = HttpResponse::build(status);
    response
        .insert_header((TUS_RESUMABLE, VERSION))
        .insert_header((header::CACHE_CONTROL, "no-store"));
    response
}

/// An answer that says where an upload stands, and until when.
pub(super) fn stands_at(status: StatusCode, upload: &Upload, offset: u64) -> HttpResponseBuilder {
    let mut response = reply(status);
    response
        .insert_header((UPLOAD_OFFSET, offset))
        .insert_header((UPLOAD_EXPIRES, protocol::expires(upload.expires_at)));
    response
}

/// The path of an upload.
pub(super) fn location(upload: &Upload) -> String {
    format!("{UPLOADS}/{}", upload.id)
}
