//! The deterministic simulation, on fixed seeds: nothing is lost, doubled, stuck or out of
//! scope in any of them, every fault happens, and a seed plays the same way twice.

use gridcrew_tests::{
    Fallible,
    failure::ensure,
    simulation::{
        origin::Origin,
        run::{run, shrink, soak, story},
        step::Schedule,
    },
};
use std::{env, thread::available_parallelism};

/// How many schedules; more with `GRIDCREW_SEEDS`.
const SCHEDULES: u64 = 1_000;

#[test]
fn a_thousand_schedules_lose_nothing_and_know_every_fault() -> Fallible<()> {
    let wished = env::var("GRIDCREW_SEEDS").ok();
    let count = wished.map_or(Ok(SCHEDULES), |count| count.parse())?;
    let origin = Origin::found()?;
    let threads = available_parallelism().map_or(2, usize::from);
    let soaked = soak(&origin, 0, count, threads, 1)?;
    if let Some((seed, failure)) = soaked.failures.first_key_value() {
        let short = shrink(&origin, &Schedule::of(*seed))?;
        let told = story(&short, &run(&origin, &short)?);
        return Err(gridcrew_tests::Failure::new(format!("{failure}\n{told}")));
    }
    ensure(soaked.schedules == count, || {
        format!("{} schedules ran", soaked.schedules)
    })?;
    let missing = soaked.faults.missing();
    ensure(missing.is_empty(), || {
        format!("never happened: {missing:?}")
    })
}

#[test]
fn a_seed_plays_the_same_way_twice() -> Fallible<()> {
    let origin = Origin::found()?;
    for seed in 5_000..5_020 {
        let schedule = Schedule::of(seed);
        let (first, second) = (run(&origin, &schedule)?, run(&origin, &schedule)?);
        ensure(first.story == second.story, || {
            format!("seed {seed} tells two stories")
        })?;
        ensure(first.trace == second.trace, || {
            format!("seed {seed} leaves two traces")
        })?;
    }
    // Another beginning is the same beginning.
    let again = Origin::found()?;
    let schedule = Schedule::of(5_000);
    let (first, second) = (run(&origin, &schedule)?, run(&again, &schedule)?);
    ensure(first.trace == second.trace, || {
        "another beginning leaves another trace".to_owned()
    })
}
