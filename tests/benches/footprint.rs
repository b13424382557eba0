//! What a server with the demonstration township takes: how soon it is ready, and how much
//! memory it holds.
//!
//! `cargo bench -p gridcrew-tests --bench footprint` (with `gridcrew` built in release)
//! makes the township once, then starts a server on it several times: the time until it
//! says that it is ready, the memory it holds then, and the most it held after some use.

#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use gridcrew_mobile_core::Handheld;
use gridcrew_tests::{
    Failure, Fallible,
    client::Client,
    failure::ensure,
    server::{Server, resident_memory_kib},
};
use std::time::Instant;

const ROUNDS: usize = 5;
/// Requests of each kind in a round.
const REQUESTS: usize = 200;
/// The bars: MB resident, seconds until ready.
const AT_MOST: (u32, u32) = (100, 1);

#[tokio::main]
async fn main() -> Fallible<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().join("server");
    std::fs::create_dir_all(&data)?;
    let mut server = Server::on(&data, None)?;
    let printed = server.run(&["demo"]).await?;
    let printed = String::from_utf8(printed.stdout)?;
    println!("{}", printed.lines().next().unwrap_or_default());
    let password = |login: &str| {
        let line = printed
            .lines()
            .map(|line| line.split_whitespace())
            .find_map(|mut words| (words.next() == Some(login)).then(|| words.next()))
            .flatten();
        line.ok_or_else(|| Failure::new(format!("no password of {login} was printed")))
    };
    let code = printed.split_once("--code ").map(|(_, code)| code);
    let code = code.and_then(|code| code.split_whitespace().next());
    let code = code.ok_or_else(|| Failure::new("no enrolment code was printed"))?;
    println!("round  ready ms  resident MB  after use MB  most MB");
    for round in 1..=ROUNDS {
        let began = Instant::now();
        server.start().await?;
        let ready = began.elapsed();
        let at_first = resident(&server)?;
        let mut center = Client::of(&server.url()?)?;
        for login in ["center", "station"] {
            center = center.nobody().login(login, password(login)?).await?;
            use_it(&center).await?;
        }
        if round == 1 {
            let handheld = Handheld::open(&folder.path().join("handheld"))?;
            handheld.enrol(&server.url()?, code, "bench").await?;
        }
        println!(
            "{round:>5}  {:>8}  {:>11.1}  {:>12.1}  {:>7.1}",
            ready.as_millis(),
            mega(at_first),
            mega(resident(&server)?),
            mega(server.peak_memory_kib()),
        );
        server.kill().await?;
    }
    println!(
        "at most {} MB resident, ready within {} s",
        AT_MOST.0, AT_MOST.1
    );
    Ok(())
}

/// Looks at orders, cells and the API document, as a console would.
async fn use_it(client: &Client) -> Fallible<()> {
    for number in 0..REQUESTS {
        for path in ["/orders?limit=100", "/cells", "/people", "/openapi.json"] {
            if number > 20 && path == "/openapi.json" {
                continue;
            }
            let reply = client.get(path).await?;
            ensure(reply.status == 200, || reply.said())?;
        }
    }
    Ok(())
}

fn resident(server: &Server) -> Fallible<u64> {
    let process = server.process()?.to_string();
    resident_memory_kib(&process).ok_or_else(|| Failure::new("the server is gone"))
}

/// KiB as MB of a million bytes.
fn mega(kib: u64) -> f64 {
    kib as f64 * 1_024.0 / 1e6
}
