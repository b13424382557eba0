//! The deterministic simulation, on fixed seeds: nothing is lost, doubled, stuck or out of
//! scope in any of them, every fault happens, and a seed plays the same way twice; against
//! the model of a server, and against the real one over SQLite.

use gridcrew_tests::{
    Failure, Fallible,
    failure::ensure,
    simulation::{
        fault::Fault,
        origin::Origin,
        run::{Soak, run, shrink, soak, story},
        server::Kind,
        step::Schedule,
    },
};
use std::{env, thread::available_parallelism};

/// How many schedules against the model; more with `GRIDCREW_SEEDS`.
const SCHEDULES: u64 = 1_000;
/// How many against the real server; more with `GRIDCREW_SEEDS_SQLITE`.
const WITH_SQLITE: u64 = 150;

/// Seeds beyond those that failed once against the model. What they found has tests beside the
/// code; here it is that the whole still goes well.
const FAILED_ONCE: [u64; 11] = [
    2_140, 3_990, 5_057, 7_221, 7_978, 11_071, 14_384, 19_909, 54_938, 63_362, 65_778,
];

/// Runs so many schedules, or as many as the environment's `wish` says, and tells of the
/// first that fails.
fn all_well(kind: Kind, count: u64, wish: &str) -> Fallible<Soak> {
    let wished = env::var(wish).ok();
    let count = wished.map_or(Ok(count), |count| count.parse())?;
    let origin = Origin::found(kind)?;
    let threads = available_parallelism().map_or(2, usize::from);
    let soaked = soak(&origin, 0, count, threads, 1)?;
    if let Some((seed, failure)) = soaked.failures.first_key_value() {
        let short = shrink(&origin, &Schedule::of(*seed))?;
        let told = story(&short, &run(&origin, &short)?);
        return Err(Failure::new(format!("{failure}\n{told}")));
    }
    ensure(soaked.schedules == count, || {
        format!("{} schedules ran", soaked.schedules)
    })?;
    Ok(soaked)
}

fn all_happened(missing: &[Fault]) -> Fallible<()> {
    ensure(missing.is_empty(), || {
        format!("never happened: {missing:?}")
    })
}

#[test]
fn a_thousand_schedules_lose_nothing_and_know_every_fault() -> Fallible<()> {
    let soaked = all_well(Kind::Model, SCHEDULES, "GRIDCREW_SEEDS")?;
    all_happened(&soaked.faults.missing(Kind::Model))
}

#[test]
fn what_failed_once_goes_well() -> Fallible<()> {
    let origin = Origin::found(Kind::Model)?;
    for seed in FAILED_ONCE {
        let course = run(&origin, &Schedule::of(seed))?;
        ensure(course.failure.is_none(), || {
            format!("seed {seed}: {:?}", course.failure)
        })?;
    }
    Ok(())
}

/// What else can happen does so in the many schedules against the model.
#[test]
fn the_real_server_killed_anywhere_loses_nothing() -> Fallible<()> {
    let soaked = all_well(Kind::Sqlite, WITH_SQLITE, "GRIDCREW_SEEDS_SQLITE")?;
    let mut missing = soaked.faults.missing(Kind::Sqlite);
    missing.retain(|fault| !fault.can_happen(Kind::Model));
    all_happened(&missing)
}

fn plays_the_same(kind: Kind, seeds: std::ops::Range<u64>) -> Fallible<()> {
    let origin = Origin::found(kind)?;
    // Another beginning is the same beginning.
    let again = Origin::found(kind)?;
    for seed in seeds {
        let schedule = Schedule::of(seed);
        let (first, second) = (run(&origin, &schedule)?, run(&again, &schedule)?);
        ensure(first.story == second.story, || {
            format!("seed {seed} tells two stories")
        })?;
        ensure(first.trace == second.trace, || {
            format!("seed {seed} leaves two traces")
        })?;
    }
    Ok(())
}

#[test]
fn a_seed_plays_the_same_way_twice() -> Fallible<()> {
    plays_the_same(Kind::Model, 5_000..5_020)
}

#[test]
fn a_seed_plays_the_same_way_twice_with_the_real_server() -> Fallible<()> {
    plays_the_same(Kind::Sqlite, 5_000..5_010)
}
