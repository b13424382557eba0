//! The way out: a file is handed out only when the way in takes it again.
//!
//! Each reader has limits of its own: bytes, rows, features, points, what an archive unpacks to.
//! What is written here is read at once as an import would read it, so that nobody is given an
//! export that is of no use to put back, whichever limit it is that stands in the way. A sheet
//! goes out in parts then, each of which is taken in by itself; a territory in another format.
//! Parts are of the moment at which each is asked for: what comes in between two of them may
//! stand in both, which does no harm on its way back. Counts stand in nothing's way but of what
//! is older than they are: what is stored keeps to them
//! ([`check_sizes`](super::content::Content::check_sizes)).

use super::{
    content::Content,
    exchange::{self, Format},
    problem::{Problem, Problems},
    sheet::{self, Kind, MAX_ROWS, Out, SheetFormat},
    taking::Parts,
};
use gridcrew_sync_protocol::{position::Datum, time::UnixMillis};

/// Rows of a part of a sheet: so few that they fit into a file with texts as long as they may
/// be in Chinese or Latin letters.
pub const PART_ROWS: usize = 10_000;

/// A territory as a file, coordinates in `datum`.
///
/// # Errors
/// `export.too_large` when it could not be taken in again, else as [`exchange::write`].
pub fn territory(
    format: Format,
    content: &Content,
    datum: Datum,
    now: UnixMillis,
) -> Result<Vec<u8>, Problem> {
    let bytes = exchange::write(format, content, datum, now)?;
    match taken_again(format, &bytes) {
        Ok(()) => Ok(bytes),
        Err(problems) => Err(Problem::OneWay {
            what: "the territory",
            why: first(&problems),
            instead: "a GeoPackage is the smallest per point, a shapefile is packed".to_owned(),
        }),
    }
}

fn taken_again(format: Format, bytes: &[u8]) -> Result<(), Problems> {
    fits(bytes, exchange::MAX_BYTES)?;
    let mut layers = exchange::read(format, bytes, None)?;
    Parts::of_layers(&mut layers, None, None)?;
    Ok(())
}

/// Rows as a sheet: all of them, or one part, counted from 1.
///
/// # Errors
/// `export.too_large` when it could not be taken in again, `request.invalid` when there is no
/// such part, else as [`sheet::write`].
pub fn sheet(
    kind: Kind,
    format: SheetFormat,
    rows: Vec<Vec<Out>>,
    part: Option<usize>,
    now: UnixMillis,
) -> Result<Vec<u8>, Problem> {
    let (all, parts) = (rows.len(), rows.len().div_ceil(PART_ROWS).max(1));
    let rows = match part {
        None => rows,
        Some(part) if (1..=parts).contains(&part) => {
            let before = (part - 1) * PART_ROWS;
            rows.into_iter().skip(before).take(PART_ROWS).collect()
        }
        Some(part) => return Err(Problem::NoPart { part, parts }),
    };
    let in_parts = |why: String| Problem::OneWay {
        what: "the sheet",
        why,
        instead: format!("it has {all} rows; ask for its parts, part=1 to part={parts}"),
    };
    if rows.len() > MAX_ROWS {
        let why = format!("at most {MAX_ROWS} rows are taken in at once");
        return Err(in_parts(why));
    }
    let bytes = sheet::write(kind, format, rows, now)?;
    let again = fits(&bytes, sheet::MAX_BYTES).and_then(|()| sheet::read(format, &bytes, None));
    match again {
        Ok(_) => Ok(bytes),
        Err(problem) => Err(in_parts(problem.to_string())),
    }
}

fn fits(bytes: &[u8], limit: usize) -> Result<(), Problem> {
    if bytes.len() <= limit {
        return Ok(());
    }
    Err(Problem::TooLarge {
        place: "the file".to_owned(),
        what: "bytes",
        count: bytes.len(),
        limit,
    })
}

fn first(problems: &Problems) -> String {
    problems
        .all()
        .first()
        .map_or_else(String::new, ToString::to_string)
}

#[cfg(test)]
#[path = "giving_tests.rs"]
mod tests;
