//! Clocks that jump (RELIABILITY faults 24 and 25), by `libfaketime`: the wall clock only,
//! since the time since boot cannot be set.

use super::{ground::Ground, ledger::mark_of, tally::Tally};
use crate::{Fallible, raw::RawHandheld, township::Township};
use gridcrew_sync_protocol::{
    journal::Entry,
    push::PushOutcome,
    time::{Millis, UnixMillis},
};
use std::path::{Path, PathBuf};

/// How far a handheld's clock jumps, as `libfaketime` takes it.
const JUMPS: [&str; 4] = ["+1d", "-1d", "+400d", "-400d"];
/// A day, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// The longest life of an access token, with a little for the way.
const TOKEN_MS: i64 = 11 * 60 * 1000;

/// The library that jumps clocks.
#[derive(Clone, Debug)]
pub struct Faketime(PathBuf);

impl Faketime {
    /// The one of this machine, if there is one.
    #[must_use]
    pub fn find() -> Option<Self> {
        let folders = std::fs::read_dir("/usr/lib").ok()?;
        let mut candidates: Vec<PathBuf> = folders
            .flatten()
            .map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"))
            .collect();
        candidates.push(Path::new("/usr/lib/faketime/libfaketimeMT.so.1").to_owned());
        candidates
            .into_iter()
            .find(|library| library.is_file())
            .map(Self)
    }

    /// The variables that make a program's wall clock be off by so much.
    #[must_use]
    pub fn off_by(&self, jump: &str) -> Vec<(String, String)> {
        [
            ("LD_PRELOAD", self.0.display().to_string().as_str()),
            ("FAKETIME", jump),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }
}

/// A handheld's clock jumps there and back between records and in syncs: everything comes,
/// in the order in which it was recorded, nothing is parked, and no record's trusted time
/// follows the wall clock once a server time was heard in this boot.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn handheld(ground: &mut Ground, faketime: &Faketime) -> Fallible<Tally> {
    let mut tally = Tally::of("clock-handheld");
    let mut wanted = Vec::new();
    for jump in JUMPS {
        for sync_under_it in [false, true] {
            tally.points += 1;
            for off in [true, false, true] {
                ground.cli.environment = if off {
                    faketime.off_by(jump)
                } else {
                    Vec::new()
                };
                let ran = if off {
                    ground.note(None).await?
                } else {
                    ground.step(None).await?
                };
                tally.hits += u32::from(off);
                tally.confirm(ran.saved().is_some());
                match ran.saved() {
                    Some(id) => wanted.push(id),
                    None => tally.wrong(format!("{jump}: not recorded: {}", ran.err.trim())),
                }
            }
            if !sync_under_it {
                ground.cli.environment.clear();
            }
            if let Err(failure) = ground.heal().await {
                tally.wrong(format!(
                    "{jump}, synced under it {sync_under_it}: {failure}"
                ));
            }
            ground.cli.environment.clear();
        }
    }
    ground.judge(&mut tally).await?;
    let books = ground.scene.books().await?;
    let now = UnixMillis(wall_now(&books).await?);
    let mut came = Vec::new();
    for row in books.entries().await? {
        if let Entry::Record(record) = &row.entry
            && mark_of(&record.event).is_some()
        {
            came.push(row.id);
            if let Some(why) = row.parked {
                tally.wrong(format!("{:?} is parked: {why}", row.id));
            }
            let off = record.time.trusted().at.0 - now.0;
            if off.abs() > DAY_MS / 2 {
                tally.wrong(format!("{:?} is trusted to be {off} ms from now", row.id));
            }
        }
    }
    books.close().await?;
    if came != wanted {
        tally.wrong("the server's order of records is not the order of recording");
    }
    Ok(tally)
}

/// The database's clock, which is this machine's.
async fn wall_now(books: &crate::books::Books) -> Fallible<i64> {
    books
        .count("SELECT CAST(strftime('%s', 'now') AS INTEGER) * 1000")
        .await
}

/// The server's clock jumps by days, each time with a restart: handhelds that were signed in
/// before still bring everything, receipts are still signed, tokens still end, and nobody
/// is locked out for ever.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn server(ground: &mut Ground, faketime: &Faketime) -> Fallible<Tally> {
    let mut tally = Tally::of("clock-server");
    let owner = ground.scene.owner(ground.order).await?;
    let mut last = UnixMillis(0);
    for jump in ["+2d", "+0d", "-2d", "+0d"] {
        ground.scene.server.kill().await?;
        ground.scene.server.set_environment(faketime.off_by(jump));
        tally.points += 1;
        if let Err(failure) = ground.scene.server.start().await {
            tally.wrong(format!("{jump}: does not start: {failure}"));
            continue;
        }
        tally.hits += 1;
        let url = ground.scene.server.url()?;
        let township: Township = ground.scene.township.signed_in_anew(&url).await?;
        ground.scene.township.staff = township.staff;
        for photo in [false, true] {
            let ran = if photo {
                ground.step(None).await?
            } else {
                ground.note(None).await?
            };
            tally.confirm(ran.saved().is_some());
        }
        if let Err(failure) = ground.heal().await {
            tally.wrong(format!("{jump}: {failure}"));
        }
        let mut hand = RawHandheld::enrol(&ground.scene.township, owner).await?;
        let batch = hand.batch(&[hand.opening()]);
        match hand.outcome(&batch).await? {
            PushOutcome::Held { receipt, .. } => {
                if receipt.server_time < last {
                    // Told, not refused: the server cannot know which clock is right.
                    tally.refused += 1;
                }
                last = receipt.server_time;
                hand.went_on(&batch);
            }
            other => tally.wrong(format!("{jump}: not held: {other:?}")),
        }
        let lives = hand.tokens.expires_at.since(last);
        if lives > Millis(TOKEN_MS) {
            tally.wrong(format!("{jump}: a token lives {} ms", lives.0));
        }
    }
    ground.judge(&mut tally).await?;
    Ok(tally)
}
