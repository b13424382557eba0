//! The requests of the file: what was asked, when, and where, if anyone knew where.
//!
//! The file gives every request a place; those that could not be placed all sit on one
//! default point. It is found in the data: the most frequent place of all. A request
//! there counts as one without a place.

use crate::failure::{Failure, Fallible};
use flate2::read::GzDecoder;
use std::{collections::HashMap, fs::File, path::Path};

/// Where the file is, under the folder of real data.
pub const FILE: &str = "service_requests/boston311_2011Q3.csv.gz";

/// Longitude and latitude in degrees of WGS-84.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// East positive.
    pub lon: f64,
    /// North positive.
    pub lat: f64,
}

/// One request.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Its number at the office that took it in.
    pub number: String,
    /// When it was opened, local time as written: `2011-08-28 06:01:02`.
    pub opened: String,
    /// What it was about.
    pub title: String,
    /// Where, in words.
    pub address: String,
    /// Where, if it could be placed.
    pub place: Option<Place>,
}

impl Request {
    /// Whether it was opened on that day, written `2011-08-28`.
    #[must_use]
    pub fn is_of(&self, day: &str) -> bool {
        self.opened
            .strip_prefix(day)
            .is_some_and(|time| time.starts_with(' '))
    }
}

/// Reads all requests of the file under `data`, in the order of the file.
///
/// # Errors
/// When the file is missing or not of the expected shape.
pub fn read(data: &Path) -> Fallible<Vec<Request>> {
    let path = data.join(FILE);
    let file =
        File::open(&path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    let mut reader = csv::Reader::from_reader(GzDecoder::new(file));
    let header = reader.headers()?.clone();
    let column = |name: &str| {
        header
            .iter()
            .position(|column| column == name)
            .ok_or_else(|| Failure::new(format!("{}: no column `{name}`", path.display())))
    };
    let number = column("case_enquiry_id")?;
    let (opened, title, address) = (
        column("open_dt")?,
        column("case_title")?,
        column("location")?,
    );
    let (lat, lon) = (column("latitude")?, column("longitude")?);
    let mut requests = Vec::new();
    let mut written: Vec<Option<(String, String)>> = Vec::new();
    for row in reader.records() {
        let row = row?;
        let text = |at: usize| row.get(at).unwrap_or_default().trim().to_owned();
        let place = match (text(lon).parse(), text(lat).parse()) {
            (Ok(lon), Ok(lat)) => Some(Place { lon, lat }),
            _ => None,
        };
        written.push(place.map(|_| (text(lon), text(lat))));
        requests.push(Request {
            number: text(number),
            opened: text(opened),
            title: text(title),
            address: text(address),
            place,
        });
    }
    if let Some(default) = most_frequent(&written) {
        for (request, written) in requests.iter_mut().zip(&written) {
            if written.as_ref() == Some(&default) {
                request.place = None;
            }
        }
    }
    Ok(requests)
}

fn most_frequent(places: &[Option<(String, String)>]) -> Option<(String, String)> {
    let mut counts: HashMap<&(String, String), usize> = HashMap::new();
    for place in places.iter().flatten() {
        *counts.entry(place).or_default() += 1;
    }
    let most = counts
        .into_iter()
        .max_by_key(|(place, count)| (*count, *place));
    most.map(|(place, _)| place.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn requests_on_the_most_frequent_place_have_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file =
            flate2::write::GzEncoder::new(File::create(path).unwrap(), flate2::Compression::fast());
        let rows = "case_enquiry_id,open_dt,case_title,location,latitude,longitude\n\
            1,2011-08-28 00:00:01,Tree,\"A, B\",42.1,-71.1\n\
            2,2011-08-28 00:00:02,Tree,C,42.3594,-71.0587\n\
            3,2011-08-29 00:00:03,Tree,,42.3594,-71.0587\n\
            4,2011-08-29 00:00:03,Tree,,,\n";
        file.write_all(rows.as_bytes()).unwrap();
        file.finish().unwrap();
        let requests = read(folder.path()).unwrap();
        let placed: Vec<bool> = requests
            .iter()
            .map(|request| request.place.is_some())
            .collect();
        assert_eq!(placed, [true, false, false, false]);
        assert_eq!(requests[0].address, "A, B");
        assert_eq!(
            requests
                .iter()
                .filter(|request| request.is_of("2011-08-28"))
                .count(),
            2
        );
    }
}
