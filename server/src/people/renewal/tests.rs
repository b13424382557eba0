use super::*;
use crate::people::{
    Role,
    caller::identify,
    enrolment::{enrol, issue_enrolment_code},
    fixture::{Fixture, Organisation},
    rows::audit_log,
};
use ed25519_dalek::{Signer, SigningKey};
use gridcrew_sync_protocol::time::Millis;
use sea_orm::{ActiveModelTrait, ActiveValue::Set};

struct Stand {
    fixture: Fixture,
    first: Tokens,
    /// The handheld's, if the session is one's.
    journal: Option<JournalId>,
}

const KEY: [u8; 32] = [1; 32];

impl Stand {
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let org = Organisation::in_(&fixture).await;
        let person = fixture.person(Role::Station, org.station).await;
        let first = fixture.sign_in(&person).await;
        let journal = None;
        Self {
            fixture,
            first,
            journal,
        }
    }

    async fn of_handheld() -> Self {
        let fixture = Fixture::new().await;
        let org = Organisation::in_(&fixture).await;
        let person = fixture.person(Role::Manager, org.station).await;
        let id = PersonId(person.id);
        let key = SigningKey::from_bytes(&KEY).verifying_key();
        let reply = fixture
            .write(move |tx, app| {
                Box::pin(async move {
                    let code = issue_enrolment_code(tx, app, id, id).await?.code;
                    enrol(tx, app, &code, &key, "test".to_owned()).await
                })
            })
            .await;
        Self {
            fixture,
            first: reply.tokens,
            journal: Some(reply.journal),
        }
    }

    /// Exchanges with the proof of who holds the session, if he has a key.
    async fn renew(&self, tokens: &Tokens) -> Result<Tokens, Code> {
        let key = self.journal.map(|_| KEY);
        self.renew_with(tokens, key).await
    }

    /// Exchanges, as the route does it: a refusal is committed.
    async fn renew_with(&self, tokens: &Tokens, key: Option<[u8; 32]>) -> Result<Tokens, Code> {
        let proof = key.map(|key| {
            let text = RefreshRequest::proof_text(&tokens.refresh_token);
            hex::encode(SigningKey::from_bytes(&key).sign(&text).to_bytes())
        });
        let token = RefreshToken::parse(&tokens.refresh_token).unwrap();
        let app = self.fixture.app.clone();
        let exchanged = self
            .fixture
            .app
            .store
            .write(move |tx| {
                Box::pin(async move { exchange(tx, &app, &token, proof.as_deref()).await })
            })
            .await;
        match exchanged {
            Ok(Exchange::Renewed(tokens)) => Ok(tokens),
            Ok(Exchange::Refused(problem)) | Err(problem) => Err(problem.code),
        }
    }

    async fn refusals(&self) -> Vec<audit_log::Model> {
        audit_log::Entity::find()
            .filter(audit_log::Column::Outcome.ne("done"))
            .all(self.fixture.app.store.read())
            .await
            .unwrap()
    }

    async fn works(&self, tokens: &Tokens) -> bool {
        identify(&self.fixture.app, &tokens.access_token)
            .await
            .is_ok()
    }
}

#[tokio::test]
async fn a_lost_reply_is_repeated_with_the_same_successor_until_that_is_used() {
    for (stand, away) in [
        (Stand::new().await, refresh::REPEATED),
        (Stand::of_handheld().await, Millis::minutes(60 * 24 * 7)),
    ] {
        let lost = stand.renew(&stand.first).await.unwrap();
        stand.fixture.pass(away);
        let again = stand.renew(&stand.first).await.unwrap();
        assert_eq!(again.refresh_token, lost.refresh_token);
        assert!(stand.works(&again).await);
        let next = stand.renew(&again).await.unwrap();
        assert_ne!(next.refresh_token, again.refresh_token);
        assert!(stand.works(&next).await);
        let replayed = stand.renew(&stand.first).await;
        assert_eq!(replayed, Err(Code::AuthReplayed));
    }
}

#[tokio::test]
async fn a_thief_and_the_owner_do_not_go_on_side_by_side() {
    // Whichever of the two comes second comes with the token that the first has used.
    for later in [Millis(refresh::REPEATED.0 + 1), Millis::minutes(9)] {
        let stand = Stand::new().await;
        let stolen = stand.renew(&stand.first).await.unwrap();
        let taken = stand.renew(&stolen).await.unwrap();
        stand.fixture.pass(later);
        assert_eq!(stand.renew(&stolen).await, Err(Code::AuthReplayed));
        assert_eq!(stand.renew(&taken).await, Err(Code::AuthReplayed));
        assert!(!stand.works(&taken).await);
        assert_eq!(stand.refusals().await[0].action, "session.replayed");
    }
}

#[tokio::test]
async fn a_handhelds_token_is_worth_nothing_without_its_key() {
    let stand = Stand::of_handheld().await;
    for key in [None, Some([2; 32])] {
        let refused = stand.renew_with(&stand.first, key).await;
        assert_eq!(refused, Err(Code::AuthRequired));
    }
    let lines = stand.refusals().await;
    assert_eq!(lines.len(), 2);
    assert!(lines.iter().all(|line| line.action == "session.bad_proof"));
    // What a stranger tries does not end the session, and he is no step ahead.
    let second = stand.renew(&stand.first).await.unwrap();
    assert!(stand.works(&second).await);
}

#[tokio::test]
async fn after_a_fork_the_key_of_the_journal_before_counts_too() {
    let stand = Stand::of_handheld().await;
    let (old, new) = (stand.journal.unwrap(), stand.fixture.app.new_id());
    let db = stand.fixture.app.store.read();
    let row = handheld::Entity::find_by_id(old.0).one(db).await;
    let mut row: handheld::ActiveModel = row.unwrap().unwrap().into();
    row.id = Set(new);
    row.continues = Set(Some(old.0));
    row.public_key = Set(SigningKey::from_bytes(&[3; 32])
        .verifying_key()
        .to_bytes()
        .to_vec());
    stand
        .fixture
        .write(move |tx, _| {
            Box::pin(async move {
                row.insert(tx).await?;
                session_row::Entity::update_many()
                    .col_expr(session_row::Column::JournalId, Expr::value(new))
                    .exec(tx)
                    .await?;
                Ok(())
            })
        })
        .await;
    let second = stand.renew(&stand.first).await.unwrap();
    let third = stand.renew_with(&second, Some([3; 32])).await.unwrap();
    let caller = identify(&stand.fixture.app, &third.access_token).await;
    assert_eq!(caller.unwrap().handheld, Some(JournalId(new)));
    let stranger = stand.renew_with(&third, Some([2; 32])).await;
    assert_eq!(stranger, Err(Code::AuthRequired));
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
