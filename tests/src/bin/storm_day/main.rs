//! `storm-day`: a real day of a real storm, run against real processes and checked from
//! outside. Prints the account and the figures; ends with an error when anything in the
//! account is not so.
#![expect(
    clippy::print_stdout,
    reason = "the account is what this program is for"
)]

use clap::Parser;
use gridcrew_tests::{
    Failure, Fallible,
    books::Books,
    failure::ensure,
    link::{Lane, Passed},
    server::{Server, peak_memory_kib},
    storm::{
        account::{self, Checked},
        child,
        day::{self, Aftermath, Day},
        figures::{Times, bytes, rate},
        photos::Photos,
        requests, setup,
    },
    township::Township,
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

/// The reason with which an order without account and place goes to the desk.
const WITHOUT_PLACE: &str = "no_place";

/// Runs a storm day on real data.
#[derive(Debug, Parser)]
struct Arguments {
    /// The folder of real data.
    #[arg(env = "GRIDCREW_REAL_DATA", default_value = "../shared/data")]
    data: PathBuf,
    /// The day of the file.
    #[arg(long, default_value = "2011-08-28")]
    day: String,
    /// The recorded link of all handhelds, by its name in the data; without it, every
    /// recorded link is used by some.
    #[arg(long)]
    trace: Option<String>,
    /// Cells, and handhelds.
    #[arg(long, default_value_t = 40)]
    cells: usize,
    /// Seconds in which the orders of the day come in.
    #[arg(long, default_value_t = 120)]
    seconds: u64,
    /// A `postgres://` database, empty, instead of SQLite.
    #[arg(long)]
    database: Option<String>,
    /// Keep what the server and the handhelds wrote.
    #[arg(long)]
    keep: bool,
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let mut arguments = std::env::args().skip(1);
    let done = if arguments.next().as_deref() == Some(child::ARGUMENT) {
        let told = arguments.next().unwrap_or_default();
        runtime.block_on(async {
            child::live(serde_json::from_str(&told)?)
                .await
                .map(|()| true)
        })
    } else {
        runtime.block_on(storm(Arguments::parse()))
    };
    // What still waits for input in a thread must not hold the end up.
    runtime.shutdown_background();
    match done {
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
    eprintln!("storm-day: {failure}");
    ExitCode::FAILURE
}

async fn storm(arguments: Arguments) -> Fallible<bool> {
    let began = Instant::now();
    let place = tempfile::Builder::new()
        .prefix("gridcrew-storm-")
        .tempdir()?;
    let folder = place.path().to_owned();
    let outcome = run(&arguments, &folder, began).await;
    if arguments.keep {
        println!("kept: {}", place.keep().display());
    }
    outcome
}

async fn run(arguments: &Arguments, folder: &std::path::Path, began: Instant) -> Fallible<bool> {
    let data = &arguments.data;
    let all = requests::read(data)?;
    let todays = day::of_day(&all, &arguments.day);
    ensure(!todays.is_empty(), || {
        format!("the file has no request of {}", arguments.day)
    })?;
    let links = setup::links(data, arguments.trace.as_deref())?;
    let names: Vec<&str> = links.iter().map(|(name, _, _)| name.as_str()).collect();
    let without = todays
        .iter()
        .filter(|request| request.place.is_none())
        .count();
    println!(
        "{}: {} requests, {without} without a place; {} requests of the whole file weigh the \
         territory; links {}",
        arguments.day,
        todays.len(),
        all.len(),
        names.join(", ")
    );
    let mut server = Server::on(
        &day::folder_for(folder, "server")?,
        arguments.database.clone(),
    )?;
    server.start().await?;
    let (township, working, off_duty) = setup::township(&server, &all, arguments.cells).await?;
    let working = setup::busiest_first(&township, working, &todays).await?;
    let crews = setup::crews(&server, &township, &working, &links, folder).await?;
    println!(
        "{} cells, {} people, {off_duty} A off duty, {} handhelds ({:.0} s)",
        arguments.cells,
        arguments.cells * 2,
        crews.len(),
        began.elapsed().as_secs_f64()
    );
    let the_day = Day {
        township: township.clone(),
        processes: crews.len().min(2),
        crews,
        photos: Arc::new(Photos::read(data)?),
        data: std::path::absolute(data)?,
        scratch: day::folder_for(folder, "shots")?,
        length: Duration::from_secs(arguments.seconds),
    };
    let mut after = day::pass(the_day, &todays, &mut server).await?;
    println!(
        "the storm is over and everything at rest ({:.0} s)",
        began.elapsed().as_secs_f64()
    );
    let asked: BTreeMap<String, bool> = todays
        .iter()
        .map(|request| (request.number.clone(), request.place.is_some()))
        .collect();
    let township = township.signed_in_anew(&server.url()?).await?;
    let account = draw_up(&mut server, &township, &after, &asked, folder).await?;
    let holds = account.iter().all(|line| line.holds);
    println!();
    for line in &account {
        println!(
            "{} {}: {}",
            if line.holds { "ok  " } else { "NOT " },
            line.what,
            line.figures
        );
    }
    println!();
    print_figures(&mut after, &mut server, began);
    Ok(holds)
}

/// The account: everything that must be so.
async fn draw_up(
    server: &mut Server,
    township: &Township,
    after: &Aftermath,
    asked: &BTreeMap<String, bool>,
    folder: &std::path::Path,
) -> Fallible<Vec<Checked>> {
    let books = Books::open(&server.database_url()).await?;
    let orders = books.orders().await?;
    let mut account = account::orders(&books, &orders, asked, WITHOUT_PLACE).await?;
    account.extend(account::records(&books, &after.ledgers).await?);
    account.extend(account::photos(&books, &township.staff, &after.ledgers).await?);
    account.extend(account::folds(&after.handhelds, &orders)?);
    account.extend(account::nothing_waits(&after.handhelds, &orders)?);
    books.close().await?;
    let export = day::folder_for(folder, "export")?;
    account.extend(account::traces(server, &export, orders.len()).await?);
    let in_a_write: u32 = after.killed.iter().map(|killed| killed.in_a_write).sum();
    let otherwise: u32 = after.killed.iter().map(|killed| killed.otherwise).sum();
    account.push(Checked {
        what: "the server was killed three times, two handhelds in the middle of a write",
        holds: after.server_kills == 3
            && after.killed.len() == 2
            && after.killed.iter().all(|killed| killed.in_a_write > 0),
        figures: format!(
            "server {} times; handhelds {in_a_write} times in the middle of a write, {otherwise} \
             times just after one; {} orders sent again",
            after.server_kills, after.sent_again
        ),
    });
    Ok(account)
}

fn print_figures(after: &mut Aftermath, server: &mut Server, began: Instant) {
    let records: u64 = after
        .ledgers
        .iter()
        .map(|ledger| ledger.made.len() as u64)
        .sum();
    let wire = day::on_the_wire(&after.links);
    let lane = |lane: Lane| wire.get(&lane).copied().unwrap_or_default();
    let both = |passed: Passed| passed.up + passed.down;
    let each = |count: u64| count.checked_div(records).unwrap_or(0);
    let (push, feed, media) = (lane(Lane::Push), lane(Lane::Feed), lane(Lane::Media));
    let breaks: u64 = after.links.iter().map(|link| link.breaks()).sum();
    let intakes: &mut Times = &mut after.intakes;
    println!(
        "order in, routed and answered: p50 {:?}, p99 {:?} over {}",
        intakes.percentile(50),
        intakes.percentile(99),
        intakes.count()
    );
    println!(
        "{records} records in {:.0} s: {} a second; photos {} up: {} kB a second",
        after.took.as_secs_f64(),
        rate(records, after.took),
        bytes(media.up),
        rate(media.up / 1_000, after.took)
    );
    println!(
        "on the wire, HTTP included, a record: {} B pushed in {} requests, {} B of feed; {} in all",
        each(both(push)),
        push.requests,
        each(both(feed)),
        bytes(wire.values().copied().map(both).sum())
    );
    println!("links were cut or broke {breaks} times");
    let child = after
        .killed
        .iter()
        .map(|killed| killed.peak_kib)
        .max()
        .unwrap_or(0);
    println!(
        "peak memory: server {} MiB, one handheld {} MiB, all other handhelds together {} MiB",
        server.peak_memory_kib() / 1_024,
        child / 1_024,
        peak_memory_kib("self").unwrap_or(0) / 1_024
    );
    println!("took {:.0} s", began.elapsed().as_secs_f64());
}
