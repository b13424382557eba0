//! What files say of their datum: well-known text, as in `.prj` and `gpkg_spatial_ref_sys`.
//!
//! WGS-84 and CGCS2000 have registered names. GCJ-02 and BD-09 have none, and files in them
//! are commonly marked as WGS-84, which makes every map wrong by 500 m. So what is written
//! here in GCJ-02 or BD-09 says so under a name of its own: this reader knows it, and no
//! other program takes it for what it is not.

use gridcrew_sync_protocol::position::Datum;

/// What well-known text says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Degrees in a datum that is known here.
    Datum(Datum),
    /// Nothing at all.
    Nothing,
    /// Something else: its name, or what it is.
    Other(String),
}

/// Well-known text of a datum, in the form that Shapefiles use.
pub(super) fn wkt(datum: Datum) -> String {
    let (name, datum, spheroid) = match datum {
        Datum::Wgs84 => (
            "GCS_WGS_1984",
            "D_WGS_1984",
            "\"WGS_1984\",6378137.0,298.257223563",
        ),
        Datum::Cgcs2000 => (
            "GCS_China_Geodetic_Coordinate_System_2000",
            "D_China_2000",
            "\"CGCS2000\",6378137.0,298.257222101",
        ),
        Datum::Gcj02 => (
            "GCS_GCJ_02",
            "D_GCJ_02",
            "\"Krasovsky_1940\",6378245.0,298.3",
        ),
        Datum::Bd09 => ("GCS_BD_09", "D_BD_09", "\"Krasovsky_1940\",6378245.0,298.3"),
    };
    format!(
        "GEOGCS[\"{name}\",DATUM[\"{datum}\",SPHEROID[{spheroid}]],\
         PRIMEM[\"Greenwich\",0.0],UNIT[\"Degree\",0.0174532925199433]]"
    )
}

/// Reads well-known text, of either edition.
pub(super) fn read(text: &str) -> Said {
    let text = text.trim().trim_start_matches('\u{feff}');
    if text.is_empty() || text.eq_ignore_ascii_case("undefined") {
        return Said::Nothing;
    }
    let (keyword, rest) = text.split_once('[').unwrap_or((text, ""));
    let name: String = rest
        .split('"')
        .nth(1)
        .unwrap_or("")
        .chars()
        .take(80)
        .collect();
    let known = match keyword.trim().to_ascii_uppercase().as_str() {
        "GEOGCS" | "GEOGCRS" | "GEODCRS" | "GEOGRAPHICCRS" => by_name(&name),
        other => {
            let other: String = other.chars().take(20).collect();
            return Said::Other(format!("{other} {name:?}, which is not in degrees"));
        }
    };
    known.map_or_else(|| Said::Other(format!("{name:?}")), Said::Datum)
}

fn by_name(name: &str) -> Option<Datum> {
    let plain: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let plain = plain.strip_prefix("GCS").unwrap_or(&plain);
    match plain {
        "WGS1984" | "WGS84" => Some(Datum::Wgs84),
        "CHINAGEODETICCOORDINATESYSTEM2000" | "CGCS2000" | "CHINA2000" => Some(Datum::Cgcs2000),
        "GCJ02" => Some(Datum::Gcj02),
        "BD09" => Some(Datum::Bd09),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Said, read, wkt};
    use gridcrew_sync_protocol::position::Datum;

    #[test]
    fn what_is_written_is_known_again() {
        for datum in Datum::ALL {
            assert_eq!(read(&wkt(datum)), Said::Datum(datum));
        }
    }

    #[test]
    fn names_of_other_programs_are_known_and_others_are_named() {
        // As QGIS and as EPSG's WKT2 write them.
        let known = [
            (r#"GEOGCS["WGS 84",DATUM["WGS_1984"]]"#, Datum::Wgs84),
            (
                r#"GEOGCRS["China Geodetic Coordinate System 2000",DATUM["China 2000"]]"#,
                Datum::Cgcs2000,
            ),
        ];
        for (text, datum) in known {
            assert_eq!(read(text), Said::Datum(datum));
        }
        for text in [
            r#"PROJCS["CGCS2000_3_Degree_GK_Zone_39",GEOGCS["GCS_WGS_1984"]]"#,
            r#"GEOGCS["GCS_Xian_1980"]"#,
            "GEOGCS[",
            "{}",
        ] {
            assert!(matches!(read(text), Said::Other(_)), "{text}");
        }
        assert_eq!(read("  "), Said::Nothing);
    }
}
