//! Runs schedules of the simulation: `simulate --seeds N [--from S]`, or one of them as a
//! story: `simulate --story SEED`.

use clap::Parser;
#[cfg(feature = "planted")]
use gridcrew_tests::simulation::mutations;
use gridcrew_tests::{
    Fallible,
    simulation::{
        origin::Origin,
        run::{run, shrink, soak, story},
        server::Kind,
        step::Schedule,
    },
};
use std::{process::ExitCode, thread::available_parallelism, time::Instant};

/// Runs schedules of the deterministic simulation.
#[derive(Debug, Parser)]
struct Args {
    /// How many schedules.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Which server: `model`, or `sqlite` for the real one.
    #[arg(long, default_value = "model", value_parser = server)]
    server: Kind,
    /// Tell the story of one seed, as short as it fails.
    #[arg(long)]
    story: Option<u64>,
    /// Plant bugs, one after another, and see within how many seeds each is found: at most
    /// as many as `--seeds`.
    #[cfg(feature = "planted")]
    #[arg(long)]
    mutations: bool,
    /// Tell all of that story, not only what it needs to fail.
    #[arg(long)]
    whole: bool,
}

fn server(name: &str) -> Result<Kind, String> {
    match name {
        "model" => Ok(Kind::Model),
        "sqlite" => Ok(Kind::Sqlite),
        _ => Err("there are `model` and `sqlite`".to_owned()),
    }
}

fn main() -> ExitCode {
    match work(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            say(&failure.to_string());
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "this program reports to a person")]
fn say(text: &str) {
    println!("{text}");
}

fn work(args: &Args) -> Fallible<bool> {
    let origin = Origin::found(args.server)?;
    if let Some(seed) = args.story {
        return tell(&origin, &Schedule::of(seed), args.whole);
    }
    let threads = available_parallelism().map_or(2, usize::from);
    #[cfg(feature = "planted")]
    if args.mutations {
        let tried = mutations::try_all(&origin, args.from, args.seeds, threads)?;
        say(&mutations::table(&tried));
        let found = tried.iter().filter(|one| one.found.is_some()).count();
        say(&format!(
            "{found} of {} planted bugs were found",
            tried.len()
        ));
        return Ok(found == tried.len());
    }
    let began = Instant::now();
    let soaked = soak(&origin, args.from, args.seeds, threads, 10)?;
    let took = began.elapsed().as_secs_f64();
    say(&soaked.faults.table());
    say(&format!(
        "{} schedules with {} records in {took:.1} s on {threads} threads: {:.0} a second",
        soaked.schedules,
        soaked.records,
        soaked.schedules as f64 / took
    ));
    for (seed, failure) in &soaked.failures {
        say(&format!("seed {seed}: {failure}"));
    }
    if let Some(seed) = soaked.failures.keys().next() {
        tell(&origin, &Schedule::of(*seed), false)?;
    }
    let missing = soaked.faults.missing(args.server);
    for fault in &missing {
        say(&format!("never happened: {}", fault.words()));
    }
    Ok(soaked.failures.is_empty() && missing.is_empty())
}

fn tell(origin: &Origin, schedule: &Schedule, whole: bool) -> Fallible<bool> {
    let course = run(origin, schedule)?;
    if course.failure.is_none() || whole {
        say(&story(schedule, &course));
        say(&format!("trace {}", course.trace));
        return Ok(course.failure.is_none());
    }
    let short = shrink(origin, schedule)?;
    say(&story(&short, &run(origin, &short)?));
    Ok(false)
}
