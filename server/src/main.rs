//! `gridcrew`: the server and its tools.

use clap::{Parser, Subcommand};
use gridcrew_server::{config::Config, http, serve};
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
    /// Print the API document.
    Openapi,
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
        Command::Openapi => {
            say(&http::api_document().to_pretty_json()?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn say(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}
