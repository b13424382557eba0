//! What the tests of people stand on: a server without HTTP over a database in a temporary
//! folder, with a clock that stands still until it is moved.

use super::{
    Role,
    account::{NewPerson, create_person},
    rows::person,
    session,
    tree::UnitKind,
    unit::{NewUnit, create_unit},
};
use crate::{
    app::App,
    clock::{Clock, SystemClock, SystemRandomness, new_id},
    config::Config,
    edge::Problem,
    http, serve,
};
use actix_web::{
    http::{
        Method,
        header::{self, HeaderMap},
    },
    test,
};
use futures_util::future::BoxFuture;
use gridcrew_sync_protocol::{
    enrol::Tokens,
    ids::OrgId,
    time::{Millis, UnixMillis},
};
use sea_orm::{ConnectionTrait, Database, DatabaseTransaction, EntityTrait};
use serde_json::Value;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use tempfile::TempDir;

#[derive(Debug)]
pub(crate) struct HandClock(AtomicI64);

impl Clock for HandClock {
    fn now(&self) -> UnixMillis {
        UnixMillis(self.0.load(Ordering::SeqCst))
    }
}

pub(crate) struct Fixture {
    pub(crate) app: App,
    clock: Arc<HandClock>,
    _folder: TempDir,
}

impl Fixture {
    /// On SQLite.
    pub(crate) async fn new() -> Self {
        Self::on(None).await
    }

    /// On a new database of the PostgreSQL server at `GRIDCREW_TEST_POSTGRES`, if there is
    /// one.
    pub(crate) async fn on_postgres() -> Option<Self> {
        let Ok(server) = std::env::var("GRIDCREW_TEST_POSTGRES") else {
            println!("skipped: GRIDCREW_TEST_POSTGRES is not set");
            return None;
        };
        let name = format!(
            "people_{}",
            new_id(&SystemClock, &SystemRandomness).simple()
        );
        let connection = Database::connect(&server).await.unwrap();
        let create = format!("CREATE DATABASE {name}");
        connection.execute_unprepared(&create).await.unwrap();
        let (address, _) = server.rsplit_once('/').unwrap();
        Some(Self::on(Some(format!("{address}/{name}"))).await)
    }

    async fn on(database: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            data: folder.path().to_owned(),
            database,
            workers: 1,
            trusted_proxy: Vec::new(),
            feed_page_bytes: crate::config::FEED_PAGE_BYTES,
            public_url: None,
        };
        let clock = Arc::new(HandClock(AtomicI64::new(1_800_000_000_000)));
        let mut app = serve::open(config).await.unwrap();
        app.clock = clock.clone();
        Self {
            app,
            clock,
            _folder: folder,
        }
    }

    pub(crate) fn pass(&self, span: Millis) {
        self.clock.0.fetch_add(span.0, Ordering::SeqCst);
    }

    /// Runs `work` in a transaction.
    pub(crate) async fn write<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction, &'t App) -> BoxFuture<'t, Result<T, Problem>>
            + Send
            + 'static,
    {
        let app = self.app.clone();
        self.app
            .store
            .write(move |tx| Box::pin(async move { work(tx, &app).await }))
            .await
            .unwrap()
    }

    pub(crate) async fn unit(&self, kind: UnitKind, parent: Option<OrgId>) -> OrgId {
        let (name, code) = (format!("a {}", kind.as_str()), "1".to_owned());
        let new = NewUnit {
            parent,
            kind,
            name,
            code,
        };
        let row = self
            .write(|tx, app| Box::pin(create_unit(tx, app, new)))
            .await;
        OrgId(row.id)
    }

    pub(crate) async fn person(&self, role: Role, org: OrgId) -> person::Model {
        let login = format!("p{}", self.app.new_id().simple());
        let (name, base) = ("Li Wei".to_owned(), None);
        let new = NewPerson {
            org,
            name,
            login,
            role,
            base,
        };
        self.write(|tx, app| Box::pin(create_person(tx, app, new)))
            .await
    }

    pub(crate) async fn reread(&self, person: &person::Model) -> person::Model {
        let found = person::Entity::find_by_id(person.id);
        found.one(self.app.store.read()).await.unwrap().unwrap()
    }

    pub(crate) async fn sign_in(&self, person: &person::Model) -> Tokens {
        let person = person.clone();
        self.write(|tx, app| Box::pin(async move { session::begin(tx, app, &person, None).await }))
            .await
    }
}

/// A center with two stations, the first with a crew.
pub(crate) struct Organisation {
    pub(crate) center: OrgId,
    pub(crate) station: OrgId,
    pub(crate) sibling: OrgId,
    pub(crate) crew: OrgId,
}

impl Organisation {
    pub(crate) async fn in_(fixture: &Fixture) -> Self {
        let center = fixture.unit(UnitKind::Center, None).await;
        let station = fixture.unit(UnitKind::Station, Some(center)).await;
        Self {
            center,
            station,
            sibling: fixture.unit(UnitKind::Station, Some(center)).await,
            crew: fixture.unit(UnitKind::Crew, Some(station)).await,
        }
    }
}

/// Someone who is signed in and asks over HTTP.
pub(crate) struct Desk<'a> {
    app: &'a App,
    token: Option<String>,
}

impl<'a> Desk<'a> {
    pub(crate) async fn of(fixture: &'a Fixture, person: &person::Model) -> Self {
        Self {
            app: &fixture.app,
            token: Some(fixture.sign_in(person).await.access_token),
        }
    }

    /// Nobody in particular.
    pub(crate) fn of_nobody(app: &'a App) -> Self {
        Self { app, token: None }
    }

    /// The reply to a request outside of the API or in it.
    pub(crate) async fn reply(
        &self,
        method: Method,
        path: &str,
        body: &Value,
    ) -> (u16, HeaderMap, Vec<u8>) {
        let document = http::api_document();
        let service =
            actix_web::App::new().configure(|config| http::routes(config, self.app, &document));
        let service = test::init_service(service).await;
        let mut request = test::TestRequest::with_uri(path).method(method);
        if let Some(token) = &self.token {
            request = request.insert_header((header::AUTHORIZATION, format!("Bearer {token}")));
        }
        if !body.is_null() {
            request = request.set_json(body);
        }
        let reply = test::call_service(&service, request.to_request()).await;
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        (status, headers, test::read_body(reply).await.to_vec())
    }

    /// The status and the body of an operation's answer.
    pub(crate) async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let path = format!("/api/v1{path}");
        let (status, _, body) = self.reply(method, &path, &body).await;
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, Value::Null).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, body).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::PUT, path, body).await
    }
}

/// The code of a problem.
pub(crate) fn code(answer: &(u16, Value)) -> &str {
    answer.1["code"].as_str().unwrap_or_default()
}
