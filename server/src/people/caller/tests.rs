use super::*;
use crate::people::{
    Role,
    account::{Change, change_person},
    fixture::{Fixture, Organisation},
    session::{self, EndReason, Which},
};
use gridcrew_sync_protocol::ids::PersonId;

async fn code_of(fixture: &Fixture, token: &str) -> Option<Code> {
    identify(&fixture.app, token)
        .await
        .err()
        .map(|problem| problem.code)
}

async fn change(fixture: &Fixture, person: Uuid, change: Change) {
    fixture
        .write(move |tx, app| {
            let now = app.now();
            Box::pin(async move { change_person(tx, PersonId(person), change, now).await })
        })
        .await;
}

#[tokio::test]
async fn a_caller_reaches_as_far_as_his_role_and_place() {
    let fixture = Fixture::new().await;
    let org = Organisation::in_(&fixture).await;
    let all = vec![org.center, org.station, org.sibling, org.crew];
    let own = vec![org.station, org.crew];
    for (role, place, units, station) in [
        (Role::Manager, org.crew, &own, Some(org.station)),
        (Role::Station, org.crew, &own, Some(org.station)),
        (Role::Administrator, org.station, &own, Some(org.station)),
        (Role::Center, org.center, &all, None),
        (Role::Administrator, org.center, &all, None),
    ] {
        let person = fixture.person(role, place).await;
        let tokens = fixture.sign_in(&person).await;
        let caller = identify(&fixture.app, &tokens.access_token).await.unwrap();
        let mut expected = units.clone();
        expected.sort();
        assert_eq!(*caller.scope.units, *expected, "{role}");
        assert_eq!(caller.station, station);
        assert_eq!((caller.person.0, caller.role), (person.id, role));
        assert!(!caller.scope.has_station(org.center));
        assert_eq!(caller.scope.has_station(org.sibling), units.len() == 4);
    }
}

#[tokio::test]
async fn a_change_of_rights_counts_from_the_next_request() {
    let fixture = Fixture::new().await;
    let org = Organisation::in_(&fixture).await;
    let person = fixture.person(Role::Station, org.station).await;
    let tokens = fixture.sign_in(&person).await;
    assert_eq!(code_of(&fixture, &tokens.access_token).await, None);

    let moved = Change {
        org: Some(org.sibling),
        ..Change::default()
    };
    change(&fixture, person.id, moved).await;
    assert_eq!(
        code_of(&fixture, &tokens.access_token).await,
        Some(Code::AuthExpired)
    );

    let tokens = fixture.sign_in(&fixture.reread(&person).await).await;
    let caller = identify(&fixture.app, &tokens.access_token).await.unwrap();
    assert_eq!(caller.station, Some(org.sibling));
    assert!(
        still_stands(fixture.app.store.read(), &caller)
            .await
            .is_ok()
    );

    let disabled = Change {
        disabled: Some(true),
        ..Change::default()
    };
    change(&fixture, person.id, disabled).await;
    assert_eq!(
        code_of(&fixture, &tokens.access_token).await,
        Some(Code::AuthRevoked)
    );
    let standing = still_stands(fixture.app.store.read(), &caller).await;
    assert_eq!(standing.unwrap_err().code, Code::AuthRevoked);

    // allowed again, he has to sign in again
    let enabled = Change {
        disabled: Some(false),
        ..Change::default()
    };
    change(&fixture, person.id, enabled).await;
    assert_eq!(
        code_of(&fixture, &tokens.access_token).await,
        Some(Code::AuthRequired)
    );
}

#[tokio::test]
async fn an_ended_session_a_foreign_session_and_an_old_token_are_refused() {
    let fixture = Fixture::new().await;
    let org = Organisation::in_(&fixture).await;
    let person = fixture.person(Role::Center, org.center).await;
    let tokens = fixture.sign_in(&person).await;
    let caller = identify(&fixture.app, &tokens.access_token).await.unwrap();

    let other = fixture.person(Role::Center, org.center).await;
    let stolen = Access {
        person: PersonId(other.id),
        session: caller.session,
        permission_version: 1,
        handheld: None,
    };
    let (token, _) = fixture
        .app
        .gate
        .tokens
        .sign(&stolen, fixture.app.now())
        .unwrap();
    assert_eq!(code_of(&fixture, &token).await, Some(Code::AuthRequired));

    let bound = Access {
        person: caller.person,
        handheld: Some(JournalId(Uuid::nil())),
        ..stolen
    };
    let (token, _) = fixture
        .app
        .gate
        .tokens
        .sign(&bound, fixture.app.now())
        .unwrap();
    assert_eq!(code_of(&fixture, &token).await, Some(Code::AuthRequired));

    fixture
        .write(move |tx, app| {
            let (which, now) = (Which::One(caller.session), app.now());
            Box::pin(session::end_of(
                tx,
                caller.person,
                which,
                EndReason::SignedOut,
                now,
            ))
        })
        .await;
    assert_eq!(
        code_of(&fixture, &tokens.access_token).await,
        Some(Code::AuthRequired)
    );
    fixture.pass(Millis::minutes(11));
    assert_eq!(
        code_of(&fixture, &tokens.access_token).await,
        Some(Code::AuthExpired)
    );
}
