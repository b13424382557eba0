//! What is different on PostgreSQL: writers at the same time, and the statements that are
//! written for both databases.

use super::{
    Role,
    account::{NewPerson, create_person},
    bootstrap::bootstrap,
    caller::identify,
    enrolment::{enrol, issue_enrolment_code},
    fixture::{Fixture, Organisation},
    handheld,
    refresh::RefreshToken,
    renewal::{Exchange, exchange},
};
use crate::edge::Problem;
use ed25519_dalek::SigningKey;
use gridcrew_sync_protocol::{
    code::Code,
    enrol::Tokens,
    ids::{OrgId, PersonId},
    time::Millis,
};
use sea_orm::ColumnTrait;

async fn renew(fixture: &Fixture, tokens: &Tokens) -> Result<Tokens, Code> {
    let token = RefreshToken::parse(&tokens.refresh_token).unwrap();
    let app = fixture.app.clone();
    let exchanged = fixture
        .app
        .store
        .write(move |tx| Box::pin(async move { exchange(tx, &app, &token, None).await }))
        .await;
    match exchanged {
        Ok(Exchange::Renewed(tokens)) => Ok(tokens),
        Ok(Exchange::Refused(problem)) | Err(problem) => Err(problem.code),
    }
}

#[tokio::test]
async fn exchanges_that_come_together_see_each_other() {
    let Some(fixture) = Fixture::on_postgres().await else {
        return;
    };
    let org = Organisation::in_(&fixture).await;
    let clerk = fixture.person(Role::Station, org.crew).await;
    let first = fixture.sign_in(&clerk).await;
    let together = (0..8).map(|_| renew(&fixture, &first));
    let replies = futures_util::future::join_all(together).await;
    let second = replies[0].clone().unwrap();
    let same = |reply: &Result<Tokens, Code>| {
        reply.as_ref().unwrap().refresh_token == second.refresh_token
    };
    assert!(replies.iter().all(same));
    let caller = identify(&fixture.app, &second.access_token).await.unwrap();
    let mut own = vec![org.station, org.crew];
    own.sort();
    assert_eq!(*caller.scope.units, *own);
    renew(&fixture, &second).await.unwrap();
    assert_eq!(renew(&fixture, &first).await, Err(Code::AuthReplayed));
    assert!(identify(&fixture.app, &second.access_token).await.is_err());
}

#[tokio::test]
async fn of_first_starts_and_equal_logins_that_come_together_one_wins() {
    let Some(fixture) = Fixture::on_postgres().await else {
        return;
    };
    let starts = (0..4).map(|_| bootstrap(&fixture.app, "Center", "admin"));
    let passwords = futures_util::future::join_all(starts).await;
    let made = passwords
        .iter()
        .filter(|password| password.as_ref().unwrap().is_some());
    assert_eq!(made.count(), 1);

    let org = Organisation::in_(&fixture).await;
    let add = |org: OrgId| {
        let app = fixture.app.clone();
        let (name, login) = ("Li Wei".to_owned(), "li.wei".to_owned());
        let (role, base) = (Role::Station, None);
        let new = NewPerson {
            org,
            name,
            login,
            role,
            base,
        };
        fixture
            .app
            .store
            .write(move |tx| Box::pin(async move { create_person(tx, &app, new).await }))
    };
    let both = futures_util::future::join(add(org.station), add(org.sibling)).await;
    let codes = [both.0, both.1].map(|added| added.err().map(|problem: Problem| problem.code));
    assert!(
        codes.contains(&None) && codes.contains(&Some(Code::Conflict)),
        "{codes:?}"
    );
}

#[tokio::test]
async fn of_two_handhelds_with_one_code_one_is_enrolled() {
    let Some(fixture) = Fixture::on_postgres().await else {
        return;
    };
    let org = Organisation::in_(&fixture).await;
    let manager = fixture.person(Role::Manager, org.crew).await;
    let id = PersonId(manager.id);
    let code = fixture
        .write(move |tx, app| Box::pin(issue_enrolment_code(tx, app, id, id)))
        .await
        .code;
    let attempt = |n: u8| {
        let (app, code) = (fixture.app.clone(), code.clone());
        let key = SigningKey::from_bytes(&[n; 32]).verifying_key();
        fixture.app.store.write(move |tx| {
            Box::pin(async move { enrol(tx, &app, &code, &key, "test".to_owned()).await })
        })
    };
    let (one, other) = futures_util::future::join(attempt(1), attempt(2)).await;
    assert_ne!(one.is_ok(), other.is_ok());
    let reply = one.or(other).unwrap();
    fixture.pass(Millis::minutes(2));
    let caller = identify(&fixture.app, &reply.tokens.access_token)
        .await
        .unwrap();
    assert_eq!(caller.handheld, Some(reply.journal));
    let condition = caller
        .scope
        .of_stations("handheld")
        .add(super::rows::handheld::Column::LastContactAt.eq(caller.now.0));
    let listed = handheld::find(fixture.app.store.read(), condition, 9)
        .await
        .unwrap();
    assert_eq!(listed.len(), 1);
}
