use super::*;
use crate::people::{
    Role,
    caller::identify,
    fixture::{Fixture, Organisation},
    rows::audit_log,
};
use gridcrew_sync_protocol::time::Millis;

struct Stand {
    fixture: Fixture,
    first: Tokens,
}

impl Stand {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let org = Organisation::in_(&fixture).await;
        let person = fixture.person(Role::Station, org.station).await;
        let first = fixture.sign_in(&person).await;
        Self { fixture, first }
    }

    /// Exchanges, as the route does it: a refusal is committed.
    async fn renew(&self, tokens: &Tokens) -> Result<Tokens, Code> {
        let token = RefreshToken::parse(&tokens.refresh_token).unwrap();
        let app = self.fixture.app.clone();
        let exchanged = self
            .fixture
            .app
            .store
            .write(move |tx| Box::pin(async move { exchange(tx, &app, &token).await }))
            .await;
        match exchanged {
            Ok(Exchange::Renewed(tokens)) => Ok(tokens),
            Ok(Exchange::Refused(problem)) | Err(problem) => Err(problem.code),
        }
    }

    async fn works(&self, tokens: &Tokens) -> bool {
        identify(&self.fixture.app, &tokens.access_token)
            .await
            .is_ok()
    }
}

#[tokio::test]
async fn a_lost_reply_is_repeated_with_the_same_successor_until_that_is_used() {
    let stand = Stand::new().await;
    let lost = stand.renew(&stand.first).await.unwrap();
    stand.fixture.pass(Millis::minutes(60 * 24 * 7));
    let again = stand.renew(&stand.first).await.unwrap();
    assert_eq!(again.refresh_token, lost.refresh_token);
    assert!(stand.works(&again).await);
    let next = stand.renew(&again).await.unwrap();
    assert_ne!(next.refresh_token, again.refresh_token);
    assert!(stand.works(&next).await);
}

#[tokio::test]
async fn a_token_whose_successor_is_used_ends_the_session_whoever_comes() {
    for generation in 0..2 {
        let stand = Stand::new().await;
        let second = stand.renew(&stand.first).await.unwrap();
        let third = stand.renew(&second).await.unwrap();
        let fourth = stand.renew(&third).await.unwrap();
        let copied = [&stand.first, &second][generation];
        assert_eq!(stand.renew(copied).await, Err(Code::AuthReplayed));
        for tokens in [&stand.first, &second, &third, &fourth] {
            assert_eq!(stand.renew(tokens).await, Err(Code::AuthReplayed));
            assert!(!stand.works(tokens).await);
        }
        let lines = audit_log::Entity::find()
            .all(stand.fixture.app.store.read())
            .await
            .unwrap();
        assert_eq!(lines.len(), 1);
        assert_eq!(lines[0].action, "session.replayed");
        assert_eq!(lines[0].outcome, "auth.replayed");
        assert!(lines[0].station_id.is_some());
    }
}

#[tokio::test]
async fn another_session_of_the_same_person_is_left_alone() {
    let stand = Stand::new().await;
    let people = person::Entity::find()
        .all(stand.fixture.app.store.read())
        .await
        .unwrap();
    let other = stand.fixture.sign_in(&people[0]).await;
    let second = stand.renew(&stand.first).await.unwrap();
    stand.renew(&second).await.unwrap();
    assert_eq!(stand.renew(&stand.first).await, Err(Code::AuthReplayed));
    assert!(stand.works(&other).await);
    assert!(stand.renew(&other).await.is_ok());
}

#[tokio::test]
async fn many_that_come_together_get_the_same_successor() {
    let stand = Stand::new().await;
    let together = (0..8).map(|_| stand.renew(&stand.first));
    let replies = futures_util::future::join_all(together).await;
    let one = replies[0].as_ref().unwrap().refresh_token.clone();
    assert!(
        replies
            .iter()
            .all(|reply| reply.as_ref().unwrap().refresh_token == one)
    );
}

#[tokio::test]
async fn a_token_lasts_sixty_days_and_unknown_ones_are_refused() {
    let stand = Stand::new().await;
    stand.fixture.pass(Millis(refresh::LIFETIME.0 - 1));
    let second = stand.renew(&stand.first).await.unwrap();
    stand.fixture.pass(refresh::LIFETIME);
    assert_eq!(stand.renew(&second).await, Err(Code::AuthRequired));
    let mut unknown = second;
    unknown.refresh_token = "A".repeat(43);
    assert_eq!(stand.renew(&unknown).await, Err(Code::AuthRequired));
}
