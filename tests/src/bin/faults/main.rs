//! `faults`: does every fault that this machine can do to real processes, prints what it
//! found line by line, and ends with an error when anything was not as it must be.
#![expect(
    clippy::print_stdout,
    reason = "the tallies are what this program is for"
)]

use clap::Parser;
use gridcrew_tests::{
    Failure, Fallible,
    faults::{
        center,
        clocks::{self, Faketime},
        cluster::{Cluster, End},
        cuts, damage, database, field, full,
        ground::Ground,
        lossy, open, power,
        slow::{self, SOCKETS, Slow},
        starts,
        strace::{Fault, Strace},
        sweep::Extent,
        tally::Tally,
        wire,
    },
    postgres::{Engine, TestDatabase},
};
use std::{process::ExitCode, time::Duration};

/// Does faults to real processes.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only sweeps whose names begin so; may be given more than once.
    #[arg(long)]
    only: Vec<String>,
    /// A part of each sweep only.
    #[arg(long)]
    bounded: bool,
    /// Only what is done in a network of its own, which this process has.
    #[arg(long, hide = true)]
    lossy: bool,
}

impl Arguments {
    fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| name.starts_with(wanted))
    }

    fn extent(&self) -> Extent {
        if self.bounded {
            Extent::part(9, Duration::from_secs(20))
        } else {
            Extent::WHOLE
        }
    }
}

/// Every how manieth call of a migration on PostgreSQL is tried.
const MIGRATION_STRIDE: u32 = 9;
/// What is done at every call.
const FAULTS: [Fault; 3] = [Fault::Kill, Fault::Error("EIO"), Fault::Error("ENOSPC")];

#[tokio::main]
async fn main() -> ExitCode {
    match run(&Arguments::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => failed(&failure),
    }
}

#[expect(
    clippy::print_stderr,
    reason = "the last word of a program that failed"
)]
fn failed(failure: &Failure) -> ExitCode {
    eprintln!("faults: {failure}");
    ExitCode::FAILURE
}

async fn run(arguments: &Arguments) -> Fallible<bool> {
    let mut tallies = Vec::new();
    if arguments.lossy {
        say(lossy::links(&mut ground().await?, 24).await?, &mut tallies);
        return Ok(tallies.iter().all(Tally::is_clean));
    }
    let strace = Strace::find().await?;
    match &strace {
        Some(strace) => {
            handheld(arguments, strace, &mut tallies).await?;
            server(arguments, strace, None, &mut tallies).await?;
        }
        None => println!("SKIPPED: faults at system calls: strace is not here or may not trace"),
    }
    databases(arguments, strace.as_ref(), &mut tallies).await?;
    disks(arguments, strace.as_ref(), &mut tallies).await?;
    match Faketime::find() {
        Some(faketime) => clocks(arguments, &faketime, &mut tallies).await?,
        None => println!("SKIPPED: clocks that jump: libfaketime is not here"),
    }
    wires(arguments, &mut tallies).await?;
    let lossy = bad_links(arguments).await?;
    let wrong = tallies.iter().filter(|tally| !tally.is_clean()).count();
    println!("{} sweeps, {wrong} of them wrong", tallies.len());
    Ok(wrong == 0 && lossy)
}

/// A fresh ground on SQLite.
async fn ground() -> Fallible<Ground> {
    let database = TestDatabase::fresh(Engine::Sqlite).await?;
    Ground::set(database.ok_or_else(|| Failure::new("no SQLite"))?).await
}

async fn handheld(
    arguments: &Arguments,
    strace: &Strace,
    tallies: &mut Vec<Tally>,
) -> Fallible<()> {
    let extent = arguments.extent();
    for fault in FAULTS {
        for deed in [field::Deed::Record, field::Deed::Photo, field::Deed::Sync] {
            if arguments.wants(&field::name(deed, fault)) {
                let mut ground = ground().await?;
                let tally = field::sweep(&mut ground, strace, deed, fault, extent);
                say(tally.await?, tallies);
            }
        }
        let is_error = fault != Fault::Kill;
        if is_error && arguments.wants(&format!("handheld-open-{}", field::name_of(fault))) {
            let mut ground = ground().await?;
            say(
                open::sweep(&mut ground, strace, fault, extent).await?,
                tallies,
            );
        }
        if arguments.wants(&format!("handheld-make-{}", field::name_of(fault))) {
            let tally = field::sweep_making(&ground().await?, strace, fault, extent).await?;
            say(tally, tallies);
        }
        if arguments.wants(&format!("handheld-enrol-{}", field::name_of(fault))) {
            let tally = field::sweep_enrolment(&ground().await?, strace, fault, extent).await?;
            say(tally, tallies);
        }
    }
    Ok(())
}

/// The server on SQLite, or on a database of the cluster.
async fn server(
    arguments: &Arguments,
    strace: &Strace,
    cluster: Option<&Cluster>,
    tallies: &mut Vec<Tally>,
) -> Fallible<()> {
    let extent = arguments.extent();
    let wants = |name: String| match cluster {
        Some(_) => arguments.wants(&format!("{name}-postgres")),
        None => arguments.wants(&name),
    };
    let ground = async || match cluster {
        Some(cluster) => database::ground(cluster).await,
        None => ground().await,
    };
    for fault in FAULTS {
        for deed in [center::Deed::Push, center::Deed::Upload] {
            if wants(center::name(deed, fault)) {
                let mut ground = ground().await?;
                let tally = center::sweep(&mut ground, strace, deed, fault, extent);
                say(tally.await?, tallies);
            }
        }
        let is_error = fault != Fault::Kill;
        let chunk = format!("server-chunk-{}", field::name_of(fault));
        if is_error && cluster.is_none() && wants(chunk) {
            let mut ground = ground().await?;
            let tally = center::sweep_chunks(&mut ground, strace, fault, extent);
            say(tally.await?, tallies);
        }
        for (what, empty) in [("migrate", true), ("start", false)] {
            let extent = match cluster {
                // Hundreds of statements, each with a new database.
                Some(_) if empty => extent.at_least(MIGRATION_STRIDE),
                _ => extent,
            };
            if wants(format!("server-{what}-{}", field::name_of(fault))) {
                let mut ground = ground().await?;
                let tally = starts::sweep(&mut ground, strace, fault, empty, extent, cluster);
                say(tally.await?, tallies);
            }
        }
    }
    Ok(())
}

/// PostgreSQL under the server: the same sweeps, and faults of its own.
async fn databases(
    arguments: &Arguments,
    strace: Option<&Strace>,
    tallies: &mut Vec<Tally>,
) -> Fallible<()> {
    let concerns = |only: &String| {
        ["server", "database"]
            .iter()
            .any(|kind| only.starts_with(kind))
    };
    if !arguments.only.is_empty() && !arguments.only.iter().any(concerns) {
        return Ok(());
    }
    let cluster = match Cluster::start(None).await? {
        Ok(cluster) => cluster,
        Err(why) => {
            println!("SKIPPED: faults of PostgreSQL: {why}");
            return Ok(());
        }
    };
    if let Some(strace) = strace {
        server(arguments, strace, Some(&cluster), tallies).await?;
    }
    let times = if arguments.bounded { 2 } else { 50 };
    for (how, name) in [
        (End::Fast, "fast"),
        (End::Immediate, "immediate"),
        (End::KillOne, "kill-one"),
        (End::KillAll, "kill-all"),
    ] {
        if arguments.wants(&format!("database-{name}")) {
            say(database::ends(&cluster, how, times).await?, tallies);
        }
    }
    if arguments.wants("database-two-servers") {
        let times = if arguments.bounded { 20 } else { 2_000 };
        say(database::two_servers(&cluster, times).await?, tallies);
    }
    if arguments.wants("database-refuses") {
        say(database::refuses(&cluster).await?, tallies);
    }
    if arguments.wants("database-full") {
        match database::full().await? {
            Ok(tally) => say(tally, tallies),
            Err(why) => println!("SKIPPED: PostgreSQL on a full disk: {why}"),
        }
    }
    Ok(())
}

async fn disks(
    arguments: &Arguments,
    strace: Option<&Strace>,
    tallies: &mut Vec<Tally>,
) -> Fallible<()> {
    let times = if arguments.bounded { 10 } else { 500 };
    let mut found = Vec::new();
    if arguments.wants("power-handheld") {
        found.push(power::handheld(times, None).await?);
    }
    if arguments.wants("power-server") {
        found.push(power::server(times).await?);
    }
    if let Some(strace) = strace
        && arguments.wants("power-lie")
    {
        found.push(power::handheld(times / 5, Some(strace)).await?);
    }
    if arguments.wants("full-handheld") {
        found.push(full::handheld().await?);
    }
    if arguments.wants("full-server") {
        found.push(full::server().await?);
    }
    for tally in found {
        match tally {
            Ok(tally) => say(tally, tallies),
            Err(why) => println!("SKIPPED: a disk of its own: not on this machine: {why}"),
        }
    }
    Ok(())
}

async fn clocks(
    arguments: &Arguments,
    faketime: &Faketime,
    tallies: &mut Vec<Tally>,
) -> Fallible<()> {
    if arguments.wants("clock-handheld") {
        say(
            clocks::handheld(&mut ground().await?, faketime).await?,
            tallies,
        );
    }
    if arguments.wants("clock-server") {
        say(
            clocks::server(&mut ground().await?, faketime).await?,
            tallies,
        );
    }
    Ok(())
}

/// Links that lose packets, in a network of its own; whether all was well.
async fn bad_links(arguments: &Arguments) -> Fallible<bool> {
    if arguments.bounded || !arguments.wants("wire-lossy") {
        return Ok(true);
    }
    match lossy::apart("--lossy").await? {
        Some(ended) => Ok(ended.success()),
        None => {
            println!("SKIPPED: bad links: no network of its own, or no nft and tc");
            Ok(true)
        }
    }
}

async fn wires(arguments: &Arguments, tallies: &mut Vec<Tally>) -> Fallible<()> {
    let part = |all: u32, bounded: u32| if arguments.bounded { bounded } else { all };
    if arguments.wants("wire-truncated-receipt") {
        let stride = part(1, 16) as usize;
        say(
            wire::truncated_receipts(&mut ground().await?, stride).await?,
            tallies,
        );
    }
    if arguments.wants("wire-captive-portal") {
        say(wire::captive_portals(&mut ground().await?).await?, tallies);
    }
    if arguments.wants("wire-intercepted") {
        say(cuts::intercepted(&ground().await?).await?, tallies);
    }
    if arguments.wants("wire-restart-during-upload") {
        let times = part(200, 10);
        say(
            wire::restarts_during_upload(&mut ground().await?, times).await?,
            tallies,
        );
    }
    if arguments.wants("damage-store") {
        let times = part(1_000, 40);
        say(damage::pages(&mut ground().await?, times).await?, tallies);
    }
    if arguments.wants("memory-server") {
        say(damage::memory(&mut ground().await?).await?, tallies);
    }
    if arguments.wants("wire-cut-chunk") {
        let cuts = part(10_000, 200);
        say(cuts::cut_chunks(&mut ground().await?, cuts).await?, tallies);
    }
    for (slow, name) in [
        (Slow::Head, "slow-head"),
        (Slow::Body, "slow-body"),
        (Slow::Reader, "slow-reader"),
    ] {
        if arguments.wants(name) {
            let sockets = part(SOCKETS, 100);
            say(
                slow::clients(&mut ground().await?, slow, sockets).await?,
                tallies,
            );
        }
    }
    if arguments.wants("wire-all-return") {
        let each = part(50, 5);
        say(
            slow::all_return(&mut ground().await?, 200, each).await?,
            tallies,
        );
    }
    if arguments.wants("wire-parallel-writers") {
        let each = part(200, 5);
        say(
            wire::parallel_writers(&mut ground().await?, each).await?,
            tallies,
        );
    }
    Ok(())
}

fn say(tally: Tally, tallies: &mut Vec<Tally>) {
    println!("{tally}");
    tallies.push(tally);
}
