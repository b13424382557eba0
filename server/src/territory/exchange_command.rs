//! Import and export on the command line: `gridcrew territory export`, `gridcrew territory
//! import`. They do what the operations of the same names do over HTTP, in the name of a
//! person who may do it there too.

mod args;
mod new_file;

pub use args::{About, ExportArgs, ImportArgs, TerritoryCommand, What};

use super::{
    changes::ChangeKind,
    content::Content,
    exchange::{self, Format, Layers},
    fit::Doubt,
    giving,
    problem::{Problem as Flaw, Problems},
    sheet::{self, Kind, Mode, Report, SheetFormat, accounts, areas},
    store::{self, How, Proposal, StoredTerritory},
    storing::{self, Hand, Taking},
    taking::Parts,
};
use crate::{
    app::App,
    edge::Problem,
    people::{
        Permission, Role,
        audit::{self, Outcome, Who},
        field, reach,
        rows::{org_unit, person},
        tree::UnitKind,
    },
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrgId, PersonId},
    position::Datum,
};
use new_file::NewFile;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use std::{
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeFailure {
    /// A file cannot be read or written.
    #[error("{}: {error}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// The format is none of those that fit.
    #[error("{0:?} is no format for this; give {1}")]
    Format(String, &'static str),
    /// Something is wrong with what was given, or with the database.
    #[error("{0}")]
    Problem(#[from] Problem),
    /// Nothing can be printed.
    #[error("{0}")]
    Print(#[from] io::Error),
}

impl From<Problems> for ExchangeFailure {
    fn from(problems: Problems) -> Self {
        Self::Problem(problems.into())
    }
}

impl From<Flaw> for ExchangeFailure {
    fn from(flaw: Flaw) -> Self {
        Problems::from(flaw).into()
    }
}

/// A person who acts on the command line.
struct Actor {
    person: PersonId,
    station: OrgId,
    who: Who,
}

/// Writes a file.
///
/// # Errors
/// Any [`ExchangeFailure`].
pub async fn run_export(
    app: &App,
    args: &ExportArgs,
    out: &mut impl Write,
) -> Result<(), ExchangeFailure> {
    let about = &args.about;
    let permission = match about.what {
        What::Accounts => Permission::ExportCustomers,
        What::Territory | What::StationAreas => Permission::ReadTerritory,
    };
    let actor = actor(app, about, permission).await?;
    let datum = about.datum.unwrap_or(Datum::Wgs84);
    let bytes = match about.what {
        What::Territory => {
            let format: Format = format_of(about, "geojson, shapefile or geopackage")?;
            let held = territory(app, actor.station).await?;
            giving::territory(format, &held.content, datum, app.now())?
        }
        What::StationAreas => {
            let format: SheetFormat = format_of(about, "xlsx or csv")?;
            let held = territory(app, actor.station).await?;
            let rows = areas::rows(&held.content, datum);
            giving::sheet(Kind::StationAreas, format, rows, args.part, app.now())?
        }
        What::Accounts => {
            let format: SheetFormat = format_of(about, "xlsx or csv")?;
            let (state, who, station) = (app.clone(), actor.who, actor.station);
            let noted = app.store.write(move |tx| {
                Box::pin(async move {
                    let action = "customers.exported";
                    audit::record(tx, &state, who, action, station, Outcome::Done).await
                })
            });
            noted.await?;
            let held = store::accounts(&app.store, actor.station).await?;
            let rows = accounts::rows(&held, datum);
            giving::sheet(Kind::Accounts, format, rows, args.part, app.now())?
        }
    };
    let file = NewFile::create(&args.to).map_err(at(&args.to))?;
    file.write(&bytes).map_err(at(&args.to))?;
    writeln!(out, "{} bytes in {}", bytes.len(), args.to.display())?;
    Ok(())
}

/// Takes in a file; whether all of it was taken in.
///
/// # Errors
/// Any [`ExchangeFailure`]; nothing was changed then, unless it was said before what was
/// stored: then only the list of refused rows cannot be written.
pub async fn run_import(
    app: &App,
    args: &ImportArgs,
    out: &mut impl Write,
) -> Result<bool, ExchangeFailure> {
    let actor = actor(app, &args.about, Permission::ManageTerritory).await?;
    let bytes = bytes_of(&args.file)?;
    match args.about.what {
        What::Territory => take_territory(app, args, &actor, &bytes, out).await,
        What::StationAreas | What::Accounts => {
            // Made before anything is stored, so that what is stored is told of.
            let refused = args.refused.as_deref().map(|path| {
                let file = NewFile::create(path).map_err(at(path))?;
                Ok::<_, ExchangeFailure>((path, file))
            });
            let refused = refused.transpose()?;
            let (kind, report, stored) = match args.about.what {
                What::Accounts => {
                    let (report, stored) = take_accounts(app, args, &actor, &bytes).await?;
                    (Kind::Accounts, report, stored)
                }
                _ => {
                    let (report, stored) = take_areas(app, args, &actor, &bytes, out).await?;
                    (Kind::StationAreas, report, stored)
                }
            };
            told(&report, stored, out)?;
            if let Some((path, file)) = refused {
                let format = format_of(&args.about, "xlsx or csv")?;
                let bytes = report.sheet(kind, format, app.now())?;
                file.write(&bytes).map_err(at(path))?;
            }
            Ok(report.refused.is_empty())
        }
    }
}

async fn take_territory(
    app: &App,
    args: &ImportArgs,
    actor: &Actor,
    bytes: &[u8],
    out: &mut impl Write,
) -> Result<bool, ExchangeFailure> {
    let format: Format = format_of(&args.about, "geojson, shapefile or geopackage")?;
    let mut layers: Layers = exchange::read(format, bytes, args.encoding)?;
    let held = store::whole_territory(&app.store, actor.station, app.now()).await?;
    let base = held.as_ref().map_or(0, |held| held.version);
    let held = held.map(|held| held.content);
    let datum = args.about.datum.map(Datum::name);
    let parts = Parts::of_layers(&mut layers, datum, held.as_ref())?;
    let around = storing::around(app, actor.station, &parts, args.datum_confirmed).await?;
    let taken = parts.take(held.as_ref(), &around)?;
    for note in &layers.notes {
        writeln!(out, "{note}")?;
    }
    for repair in &taken.repairs {
        writeln!(
            out,
            "mended: {:?} at lon {:.7}, lat {:.7} by {:.3} m",
            repair.kind,
            repair.at.lon(),
            repair.at.lat(),
            repair.moved.0
        )?;
    }
    let (cells, areas) = (taken.content.cells.len(), taken.content.station_areas.len());
    let version = accept(app, args, actor, base, taken.content).await?;
    match taking(args) {
        Taking::Look => writeln!(
            out,
            "{cells} cells, {areas} station areas; nothing was written"
        )?,
        Taking::ForGood => writeln!(
            out,
            "version {version}: {cells} cells, {areas} station areas"
        )?,
    }
    Ok(true)
}

async fn take_areas(
    app: &App,
    args: &ImportArgs,
    actor: &Actor,
    bytes: &[u8],
    out: &mut impl Write,
) -> Result<(Report, bool), ExchangeFailure> {
    let format: SheetFormat = format_of(&args.about, "xlsx or csv")?;
    let sheet = sheet::read(format, bytes, args.encoding)?;
    let held = territory(app, actor.station).await?;
    let areas = areas::read(&sheet, &held.content, args.about.datum)?;
    not_doubted(args, areas.doubt)?;
    let worth = is_worth_storing(args, &areas.report);
    let stored = worth && taking(args) == Taking::ForGood;
    if worth || args.dry_run {
        let (content, _) = areas::apply(&held.content, &areas.good)?;
        if worth {
            let version = accept(app, args, actor, held.version, content).await?;
            if stored {
                writeln!(out, "version {version}")?;
            }
        }
    }
    Ok((areas.report, stored))
}

async fn take_accounts(
    app: &App,
    args: &ImportArgs,
    actor: &Actor,
    bytes: &[u8],
) -> Result<(Report, bool), ExchangeFailure> {
    let format: SheetFormat = format_of(&args.about, "xlsx or csv")?;
    let sheet = sheet::read(format, bytes, args.encoding)?;
    let numbers = accounts::numbers(&sheet)?;
    let known = storing::known(app, actor.station, numbers).await?;
    let read = accounts::read(&sheet, &known, args.about.datum)?;
    not_doubted(args, read.doubt)?;
    let worth = is_worth_storing(args, &read.report);
    if worth {
        // As over HTTP: what was known when the sheet was read must still be so.
        let rows = (read.good, Some(known));
        let hand = Hand::on_the_command_line(actor.who);
        storing::accounts(app, hand, actor.station, rows, taking(args)).await?;
    }
    Ok((read.report, worth && taking(args) == Taking::ForGood))
}

fn not_doubted(args: &ImportArgs, doubt: Option<Doubt>) -> Result<(), Flaw> {
    match doubt {
        Some(doubt) if !args.datum_confirmed => Err(Flaw::Doubtful(doubt)),
        _ => Ok(()),
    }
}

const fn taking(args: &ImportArgs) -> Taking {
    Taking::unless(args.dry_run)
}

/// Whether rows are to be stored if it is for good.
fn is_worth_storing(args: &ImportArgs, report: &Report) -> bool {
    let allowed = args.mode == Mode::TakeGood || report.refused.is_empty();
    allowed && report.added + report.changed > 0
}

/// Says what became of the rows.
fn told(report: &Report, stored: bool, out: &mut impl Write) -> io::Result<()> {
    for note in &report.notes {
        writeln!(out, "{note}")?;
    }
    for remark in &report.remarks {
        let (row, column) = (remark.row, &remark.column);
        writeln!(
            out,
            "row {row}, {column}: {:?} {}",
            remark.value, remark.said
        )?;
    }
    for refusal in &report.refused {
        let (row, column, code) = (refusal.row, &refusal.column, refusal.code);
        let (value, reason) = (&refusal.value, &refusal.reason);
        writeln!(
            out,
            "row {row} refused, {column}: {code}: {value:?} {reason}"
        )?;
    }
    writeln!(
        out,
        "{} rows: {} new, {} changed, {} as they were, {} refused; {}",
        report.rows,
        report.added,
        report.changed,
        report.unchanged,
        report.refused_rows(),
        if stored {
            "stored"
        } else {
            "nothing was written"
        }
    )?;
    Ok(())
}

async fn accept(
    app: &App,
    args: &ImportArgs,
    actor: &Actor,
    base: i64,
    content: Content,
) -> Result<i64, Problem> {
    let proposal = Proposal {
        station: actor.station,
        base,
        content,
        effective_from: app.now(),
        author: actor.person,
        reason: args.reason.chars().take(500).collect(),
    };
    let hand = Hand::on_the_command_line(actor.who);
    let how = How::of(ChangeKind::Import);
    let accepted = storing::version(app, hand, proposal, how, taking(args)).await?;
    Ok(accepted.version)
}

/// The person in whose name it is done, and the station, if it is in his scope.
async fn actor(app: &App, about: &About, permission: Permission) -> Result<Actor, Problem> {
    let refused = |detail: &str| Problem::new(Code::AuthForbidden, detail);
    let login = field::folded_login(&about.by);
    let person = person::Entity::find()
        .filter(person::Column::Login.eq(login))
        .one(app.store.read())
        .await?
        .filter(|person| person.disabled_at.is_none())
        .ok_or_else(|| refused("Nobody active has that login."))?;
    let role: Role = person.role.parse().map_err(Problem::internal)?;
    if !permission.allowed_to(role) {
        return Err(refused("That person's role does not allow this."));
    }
    let org = OrgId(person.org_id);
    let tree = reach::around(app.store.read(), org).await?;
    let scope = reach::scope(&tree, PersonId(person.id), role, org, app.now());
    let station = org_unit::Entity::find()
        .filter(scope.units())
        .filter(org_unit::Column::Kind.eq(UnitKind::Station.as_str()))
        .filter(org_unit::Column::Code.eq(&about.station))
        .one(app.store.read())
        .await?
        .ok_or_else(Problem::not_found)?;
    Ok(Actor {
        person: PersonId(person.id),
        station: OrgId(station.id),
        who: Who::of(app.store.read(), &person).await?,
    })
}

async fn territory(app: &App, station: OrgId) -> Result<StoredTerritory, Problem> {
    let held = store::whole_territory(&app.store, station, app.now()).await?;
    held.ok_or_else(|| {
        Problem::new(
            Code::TerritoryNone,
            "The station has no territory yet; import one.",
        )
    })
}

fn format_of<T: clap::ValueEnum>(
    about: &About,
    allowed: &'static str,
) -> Result<T, ExchangeFailure> {
    T::from_str(&about.format, true)
        .map_err(|_| ExchangeFailure::Format(about.format.clone(), allowed))
}

/// Reads a file of at most [`exchange::MAX_BYTES`].
fn bytes_of(path: &Path) -> Result<Vec<u8>, ExchangeFailure> {
    let limit = exchange::MAX_BYTES;
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(at(path))?;
    file.take(limit as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(at(path))?;
    if bytes.len() > limit {
        let detail = format!("{} has more than {limit} bytes.", path.display());
        return Err(Problem::new(Code::RequestTooLarge, detail).into());
    }
    Ok(bytes)
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> ExchangeFailure {
    let path = path.to_owned();
    move |error| ExchangeFailure::File { path, error }
}

#[cfg(test)]
#[path = "exchange_command_tests.rs"]
mod tests;
