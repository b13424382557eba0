//! Full disks: the handheld's and the server's say so, keep what they confirmed, and go on
//! when there is room again, the server without being started anew.

use super::{disk::Disk, ground::Ground, tally::Tally};
use crate::{
    Failure, Fallible,
    postgres::{Engine, TestDatabase},
    raw::{RawHandheld, picture},
    scene::Scene,
};
use gridcrew_sync_protocol::digest::Digest;
use std::path::Path;

/// The handheld's disk has less and less room, then none.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn handheld() -> Fallible<Result<Tally, String>> {
    let mut tally = Tally::of("full-handheld");
    let database = TestDatabase::fresh(Engine::Sqlite).await?;
    let scene = Scene::set(database.ok_or_else(|| Failure::new("no SQLite"))?).await?;
    let disk = match Disk::make(scene.folder.path(), "disk", 16).await? {
        Ok(disk) => disk,
        Err(why) => return Ok(Err(why)),
    };
    let folder = disk.folder().join("handheld");
    let mut ground = Ground::on(scene, &folder).await?;
    let done = fill_handheld(&mut ground, &disk, &mut tally).await;
    disk.throw_away().await?;
    done.map(|()| Ok(tally))
}

async fn fill_handheld(ground: &mut Ground, disk: &Disk, tally: &mut Tally) -> Fallible<()> {
    let ballast = disk.folder().join("ballast");
    // Less and less room, down to none, so that every write is met by the end of it.
    for room_kib in [256u64, 128, 64, 48, 32, 24, 16, 12, 8, 4, 0, 0] {
        for photo in [false, true, false, true] {
            // Also what was given up of the space kept back is taken.
            fill(&ballast, disk.folder(), room_kib * 1024)?;
            let ran = if photo {
                ground.step(None).await?
            } else {
                ground.note(None).await?
            };
            tally.points += 1;
            tally.confirm(ran.saved().is_some());
            if !ran.done() {
                tally.hits += 1;
                tally.refused += 1;
                if !ran.err.contains("storage.full") {
                    tally.wrong(format!("{room_kib} KiB left: {}", ran.err.trim()));
                }
            }
            if let Some(wrong) = ran.fault(None) {
                tally.wrong(format!("{room_kib} KiB left: {wrong}"));
            }
        }
        // Whatever was refused, what is there can be looked at.
        let read = ground.cli.run(&["list"]).await?;
        if !read.done() {
            tally.wrong(format!("{room_kib} KiB left, to read: {}", read.err.trim()));
        }
        std::fs::remove_file(&ballast)?;
        ground.look_at_handheld(tally)?;
    }
    ground.judge(tally).await
}

/// Fills a file until only so many bytes are free.
pub(super) fn fill(ballast: &Path, disk: &Path, room: u64) -> Fallible<()> {
    use std::io::Write;
    let free = || -> Fallible<u64> {
        let stat = rustix::fs::statvfs(disk)?;
        Ok(stat.f_bavail * stat.f_frsize)
    };
    let mut file = std::fs::File::create(ballast)?;
    let block = vec![0u8; 4096];
    while free()? > room {
        let more = (free()? - room).div_ceil(4096).clamp(1, 256);
        for _ in 0..more {
            match file.write_all(&block) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
        }
        file.sync_all()?;
    }
    Ok(())
}

/// The server's disk has less and less room, then none.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn server() -> Fallible<Result<Tally, String>> {
    let mut tally = Tally::of("full-server");
    let folder = tempfile::tempdir()?;
    let disk = match Disk::make(folder.path(), "disk", 64).await? {
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
    let done = fill_server(&mut ground, &disk, &mut tally).await;
    if ground.scene.server.runs()? {
        ground.scene.server.kill().await?;
    }
    disk.throw_away().await?;
    done.map(|()| Ok(tally))
}

async fn fill_server(ground: &mut Ground, disk: &Disk, tally: &mut Tally) -> Fallible<()> {
    let owner = ground.scene.owner(ground.order).await?;
    let mut hand = RawHandheld::enrol(&ground.scene.township, owner).await?;
    hand.push_on(&[hand.opening()]).await?;
    let ballast = disk.folder().join("ballast");
    for (round, room_kib) in (0u32..).zip([64u64, 32, 16, 8, 4, 0, 0]) {
        // A promise, made while there is room.
        let photo = picture(20_000_000 + round)?;
        let digest = Digest::of(&photo);
        ground.ledger.attempt(&digest.to_string(), Some(digest));
        hand.push_on(&[hand.arrived(ground.order, &[&photo])])
            .await?;
        fill(&ballast, disk.folder(), room_kib * 1024)?;
        for _ in 0..4 {
            let mark = ground.mark();
            ground.ledger.attempt(&mark, None);
            let batch = hand.batch(&[hand.note(ground.order, &mark)]);
            let answered = hand.push(&batch).await?;
            tally.points += 1;
            if answered.status == 200 {
                hand.outcome_of(&answered)?;
                hand.went_on(&batch);
                ground.ledger.received(&mark);
                tally.confirm(true);
            } else {
                tally.hits += 1;
                tally.refused += 1;
                let refused = [("storage.full", 507), ("unavailable", 503)];
                let code = answered.problem()?;
                if !refused.contains(&(code.as_str(), answered.status)) {
                    tally.wrong(format!("{room_kib} KiB left: {}", answered.said()));
                }
            }
        }
        tally.points += 1;
        match hand.upload(&photo).await {
            Ok(()) => {
                ground.ledger.received(&digest.to_string());
                tally.confirm(true);
            }
            Err(failure) => {
                tally.hits += 1;
                tally.refused += 1;
                let text = failure.to_string();
                if !text.contains("answered 507") && !text.contains("answered 503") {
                    tally.wrong(format!("{room_kib} KiB left, upload: {text}"));
                }
            }
        }
        // Reading goes on.
        let read = ground.scene.township.staff.get("/orders").await?;
        if read.status != 200 {
            tally.wrong(format!("{room_kib} KiB left: {}", read.said()));
        }
        std::fs::remove_file(&ballast)?;
        // There is room again: the same process goes on.
        let mark = ground.mark();
        ground.ledger.attempt(&mark, None);
        let batch = hand.batch(&[hand.note(ground.order, &mark)]);
        hand.push_until_held(&batch).await?;
        ground.ledger.received(&mark);
        hand.upload_until_held(&photo).await?;
        ground.ledger.received(&digest.to_string());
    }
    ground.judge(tally).await
}
