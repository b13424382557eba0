//! Bad networks (RELIABILITY fault 16): packets are lost in both directions, the link is
//! slow, and for seconds nothing passes at all. Everything arrives, each once.
//!
//! This process then has a network of its own (`unshare --net`), of which it spoils the
//! loopback interface with `nft` and `tc`. On TCP a lost packet is a delay, a long row of
//! them a broken connection: both are what the handheld sees.

use super::{ground::Ground, tally::Tally};
use crate::{Failure, Fallible, failure::ensure, server::said};
use std::{
    path::Path,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{process::Command, time::sleep};

/// Lost packets of a hundred, and the link's rate.
const LINKS: [(u32, &str); 3] = [(10, "2mbit"), (20, "500kbit"), (30, "200kbit")];
/// How often a sync is run until everything is with the server.
const SYNCS: u32 = 40;

/// Runs this program again with `argument` in a network of its own; `None` when that is not
/// allowed here or the tools are missing.
///
/// # Errors
/// When it cannot be run.
pub async fn apart(argument: &str) -> Fallible<Option<ExitStatus>> {
    let tools = "command -v nft && command -v tc && command -v ip && ip link set lo up mtu 1500";
    let tried = Command::new("unshare")
        .args(["--net", "sh", "-c", tools])
        .stdin(Stdio::null())
        .output()
        .await;
    if !tried.is_ok_and(|tried| tried.status.success()) {
        return Ok(None);
    }
    let script = "ip link set lo up mtu 1500 && exec \"$0\" \"$1\"";
    let status = Command::new("unshare")
        .args(["--net", "sh", "-c", script])
        .arg(std::env::current_exe()?)
        .arg(argument)
        .stdin(Stdio::null())
        .status()
        .await?;
    Ok(Some(status))
}

/// Records and a photo go over a bad link, `times` times; to be called in a network of its
/// own.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn links(ground: &mut Ground, times: u32) -> Fallible<Tally> {
    let mut tally = Tally::of("wire-lossy");
    for (round, (loss, rate)) in (0..times).zip(LINKS.into_iter().cycle()) {
        for _ in 0..3 {
            tally.confirm(ground.note(None).await?.saved().is_some());
        }
        tally.confirm(ground.step(None).await?.saved().is_some());
        spoil(loss, rate).await?;
        tally.points += 1;
        tally.hits += 1;
        // While the first sync is at work nothing passes for some seconds, in every second
        // round.
        let stall = async {
            if round % 2 == 1 {
                sleep(Duration::from_millis(300)).await;
                nft("add rule inet bad way drop").await?;
                sleep(Duration::from_secs(5 + u64::from(round % 4) * 3)).await;
                nft("flush chain inet bad way").await?;
                lose(loss).await?;
            }
            Ok::<_, Failure>(())
        };
        let (first, stalled) = tokio::join!(ground.sync(None), stall);
        stalled?;
        if let Some(wrong) = first?.fault(None) {
            tally.wrong(format!("{loss}% lost, {rate}: {wrong}"));
        }
        let mut there = false;
        for _ in 0..SYNCS {
            let ran = ground.sync(None).await?;
            there = ran.out.contains("everything is with the server");
            if there {
                break;
            }
            tally.refused += 1;
        }
        mend().await?;
        if !there {
            tally.wrong(format!("{loss}% lost, {rate}: something still waits"));
        }
    }
    ground.judge(&mut tally).await?;
    Ok(tally)
}

async fn spoil(loss: u32, rate: &str) -> Fallible<()> {
    nft("add table inet bad").await?;
    nft("add chain inet bad way { type filter hook input priority 0 ; }").await?;
    lose(loss).await?;
    let shape = format!("qdisc add dev lo root tbf rate {rate} burst 32kb latency 400ms");
    run("tc", &shape).await
}

async fn lose(loss: u32) -> Fallible<()> {
    nft(&format!(
        "add rule inet bad way tcp dport != 0 numgen random mod 100 < {loss} drop"
    ))
    .await
}

async fn mend() -> Fallible<()> {
    nft("delete table inet bad").await?;
    run("tc", "qdisc del dev lo root").await
}

async fn nft(words: &str) -> Fallible<()> {
    run("nft", words).await
}

async fn run(program: &str, words: &str) -> Fallible<()> {
    let output = Command::new(Path::new(program))
        .args(words.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .await?;
    ensure(output.status.success(), || {
        format!("{program} {words}: {}", said(&output))
    })
}
