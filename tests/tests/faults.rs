//! A part of what `deploy/faults` does whole (`docs/faults.md`): real processes killed at
//! system calls, calls that fail, answers that are none. Needs `strace`; says aloud when it
//! is not here.

use gridcrew_tests::{
    Failure, Fallible,
    failure::ensure,
    faults::{
        center,
        clocks::{self, Faketime},
        cluster::{Cluster, End},
        cuts, damage, database,
        field::{self, Deed},
        ground::Ground,
        strace::{Fault, Strace},
        sweep::Extent,
        tally::Tally,
        wire,
    },
    postgres::{Engine, TestDatabase, skipped},
};
use std::time::Duration;

/// The longest that one sweep goes on beginning new points.
const WITHIN: Duration = Duration::from_secs(12);

async fn ground() -> Fallible<Ground> {
    let database = TestDatabase::fresh(Engine::Sqlite).await?;
    Ground::set(database.ok_or_else(|| Failure::new("no SQLite"))?).await
}

async fn strace() -> Fallible<Option<Strace>> {
    let found = Strace::find().await?;
    if found.is_none() {
        skipped("faults at system calls, because strace is not here or may not trace");
    }
    Ok(found)
}

/// Nothing wrong, and enough happened to say so.
fn clean(tally: &Tally, least_hits: u32) -> Fallible<()> {
    ensure(tally.is_clean() && tally.hits >= least_hits, || {
        format!("at least {least_hits} hits wanted\n{tally}")
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handheld_that_is_killed_while_it_records_keeps_what_it_confirmed() -> Fallible<()> {
    let Some(strace) = strace().await? else {
        return Ok(());
    };
    let mut ground = ground().await?;
    for deed in [Deed::Record, Deed::Photo] {
        let extent = Extent::part(2, WITHIN);
        clean(
            &field::sweep(&mut ground, &strace, deed, Fault::Kill, extent).await?,
            10,
        )?;
    }
    let extent = Extent::part(12, WITHIN);
    let making = field::sweep_making(&ground, &strace, Fault::Kill, extent).await?;
    clean(&making, 5)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handheld_that_is_killed_while_it_syncs_loses_and_doubles_nothing() -> Fallible<()> {
    let Some(strace) = strace().await? else {
        return Ok(());
    };
    let mut ground = ground().await?;
    let extent = Extent::part(17, WITHIN);
    let sweep = field::sweep(&mut ground, &strace, Deed::Sync, Fault::Kill, extent);
    clean(&sweep.await?, 5)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fails_once_is_told_and_loses_nothing() -> Fallible<()> {
    let Some(strace) = strace().await? else {
        return Ok(());
    };
    let mut ground = ground().await?;
    for (deed, error) in [(Deed::Record, "EIO"), (Deed::Photo, "ENOSPC")] {
        let extent = Extent::part(3, WITHIN);
        let sweep = field::sweep(&mut ground, &strace, deed, Fault::Error(error), extent);
        clean(&sweep.await?, 8)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_while_it_takes_in_keeps_what_it_answered() -> Fallible<()> {
    let Some(strace) = strace().await? else {
        return Ok(());
    };
    let mut ground = ground().await?;
    for deed in [center::Deed::Push, center::Deed::Upload] {
        let extent = Extent::part(5, WITHIN);
        let sweep = center::sweep(&mut ground, &strace, deed, Fault::Kill, extent);
        clean(&sweep.await?, 3)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_disk_fails_once_says_so_and_heals_without_a_restart() -> Fallible<()> {
    let Some(strace) = strace().await? else {
        return Ok(());
    };
    let mut ground = ground().await?;
    for (deed, error) in [
        (center::Deed::Push, "EIO"),
        (center::Deed::Upload, "ENOSPC"),
    ] {
        let extent = Extent::part(3, WITHIN);
        let sweep = center::sweep(&mut ground, &strace, deed, Fault::Error(error), extent);
        clean(&sweep.await?, 2)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_answer_is_taken_for_none() -> Fallible<()> {
    let mut ground = ground().await?;
    clean(&wire::captive_portals(&mut ground).await?, 15)?;
    clean(&wire::truncated_receipts(&mut ground, 40).await?, 8)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_that_is_killed_loses_nothing_and_the_server_heals_by_itself() -> Fallible<()> {
    let cluster = match Cluster::start(None).await? {
        Ok(cluster) => cluster,
        Err(why) => {
            skipped(&format!("faults of PostgreSQL, because {why}"));
            return Ok(());
        }
    };
    for how in [End::Immediate, End::KillOne] {
        clean(&database::ends(&cluster, how, 2).await?, 2)?;
    }
    clean(&database::two_servers(&cluster, 20).await?, 40)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_clock_is_put_back_never_tells_times_that_go_back() -> Fallible<()> {
    let Some(faketime) = Faketime::find() else {
        skipped("clocks that jump, because libfaketime is not here");
        return Ok(());
    };
    clean(&clocks::server(&mut ground().await?, &faketime).await?, 8)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chunks_that_are_cut_and_stores_that_are_damaged_lose_nothing() -> Fallible<()> {
    let mut ground = ground().await?;
    clean(&cuts::cut_chunks(&mut ground, 100).await?, 100)?;
    clean(&damage::pages(&mut ground, 20).await?, 20)
}
