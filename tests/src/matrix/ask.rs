//! A request about something: what fills the path, the query and the body of an operation.

use super::{document::Operation, world::Caller};
use crate::{
    client::{Client, Reply},
    failure::Fallible,
    raw::PACKED,
};
use serde_json::Value;

/// What a request carries.
#[derive(Clone, Debug)]
pub(super) enum Body {
    Nothing,
    Json(Value),
    /// Compressed CBOR.
    Packed(Vec<u8>),
    /// A file, as it is.
    File(Vec<u8>),
    /// Headers and bytes of tus.
    Tus(Vec<(&'static str, String)>, &'static [u8]),
}

/// A request about something.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    /// What stands in the path for its one parameter.
    path: Option<String>,
    query: Vec<(&'static str, String)>,
    body: Body,
}

impl Ask {
    /// Without anything.
    pub(super) fn plain() -> Self {
        Self {
            path: None,
            query: Vec::new(),
            body: Body::Nothing,
        }
    }

    /// About what stands in the path.
    pub(super) fn about(key: &str) -> Self {
        Self {
            path: Some(key.to_owned()),
            ..Self::plain()
        }
    }

    /// With this in the query; the value needs no escaping.
    pub(super) fn query(mut self, name: &'static str, value: impl ToString) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    pub(super) fn json(self, body: Value) -> Self {
        let body = Body::Json(body);
        Self { body, ..self }
    }

    pub(super) fn packed(self, body: Vec<u8>) -> Self {
        let body = Body::Packed(body);
        Self { body, ..self }
    }

    /// With a file.
    pub(super) fn file(self, body: Vec<u8>) -> Self {
        let body = Body::File(body);
        Self { body, ..self }
    }

    /// With these headers of tus beside its version, and these bytes.
    pub(super) fn tus(self, headers: Vec<(&'static str, String)>, bytes: &'static [u8]) -> Self {
        let body = Body::Tus(headers, bytes);
        Self { body, ..self }
    }

    /// Asks for it as `caller`.
    ///
    /// # Errors
    /// When no answer came.
    pub(super) async fn by(&self, caller: &Caller, operation: &Operation) -> Fallible<Reply> {
        self.with(&caller.client, operation).await
    }

    /// Asks for it with a client.
    ///
    /// # Errors
    /// When no answer came.
    pub(super) async fn with(&self, client: &Client, operation: &Operation) -> Fallible<Reply> {
        let mut path = operation.path_for(self.path.as_deref())?;
        for (place, (name, value)) in self.query.iter().enumerate() {
            let before = if place == 0 { '?' } else { '&' };
            path = format!("{path}{before}{name}={value}");
        }
        let mut request = client.request(operation.method.clone(), &path);
        request = match self.body.clone() {
            Body::Nothing => request,
            Body::Json(body) => request.json(&body),
            Body::Packed(body) => request.header("content-type", PACKED).body(body),
            Body::File(body) => request
                .header("content-type", "application/octet-stream")
                .body(body),
            Body::Tus(headers, bytes) => {
                let request = request.header("Tus-Resumable", "1.0.0");
                let request = headers.into_iter().fold(request, |request, (name, value)| {
                    request.header(name, value)
                });
                match bytes {
                    [] => request,
                    bytes => request
                        .header("content-type", "application/offset+octet-stream")
                        .body(bytes),
                }
            }
        };
        client.send(&path, request).await
    }
}
