//! A caller of the HTTP interface, as a console or another program would be.

use crate::failure::{Failure, Fallible, ensure};
use reqwest::{Method, RequestBuilder, header::HeaderMap};
use serde_json::{Value, json};
use std::time::Duration;

/// Longest time that a call may take.
const CALL_WITHIN: Duration = Duration::from_secs(60);

/// A caller, signed in or not.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    server: String,
    token: Option<String>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body as it came.
    pub bytes: Vec<u8>,
    /// What was called, for messages.
    pub call: String,
}

impl Reply {
    /// The body of a call that was done, as JSON; `null` when there is none.
    ///
    /// # Errors
    /// When the status is not one of success, with what the server said.
    #[track_caller]
    pub fn done(self) -> Fallible<Value> {
        ensure((200..300).contains(&self.status), || self.said())?;
        if self.bytes.is_empty() {
            return Ok(Value::Null);
        }
        Ok(serde_json::from_slice(&self.bytes)?)
    }

    /// The code of the problem that the server answered with.
    ///
    /// # Errors
    /// When the answer is no problem document (RFC 9457) or its status is another than the
    /// one of the HTTP answer.
    #[track_caller]
    pub fn problem(&self) -> Fallible<String> {
        let kind = self
            .headers
            .get("content-type")
            .map(|value| value.as_bytes());
        ensure(kind == Some(b"application/problem+json"), || self.said())?;
        let document: Value = serde_json::from_slice(&self.bytes)?;
        ensure(document["status"] == json!(self.status), || self.said())?;
        ensure(
            document["detail"]
                .as_str()
                .is_some_and(|detail| !detail.is_empty()),
            || self.said(),
        )?;
        document["code"]
            .as_str()
            .map(str::to_owned)
            .ok_or_else(|| Failure::new(self.said()))
    }

    /// Demands a problem with this status and code.
    ///
    /// # Errors
    /// When it was anything else, with what it was.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> Fallible<()> {
        let done = (200..300).contains(&self.status);
        ensure(!done, || {
            format!("not refused with {code}: {}", self.said())
        })?;
        let found = self.problem()?;
        ensure(self.status == status && found == code, || {
            format!("wanted {status} {code}: {}", self.said())
        })
    }

    /// The call and the answer, for messages.
    #[must_use]
    pub fn said(&self) -> String {
        let text = String::from_utf8_lossy(&self.bytes[..self.bytes.len().min(2_000)]);
        format!("{} answered {} {text}", self.call, self.status)
    }
}

impl Client {
    /// A caller of the server at `server`, such as `http://127.0.0.1:40123`, not signed in.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn of(server: &str) -> Fallible<Self> {
        let http = reqwest::Client::builder()
            .timeout(CALL_WITHIN)
            .no_proxy()
            .build()?;
        let server = server.to_owned();
        Ok(Self {
            http,
            server,
            token: None,
        })
    }

    /// The same caller with this access token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self {
            token: Some(token.to_owned()),
            ..self.clone()
        }
    }

    /// The same caller without a token.
    #[must_use]
    pub fn nobody(&self) -> Self {
        Self {
            token: None,
            ..self.clone()
        }
    }

    /// The same caller at another server.
    #[must_use]
    pub fn at(&self, server: &str) -> Self {
        Self {
            server: server.to_owned(),
            ..self.clone()
        }
    }

    /// The access token, if signed in.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The same caller, signed in.
    ///
    /// # Errors
    /// When name or password are refused.
    pub async fn login(&self, login: &str, password: &str) -> Fallible<Self> {
        let body = json!({ "login": login, "password": password });
        let reply = self.post("/auth/login", &body).await?.done()?;
        let token = reply["access_token"]
            .as_str()
            .or_else(|| reply["tokens"]["access_token"].as_str())
            .ok_or_else(|| Failure::new(format!("no access token in {reply}")))?;
        Ok(self.with_token(token))
    }

    /// `GET` of a path under `/api/v1`.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn get(&self, path: &str) -> Fallible<Reply> {
        self.send(path, self.request(Method::GET, path)).await
    }

    /// `POST` of JSON.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn post(&self, path: &str, body: &Value) -> Fallible<Reply> {
        self.send(path, self.request(Method::POST, path).json(body))
            .await
    }

    /// `PUT` of JSON.
    ///
    /// # Errors
    /// When no answer came.
    pub async fn put(&self, path: &str, body: &Value) -> Fallible<Reply> {
        self.send(path, self.request(Method::PUT, path).json(body))
            .await
    }

    /// A request with the token, to be filled and given to [`Client::send`].
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .http
            .request(method, format!("{}/api/v1{path}", self.server));
        match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// When no answer came, or not all of it.
    pub async fn send(&self, path: &str, request: RequestBuilder) -> Fallible<Reply> {
        let answer = request.send().await?;
        let call = format!("{} {path}", answer.url());
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let bytes = answer.bytes().await?.to_vec();
        Ok(Reply {
            status,
            headers,
            bytes,
            call,
        })
    }
}
