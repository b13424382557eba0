//! Faults while the server starts: on an empty folder, which is also the migration of the
//! schema, and after a kill.

use super::{
    center::{Deed, FILES, PATIENCE, TALK, Work, suffix},
    cluster::Cluster,
    field::name_of,
    ground::Ground,
    strace::{Fault, Strace},
    sweep::{Extent, Points},
    tally::Tally,
};
use crate::{
    Fallible,
    books::Books,
    failure::ensure,
    postgres::TestDatabase,
    raw::{RawHandheld, location},
    server::Server,
};
use gridcrew_sync_protocol::{digest::Digest, media::MediaKind};
use std::fs;

/// Sweeps one fault over the server's start: on an empty folder, which is also the migration
/// of the schema, or on the ground's own after a kill in the middle of an upload. On
/// PostgreSQL the empty databases are made in `cluster`, which is the ground's.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn sweep(
    ground: &mut Ground,
    strace: &Strace,
    fault: Fault,
    empty: bool,
    extent: Extent,
    cluster: Option<&Cluster>,
) -> Fallible<Tally> {
    let what = if empty { "migrate" } else { "start" };
    let on_postgres = ground.scene.database().is_some();
    let name = format!("server-{what}-{}", name_of(fault));
    let mut tally = Tally::of(name + suffix(on_postgres));
    let owner = ground.scene.owner(ground.order).await?;
    let mut hand = RawHandheld::enrol(&ground.scene.township, owner).await?;
    hand.push_on(&[hand.opening()]).await?;
    let wanted = schema(&ground.scene.server.database_url()).await?;
    let own = ground.scene.server.data().to_owned();
    let data = ground.scene.folder.path().join("empty");
    let log = ground.scene.folder.path().join("server.strace");
    let calls = if on_postgres {
        [FILES, TALK].concat()
    } else {
        FILES.to_vec()
    };
    let patience = if on_postgres { PATIENCE } else { 1 };
    let mut points = Points::of(&calls, fault, extent, patience);
    while let Some(point) = points.next_point() {
        // An empty folder has an empty database.
        let fresh = match cluster {
            Some(cluster) if empty => Some(TestDatabase::in_cluster(&cluster.url()).await?),
            _ => None,
        };
        let database = match &fresh {
            Some(fresh) => fresh.url(),
            None => ground.scene.database(),
        };
        let (data, half) = if empty {
            drop(fs::remove_dir_all(&data));
            fs::create_dir_all(&data)?;
            (&data, None)
        } else {
            let half = half_an_upload(ground, &mut hand).await?;
            ground.scene.server.kill().await?;
            (&own, Some(half))
        };
        let mut server = Server::on(data, database.clone())?;
        server.trace_next_start(strace, &point, &log);
        let started = server.start().await;
        if started.is_ok() {
            server.kill().await?;
        }
        drop(server);
        // One that was ready was killed by this hand, not by the fault.
        let killed_here = fault == Fault::Kill && started.is_ok();
        let hit = !killed_here && point.happened(&log)?;
        points.happened(hit);
        tally.points += 1;
        tally.hits += u32::from(hit);
        tally.refused += u32::from(started.is_err());
        if let Err(failure) = started
            && !hit
        {
            tally.wrong(format!("{point} did not happen, and yet: {failure}"));
        }
        if empty {
            let mut server = Server::on(data, database.clone())?;
            match server.start().await {
                Ok(()) => {
                    server.bootstrap("Huaibei center", "admin").await?;
                    server.kill().await?;
                }
                Err(failure) => tally.wrong(format!("{point}: does not start again: {failure}")),
            }
            if schema(&server.database_url()).await? != wanted {
                tally.wrong(format!("{point}: another schema"));
            }
        }
        if let Some(photo) = half {
            ground.scene.server.start().await?;
            hand.upload_until_held(&photo).await?;
            ground.ledger.received(&Digest::of(&photo).to_string());
            tally.confirm(true);
        }
    }
    if !empty {
        ground.judge(&mut tally).await?;
    }
    Ok(tally)
}

/// What a schema is on PostgreSQL: columns and indexes.
const POSTGRES_SCHEMA: &str = "SELECT table_name || '.' || column_name || ' ' || data_type || ' ' \
                               || is_nullable AS made FROM information_schema.columns \
                               WHERE table_schema = 'public' \
                               UNION ALL SELECT indexdef FROM pg_indexes \
                               WHERE schemaname = 'public' ORDER BY 1";

/// Leaves an upload with half of its bytes; gives the photo.
async fn half_an_upload(ground: &mut Ground, hand: &mut RawHandheld) -> Fallible<Vec<u8>> {
    let work = Work::make(ground, hand, Deed::Upload).await?;
    let photo = work.photo.unwrap_or_default();
    let (digest, length) = (Digest::of(&photo), photo.len() as u64);
    let begun = hand
        .begin_upload(digest, digest, MediaKind::Original, length)
        .await?;
    let half = photo.get(..photo.len() / 2).unwrap_or_default();
    let sent = hand.send_bytes(&location(&begun)?, 0, half).await?;
    ensure(sent.status == 204, || sent.said())?;
    Ok(photo)
}

/// The schema of a database, as it tells it itself.
async fn schema(url: &str) -> Fallible<Vec<String>> {
    let books = Books::open(url).await?;
    if url.starts_with("postgres") {
        let rows = books.query(POSTGRES_SCHEMA).await?;
        books.close().await?;
        let made = rows.iter().map(|row| Ok(row.try_get("", "made")?));
        return made.collect();
    }
    let rows = books
        .query("SELECT COALESCE(sql, name) AS made FROM sqlite_master ORDER BY type, name")
        .await?;
    let made = rows
        .iter()
        .map(|row| Ok(row.try_get("", "made")?))
        .collect::<Fallible<Vec<String>>>();
    let whole = books.query("PRAGMA integrity_check").await?;
    let verdict: String = match whole.first() {
        Some(row) => row.try_get_by_index(0)?,
        None => String::new(),
    };
    books.close().await?;
    ensure(verdict == "ok", || format!("{url}: {verdict}"))?;
    made
}
