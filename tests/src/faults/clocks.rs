//! Clocks that jump (RELIABILITY faults 24 and 25), by `libfaketime`: the wall clock only,
//! since the time since boot cannot be set.

use super::{ground::Ground, ledger::mark_of, tally::Tally};
use crate::{Fallible, raw::RawHandheld, township::Township};
use gridcrew_sync_protocol::{
    journal::Entry,
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

    /// The variables that make a program's wall clock be off by what a file says at the time.
    #[must_use]
    pub fn by_dial(&self, dial: &Path) -> Vec<(String, String)> {
        [
            ("LD_PRELOAD", self.0.display().to_string().as_str()),
            (
                "FAKETIME_TIMESTAMP_FILE",
                dial.display().to_string().as_str(),
            ),
            ("FAKETIME_NO_CACHE", "1"),
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

/// The server's clock jumps by days. Ahead, no program can know: it starts, tokens still
/// end, receipts go on. Behind what its database was told, it does not start until somebody
/// says that the clock is right; put back while it runs, its time goes on and it says so.
/// Handhelds that were signed in before bring everything in the end.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn server(ground: &mut Ground, faketime: &Faketime) -> Fallible<Tally> {
    let mut tally = Tally::of("clock-server");
    let dial = ground.scene.folder.path().join("dial");
    ground.scene.server.kill().await?;
    std::fs::write(&dial, "+0d")?;
    let clock = faketime.by_dial(&dial);
    ground.scene.server.set_environment(clock);
    let mut turns = Turns {
        ground,
        tally: &mut tally,
        dial: &dial,
        last: UnixMillis(0),
    };
    turns.starts("+2d").await?;
    turns.works("+2d").await?;
    turns.ground.scene.server.kill().await?;
    turns.is_refused("+0d").await?;
    turns
        .ground
        .scene
        .server
        .run(&["clock", "--accept"])
        .await?;
    turns.last = UnixMillis(0);
    turns.starts("+0d").await?;
    turns.works("+0d, accepted").await?;
    turns.ground.scene.server.kill().await?;
    turns.is_refused("-2d").await?;
    turns.starts("+0d").await?;
    for jump in ["-2d", "-400d", "+0d"] {
        std::fs::write(&dial, jump)?;
        turns.tally.points += 1;
        turns.tally.hits += 1;
        let health = turns.ground.scene.township.staff.get("/health").await?;
        let behind = health.done()?["clock_behind"].as_i64().unwrap_or_default();
        if (behind > DAY_MS) != (jump != "+0d") {
            let what = format!("{jump} while it runs: {behind} ms behind, it says");
            turns.tally.wrong(what);
        }
        turns.works(&format!("{jump} while it runs")).await?;
    }
    ground.judge(&mut tally).await?;
    Ok(tally)
}

/// A server whose clock is turned.
struct Turns<'a> {
    ground: &'a mut Ground,
    tally: &'a mut Tally,
    dial: &'a Path,
    /// The time of the last receipt.
    last: UnixMillis,
}

impl Turns<'_> {
    async fn starts(&mut self, jump: &str) -> Fallible<()> {
        std::fs::write(self.dial, jump)?;
        self.tally.points += 1;
        self.tally.hits += 1;
        self.ground.scene.server.start().await
    }

    async fn is_refused(&mut self, jump: &str) -> Fallible<()> {
        std::fs::write(self.dial, jump)?;
        self.tally.points += 1;
        self.tally.hits += 1;
        if self.ground.scene.server.start().await.is_ok() {
            self.tally.wrong(format!("{jump}: it started"));
            return self.ground.scene.server.kill().await;
        }
        let log = self.ground.scene.server.data().join("server.log");
        let said = std::fs::read_to_string(log)?;
        let last = said.lines().last().unwrap_or_default();
        if last.contains("gridcrew clock --accept") {
            self.tally.refused += 1;
        } else {
            self.tally.wrong(format!("{jump}: ended with: {last}"));
        }
        Ok(())
    }

    /// Handhelds bring what they have, receipts do not go back, tokens end.
    async fn works(&mut self, what: &str) -> Fallible<()> {
        let url = self.ground.scene.server.url()?;
        let township: Township = self.ground.scene.township.signed_in_anew(&url).await?;
        self.ground.scene.township.staff = township.staff;
        for photo in [false, true] {
            let ran = if photo {
                self.ground.step(None).await?
            } else {
                self.ground.note(None).await?
            };
            self.tally.confirm(ran.saved().is_some());
        }
        if let Err(failure) = self.ground.heal().await {
            self.tally.wrong(format!("{what}: {failure}"));
        }
        let owner = self.ground.scene.owner(self.ground.order).await?;
        let mut hand = RawHandheld::enrol(&self.ground.scene.township, owner).await?;
        let receipt = hand.push_on(&[hand.opening()]).await?;
        if receipt.server_time < self.last {
            let back = self.last.since(receipt.server_time);
            self.tally
                .wrong(format!("{what}: a receipt goes back by {} ms", back.0));
        }
        self.last = receipt.server_time;
        let lives = hand.tokens.expires_at.since(self.last);
        if lives > Millis(TOKEN_MS) {
            self.tally
                .wrong(format!("{what}: a token lives {} ms", lives.0));
        }
        Ok(())
    }
}
