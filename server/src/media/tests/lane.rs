//! A station with a manager, his handheld and the HTTP application, without a network.

use crate::{
    app::App,
    http,
    media::{
        self, PhotoFolder,
        tus::UPLOADS,
        uploads::{self, Claim, Upload},
    },
    people::{
        Role,
        fixture::{Fixture, Organisation},
        rows::{handheld, person},
        session,
    },
    trace::rows::entry,
};
use actix_web::{
    dev::ServiceResponse,
    http::{Method, StatusCode},
    test,
};
use base64::Engine;
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::{JournalId, OrderId, OrgId},
    journal::{EntryId, Seq},
    media::MediaKind,
    record::PhotoRef,
    workflow::SlotCode,
};
use image::codecs::jpeg::JpegEncoder;
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};
use std::sync::Arc;
use uuid::Uuid;

/// A photo, different for each seed, about 20 kB.
pub(crate) fn jpeg(seed: u32) -> Vec<u8> {
    let mut state = seed;
    let picture = image::RgbImage::from_fn(160, 120, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [a, b, c, _] = state.to_be_bytes();
        image::Rgb([a, b, c])
    });
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
    picture.write_with_encoder(encoder).unwrap();
    bytes
}

pub(in crate::media) struct Lane {
    pub(in crate::media) fixture: Fixture,
    pub(in crate::media) organisation: Organisation,
    pub(in crate::media) manager: person::Model,
    pub(in crate::media) journal: JournalId,
    pub(in crate::media) token: String,
}

impl Lane {
    /// On SQLite.
    pub(in crate::media) async fn new() -> Self {
        Self::on(Fixture::new().await).await
    }

    /// On SQLite, and on PostgreSQL where there is one.
    pub(in crate::media) async fn on_each() -> Vec<Self> {
        let mut lanes = vec![Self::new().await];
        if let Some(fixture) = Fixture::on_postgres().await {
            lanes.push(Self::on(fixture).await);
        }
        lanes
    }

    async fn on(fixture: Fixture) -> Self {
        let organisation = Organisation::in_(&fixture).await;
        let manager = fixture.person(Role::Manager, organisation.station).await;
        let mut lane = Self {
            fixture,
            organisation,
            manager,
            journal: JournalId(Uuid::nil()),
            token: String::new(),
        };
        lane.journal = lane.enrol(None).await;
        lane.token = lane.sign_in(lane.journal).await;
        lane
    }

    pub(in crate::media) fn app(&self) -> &App {
        &self.fixture.app
    }

    pub(in crate::media) fn station(&self) -> OrgId {
        self.organisation.station
    }

    /// Another handheld of the manager.
    pub(in crate::media) async fn enrol(&self, continues: Option<JournalId>) -> JournalId {
        let id = self.app().new_id();
        let row = handheld::ActiveModel {
            id: Set(id),
            person_id: Set(self.manager.id),
            station_id: Set(self.station().0),
            device_name: Set("a phone".to_owned()),
            public_key: Set(vec![0; 32]),
            continues: Set(continues.map(|journal| journal.0)),
            enrolled_at: Set(0),
            revoked_at: Set(None),
            last_contact_at: Set(None),
            head_seq: Set(0),
            head_link: Set(vec![0; 32]),
        };
        self.fixture
            .write(|tx, _| {
                Box::pin(async move {
                    handheld::Entity::insert(row)
                        .exec_without_returning(tx)
                        .await?;
                    Ok(())
                })
            })
            .await;
        JournalId(id)
    }

    /// An access token of a handheld.
    pub(in crate::media) async fn sign_in(&self, journal: JournalId) -> String {
        let person = self.manager.clone();
        let begin = self.fixture.write(move |tx, app| {
            Box::pin(async move { session::begin(tx, app, &person, Some(journal)).await })
        });
        begin.await.access_token
    }

    /// A record of the handheld promises a photo. It is entry 7, whatever it promises.
    pub(in crate::media) async fn promise(&self, order: Option<OrderId>, photo: Digest) {
        let entry = EntryId {
            journal: self.journal,
            seq: Seq(7),
        };
        let station = self.station();
        let photos = vec![PhotoRef {
            digest: photo,
            bytes: 1,
            slot: SlotCode("meter".to_owned()),
        }];
        let record = entry::ActiveModel {
            journal_id: Set(entry.journal.0),
            seq: Set(7),
            link: Set(vec![]),
            bytes: Set(vec![]),
            order_id: Set(None),
            received_at: Set(self.app().now().0),
            parked: Set(None),
            feed_position: Set(0),
        };
        self.fixture
            .write(move |tx, _| {
                Box::pin(async move {
                    entry::Entity::insert(record)
                        .on_conflict(OnConflict::new().do_nothing().to_owned())
                        .exec_without_returning(tx)
                        .await?;
                    let promise = media::Promise {
                        station,
                        order,
                        entry,
                        photos: &photos,
                    };
                    media::record_promises(tx, &[promise]).await
                })
            })
            .await;
    }

    /// A promised original, ready to be uploaded.
    pub(in crate::media) async fn promised(&self, bytes: &[u8]) -> Claim {
        let digest = Digest::of(bytes);
        self.promise(None, digest).await;
        Claim::new(digest, digest, MediaKind::Original, bytes.len() as u64).unwrap()
    }

    pub(in crate::media) async fn begin(&self, claim: Claim) -> Upload {
        uploads::begin(self.app(), self.journal, claim)
            .await
            .unwrap()
    }

    /// As a server that was killed and started again finds things.
    pub(in crate::media) fn restart(&mut self) {
        let folder = PhotoFolder::open(&self.app().config.data).unwrap();
        self.fixture.app.photos = Arc::new(folder);
    }

    /// One request, as a stock client would send it.
    pub(in crate::media) async fn call(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let document = http::api_document();
        let app = actix_web::App::new()
            .wrap_fn(http::around)
            .configure(|config| http::routes(config, self.app(), &document));
        let service = test::init_service(app).await;
        let mut request = test::TestRequest::with_uri(path)
            .method(method)
            .insert_header(("Authorization", format!("Bearer {}", self.token)));
        for (name, value) in headers {
            request = request.append_header((*name, *value));
        }
        let request = request.set_payload(body.to_vec()).to_request();
        Answer::read(test::call_service(&service, request).await).await
    }

    pub(in crate::media) async fn tus(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let tus = [&[("Tus-Resumable", "1.0.0")], headers].concat();
        self.call(method, path, &tus, body).await
    }

    /// `POST` of a claim, and the path of the upload.
    pub(in crate::media) async fn create(&self, claim: Claim) -> (Answer, String) {
        let (length, metadata) = (claim.length.to_string(), metadata(claim));
        let headers = [("Upload-Length", &*length), ("Upload-Metadata", &*metadata)];
        let answer = self.tus(Method::POST, UPLOADS, &headers, b"").await;
        let location = answer.header("location").unwrap_or_default();
        (answer, location)
    }

    pub(in crate::media) async fn patch(&self, path: &str, at: usize, bytes: &[u8]) -> Answer {
        let at = at.to_string();
        let headers = [("Upload-Offset", &*at), CHUNK];
        self.tus(Method::PATCH, path, &headers, bytes).await
    }

    pub(in crate::media) async fn head(&self, path: &str) -> Answer {
        self.tus(Method::HEAD, path, &[], b"").await
    }
}

pub(in crate::media) const CHUNK: (&str, &str) =
    ("Content-Type", "application/offset+octet-stream");

pub(in crate::media) fn metadata(claim: Claim) -> String {
    let value = |text: String| base64::engine::general_purpose::STANDARD.encode(text);
    format!(
        "filename {},digest {},photo {},kind {}",
        value("1.jpg".to_owned()),
        value(claim.digest.to_string()),
        value(claim.photo.to_string()),
        value(claim.kind.as_str().to_owned()),
    )
}

/// What came back.
#[derive(Debug)]
pub(in crate::media) struct Answer {
    pub(in crate::media) status: StatusCode,
    headers: actix_web::http::header::HeaderMap,
    pub(in crate::media) body: Vec<u8>,
}

impl Answer {
    async fn read(response: ServiceResponse<impl actix_web::body::MessageBody>) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        let body = test::read_body(response).await.to_vec();
        Self {
            status,
            headers,
            body,
        }
    }

    pub(in crate::media) fn header(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    }

    pub(in crate::media) fn offset(&self) -> Option<u64> {
        self.header("upload-offset")
            .map(|text| text.parse().unwrap())
    }

    /// The status and the code of a problem.
    pub(in crate::media) fn problem(&self) -> (u16, String) {
        let document: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
        let code = document["code"].as_str().unwrap_or_default().to_owned();
        (self.status.as_u16(), code)
    }

    #[track_caller]
    pub(in crate::media) fn is(&self, code: Code) {
        assert_eq!(self.problem(), (code.status(), code.to_string()));
    }
}
