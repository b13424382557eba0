//! The power goes: the file system is shut down in the middle of the work, with or without
//! its journal flushed, and mounted again. What was confirmed is there; what was only
//! written need not be.
//!
//! The process is killed first and the disk shut down right after, as the power takes both
//! at once: a process that lived on could be told by a disk that is being shut down that
//! something is durable, and say so.

use super::{
    disk::{Disk, Flush},
    ground::{Ground, is_saved},
    strace::{Fault, Injection, Strace},
    tally::Tally,
};
use crate::{
    Failure, Fallible,
    postgres::{Engine, TestDatabase},
    raw::{RawHandheld, picture},
    scene::Scene,
};
use gridcrew_sync_protocol::{digest::Digest, push::PushOutcome};
use std::time::Duration;

/// The power of the handheld goes `times` times while it records notes and photos: after
/// each, everything that it said it had saved is there.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn handheld(times: u32, lying: Option<&Strace>) -> Fallible<Result<Tally, String>> {
    let name = if lying.is_some() {
        "power-lie"
    } else {
        "power-handheld"
    };
    let mut tally = Tally::of(name);
    let database = TestDatabase::fresh(Engine::Sqlite).await?;
    let scene = Scene::set(database.ok_or_else(|| Failure::new("no SQLite"))?).await?;
    let disk = match Disk::make(scene.folder.path(), "disk", 64).await? {
        Ok(disk) => disk,
        Err(why) => return Ok(Err(why)),
    };
    let folder = disk.folder().join("handheld");
    let mut ground = Ground::on(scene, &folder).await?;
    let done = match lying {
        None => handheld_rounds(&mut ground, &disk, times, &mut tally).await,
        Some(strace) => under_lies(&mut ground, &disk, strace, times, &mut tally).await,
    };
    disk.throw_away().await?;
    done.map(|()| Ok(tally))
}

async fn handheld_rounds(
    ground: &mut Ground,
    disk: &Disk,
    times: u32,
    tally: &mut Tally,
) -> Fallible<()> {
    for round in 0..times {
        // One deed is confirmed, another is under way when the power goes.
        tally.confirm(ground.note(None).await?.saved().is_some());
        if round % 3 == 0 {
            tally.confirm(ground.step(None).await?.saved().is_some());
        }
        let flush = if round % 2 == 0 {
            Flush::Nothing
        } else {
            Flush::Journal
        };
        let pause = Duration::from_micros(u64::from(round % 30) * 2_000);
        let ran = ground
            .cut_off(round % 3 == 1, pause, disk.shut_down(flush))
            .await?;
        tally.confirm(ran.saved().is_some());
        disk.come_back().await?;
        tally.points += 1;
        tally.hits += 1;
        ground.look_at_handheld(tally)?;
        if round % 10 == 9 {
            ground.heal().await?;
        }
    }
    ground.judge(tally).await
}

/// The disk says that it has written, and has not: what was sent stays, what was not is
/// gone; the handheld notices that its journal is behind what the server has, goes on in a
/// new one, and nothing that the server has is lost or doubled.
async fn under_lies(
    ground: &mut Ground,
    disk: &Disk,
    strace: &Strace,
    times: u32,
    tally: &mut Tally,
) -> Fallible<()> {
    let lie = Injection {
        call: "fsync,fdatasync",
        fault: Fault::Lie,
        at: None,
    };
    let mut gone = 0;
    for _ in 0..times {
        ground.note(Some((strace, &lie))).await?;
        let sent = ground.sync(Some((strace, &lie))).await?;
        // Never sent: what this loses, no one can know of.
        let unsent = ground.note(Some((strace, &lie))).await?.saved().is_some();
        disk.shut_down(Flush::Nothing).await?;
        disk.come_back().await?;
        tally.points += 1;
        tally.hits += u32::from(sent.hit);
        let handheld = gridcrew_mobile_core::Handheld::open(&ground.cli.folder)?;
        let there: Vec<String> = handheld
            .records(ground.order)?
            .iter()
            .filter_map(|sourced| super::ledger::mark_of(&sourced.record.event))
            .collect();
        drop(handheld);
        let missing: Vec<String> = ground
            .ledger
            .compare(there.iter().map(String::as_str), is_saved)
            .lost;
        gone += missing.len();
        if unsent && missing.is_empty() {
            continue;
        }
        // What no one holds any more was promised by a disk that lied.
        let books = ground.scene.books().await?;
        let held = super::ledger::marks(&books.entries().await?);
        books.close().await?;
        for mark in missing.iter().filter(|mark| !held.contains(mark)) {
            ground.ledger.attempts.remove(mark);
            tally.refused += 1;
        }
        tally.confirm(ground.note(None).await?.saved().is_some());
        ground.heal().await?;
    }
    if gone == 0 {
        tally.wrong("the lies cost nothing: this test would not see a disk that forgets");
    }
    ground.judge(tally).await
}

/// The power of the server goes `times` times while notes and photos come in: after each,
/// everything that a receipt was read for is there.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn server(times: u32) -> Fallible<Result<Tally, String>> {
    let mut tally = Tally::of("power-server");
    let folder = tempfile::tempdir()?;
    let disk = match Disk::make(folder.path(), "disk", 256).await? {
        Ok(disk) => disk,
        Err(why) => return Ok(Err(why)),
    };
    let database = TestDatabase::fresh(Engine::Sqlite).await?;
    let database = database.ok_or_else(|| Failure::new("no SQLite"))?;
    let data = disk.folder().join("server");
    std::fs::create_dir_all(&data)?;
    let scene = Scene::set_at(database, &data).await?;
    let beside = scene.folder.path().join("handheld");
    let mut ground = Ground::on(scene, &beside).await?;
    let done = server_rounds(&mut ground, &disk, times, &mut tally).await;
    if ground.scene.server.runs()? {
        ground.scene.server.kill().await?;
    }
    disk.throw_away().await?;
    done.map(|()| Ok(tally))
}

async fn server_rounds(
    ground: &mut Ground,
    disk: &Disk,
    times: u32,
    tally: &mut Tally,
) -> Fallible<()> {
    let owner = ground.scene.owner(ground.order).await?;
    let mut hand = RawHandheld::enrol(&ground.scene.township, owner).await?;
    hand.push_on(&[hand.opening()]).await?;
    for round in 0..times {
        let mark = ground.mark();
        ground.ledger.attempt(&mark, None);
        hand.push_on(&[hand.note(ground.order, &mark)]).await?;
        ground.ledger.received(&mark);
        tally.confirm(true);
        let photo = picture(10_000_000 + round)?;
        let digest = Digest::of(&photo);
        ground.ledger.attempt(&digest.to_string(), Some(digest));
        hand.push_on(&[hand.arrived(ground.order, &[&photo])])
            .await?;
        if round % 2 == 0 {
            hand.upload(&photo).await?;
            ground.ledger.received(&digest.to_string());
            tally.confirm(true);
        }
        // Another batch, or the upload, is under way when the power goes.
        let late = ground.mark();
        ground.ledger.attempt(&late, None);
        let batch = hand.batch(&[hand.note(ground.order, &late)]);
        let flush = if round % 4 < 2 {
            Flush::Nothing
        } else {
            Flush::Journal
        };
        let pause = Duration::from_micros(u64::from(round % 25) * 500);
        let server = &mut ground.scene.server;
        let cut = async {
            tokio::time::sleep(pause).await;
            server.kill().await?;
            disk.shut_down(flush).await
        };
        let (held, sent, cut) = tokio::join!(hand.outcome(&batch), hand.upload(&photo), cut);
        cut?;
        if let Ok(PushOutcome::Held { .. }) = held {
            ground.ledger.received(&late);
            tally.confirm(true);
        } else {
            tally.refused += 1;
        }
        if sent.is_ok() {
            ground.ledger.received(&digest.to_string());
        }
        disk.come_back().await?;
        tally.points += 1;
        tally.hits += 1;
        check_rows(ground, tally).await?;
        ground.scene.server.start().await?;
        // The same is sent again until it is held, as every handheld does.
        hand.push_until_held(&batch).await?;
        ground.ledger.received(&late);
        hand.upload_until_held(&photo).await?;
        ground.ledger.received(&digest.to_string());
    }
    ground.judge(tally).await
}

/// K2 right after the power came back.
async fn check_rows(ground: &Ground, tally: &mut Tally) -> Fallible<()> {
    let books = ground.scene.books().await?;
    let marks = super::ledger::marks(&books.entries().await?);
    let held: Vec<String> = books
        .promises()
        .await?
        .into_iter()
        .filter(|promise| promise.held)
        .map(|promise| promise.photo.to_string())
        .collect();
    books.close().await?;
    let found = ground
        .ledger
        .compare(marks.iter().map(String::as_str), |attempt| attempt.received);
    let photos = ground
        .ledger
        .compare(held.iter().map(String::as_str), |attempt| {
            attempt.received && attempt.photo.is_some()
        });
    for lost in found.lost.iter().chain(&photos.lost) {
        tally.lost += 1;
        tally.wrong(format!("received, and gone with the power: {lost}"));
    }
    Ok(())
}
