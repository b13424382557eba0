use super::*;
use crate::people::{
    Permission,
    account::{Change, change_person},
    caller::identify,
    fixture::{Fixture, Organisation},
    handheld as listed,
};
use ed25519_dalek::{Signer, SigningKey};

struct Stand {
    fixture: Fixture,
    org: Organisation,
    manager: person::Model,
}

impl Stand {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let org = Organisation::in_(&fixture).await;
        let manager = fixture.person(Role::Manager, org.crew).await;
        Self {
            fixture,
            org,
            manager,
        }
    }

    async fn issue(&self) -> String {
        let id = PersonId(self.manager.id);
        self.fixture
            .write(move |tx, app| Box::pin(issue_enrolment_code(tx, app, id, id)))
            .await
            .code
    }

    async fn enrol(&self, code: &str, key: &SigningKey) -> Result<EnrolReply, Code> {
        let request = request(code, key);
        let key = check_proof(&request).map_err(|problem| problem.code)?;
        let app = self.fixture.app.clone();
        self.fixture
            .app
            .store
            .write(move |tx| {
                Box::pin(
                    async move { enrol(tx, &app, &request.code, &key, request.device_name).await },
                )
            })
            .await
            .map_err(|problem| problem.code)
    }

    async fn refused(&self, reply: &EnrolReply) -> Option<Code> {
        let caller = identify(&self.fixture.app, &reply.tokens.access_token).await;
        caller.err().map(|problem| problem.code)
    }

    async fn change(&self, change: Change) {
        let id = PersonId(self.manager.id);
        self.fixture
            .write(move |tx, app| {
                let now = app.now();
                Box::pin(async move { change_person(tx, id, change, now).await })
            })
            .await;
    }

    async fn row(&self, journal: JournalId) -> handheld::Model {
        let found = handheld::Entity::find_by_id(journal.0);
        found
            .one(self.fixture.app.store.read())
            .await
            .unwrap()
            .unwrap()
    }
}

fn request(code: &str, key: &SigningKey) -> EnrolRequest {
    EnrolRequest {
        code: code.to_owned(),
        public_key: hex::encode(key.verifying_key().as_bytes()),
        proof: hex::encode(key.sign(&EnrolRequest::proof_text(code)).to_bytes()),
        device_name: "test".to_owned(),
    }
}

fn key(n: u8) -> SigningKey {
    SigningKey::from_bytes(&[n; 32])
}

#[tokio::test]
async fn an_enrolled_handheld_may_sync_and_a_person_without_one_may_not() {
    let stand = Stand::new().await;
    let code = stand.issue().await;
    let reply = stand
        .enrol(&code.to_lowercase().replace('-', " "), &key(1))
        .await
        .unwrap();
    let caller = identify(&stand.fixture.app, &reply.tokens.access_token)
        .await
        .unwrap();
    assert_eq!(caller.handheld, Some(reply.journal));
    assert!(caller.may(Permission::Sync).is_ok());
    let row = stand.row(reply.journal).await;
    assert_eq!((row.station_id, row.head_seq), (stand.org.station.0, 0));
    assert_eq!(row.public_key, key(1).verifying_key().as_bytes());

    let tokens = stand.fixture.sign_in(&stand.manager).await;
    let caller = identify(&stand.fixture.app, &tokens.access_token)
        .await
        .unwrap();
    assert!(caller.may(Permission::Sync).is_err());
}

#[tokio::test]
async fn a_code_is_good_once_but_a_lost_reply_can_be_asked_for_again() {
    let stand = Stand::new().await;
    let code = stand.issue().await;
    let lost = stand.enrol(&code, &key(1)).await.unwrap();
    let again = stand.enrol(&code, &key(1)).await.unwrap();
    assert_eq!(again.journal, lost.journal);
    assert_eq!(stand.refused(&again).await, None);
    assert_eq!(stand.refused(&lost).await, Some(Code::AuthRequired));
    assert_eq!(stand.enrol(&code, &key(2)).await, Err(Code::EnrolBadCode));
}

#[tokio::test]
async fn wrong_old_and_replaced_codes_are_refused() {
    let stand = Stand::new().await;
    let first = stand.issue().await;
    let second = stand.issue().await;
    assert_eq!(stand.enrol(&first, &key(1)).await, Err(Code::EnrolBadCode));
    assert_eq!(
        stand.enrol("0000-0000-0000", &key(1)).await,
        Err(Code::EnrolBadCode)
    );
    stand.fixture.pass(LIFETIME);
    assert_eq!(stand.enrol(&second, &key(1)).await, Err(Code::EnrolBadCode));
    let third = stand.issue().await;
    stand
        .change(Change {
            disabled: Some(true),
            ..Change::default()
        })
        .await;
    assert_eq!(stand.enrol(&third, &key(1)).await, Err(Code::EnrolBadCode));
}

#[test]
fn a_proof_by_another_key_or_over_another_code_is_refused() {
    let honest = request("7KQM-03XD-9T2B", &key(1));
    assert!(check_proof(&honest).is_ok());
    let mut other_key = honest.clone();
    other_key.public_key = hex::encode(key(2).verifying_key().as_bytes());
    let mut other_code = honest.clone();
    other_code.code = "7KQM-03XD-9T2C".to_owned();
    let mut short = honest.clone();
    short.proof.truncate(126);
    let mut no_key = honest.clone();
    no_key.public_key = "0".repeat(64);
    let mut no_hex = honest;
    no_hex.public_key = "x".repeat(64);
    for forged in [other_key, other_code, short, no_key, no_hex] {
        assert_eq!(check_proof(&forged).unwrap_err().code, Code::EnrolBadProof);
    }
}

#[tokio::test]
async fn a_revoked_handheld_is_out_and_cannot_come_back_by_a_new_code() {
    let stand = Stand::new().await;
    let code = stand.issue().await;
    let reply = stand.enrol(&code, &key(1)).await.unwrap();
    let journal = reply.journal;
    stand
        .fixture
        .write(move |tx, app| {
            let now = app.now();
            Box::pin(async move {
                let id = Condition::all().add(handheld::Column::Id.eq(journal.0));
                let found = listed::find(tx, id, 1).await?;
                listed::revoke(tx, &found[0], now).await
            })
        })
        .await;
    assert_eq!(stand.refused(&reply).await, Some(Code::AuthRevoked));
    let code = stand.issue().await;
    assert_eq!(stand.enrol(&code, &key(1)).await, Err(Code::AuthRevoked));
    assert!(stand.enrol(&code, &key(2)).await.is_ok());
}

#[tokio::test]
async fn a_moved_managers_handheld_follows_him() {
    let stand = Stand::new().await;
    let code = stand.issue().await;
    let journal = stand.enrol(&code, &key(1)).await.unwrap().journal;
    let moved = Change {
        org: Some(stand.org.sibling),
        ..Change::default()
    };
    stand.change(moved).await;
    assert_eq!(stand.row(journal).await.station_id, stand.org.sibling.0);
}

#[tokio::test]
async fn contact_is_noted_at_most_once_a_minute() {
    let stand = Stand::new().await;
    let code = stand.issue().await;
    let reply = stand.enrol(&code, &key(1)).await.unwrap();
    let enrolled = stand.fixture.app.now();
    stand.fixture.pass(Millis::seconds(59));
    assert_eq!(stand.refused(&reply).await, None);
    assert_eq!(
        stand.row(reply.journal).await.last_contact_at,
        Some(enrolled.0)
    );
    stand.fixture.pass(Millis::seconds(1));
    assert_eq!(stand.refused(&reply).await, None);
    assert_eq!(
        stand.row(reply.journal).await.last_contact_at,
        Some(enrolled.0 + 60_000)
    );
}

#[tokio::test]
async fn only_managers_get_a_code() {
    let stand = Stand::new().await;
    let clerk = stand.fixture.person(Role::Station, stand.org.station).await;
    let app = stand.fixture.app.clone();
    let refused = stand
        .fixture
        .app
        .store
        .write(move |tx| {
            let id = PersonId(clerk.id);
            Box::pin(async move { issue_enrolment_code(tx, &app, id, id).await })
        })
        .await;
    assert_eq!(refused.unwrap_err().code, Code::RequestInvalid);
}
