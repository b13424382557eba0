//! Answers that are none (RELIABILITY faults 14 and 17), servers that end during an upload
//! (19), many writers at once (23).

use super::{
    ground::Ground,
    tally::Tally,
    tamper::{Tamper, Tampering},
};
use crate::{
    Failure, Fallible,
    failure::ensure,
    raw::{RawHandheld, location, offset_of, picture},
};
use gridcrew_mobile_core::{Budget, Handheld, PhotoInput, Place, StepInput};
use gridcrew_sync_protocol::{digest::Digest, media::MediaKind};
use std::{
    path::Path,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

/// Handhelds that have their answers ended at the same time.
const ABREAST: usize = 8;
/// Longest time in which a server that is told to end does so.
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// Writers at the same time.
const WRITERS: u32 = 50;

/// What stands between handhelds and servers and answers in their place.
fn portals() -> Vec<(&'static str, Vec<u8>)> {
    let page = |status: &str, more: &str, body: &str| {
        let length = body.len();
        format!(
            "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{more}\r\n{body}"
        )
        .into_bytes()
    };
    let html = "Content-Type: text/html\r\n";
    let login = "<html><body>Please sign in to the hotel's network</body></html>";
    let packed = "Content-Type: application/vnd.gridcrew+cbor-zstd\r\n";
    let problem = "Content-Type: application/json\r\n";
    let elsewhere = "Location: http://127.0.0.1:9/login\r\nContent-Type: text/html\r\n";
    vec![
        ("200 with a page", page("200 OK", html, login)),
        ("302 to a login", page("302 Found", elsewhere, login)),
        ("200 and nothing", page("200 OK", "", "")),
        ("204", page("204 No Content", "", "")),
        (
            "200 with foreign JSON",
            page("200 OK", problem, "{\"ok\":true}"),
        ),
        ("200 of our type, not packed", page("200 OK", packed, login)),
        (
            "511",
            page("511 Network Authentication Required", html, login),
        ),
        ("401 of a proxy", page("401 Unauthorized", html, login)),
        ("403 of a proxy", page("403 Forbidden", html, login)),
        ("404 of a proxy", page("404 Not Found", html, login)),
        ("409 of a proxy", page("409 Conflict", html, login)),
        ("413 of a proxy", page("413 Content Too Large", html, login)),
        ("502 of a proxy", page("502 Bad Gateway", html, login)),
        ("not HTTP", b"220 smtp.example ESMTP\r\n".to_vec()),
        ("the end at once", Vec::new()),
    ]
}

/// A handheld of the order's owner behind a proxy.
async fn behind(ground: &Ground, folder: &Path) -> Fallible<(Handheld, Tamper)> {
    let tamper = Tamper::before(ground.scene.server.address()?).await?;
    let owner = ground.scene.owner(ground.order).await?;
    let township = &ground.scene.township;
    let handheld = township.handheld(owner, &tamper.url(), folder).await?;
    handheld.sync(budget(20)).await?;
    Ok((handheld, tamper))
}

fn budget(seconds: u32) -> Budget {
    Budget {
        seconds: Some(seconds),
        ..Budget::default()
    }
}

/// The answer to a push ends after each of its bytes: nothing is taken for a receipt, what
/// was sent is sent again, and is there once.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn truncated_receipts(ground: &mut Ground, stride: usize) -> Fallible<Tally> {
    let mut tally = Tally::of("wire-truncated-receipt");
    let mut lanes = JoinSet::new();
    for lane in 0..ABREAST {
        let folder = ground.scene.folder.path().join(format!("behind-{lane}"));
        let (handheld, tamper) = behind(ground, &folder).await?;
        let order = ground.order;
        // The marks of a lane are its own: lanes do not wait for one another.
        lanes.spawn(async move {
            let mut cuts = Vec::new();
            handheld.note(order, &format!("lane-{lane}-whole"), None)?;
            handheld.sync(budget(20)).await?;
            let whole = tamper.push_answer();
            ensure(whole > 100, || format!("an answer of {whole} bytes"))?;
            let mut marks = vec![format!("lane-{lane}-whole")];
            let mut at = lane * stride;
            while at < whole {
                let mark = format!("lane-{lane}-{at:04}");
                handheld.note(order, &mark, None)?;
                marks.push(mark);
                tamper.set(Tampering::EndPushAnswerAfter(at));
                // What would go on trying has had its one answer by then.
                let first = handheld.sync(budget(20));
                drop(tokio::time::timeout(Duration::from_millis(600), first).await);
                let believed = handheld.status()?.records_waiting == 0;
                cuts.push((at, tamper.ended(), believed));
                tamper.set(Tampering::None);
                handheld.sync(budget(20)).await?;
                ensure(handheld.status()?.records_waiting == 0, || {
                    format!("an answer that ended after {at} bytes: something waits")
                })?;
                at += ABREAST * stride;
            }
            Ok::<_, Failure>((marks, cuts))
        });
    }
    while let Some(lane) = lanes.join_next().await {
        let (marks, cuts) = lane??;
        for mark in marks {
            ground.ledger.attempt(&mark, None);
            ground.ledger.received(&mark);
            tally.confirm(true);
        }
        for (at, ended, believed) in cuts {
            tally.points += 1;
            tally.hits += u32::from(ended);
            if believed {
                tally.wrong(format!("{at} bytes of a receipt were believed"));
            }
        }
    }
    ground
        .look_at_server(&mut tally, |attempt| attempt.received)
        .await?;
    Ok(tally)
}

/// Every form of a foreign answer, to every request: nothing is held, lost, given up or
/// signed out by it, and when it is gone everything arrives.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn captive_portals(ground: &mut Ground) -> Fallible<Tally> {
    let mut tally = Tally::of("wire-captive-portal");
    let folder = ground.scene.folder.path().join("portal");
    let (handheld, tamper) = behind(ground, &folder).await?;
    for (number, (form, answer)) in (0u32..).zip(portals()) {
        let mark = format!("portal-{form}");
        handheld.note(ground.order, &mark, None)?;
        let photo = picture(30_000_000 + number)?;
        let path = ground.scene.folder.path().join("portal.jpg");
        std::fs::write(&path, &photo)?;
        step(&handheld, ground, &path)?;
        let digest = Digest::of(&photo);
        ground.ledger.attempt(&mark, None);
        ground.ledger.attempt(&digest.to_string(), Some(digest));
        tally.points += 1;
        tamper.set(Tampering::AnswerAll(answer));
        let before = handheld.status()?;
        // What ends by itself and what would go on trying are both right.
        drop(tokio::time::timeout(Duration::from_secs(2), handheld.sync(budget(2))).await);
        let after = handheld.status()?;
        tally.hits += 1;
        if after.records_waiting != before.records_waiting
            || after.photos.originals_waiting != before.photos.originals_waiting
            || after.photos.refused > 0
        {
            tally.wrong(format!("{form} was taken for an answer: {after:?}"));
        }
        tamper.set(Tampering::None);
        handheld.sync(budget(20)).await?;
        let status = handheld.status()?;
        if status.strip.all_held {
            tally.confirm(true);
            ground.ledger.received(&mark);
            ground.ledger.received(&digest.to_string());
        } else {
            tally.wrong(format!("after {form} something waits: {status:?}"));
            return Ok(tally);
        }
    }
    ground
        .look_at_server(&mut tally, |attempt| attempt.received)
        .await?;
    Ok(tally)
}

fn step(handheld: &Handheld, ground: &Ground, path: &Path) -> Fallible<()> {
    let place: Option<Place> = None;
    let mut input = StepInput {
        step: "arrived".to_owned(),
        photos: vec![PhotoInput {
            slot: "site".to_owned(),
            path: path.to_owned(),
        }],
        ..StepInput::default()
    };
    input.values.insert(
        gridcrew_sync_protocol::workflow::FieldCode("told_how".to_owned()),
        gridcrew_sync_protocol::record::Value::Text("in_person".to_owned()),
    );
    input.values.insert(
        gridcrew_sync_protocol::workflow::FieldCode("not_there_reason".to_owned()),
        gridcrew_sync_protocol::record::Value::Text("no fix in the valley".to_owned()),
    );
    handheld.step(ground.order, input, place)?;
    Ok(())
}

/// The server is told to end, or killed, in the middle of an upload: told, it ends in time;
/// either way the upload goes on where it stood, and never before what was answered.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn restarts_during_upload(ground: &mut Ground, times: u32) -> Fallible<Tally> {
    let mut tally = Tally::of("wire-restart-during-upload");
    let owner = ground.scene.owner(ground.order).await?;
    let mut hand = RawHandheld::enrol(&ground.scene.township, owner).await?;
    hand.push_on(&[hand.opening()]).await?;
    let mut slowest = Duration::ZERO;
    for round in 0..times {
        let photo = picture(40_000_000 + round)?;
        let digest = Digest::of(&photo);
        ground.ledger.attempt(&digest.to_string(), Some(digest));
        hand.push_on(&[hand.arrived(ground.order, &[&photo])])
            .await?;
        let told = round % 2 == 0;
        let pause = Duration::from_millis(u64::from(round % 20) * 2);
        let piecewise = pieces(&hand, &photo);
        let server = &mut ground.scene.server;
        let end = async {
            tokio::time::sleep(pause).await;
            let began = Instant::now();
            if told {
                server.terminate().await?;
            } else {
                server.kill().await?;
            }
            Ok::<_, Failure>(began.elapsed())
        };
        let (answered, took) = tokio::join!(piecewise, end);
        let took = took?;
        if told {
            slowest = slowest.max(took);
        }
        if took > ENDS_WITHIN {
            tally.wrong(format!("told to end, it took {took:?}"));
        }
        ground.scene.server.start().await?;
        tally.points += 1;
        tally.hits += u32::from(answered < photo.len() as u64);
        let length = photo.len() as u64;
        let begun = hand
            .begin_upload(digest, digest, MediaKind::Original, length)
            .await?;
        let stands = offset_of(&begun)?;
        if stands < answered {
            tally.lost += 1;
            tally.wrong(format!(
                "{answered} bytes were answered, {stands} are there"
            ));
        }
        hand.upload_until_held(&photo).await?;
        ground.ledger.received(&digest.to_string());
        tally.confirm(true);
    }
    tally.name = format!("{} (told: {slowest:.1?})", tally.name);
    ground.judge(&mut tally).await?;
    Ok(tally)
}

/// Uploads in small pieces until it breaks; the last offset that was answered.
async fn pieces(hand: &RawHandheld, photo: &[u8]) -> u64 {
    let digest = Digest::of(photo);
    let length = photo.len() as u64;
    let mut offset = 0;
    let begun = hand
        .begin_upload(digest, digest, MediaKind::Original, length)
        .await;
    let Some(upload) = begun.ok().and_then(|begun| location(&begun).ok()) else {
        return 0;
    };
    while offset < length {
        let end = (offset + 500).min(length);
        let piece = photo.get(offset as usize..end as usize).unwrap_or_default();
        match hand.send_bytes(&upload, offset, piece).await {
            Ok(sent) if sent.status == 204 => offset = end,
            _ => return offset,
        }
    }
    offset
}

/// Many handhelds push at the same time to a server on SQLite: nobody is told that the
/// database is busy, and everything is there once.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn parallel_writers(ground: &mut Ground, each: u32) -> Fallible<Tally> {
    let mut tally = Tally::of("wire-parallel-writers");
    let owner = ground.scene.owner(ground.order).await?;
    let mut hands = Vec::new();
    for _ in 0..WRITERS {
        let mut hand = RawHandheld::enrol(&ground.scene.township, owner).await?;
        hand.push_on(&[hand.opening()]).await?;
        hands.push(hand);
    }
    let mut writers = JoinSet::new();
    for (number, mut hand) in hands.into_iter().enumerate() {
        let order = ground.order;
        writers.spawn(async move {
            let mut marks = Vec::new();
            for turn in 0..each {
                let mark = format!("writer-{number}-{turn}");
                hand.push_on(&[hand.note(order, &mark)]).await?;
                marks.push(mark);
            }
            Ok::<_, Failure>(marks)
        });
    }
    while let Some(writer) = writers.join_next().await {
        tally.points += each;
        match writer? {
            Ok(marks) => {
                for mark in marks {
                    ground.ledger.attempt(&mark, None);
                    ground.ledger.received(&mark);
                    tally.confirm(true);
                }
            }
            Err(failure) => tally.wrong(failure.to_string()),
        }
    }
    ground.judge(&mut tally).await?;
    Ok(tally)
}
