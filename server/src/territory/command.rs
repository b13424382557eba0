//! Splitting on the command line: `gridcrew split`.
//!
//! It reads files, prints a table and writes the cells as GeoJSON; it knows no server and no
//! database, so nothing is in force by it. What is liked is imported, or split with the same
//! seed, at the server.

use super::{
    content::Content,
    draft::TerritoryDraft,
    import::{self, Imported},
    preview::{CellRow, Known, LookError, Preview, SplitWishes, WeightBy, Workload, look},
    problem::Problems,
    split::Size,
};
use gridcrew_sync_protocol::code::Code;
use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    fs::File,
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

/// Most bytes of a file.
const MAX_BYTES: u64 = 16 * 1024 * 1024;

/// `gridcrew split`
#[derive(Clone, Debug, clap::Args)]
pub struct SplitArgs {
    /// The boundary: GeoJSON, a Polygon or MultiPolygon.
    #[arg(long, value_name = "FILE")]
    pub boundary: PathBuf,
    /// The station areas: a GeoJSON FeatureCollection of Points or Polygons.
    #[arg(long, value_name = "FILE")]
    pub areas: PathBuf,
    /// The present cells, GeoJSON: what would move is compared with them.
    #[arg(long, value_name = "FILE")]
    pub present: Option<PathBuf>,
    /// Rivers, expressways: GeoJSON LineStrings with `crossing`, costly or forbidden.
    #[arg(long, value_name = "FILE")]
    pub barriers: Option<PathBuf>,
    /// Orders: a line `code,orders of the last year,open orders` for each station area.
    #[arg(long, value_name = "FILE")]
    pub orders: Option<PathBuf>,
    /// What all coordinates refer to: WGS-84, GCJ-02, BD-09 or CGCS2000, unless the files
    /// say so themselves.
    #[arg(long)]
    pub datum: Option<String>,
    /// Into how many cells.
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "largest_weight",
        required_unless_present = "largest_weight"
    )]
    pub cells: Option<usize>,
    /// Into as many cells as it takes so that none weighs more.
    #[arg(long, value_name = "N")]
    pub largest_weight: Option<u64>,
    /// What is evened out.
    #[arg(long, value_enum, default_value = "customers")]
    pub weight: WeightBy,
    /// Station areas of one feeder stay together.
    #[arg(long)]
    pub feeders_together: bool,
    /// Station areas that stay together, by their codes; may be given several times.
    #[arg(long, value_name = "CODE,CODE...")]
    pub together: Vec<String>,
    /// A present cell that stays as it is, by its code; may be given several times.
    #[arg(long, value_name = "CODE", requires = "present")]
    pub lock: Vec<String>,
    /// The same seed gives the same cells.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where to write the cells as GeoJSON in WGS-84, and nothing else.
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Print the whole preview as JSON instead of a table.
    #[arg(long)]
    pub json: bool,
}

/// Why there is no split.
#[derive(Debug, thiserror::Error)]
pub enum SplitFailure {
    /// A file cannot be read or written.
    #[error("{}: {error}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file is too large.
    #[error("{}: territory.too_large: more than 16 MiB; simplify or split it", .0.display())]
    TooLarge(PathBuf),
    /// A line of orders is not as it must be.
    #[error("{}: line {line}: give a code and two whole numbers with commas between", .path.display())]
    Orders {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// Something is wrong with a file.
    #[error("{}: {}: {problems}", .path.display(), .problems.code().as_str())]
    Problems {
        /// Which.
        path: PathBuf,
        /// What.
        problems: Problems,
    },
    /// It cannot be split so.
    #[error("{}: {error}", .code.as_str())]
    Look {
        /// The stable code.
        code: Code,
        /// Why.
        error: LookError,
    },
    /// Nothing can be printed.
    #[error("{0}")]
    Print(#[from] io::Error),
}

/// Splits what is in files, prints how that looks, and tells `progress` what is done.
///
/// # Errors
/// Any [`SplitFailure`].
pub fn run_split(
    args: &SplitArgs,
    out: &mut impl Write,
    progress: &mut impl Write,
) -> Result<(), SplitFailure> {
    let datum = args.datum.as_deref();
    let boundary = import_file(&args.boundary, |text| import::boundary(text, datum))?;
    let areas = import_file(&args.areas, |text| import::station_areas(text, datum))?;
    let outlines = areas
        .iter()
        .filter_map(|area| Some((area.code.clone(), area.outline.clone()?)));
    let known = Known {
        outlines: outlines.collect(),
        workloads: orders(args.orders.as_deref())?,
        managers: BTreeMap::new(),
    };
    let content = match &args.present {
        Some(path) => {
            let cells = import_file(path, |text| import::cells(text, datum))?;
            let draft = TerritoryDraft::check(boundary, areas, cells);
            Content::from(draft.map_err(|problems| SplitFailure::Problems {
                path: path.clone(),
                problems,
            })?)
        }
        None => Content::without_cells(boundary, areas),
    };
    let wishes = wishes(args)?;
    let state = RefCell::new((1, progress));
    let tell = |done: f64| {
        // In tenths, each once; whether anybody reads it does not matter.
        let (next, progress) = &mut *state.borrow_mut();
        while *next <= 10 && f64::from(*next) <= done * 10.0 {
            let _ = writeln!(progress, "{} %", 10 * *next);
            *next += 1;
        }
    };
    let (_, preview) =
        look(content, &wishes, &known, &tell).map_err(|error| SplitFailure::Look {
            code: error.code(),
            error,
        })?;
    if let Some(path) = &args.out {
        std::fs::write(path, preview.geojson.to_string()).map_err(|error| SplitFailure::File {
            path: path.clone(),
            error,
        })?;
    }
    if args.json {
        serde_json::to_writer(&mut *out, &preview).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        print_table(&preview, out)?;
    }
    Ok(())
}

fn wishes(args: &SplitArgs) -> Result<SplitWishes, SplitFailure> {
    let barriers = match &args.barriers {
        Some(path) => import_file(path, |text| import::barriers(text, args.datum.as_deref()))?,
        None => Vec::new(),
    };
    let group = |codes: &String| {
        codes
            .split(',')
            .map(|code| code.trim().to_owned())
            .collect()
    };
    Ok(SplitWishes {
        size: match args.largest_weight {
            Some(largest) => Size::LargestWeight(largest),
            None => Size::Cells(args.cells.unwrap_or_default()),
        },
        weight: args.weight,
        feeders_together: args.feeders_together,
        together: args.together.iter().map(group).collect(),
        locked: args.lock.clone(),
        barriers,
        seed: args.seed,
    })
}

/// Reads a file of at most [`MAX_BYTES`].
fn text_of(path: &Path) -> Result<String, SplitFailure> {
    let failed = |error| SplitFailure::File {
        path: path.to_owned(),
        error,
    };
    let mut text = String::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(SplitFailure::TooLarge(path.to_owned()));
    }
    Ok(text)
}

fn import_file<T>(
    path: &Path,
    read: impl FnOnce(&str) -> Result<Imported<T>, Problems>,
) -> Result<T, SplitFailure> {
    let imported = read(&text_of(path)?).map_err(|problems| SplitFailure::Problems {
        path: path.to_owned(),
        problems,
    })?;
    Ok(imported.value)
}

fn orders(path: Option<&Path>) -> Result<HashMap<String, Workload>, SplitFailure> {
    let Some(path) = path else {
        return Ok(HashMap::new());
    };
    let text = text_of(path)?;
    let lines = text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| {
            let mut fields = line.split(',').map(str::trim);
            let code = fields.next().filter(|code| !code.is_empty());
            let mut count = || fields.next().and_then(|field| field.parse().ok());
            match (code, count(), count()) {
                (Some(code), Some(orders), Some(open)) => {
                    Ok((code.to_owned(), Workload { orders, open }))
                }
                _ => Err(SplitFailure::Orders {
                    path: path.to_owned(),
                    line: number + 1,
                }),
            }
        })
        .collect()
}

fn print_table(preview: &Preview, out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:<10} {:>6} {:>9} {:>8} {:>9} {:>8} {:>8} {:>6}  name",
        "cell", "areas", "weight", "off", "km2", "km round", "km inner", "PP"
    )?;
    for row in &preview.cells {
        writeln!(
            out,
            "{:<10} {:>6} {:>9} {:>7.1}% {:>9.2} {:>8.1} {:>8.1} {:>6.2}  {}{}",
            row.code,
            row.station_areas.len(),
            row.weight,
            100.0 * row.off_share,
            row.area_m2 / 1e6,
            row.perimeter_m / 1e3,
            row.inner_border_m / 1e3,
            row.polsby_popper,
            row.name,
            remark(row)
        )?;
    }
    writeln!(
        out,
        "{} cells, an equal share is {:.1}, the worst is {:.1} % off it; {:.1} km of borders \
         between cells",
        preview.cells.len(),
        preview.share,
        100.0 * preview.imbalance,
        preview.inner_border_m / 1e3
    )?;
    for together in &preview.together {
        let (group, along) = (together.group.join(", "), together.came_along.join(", "));
        writeln!(out, "with {group} came {along}: they lie between")?;
    }
    if preview.mended > 0 || preview.contested_m2 > 0.0 || preview.unclaimed_m2 > 0.0 {
        writeln!(
            out,
            "outlines: {} points mended, {:.1} m2 in several (the first has them), {:.1} m2 in \
             none (neighbours have them)",
            preview.mended, preview.contested_m2, preview.unclaimed_m2
        )?;
    }
    if !preview.moves.is_empty() {
        writeln!(
            out,
            "{} station areas would move, with {} customers and {} open orders",
            preview.moves.len(),
            preview.customers_moved,
            preview.open_orders_moved
        )?;
    }
    Ok(())
}

fn remark(row: &CellRow) -> String {
    let forced = row.forced_by.as_ref().map(|forced| {
        let area = forced.station_area.as_deref().unwrap_or("-");
        format!(" [forced: {:?} {area}]", forced.why)
    });
    let locked = if row.locked { " [locked]" } else { "" };
    forced.unwrap_or_default() + locked
}

#[cfg(test)]
#[path = "command_tests.rs"]
mod tests;
