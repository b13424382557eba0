//! The trace on the command line: `gridcrew trace export`, `gridcrew trace verify`,
//! `gridcrew rebuild`.

use super::{
    export::{Selection, export},
    manifest::read_key,
    rebuild::rebuild,
    verify::{Report, verify},
};
use crate::{
    app::App,
    config::Config,
    edge::Problem,
    people::audit::{self, Who},
};
use gridcrew_sync_protocol::{code::Code, ids::OrderId};
use std::{
    io::{self, Write},
    path::PathBuf,
};
use uuid::Uuid;

/// What to do with traces.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum TraceCommand {
    /// Write traces into a folder, so that anyone can check them.
    Export(ExportArgs),
    /// Check an export from its folder alone, without server and database.
    Verify(VerifyArgs),
}

/// `gridcrew trace export`
#[derive(Clone, Debug, clap::Args)]
pub struct ExportArgs {
    /// Where the data is.
    #[command(flatten)]
    pub config: Config,
    /// The order to export.
    #[arg(
        long,
        value_name = "ID",
        conflicts_with = "all",
        required_unless_present = "all"
    )]
    pub order: Option<Uuid>,
    /// Export every order.
    #[arg(long)]
    pub all: bool,
    /// The folder to write; it must be empty or not exist.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
}

/// `gridcrew trace verify`
#[derive(Clone, Debug, clap::Args)]
pub struct VerifyArgs {
    /// The folder of the export.
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
    /// The server's public key, 64 hexadecimal digits, as known from elsewhere; without it
    /// the export's own word is taken.
    #[arg(long, value_name = "HEX")]
    pub server_key: Option<String>,
    /// Photos that have not come yet count as broken.
    #[arg(long)]
    pub strict: bool,
}

/// `gridcrew rebuild`
#[derive(Clone, Debug, clap::Args)]
pub struct RebuildArgs {
    /// Where the data is.
    #[command(flatten)]
    pub config: Config,
    /// Only compare; change nothing.
    #[arg(long)]
    pub check: bool,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All is well.
    Well,
    /// Something is not as it must be; it was printed.
    Broken,
}

/// Why a command could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A problem of the server's data.
    #[error("{0}")]
    Problem(#[from] Problem),
    /// A file, or what is printed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// Writes down that someone at the server's console exports traces, with contact and address
/// whole: who, the operating system knows.
async fn record_export(app: &App, order: Option<Uuid>) -> Result<(), Problem> {
    let what = order.map_or_else(|| "all".to_owned(), |order| order.to_string());
    let this = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let (nobody, done) = (Who::default(), audit::Outcome::Done);
                audit::record(tx, &this, nobody, "trace.exported", what, done).await
            })
        })
        .await
}

/// Exports traces. Written into the audit log.
///
/// # Errors
/// `not_found`, `conflict` when the folder is not empty, a problem of database or disk.
pub async fn run_export(
    app: &App,
    args: &ExportArgs,
    out: &mut (dyn Write + Send),
) -> Result<Outcome, CommandError> {
    let selection = args
        .order
        .map_or(Selection::All, |order| Selection::Order(OrderId(order)));
    record_export(app, args.order).await?;
    let manifest = export(app, selection, &args.to).await?;
    let held = manifest.photos.iter().filter(|photo| photo.held).count();
    writeln!(
        out,
        "exported {} orders, {} journals, {} batches set aside, {held} of {} photos to {}\n\
         server key {}",
        manifest.orders.len(),
        manifest.journals.len(),
        manifest.set_aside.len(),
        manifest.photos.len(),
        args.to.display(),
        manifest.server_key,
    )?;
    Ok(Outcome::Well)
}

/// Checks an export.
///
/// # Errors
/// When the folder cannot be read, or the given key is none.
pub fn run_verify(args: &VerifyArgs, out: &mut dyn Write) -> Result<Outcome, CommandError> {
    let key = args
        .server_key
        .as_deref()
        .map(read_key)
        .transpose()
        .map_err(|why| Problem::new(Code::RequestInvalid, why))?;
    let report = verify(&args.folder, key.as_ref())?;
    print_report(&report, args.strict, out)?;
    let missing = args.strict && !report.missing_photos.is_empty();
    if report.broken.is_empty() && !missing {
        Ok(Outcome::Well)
    } else {
        Ok(Outcome::Broken)
    }
}

fn print_report(report: &Report, strict: bool, out: &mut dyn Write) -> io::Result<()> {
    for finding in &report.broken {
        writeln!(out, "BROKEN {}: {}", finding.place, finding.what)?;
    }
    let word = if strict { "BROKEN" } else { "missing" };
    for photo in &report.missing_photos {
        writeln!(out, "{word} photo {photo}: promised, but not come yet")?;
    }
    writeln!(
        out,
        "checked {} orders, {} journals, {} entries, {} batches set aside, {} photos: {}\n\
         server key {}",
        report.orders,
        report.journals,
        report.entries,
        report.set_aside,
        report.photos,
        match report.broken.len() {
            0 => "nothing is broken".to_owned(),
            count => format!("{count} things are broken"),
        },
        report.server_key,
    )
}

/// Folds every order anew and compares; without `--check`, puts the projection right.
///
/// # Errors
/// A problem of the database.
pub async fn run_rebuild(
    app: &App,
    args: &RebuildArgs,
    out: &mut (dyn Write + Send),
) -> Result<Outcome, CommandError> {
    let mut printed = Ok(());
    let looked = rebuild(app, !args.check, |difference| {
        let line = writeln!(
            out,
            "order {} {}: stored {}, folded {}",
            difference.order, difference.column, difference.stored, difference.folded
        );
        if printed.is_ok() {
            printed = line;
        }
    })
    .await?;
    printed?;
    let done = match (looked.different, args.check) {
        (0, _) => "the projection is what the trace folds to".to_owned(),
        (count, true) => format!("{count} orders differ"),
        (count, false) => format!("{count} orders differed and were put right"),
    };
    writeln!(out, "{} orders: {done}", looked.orders)?;
    if looked.different > 0 && args.check {
        Ok(Outcome::Broken)
    } else {
        Ok(Outcome::Well)
    }
}
