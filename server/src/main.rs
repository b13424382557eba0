//! `gridcrew`: the server and its tools.

use clap::{Parser, Subcommand};
use gridcrew_server::{
    clock::mark,
    config::Config,
    demo, http,
    people::bootstrap::bootstrap,
    serve,
    sync::{ImportArgs, import},
    territory::{
        command::{SplitArgs, run_split},
        exchange_command::{TerritoryCommand, run_export as export_territory, run_import},
    },
    trace::{
        commands::{Outcome, RebuildArgs, TraceCommand, run_export, run_rebuild, run_verify},
        epoch,
    },
};
use std::{io::Write, process::ExitCode};

/// The backend of township supply stations.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API.
    Serve(Config),
    /// Make the first management center and its administrator in an empty database.
    Bootstrap(Bootstrap),
    /// Make the demonstration township in an empty database.
    Demo(Demo),
    /// Export and check traces.
    #[command(subcommand)]
    Trace(TraceCommand),
    /// Fold every order anew and compare with what is stored.
    Rebuild(RebuildArgs),
    /// Split a territory from files and show how that looks.
    Split(SplitArgs),
    /// Export and import a territory, station areas and accounts.
    #[command(subcommand)]
    Territory(TerritoryCommand),
    /// Take in what a handheld exported because it could not send it.
    Import(ImportArgs),
    /// Say that the database was restored from a backup.
    Epoch(Epoch),
    /// Compare the machine's clock with the latest time that the database was told.
    Clock(ClockArgs),
    /// Print the API document.
    Openapi,
}

#[derive(Debug, clap::Args)]
struct Bootstrap {
    #[command(flatten)]
    config: Config,
    /// The name of the management center.
    #[arg(long)]
    organisation: String,
    /// What the administrator signs in with.
    #[arg(long)]
    login: String,
}

#[derive(Debug, clap::Args)]
struct Epoch {
    #[command(flatten)]
    config: Config,
    /// Begin a new epoch: handhelds will offer again what they still hold.
    #[arg(long)]
    renew: bool,
}

#[derive(Debug, clap::Args)]
struct ClockArgs {
    #[command(flatten)]
    config: Config,
    /// The clock is right now and was ahead before: go on from what it says.
    #[arg(long)]
    accept: bool,
}

#[derive(Debug, clap::Args)]
struct Demo {
    #[command(flatten)]
    config: Config,
    /// The seed: the same seed, the same township.
    #[arg(long, default_value_t = demo::SEED)]
    seed: u64,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("GRIDCREW_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn,gridcrew=info")),
        )
        .with_writer(std::io::stderr)
        .init();
    let cli = Cli::parse();
    match actix_web::rt::System::new().block_on(run(cli.command)) {
        Ok(code) => code,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "gridcrew: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command) -> Result<ExitCode, Box<dyn std::error::Error>> {
    match command {
        Command::Serve(config) => {
            let running = serve::start(serve::open(config).await?).await?;
            say(&format!("listening on http://{}", running.address))?;
            running.wait().await?;
        }
        Command::Bootstrap(wish) => {
            let app = serve::open(wish.config).await?;
            match bootstrap(&app, &wish.organisation, &wish.login).await? {
                Some(password) => say(&format!("login: {}\npassword: {password}", wish.login))?,
                None => {
                    say("there are people in this database already; nothing was changed")?;
                    return Ok(ExitCode::FAILURE);
                }
            }
        }
        Command::Demo(wish) => {
            let (address, data) = (wish.config.listen, wish.config.data.clone());
            let app = serve::open(wish.config).await?;
            match demo::make(&app, wish.seed).await? {
                Some(made) => {
                    let text = made.to_text(address);
                    demo::notes::keep(&data, &text, wish.seed)?;
                    say(&text)?;
                }
                None => {
                    let said = demo::notes::said_before(&data)?;
                    let said = said.unwrap_or_else(|| "(not known here)".to_owned());
                    say(&format!(
                        "The township is there already. As it was said when it was made, \
                         codes may be used up by now:\n\n{said}"
                    ))?;
                }
            }
        }
        Command::Trace(TraceCommand::Export(args)) => {
            let app = serve::open(args.config.clone()).await?;
            return Ok(exit_code(
                run_export(&app, &args, &mut std::io::stdout()).await?,
            ));
        }
        Command::Trace(TraceCommand::Verify(args)) => {
            return Ok(exit_code(run_verify(&args, &mut std::io::stdout())?));
        }
        Command::Rebuild(args) => {
            let app = serve::open(args.config.clone()).await?;
            return Ok(exit_code(
                run_rebuild(&app, &args, &mut std::io::stdout()).await?,
            ));
        }
        Command::Split(args) => run_split(&args, &mut std::io::stdout(), &mut std::io::stderr())?,
        Command::Territory(TerritoryCommand::Export(args)) => {
            let app = serve::open(args.about.config.clone()).await?;
            export_territory(&app, &args, &mut std::io::stdout()).await?;
        }
        Command::Territory(TerritoryCommand::Import(args)) => {
            let app = serve::open(args.about.config.clone()).await?;
            if !run_import(&app, &args, &mut std::io::stdout()).await? {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Import(args) => {
            let app = serve::open(args.config.clone()).await?;
            let done = import(&app, &args, &mut std::io::stdout()).await?;
            say(&format!(
                "{} batches held ({} entries new), {} set aside, {} refused, {} photos held, {} \
                 missing",
                done.held,
                done.new_entries,
                done.aside,
                done.refused,
                done.photos,
                done.photos_missing
            ))?;
            if !done.is_all() {
                return Ok(ExitCode::FAILURE);
            }
        }
        Command::Epoch(args) => {
            let app = serve::open(args.config).await?;
            let epoch = if args.renew {
                epoch::renew(&app).await?
            } else {
                app.epoch()
            };
            say(&epoch.to_string())?;
        }
        Command::Clock(args) => {
            let (marked, wall) = serve::clock(&args.config, args.accept).await?;
            let marked = marked.map_or_else(|| "nothing".to_owned(), mark::said);
            say(&format!("clock: {}\ndatabase: {marked}", mark::said(wall)))?;
        }
        Command::Openapi => {
            say(&http::api_document().to_pretty_json()?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

const fn exit_code(outcome: Outcome) -> ExitCode {
    match outcome {
        Outcome::Well => ExitCode::SUCCESS,
        Outcome::Broken => ExitCode::FAILURE,
    }
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
