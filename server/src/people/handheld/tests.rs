use super::*;
use crate::people::{
    Role,
    fixture::{Fixture, Organisation},
};
use gridcrew_sync_protocol::{digest::Digest, ids::OrgId};
use sea_orm::ActiveValue::Set;

async fn journal(
    fixture: &Fixture,
    (person, station): (&person::Model, OrgId),
    continues: Option<JournalId>,
) -> JournalId {
    let id = fixture.app.new_id();
    let row = handheld::ActiveModel {
        id: Set(id),
        person_id: Set(person.id),
        station_id: Set(station.0),
        device_name: Set("test".to_owned()),
        public_key: Set(Digest::of(id.as_bytes()).0.to_vec()),
        continues: Set(continues.map(|journal| journal.0)),
        enrolled_at: Set(1),
        revoked_at: Set(None),
        last_contact_at: Set(None),
        head_seq: Set(0),
        head_link: Set(vec![0; 32]),
    };
    fixture
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

async fn revoked(fixture: &Fixture, journal: JournalId) -> BTreeSet<JournalId> {
    let now = fixture.app.now();
    let done = fixture
        .write(move |tx, _| {
            Box::pin(async move {
                let which = Condition::all().add(handheld::Column::Id.eq(journal.0));
                let found = find(tx, which, 1).await?;
                revoke(tx, &found[0], now).await
            })
        })
        .await;
    done.into_iter().collect()
}

#[tokio::test]
async fn with_a_handheld_go_all_journals_before_and_after_its_forks_and_no_others() {
    for revoked_one in 0..4 {
        let fixture = Fixture::new().await;
        let station = Organisation::in_(&fixture).await.station;
        let person = fixture.person(Role::Manager, station).await;
        let his = (&person, station);
        let first = journal(&fixture, his, None).await;
        let second = journal(&fixture, his, Some(first)).await;
        let clone = journal(&fixture, his, Some(first)).await;
        let third = journal(&fixture, his, Some(second)).await;
        let other = journal(&fixture, his, None).await;
        let lineage = [first, second, clone, third];
        for of in [third, other] {
            let (app, person) = (fixture.app.clone(), person.clone());
            fixture
                .write(move |tx, _| {
                    Box::pin(async move { session::begin(tx, &app, &person, Some(of)).await })
                })
                .await;
        }
        let done = revoked(&fixture, lineage[revoked_one]).await;
        assert_eq!(done, BTreeSet::from(lineage));
        assert_eq!(revoked(&fixture, first).await, BTreeSet::new());
        let db = fixture.app.store.read();
        let sessions = crate::people::rows::session::Entity::find().all(db).await;
        let open = sessions.unwrap().into_iter();
        let open: Vec<_> = open
            .filter(|session| session.ended_at.is_none())
            .map(|session| session.journal_id)
            .collect();
        assert_eq!(open, [Some(other.0)]);
        let left = handheld::Entity::find().filter(handheld::Column::RevokedAt.is_null());
        let left = left.all(db).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].id, other.0);
    }
}
