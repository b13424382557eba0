//! The server is killed again and again in the middle of pushes and uploads. A receipt that
//! was read is a promise: its records are there at that moment and for ever after, and a
//! photo that the server said it has can be fetched. What was not confirmed is sent again,
//! and is there once.

use ed25519_dalek::VerifyingKey;
use gridcrew_sync_protocol::{digest::Digest, ids::JournalId, journal::Seq};
use gridcrew_tests::{
    Fallible,
    books::Books,
    both_databases,
    failure::ensure,
    postgres::TestDatabase,
    raw::{RawHandheld, location, offset_of, picture},
    scene::Scene,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::watch, task::JoinSet};

/// How often the server is killed.
const KILLS: u32 = 6;
/// How many handhelds push and upload meanwhile.
const HANDHELDS: usize = 4;

both_databases! { what_a_receipt_promised_is_there }

/// What was confirmed, over all handhelds.
#[derive(Debug, Default)]
struct Confirmed {
    /// The last entry of each journal in a receipt that was read whole, and its link.
    held: BTreeMap<JournalId, (Seq, Digest)>,
    /// Photos of which an answer said that they are held.
    photos: BTreeSet<Digest>,
    /// Receipts read.
    receipts: u64,
}

type Shared = Arc<Mutex<Confirmed>>;

async fn what_a_receipt_promised_is_there(database: TestDatabase) -> Fallible<()> {
    let mut scene = Scene::set(database).await?;
    let confirmed = Shared::default();
    let over = watch::Sender::new(false);
    let mut handhelds = JoinSet::new();
    for number in 0..HANDHELDS {
        let (order, handheld) = scene.order_with_handheld(&format!("kill-{number}")).await?;
        let work = Work {
            handheld,
            order,
            number: number as u32,
        };
        handhelds.spawn(work.run(Arc::clone(&confirmed), over.subscribe()));
    }
    let mut randomness = ChaCha8Rng::seed_from_u64(11);
    for _ in 0..KILLS {
        // Long enough for some of everything to be under way.
        let work = Duration::from_millis(randomness.random_range(300..1_500));
        tokio::time::sleep(work).await;
        scene.server.kill().await?;
        check(&scene.books().await?, &confirmed).await?;
        scene.server.start().await?;
    }
    over.send_replace(true);
    let mut made = BTreeMap::new();
    while let Some(done) = handhelds.join_next().await {
        let (handheld, photos) = done??;
        made.insert(handheld.journal, (handheld.last, photos));
    }
    let books = scene.books().await?;
    check(&books, &confirmed).await?;
    let entries = books.entries().await?;
    for (journal, (last, _)) in &made {
        let count = entries
            .iter()
            .filter(|row| row.id.journal == *journal)
            .count();
        ensure(count as u64 == last.0, || {
            format!("{count} entries of {} made", last.0)
        })?;
    }
    let staff = &scene.township.staff;
    for photo in made.values().flat_map(|(_, photos)| photos) {
        let reply = staff.get(&format!("/media/photos/{photo}")).await?;
        ensure(
            reply.status == 200 && Digest::of(&reply.bytes) == *photo,
            || reply.said(),
        )?;
    }
    let (receipts, photos) = {
        let noted = confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        (noted.receipts, noted.photos.len())
    };
    ensure(receipts > 20 && photos > 4, || {
        format!("too little happened: {receipts} receipts, {photos} photos")
    })?;
    scene.server.run(&["rebuild", "--check"]).await?;
    books.close().await
}

/// Everything confirmed so far is in the database, the server being down.
async fn check(books: &Books, confirmed: &Shared) -> Fallible<()> {
    // Noted before looking: what is confirmed later need not be in what is read now.
    let (held, photos) = {
        let noted = confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        (noted.held.clone(), noted.photos.clone())
    };
    let entries: BTreeMap<_, _> = books
        .entries()
        .await?
        .into_iter()
        .map(|row| (row.id, row.link))
        .collect();
    for (journal, (last, link)) in held {
        for seq in 1..=last.0 {
            let id = gridcrew_sync_protocol::journal::EntryId {
                journal,
                seq: Seq(seq),
            };
            let found = entries.get(&id);
            ensure(found.is_some(), || {
                format!("{id:?} was confirmed up to {last:?} and is lost")
            })?;
            ensure(seq != last.0 || found == Some(&link), || {
                format!("{id:?} is another entry")
            })?;
        }
    }
    let kept: BTreeSet<Digest> = books
        .promises()
        .await?
        .into_iter()
        .filter(|promise| promise.held)
        .map(|promise| promise.photo)
        .collect();
    let lost: Vec<_> = photos.difference(&kept).collect();
    ensure(lost.is_empty(), || {
        format!("photos confirmed and lost: {lost:?}")
    })
}

struct Work {
    handheld: RawHandheld,
    order: gridcrew_sync_protocol::ids::OrderId,
    number: u32,
}

impl Work {
    /// Pushes and uploads until it is over; then until everything is confirmed.
    async fn run(
        mut self,
        confirmed: Shared,
        over: watch::Receiver<bool>,
    ) -> Fallible<(RawHandheld, Vec<Digest>)> {
        let server_key = self.handheld.server_key;
        let (mut photos, mut round) = (Vec::new(), 0u32);
        loop {
            let last = *over.borrow();
            round += 1;
            let photo = picture(self.number * 10_000 + round)?;
            let mut entries = vec![self.handheld.arrived(self.order, &[&photo])];
            entries.extend((0..5).map(|n| self.handheld.note(self.order, &format!("{round}.{n}"))));
            self.push(&entries, server_key, &confirmed).await?;
            self.upload(&photo).await?;
            photos.push(Digest::of(&photo));
            confirmed
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .photos
                .insert(Digest::of(&photo));
            if last {
                return Ok((self.handheld, photos));
            }
        }
    }

    /// Sends the same batch until a receipt for it was read.
    async fn push(
        &mut self,
        entries: &[Vec<u8>],
        server_key: VerifyingKey,
        confirmed: &Shared,
    ) -> Fallible<()> {
        use gridcrew_sync_protocol::push::PushOutcome;
        let batch = self.handheld.batch(entries);
        loop {
            let answered = self.handheld.push(&batch).await;
            let Some(reply) = answered.ok().filter(|reply| reply.status != 503) else {
                again().await;
                continue;
            };
            ensure(reply.status == 200, || reply.said())?;
            let outcome = self.handheld.outcome_of(&reply)?;
            let PushOutcome::Held { receipt, .. } = outcome else {
                return ensure(false, || format!("not held: {outcome:?}"));
            };
            ensure(receipt.is_signed_by(&server_key), || {
                "a false receipt".to_owned()
            })?;
            ensure(receipt.held >= batch.last(), || {
                format!("{receipt:?} is too short")
            })?;
            let mut noted = confirmed.lock().unwrap_or_else(PoisonError::into_inner);
            noted
                .held
                .insert(receipt.journal, (receipt.held, receipt.link));
            noted.receipts += 1;
            drop(noted);
            self.handheld.went_on(&batch);
            return Ok(());
        }
    }

    /// Uploads in small pieces, going on where it broke, until it is held.
    async fn upload(&self, photo: &[u8]) -> Fallible<()> {
        use gridcrew_sync_protocol::media::MediaKind;
        let (digest, length) = (Digest::of(photo), photo.len() as u64);
        loop {
            let begun = self
                .handheld
                .begin_upload(digest, digest, MediaKind::Original, length);
            let Some(begun) = begun.await.ok().filter(|begun| begun.status != 503) else {
                again().await;
                continue;
            };
            let upload = location(&begun)?;
            let mut offset = offset_of(&begun)?;
            while offset < length {
                let end = (offset + 2_000).min(length);
                let piece = &photo[usize::try_from(offset)?..usize::try_from(end)?];
                let sent = self.handheld.send_bytes(&upload, offset, piece).await;
                match sent.ok().filter(|sent| sent.status == 204) {
                    Some(sent) => offset = offset_of(&sent)?,
                    None => break,
                }
            }
            if offset == length {
                return Ok(());
            }
            again().await;
        }
    }
}

/// A breath before the next try, while the server is down.
async fn again() {
    tokio::time::sleep(Duration::from_millis(30)).await;
}
