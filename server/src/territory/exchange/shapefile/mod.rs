//! Shapefiles in a zip archive: for each layer `.shp` (where), `.dbf` (what), `.prj` (the
//! datum) and `.cpg` (the encoding of the text); ESRI Shapefile Technical Description, 1998.
//!
//! A table of the dBASE kind holds at most 254 bytes in a text and ten letters in the name of
//! a column. A longer text goes on in columns of its own: `name`, `name_2`, `name_3`; read
//! in, they are one text again ([`dbf`]). No name of a column here is longer than ten
//! letters: which station areas a cell has is said by the column `cell` of each of them.

mod dbf;
mod shp;

use super::{
    Archive,
    crs::{self, Said},
    layers::{Layers, Note, feature},
    table::Table,
    text::Encoding,
};
use crate::territory::{import::Layer, problem::Problem};
use gridcrew_sync_protocol::{position::Datum, time::UnixMillis};
use std::io::{Cursor, Write};
use zip::{ZipWriter, write::SimpleFileOptions};

/// Reads the layers of an archive. They may stand in a folder of it.
pub(super) fn read(bytes: &[u8], stated: Option<Encoding>) -> Result<Layers, Problem> {
    let mut archive = Archive::open(bytes)?;
    let mut layers = Layers::default();
    let mut names = archive.names();
    names.sort_unstable();
    for name in &names {
        let Some(stem) = name
            .strip_suffix(".shp")
            .or_else(|| name.strip_suffix(".SHP"))
        else {
            continue;
        };
        let title = stem.rsplit(['/', '\\']).next().unwrap_or(stem);
        // What a Macintosh packs beside every file.
        if title.starts_with("._") {
            continue;
        }
        match layers.slot(title) {
            None => {
                let what = format!("the layer {:?}", title.chars().take(40).collect::<String>());
                layers.notes.push(Note::Ignored { what });
            }
            Some(Some(_)) => {
                return Err(Problem::Unreadable {
                    what: "the archive".to_owned(),
                    why: format!("it has two layers {title:?}; leave one"),
                });
            }
            Some(slot) => {
                let (layer, note) = read_layer(&mut archive, &names, stem, title, stated)?;
                *slot = Some(layer);
                layers.notes.extend(note);
            }
        }
    }
    if layers.boundary.is_none() && layers.cells.is_none() && layers.station_areas.is_none() {
        return Err(Problem::Unreadable {
            what: "the archive".to_owned(),
            why: "none of boundary.shp, cells.shp, station_areas.shp is in it".to_owned(),
        });
    }
    Ok(layers)
}

fn read_layer(
    archive: &mut Archive<'_>,
    names: &[String],
    stem: &str,
    title: &str,
    stated: Option<Encoding>,
) -> Result<(Layer, Option<Note>), Problem> {
    let mut part = |ending: &str| -> Result<Option<Vec<u8>>, Problem> {
        let wanted = format!("{stem}.{ending}");
        match names.iter().find(|name| name.eq_ignore_ascii_case(&wanted)) {
            Some(name) => archive.read(name),
            None => Ok(None),
        }
    };
    let (shp, dbf) = (part("shp")?, part("dbf")?);
    let (prj, cpg) = (part("prj")?, part("cpg")?);
    let unreadable = |file: &str, why: String| Problem::Unreadable {
        what: format!("{title}.{file}"),
        why,
    };
    let places = shp::read(&shp.unwrap_or_default()).map_err(|why| unreadable("shp", why))?;
    let dbf = dbf.ok_or_else(|| unreadable("dbf", "it is missing".to_owned()))?;
    let table = dbf::Table::open(&dbf).map_err(|why| unreadable("dbf", why))?;
    if table.count() != places.len() {
        let why = format!("it has {} rows for {} shapes", table.count(), places.len());
        return Err(unreadable("dbf", why));
    }
    let prj = String::from_utf8_lossy(&prj.unwrap_or_default()).into_owned();
    let datum = match crs::read(&prj) {
        Said::Datum(datum) => Some(datum),
        Said::Nothing => None,
        Said::Other(said) => {
            return Err(Problem::OtherSystem {
                what: format!("{title}.prj"),
                said,
            });
        }
    };
    let cpg = String::from_utf8_lossy(&cpg.unwrap_or_default())
        .trim()
        .to_owned();
    let (encoding, by) = encoding(title, stated, &cpg, table.encoding())?;
    let mut features = Vec::with_capacity(places.len());
    for (number, place) in places.into_iter().enumerate() {
        let row = table
            .row(number, encoding)
            .map_err(|bytes| Problem::Encoding {
                what: format!("{title}.dbf, row {},", number + 1),
                encoding: encoding.to_string(),
                gbk: (encoding == Encoding::Utf8)
                    .then(|| super::text::as_gbk(bytes))
                    .flatten(),
            })?;
        if let Some(properties) = row {
            features.push(feature(place, properties));
        }
    }
    let note = (encoding != Encoding::Utf8).then(|| Note::ReadAs {
        what: format!("{title}.dbf"),
        encoding,
        by,
    });
    Ok((Layer { features, datum }, note))
}

/// The encoding of a table's text, and who says so: the request, the `.cpg`, the mark in the
/// table; they must not contradict each other. When nobody says anything it is UTF-8.
fn encoding(
    title: &str,
    stated: Option<Encoding>,
    cpg: &str,
    mark: Option<Encoding>,
) -> Result<(Encoding, &'static str), Problem> {
    let unreadable = |why: String| Problem::Unreadable {
        what: format!("{title}.cpg"),
        why,
    };
    let in_cpg =
        if cpg.is_empty() {
            None
        } else {
            let known = Encoding::by_name(cpg);
            let said: String = cpg.chars().take(40).collect();
            Some(known.ok_or_else(|| {
                unreadable(format!("it says {said:?}; only UTF-8 and GBK are read"))
            })?)
        };
    match (stated, in_cpg) {
        (Some(stated), Some(in_cpg)) if stated != in_cpg => Err(unreadable(format!(
            "it says {in_cpg}, the request says {stated}; find out which is true"
        ))),
        (Some(stated), _) => Ok((stated, "the request")),
        (None, Some(in_cpg)) => Ok((in_cpg, "the .cpg")),
        (None, None) => match mark {
            Some(mark) => Ok((mark, "the mark in the .dbf")),
            None => Ok((Encoding::Utf8, "the rule")),
        },
    }
}

/// Writes an archive.
pub(super) fn write(tables: &[Table], datum: Datum, now: UnixMillis) -> Result<Vec<u8>, Problem> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let mut put = |name: String, bytes: &[u8]| -> Result<(), Problem> {
        let failed = |why: String| Problem::Unreadable {
            what: name.clone(),
            why,
        };
        zip.start_file(&name, SimpleFileOptions::default())
            .map_err(|error| failed(error.to_string()))?;
        zip.write_all(bytes)
            .map_err(|error| failed(error.to_string()))
    };
    for table in tables {
        let name = table.name;
        let (shp, shx) = shp::write(table);
        put(format!("{name}.shp"), &shp)?;
        put(format!("{name}.shx"), &shx)?;
        put(format!("{name}.dbf"), &dbf::write(table, now))?;
        put(format!("{name}.prj"), crs::wkt(datum).as_bytes())?;
        put(format!("{name}.cpg"), b"UTF-8")?;
    }
    let archive = zip.finish().map_err(|error| Problem::Unreadable {
        what: "the archive".to_owned(),
        why: error.to_string(),
    })?;
    Ok(archive.into_inner())
}

#[cfg(test)]
mod tests;
