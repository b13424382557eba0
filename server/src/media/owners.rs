//! Whose a photo is.
//!
//! A record may promise any hash, and the hash of another's photo is no secret: the feed of a
//! colleague's order tells it. So a promise alone neither shows a photo nor says that it is
//! held. A photo is of who promised it first, and of whoever proved that he had its bytes,
//! by bringing them whole: the same person, with whatever handheld.

use super::promise;
use crate::{edge::Problem, people::Scope};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{JournalId, PersonId},
};
use sea_orm::{
    Condition, ConnectionTrait, ExprTrait,
    sea_query::{Expr, JoinType, Query, SelectStatement},
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Photos that are asked about in one statement.
const PHOTOS_AT_ONCE: usize = 500;

/// Those of `photos` that are the handheld's person's own.
///
/// # Errors
/// A problem of the database.
pub(super) async fn own<C: ConnectionTrait>(
    db: &C,
    journal: JournalId,
    photos: &[Digest],
) -> Result<BTreeSet<Digest>, Problem> {
    let mut own = BTreeSet::new();
    let Some(person) = promise::person_of(db, journal).await? else {
        return Ok(own);
    };
    for some in photos.chunks(PHOTOS_AT_ONCE) {
        for (photo, people) in people_of(db, some).await? {
            if people.contains(&person) {
                own.insert(photo);
            }
        }
    }
    Ok(own)
}

/// Whether a photo may be seen by who has `scope`: an order in it is named by a record that
/// promises the photo and is of one whose photo it is. A record that was parked counts, as
/// far as it names an order: it is evidence.
///
/// # Errors
/// A problem of the database.
pub(super) async fn is_visible<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    photo: Digest,
) -> Result<bool, Problem> {
    let people = people_of(db, &[photo]).await?;
    let Some(people) = people.get(&photo) else {
        return Ok(false);
    };
    let mut query = promises(&[photo]);
    query
        .expr(Expr::col(("photo_promise", "photo")))
        .and_where(Expr::col(("handheld", "person_id")).is_in(people.iter().map(|one| one.0)))
        .cond_where(
            Condition::any()
                .add(scope.of_orders("photo_promise"))
                .add(scope.of_orders("entry")),
        )
        .limit(1);
    Ok(db.query_one(&query).await?.is_some())
}

/// The people whose each of `photos` is.
async fn people_of<C: ConnectionTrait>(
    db: &C,
    photos: &[Digest],
) -> Result<BTreeMap<Digest, BTreeSet<PersonId>>, Problem> {
    let mut firsts: BTreeMap<Digest, (i64, Uuid, PersonId)> = BTreeMap::new();
    let journal = ("photo_promise", "journal_id");
    let mut query = promises(photos);
    query
        .expr(Expr::col(("photo_promise", "photo")))
        .expr(Expr::col(("entry", "received_at")).min())
        .expr(Expr::col(journal))
        .expr(Expr::col(("handheld", "person_id")))
        .group_by_columns([("photo_promise", "photo"), journal])
        .group_by_col(("handheld", "person_id"));
    for row in db.query_all(&query).await? {
        let photo = read_digest(&row.try_get_by_index::<Vec<u8>>(0)?)?;
        let person = PersonId(row.try_get_by_index(3)?);
        let came = (row.try_get_by_index(1)?, row.try_get_by_index(2)?, person);
        let first = firsts.entry(photo).or_insert(came);
        *first = std::cmp::min(*first, came);
    }
    let mut people: BTreeMap<Digest, BTreeSet<PersonId>> = firsts
        .into_iter()
        .map(|(photo, (_, _, person))| (photo, BTreeSet::from([person])))
        .collect();
    for (photo, person) in bringers(db, photos).await? {
        people.entry(photo).or_default().insert(person);
    }
    Ok(people)
}

/// Who brought the bytes of photos.
async fn bringers<C: ConnectionTrait>(
    db: &C,
    photos: &[Digest],
) -> Result<Vec<(Digest, PersonId)>, Problem> {
    let brought = |column: &'static str| ("photo_brought", column);
    let query = Query::select()
        .expr(Expr::col(brought("photo")))
        .expr(Expr::col(("handheld", "person_id")))
        .from("photo_brought")
        .join(
            JoinType::InnerJoin,
            "handheld",
            Expr::col(("handheld", "id")).equals(brought("journal_id")),
        )
        .and_where(Expr::col(brought("photo")).is_in(photos.iter().map(|one| one.0.to_vec())))
        .take();
    let rows = db.query_all(&query).await?;
    rows.iter()
        .map(|row| {
            let photo = read_digest(&row.try_get_by_index::<Vec<u8>>(0)?)?;
            Ok((photo, PersonId(row.try_get_by_index(1)?)))
        })
        .collect()
}

/// The promises of `photos`, each with its record and its handheld.
fn promises(photos: &[Digest]) -> SelectStatement {
    let promise = |column: &'static str| ("photo_promise", column);
    Query::select()
        .from("photo_promise")
        .join(
            JoinType::InnerJoin,
            "entry",
            Expr::col(("entry", "journal_id"))
                .equals(promise("journal_id"))
                .and(Expr::col(("entry", "seq")).equals(promise("seq"))),
        )
        .join(
            JoinType::InnerJoin,
            "handheld",
            Expr::col(("handheld", "id")).equals(promise("journal_id")),
        )
        .and_where(Expr::col(promise("photo")).is_in(photos.iter().map(|one| one.0.to_vec())))
        .take()
}

fn read_digest(bytes: &[u8]) -> Result<Digest, Problem> {
    let broken = |_| Problem::internal("a row names a photo that is none");
    bytes.try_into().map(Digest).map_err(broken)
}
