use super::*;
use crate::people::{
    Role,
    account::{Change, change_person, set_password},
    caller::identify,
    enrolment::{enrol, issue_enrolment_code},
    fixture::{Fixture, Organisation},
    rows::audit_log,
    session::Which,
};
use ed25519_dalek::{Signer, SigningKey};
use gridcrew_sync_protocol::time::Millis;
use std::net::Ipv4Addr;

const PASSWORD: &str = "a quiet transformer hums";

fn from(n: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(192, 0, 2, n))
}

async fn with_password(fixture: &Fixture, role: Role) -> person::Model {
    let org = Organisation::in_(fixture).await;
    let person = fixture.person(role, org.station).await;
    give_password(fixture, &person, PASSWORD).await;
    fixture.reread(&person).await
}

async fn give_password(fixture: &Fixture, person: &person::Model, password: &str) {
    let gate = &fixture.app.gate;
    let random = fixture.app.randomness.as_ref();
    let hashed = gate
        .passwords
        .hash(&person.login, password.to_owned(), random)
        .await
        .unwrap();
    let id = PersonId(person.id);
    fixture
        .write(move |tx, app| {
            let now = app.now();
            Box::pin(async move { set_password(tx, id, hashed, Which::All, now).await })
        })
        .await;
}

async fn try_in(
    fixture: &Fixture,
    from: IpAddr,
    login: &str,
    password: &str,
    handheld: Option<HandheldProof>,
) -> Result<Tokens, Problem> {
    let (login, password) = (login.to_owned(), password.to_owned());
    let request = LoginRequest {
        login,
        password,
        handheld,
    };
    sign_in(&fixture.app, from, request).await
}

#[tokio::test]
async fn unknown_disabled_and_wrong_get_one_answer_and_one_line_each() {
    let fixture = Fixture::new().await;
    let person = with_password(&fixture, Role::Station).await;
    assert!(
        try_in(
            &fixture,
            from(1),
            &person.login.to_uppercase(),
            PASSWORD,
            None
        )
        .await
        .is_ok()
    );
    let wrong = try_in(&fixture, from(1), &person.login, "another password", None).await;
    let unknown = try_in(&fixture, from(1), "nobody", PASSWORD, None).await;
    let id = PersonId(person.id);
    fixture
        .write(move |tx, app| {
            let change = Change {
                disabled: Some(true),
                ..Change::default()
            };
            let now = app.now();
            Box::pin(async move { change_person(tx, id, change, now).await })
        })
        .await;
    let disabled = try_in(&fixture, from(1), &person.login, PASSWORD, None).await;
    let wrong = wrong.unwrap_err();
    assert_eq!(wrong.code, Code::AuthWrongPassword);
    assert_eq!(unknown.unwrap_err(), wrong);
    assert_eq!(disabled.unwrap_err(), wrong);
    let lines = audit_log::Entity::find()
        .all(fixture.app.store.read())
        .await
        .unwrap();
    let outcomes: Vec<&str> = lines.iter().map(|line| line.outcome.as_str()).collect();
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| **outcome == "done")
            .count(),
        1
    );
    assert_eq!(
        outcomes
            .iter()
            .filter(|code| **code == "auth.wrong_password")
            .count(),
        3
    );
    assert!(lines.iter().all(|line| !line.subject.contains("nobody")));
}

#[tokio::test]
async fn a_new_password_ends_every_session() {
    let fixture = Fixture::new().await;
    let person = with_password(&fixture, Role::Station).await;
    let tokens = try_in(&fixture, from(1), &person.login, PASSWORD, None)
        .await
        .unwrap();
    assert!(identify(&fixture.app, &tokens.access_token).await.is_ok());
    give_password(&fixture, &person, "a loud transformer hums").await;
    let refused = identify(&fixture.app, &tokens.access_token)
        .await
        .unwrap_err();
    assert_eq!(refused.code, Code::AuthRequired);
    assert!(
        try_in(&fixture, from(1), &person.login, PASSWORD, None)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_thousand_guesses_do_not_keep_the_rightful_person_out() {
    let fixture = Fixture::new().await;
    let person = with_password(&fixture, Role::Station).await;
    let mut looked_at = 0;
    for guess in 0..1000 {
        let guess = format!("guess number {guess}");
        match try_in(&fixture, from(1), &person.login, &guess, None)
            .await
            .unwrap_err()
            .code
        {
            Code::AuthWrongPassword => looked_at += 1,
            code => assert_eq!(code, Code::TooManyRequests),
        }
    }
    assert_eq!(looked_at, 5);
    assert!(
        try_in(&fixture, from(2), &person.login, PASSWORD, None)
            .await
            .is_ok()
    );
    let same_place = try_in(&fixture, from(1), &person.login, PASSWORD, None).await;
    let wait = same_place.unwrap_err().retry_after.unwrap();
    fixture.pass(Millis::seconds(wait));
    assert!(
        try_in(&fixture, from(1), &person.login, PASSWORD, None)
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn a_handheld_whose_session_ended_goes_on_in_its_journal() {
    let fixture = Fixture::new().await;
    let person = with_password(&fixture, Role::Manager).await;
    let (id, key) = (PersonId(person.id), SigningKey::from_bytes(&[1; 32]));
    let public = key.verifying_key();
    let reply = fixture
        .write(move |tx, app| {
            Box::pin(async move {
                let code = issue_enrolment_code(tx, app, id, id).await?.code;
                enrol(tx, app, &code, &public, "test".to_owned()).await
            })
        })
        .await;
    give_password(&fixture, &person, PASSWORD).await;
    let ended = identify(&fixture.app, &reply.tokens.access_token)
        .await
        .unwrap_err();
    assert_eq!(ended.code, Code::AuthRequired);

    let prove = |key: &SigningKey, journal: JournalId| {
        let text = HandheldProof::text(journal, &person.login);
        let proof = hex::encode(key.sign(&text).to_bytes());
        Some(HandheldProof { journal, proof })
    };
    let attempt = |proof| try_in(&fixture, from(1), &person.login, PASSWORD, proof);
    let tokens = attempt(prove(&key, reply.journal)).await.unwrap();
    let caller = identify(&fixture.app, &tokens.access_token).await.unwrap();
    assert_eq!(caller.handheld, Some(reply.journal));

    let other = SigningKey::from_bytes(&[2; 32]);
    for proof in [
        prove(&other, reply.journal),
        prove(&key, JournalId(person.id)),
    ] {
        assert_eq!(attempt(proof).await.unwrap_err().code, Code::EnrolBadProof);
    }
    let refused = audit_log::Entity::find()
        .filter(audit_log::Column::Outcome.eq("enrol.bad_proof"))
        .all(fixture.app.store.read())
        .await
        .unwrap();
    assert_eq!(refused.len(), 2);
    assert!(refused.iter().all(|line| line.person_id == Some(person.id)));
}

#[tokio::test]
async fn a_login_with_control_characters_is_an_unknown_one() {
    let mut fixtures = vec![Fixture::new().await];
    fixtures.extend(Fixture::on_postgres().await);
    for fixture in fixtures {
        let refused = try_in(&fixture, from(1), "a\0b", PASSWORD, None).await;
        assert_eq!(refused.unwrap_err().code, Code::AuthWrongPassword);
    }
}
