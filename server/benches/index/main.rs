//! The index of territories, measured beside others that answer the same question.
//!
//! Without a word: whole decisions (the cell with its explanation, then A, B and everyone else
//! on the ladder) among 100,489 cells of 25 points in stations of 16, turn about in one run
//! with bare searches of an `rstar` tree and of a packed static tree over the same outlines,
//! and with PostGIS: one question a round trip over one connection, and all in one statement.
//! Answers are compared; speeds are held against their bars. PostGIS is reached at
//! `GRIDCREW_BENCH_POSTGIS` (`deploy/bench-index` starts one); without it the rest is measured
//! and the run ends with an error, because bars were left out.
//!
//! `nation`: the same decisions among 480,000 cells of 60 points with 6,000,000 station areas.
//! `fill URL` writes that nation into an empty database (`sqlite:` or `postgres://`), and
//! `load URL` measures how long a process takes to load it, the memory that it needs, and how
//! soon a change of one station is in force.
//!
//! It prints, and ends with an error if a bar is missed.

#![expect(
    clippy::print_stdout,
    reason = "a program that prints what it measured"
)]
#![expect(clippy::unwrap_used, reason = "made from a seed, and has been run")]
#![expect(clippy::cast_precision_loss, reason = "figures to look at")]

use std::process::ExitCode;

mod compare;
mod decision;
#[path = "../../src/territory/field.rs"]
#[expect(dead_code, reason = "shared with the search")]
mod field;
mod nation;
mod postgis;
mod rivals;

/// What was held against a bar.
#[derive(Default)]
struct Bars {
    held: usize,
    missed: usize,
}

impl Bars {
    fn hold(&mut self, what: &str, kept: bool) {
        println!("{} {what}", if kept { "ok  " } else { "NOT " });
        self.held += 1;
        self.missed += usize::from(!kept);
    }
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let mut bars = Bars::default();
    match words[..] {
        [] => compare::run(&mut bars, &runtime),
        ["nation"] => nation::made(&mut bars),
        ["fill", url] => runtime.block_on(nation::fill(url)),
        ["load", url] => runtime.block_on(nation::load(&mut bars, url)),
        _ => {
            println!("nothing, or: nation, fill URL, load URL");
            return ExitCode::FAILURE;
        }
    }
    println!("{} bars held, {} missed", bars.held, bars.missed);
    ExitCode::from(u8::from(bars.missed > 0))
}

/// The most memory that this process ever held, in MB.
fn most_memory_mb() -> u64 {
    memory_mb("VmHWM")
}

/// What this process holds now, in MB.
fn memory_now_mb() -> u64 {
    memory_mb("VmRSS")
}

fn memory_mb(what: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(what));
    let kib = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
