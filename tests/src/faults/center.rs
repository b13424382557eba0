//! Faults of the server's process while it applies a push and takes in a photo; `starts` has
//! those while it starts.
//!
//! A handheld made by hand pushes a note that promises nothing and a step that promises a
//! photo, and uploads the photo: creation, two chunks, completion. `strace` takes hold of
//! the running server before and lets go after; what was not answered is sent again, to the
//! server that was started anew after a kill, and to the same one after an error: it has to
//! heal without a restart.

use super::{
    field::name_of,
    ground::Ground,
    strace::{Attached, Fault, Injection, Strace},
    sweep::{Extent, Points, WIRE},
    tally::Tally,
};
use crate::{
    Failure, Fallible,
    client::Reply,
    failure::ensure,
    raw::{RawHandheld, location, offset_of, picture},
    township::order,
};
use gridcrew_sync_protocol::{digest::Digest, media::MediaKind, push::PushOutcome};
use std::{fs, path::PathBuf, time::Duration};
use tokio::time::{sleep, timeout};

/// System calls that change the server's files. `write` is not among them: the executor
/// wakes its threads by it. The bytes of uploads, which are written by it too, have a sweep
/// of their own.
pub(super) const FILES: &[&str] = &[
    "pwrite64",
    "fsync",
    "fdatasync",
    "ftruncate",
    "fallocate",
    "rename",
    "unlink",
    "mkdir",
];
/// What is called to talk with PostgreSQL, and with clients.
pub(super) const TALK: &[&str] = &["sendto", "recvfrom", "writev"];
/// How long an answer may take while the server is traced.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// How long the server may take to heal by itself after an error of its disk.
const HEAL_WITHIN: Duration = Duration::from_secs(30);
/// Points in a row that may be missed: work goes on beside the requests.
pub(super) const PATIENCE: u32 = 2;

/// What is done at each point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A batch is pushed.
    Push,
    /// A photo is uploaded: creation, two chunks, completion.
    Upload,
}

impl Deed {
    fn name(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Upload => "upload",
        }
    }
}

/// What a sweep is called.
#[must_use]
pub fn name(deed: Deed, fault: Fault) -> String {
    format!("server-{}-{}", deed.name(), name_of(fault))
}

/// What is added to a sweep's name on PostgreSQL.
pub(super) fn suffix(on_postgres: bool) -> &'static str {
    if on_postgres { "-postgres" } else { "" }
}

/// Sweeps one fault over the server's calls during one deed.
///
/// # Errors
/// When the sweep itself cannot go on; what it finds is in the tally.
pub async fn sweep(
    ground: &mut Ground,
    strace: &Strace,
    deed: Deed,
    fault: Fault,
    extent: Extent,
) -> Fallible<Tally> {
    let on_postgres = ground.scene.database().is_some();
    let mut tally = Tally::of(name(deed, fault) + suffix(on_postgres));
    let owner = ground.scene.owner(ground.order).await?;
    let mut hand = RawHandheld::enrol(&ground.scene.township, owner).await?;
    hand.push_on(&[hand.opening()]).await?;
    let calls = match fault {
        Fault::Kill => [FILES, &["write"], WIRE].concat(),
        // It is the way to the database that fails.
        _ if on_postgres => [FILES, TALK].concat(),
        _ => FILES.to_vec(),
    };
    let mut points = Points::of(&calls, fault, extent, PATIENCE);
    while let Some(point) = points.next_point() {
        let work = Work::make(ground, &mut hand, deed).await?;
        let attached = attach(ground, strace, &point).await?;
        let answered = timeout(ANSWER_WITHIN, work.attempt(&mut hand)).await;
        // A thread that the last answer left behind may still be at work.
        if fault == Fault::Kill {
            sleep(Duration::from_millis(5)).await;
        }
        let hit = attached.let_go().await?;
        points.happened(hit);
        tally.points += 1;
        tally.hits += u32::from(hit);
        match answered.unwrap_or_else(|_| Err(Failure::new("no answer"))) {
            Ok(()) => {
                tally.confirmed += 1;
                ground.ledger.received(&work.mark);
            }
            Err(failure) => {
                tally.refused += 1;
                if !hit {
                    tally.wrong(format!("{point} did not happen, and yet: {failure}"));
                }
                // The way to the client is one of those that fail.
                let may_be_silent = TALK.contains(&point.call) && !is_answer(&failure);
                if fault != Fault::Kill && !told_so(&failure) && !may_be_silent {
                    tally.wrong(format!("{point}: {failure}"));
                }
            }
        }
        if ground.scene.server.runs()? {
            if fault == Fault::Kill && hit {
                ground.restart().await?;
            }
        } else {
            if fault != Fault::Kill {
                tally.wrong(format!("{point}: the server ended"));
            }
            check_received(ground, &mut tally).await?;
            ground.restart().await?;
        }
        if let Err(failure) = work.until_held(ground, &mut hand).await {
            tally.wrong(format!("{point}: does not heal: {failure}"));
            ground.scene.server.kill_and_start().await?;
            work.until_held(ground, &mut hand).await?;
        }
        // A refusal, which is rolled back, and then a look from outside: an answer may not
        // rest on a transaction that nobody commits.
        if fault != Fault::Kill {
            let township = &ground.scene.township;
            let other = order(township.station, "95598", "fault-1", None, "something else");
            if let Err(failure) = township
                .intake(&other)
                .await?
                .refused(409, "order.conflict")
            {
                tally.wrong(format!("{point}, and then: {failure}"));
            }
            check_received(ground, &mut tally).await?;
            if !tally.is_clean() {
                tally.wrong(format!("(after {point})"));
                break;
            }
        }
    }
    ground.judge(&mut tally).await?;
    Ok(tally)
}

/// Whether a failure is the server saying that it cannot now: 500, 503 or 507, never that
/// the request was wrong.
fn told_so(failure: &Failure) -> bool {
    let text = failure.to_string();
    ["answered 500", "answered 503", "answered 507"]
        .iter()
        .any(|status| text.contains(status))
}

/// Whether a failure is an answer of the server.
fn is_answer(failure: &Failure) -> bool {
    failure.to_string().contains(" answered ")
}

async fn attach(ground: &Ground, strace: &Strace, point: &Injection) -> Fallible<Attached> {
    let log = ground.scene.folder.path().join("server.strace");
    let process = ground.scene.server.process()?;
    strace.attach(point, &log, process, None).await
}

/// K2 at the moment of the kill: every receipt that was read is in the rows.
async fn check_received(ground: &Ground, tally: &mut Tally) -> Fallible<()> {
    let books = ground.scene.books().await?;
    let marks = super::ledger::marks(&books.entries().await?);
    books.close().await?;
    let found = ground
        .ledger
        .compare(marks.iter().map(String::as_str), |attempt| attempt.received);
    if !found.lost.is_empty() {
        tally.lost += u32::try_from(found.lost.len())?;
        tally.wrong(format!(
            "received, and not there when killed: {:?}",
            found.lost
        ));
    }
    Ok(())
}

/// One deed, which may be attempted again and again.
pub(super) struct Work {
    mark: String,
    batch: gridcrew_sync_protocol::journal::Batch,
    /// The photo, for an upload.
    pub(super) photo: Option<Vec<u8>>,
}

impl Work {
    pub(super) async fn make(
        ground: &mut Ground,
        hand: &mut RawHandheld,
        deed: Deed,
    ) -> Fallible<Self> {
        let mark = ground.mark();
        if deed == Deed::Push {
            ground.ledger.attempt(&mark, None);
            let batch = hand.batch(&[hand.note(ground.order, &mark)]);
            let photo = None;
            return Ok(Self { mark, batch, photo });
        }
        let number = mark.rsplit('-').next().unwrap_or_default().parse()?;
        let photo = picture(number)?;
        let mark = Digest::of(&photo).to_string();
        ground.ledger.attempt(&mark, Some(Digest::of(&photo)));
        let batch = hand.batch(&[hand.arrived(ground.order, &[&photo])]);
        let work = Self {
            mark,
            batch,
            photo: Some(photo),
        };
        // The promise is no part of the deed.
        work.push(hand).await?;
        Ok(work)
    }

    /// Does it once.
    async fn attempt(&self, hand: &mut RawHandheld) -> Fallible<()> {
        match &self.photo {
            None => self.push(hand).await,
            Some(photo) => upload(hand, photo).await,
        }
    }

    async fn push(&self, hand: &mut RawHandheld) -> Fallible<()> {
        match hand.outcome(&self.batch).await? {
            PushOutcome::Held { receipt, .. } => {
                ensure(receipt.is_signed_by(&hand.server_key), || {
                    "a false receipt".to_owned()
                })?;
                ensure(receipt.held >= self.batch.last(), || {
                    format!("a receipt that is too short: {receipt:?}")
                })?;
                hand.went_on(&self.batch);
                Ok(())
            }
            other => Err(Failure::new(format!("not held: {other:?}"))),
        }
    }

    /// Does it again until it is confirmed.
    async fn until_held(&self, ground: &mut Ground, hand: &mut RawHandheld) -> Fallible<()> {
        let mut last = None;
        let deadline = std::time::Instant::now() + HEAL_WITHIN;
        while std::time::Instant::now() < deadline {
            match self.attempt(hand).await {
                Ok(()) => {
                    ground.ledger.received(&self.mark);
                    return Ok(());
                }
                Err(failure) => last = Some(failure),
            }
            sleep(Duration::from_millis(100)).await;
        }
        Err(last.unwrap_or_else(|| Failure::new("no time to heal")))
    }
}

/// Uploads a photo in two chunks, going on where it stands.
async fn upload(hand: &RawHandheld, photo: &[u8]) -> Fallible<()> {
    let (digest, length) = (Digest::of(photo), photo.len() as u64);
    let begun = hand
        .begin_upload(digest, digest, MediaKind::Original, length)
        .await?;
    let (upload, mut offset) = (location(&begun)?, offset_of(&begun)?);
    while offset < length {
        let end = if offset < length / 2 {
            length / 2
        } else {
            length
        };
        let piece = &photo[usize::try_from(offset)?..usize::try_from(end)?];
        let sent: Reply = hand.send_bytes(&upload, offset, piece).await?;
        ensure(sent.status == 204, || sent.said())?;
        offset = offset_of(&sent)?;
    }
    Ok(())
}

/// Errors of the writes to an upload's own file: the Nth one fails, and the upload goes on
/// or begins anew.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn sweep_chunks(
    ground: &mut Ground,
    strace: &Strace,
    fault: Fault,
    extent: Extent,
) -> Fallible<Tally> {
    let mut tally = Tally::of(format!("server-chunk-{}", name_of(fault)));
    let owner = ground.scene.owner(ground.order).await?;
    let mut hand = RawHandheld::enrol(&ground.scene.township, owner).await?;
    hand.push_on(&[hand.opening()]).await?;
    let calls = ["write", "fsync", "ftruncate"];
    let mut points = Points::of(&calls, fault, extent, 1);
    while let Some(point) = points.next_point() {
        let work = Work::make(ground, &mut hand, Deed::Upload).await?;
        let photo = work.photo.as_deref().unwrap_or_default();
        let (digest, length) = (Digest::of(photo), photo.len() as u64);
        let begun = hand
            .begin_upload(digest, digest, MediaKind::Original, length)
            .await?;
        let id = location(&begun)?;
        let id = id.rsplit('/').next().unwrap_or_default().to_owned();
        let part: PathBuf = ground
            .scene
            .server
            .data()
            .join("uploads")
            .join(format!("{id}.part"));
        // The file has to be there for its calls to be told from others.
        if !part.exists() {
            fs::write(&part, [])?;
        }
        let log = ground.scene.folder.path().join("server.strace");
        let process = ground.scene.server.process()?;
        let attached = strace.attach(&point, &log, process, Some(&part)).await?;
        let answered = timeout(ANSWER_WITHIN, upload(&hand, photo)).await;
        let hit = attached.let_go().await?;
        points.happened(hit);
        tally.points += 1;
        tally.hits += u32::from(hit);
        match answered.unwrap_or_else(|_| Err(Failure::new("no answer"))) {
            Ok(()) => {
                tally.confirmed += 1;
                ground.ledger.received(&work.mark);
            }
            Err(failure) => {
                tally.refused += 1;
                if !told_so(&failure) {
                    tally.wrong(format!("{point}: {failure}"));
                }
            }
        }
        if let Err(failure) = work.until_held(ground, &mut hand).await {
            tally.wrong(format!("{point}: does not heal: {failure}"));
        }
    }
    ground.judge(&mut tally).await?;
    Ok(tally)
}
