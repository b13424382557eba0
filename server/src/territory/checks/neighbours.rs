//! What a territory has in common with those of other stations: ground that two claim, station
//! areas that stand on another's ground (DOMAIN section 7, row 12).
//!
//! The snapshot says which cells of other stations lie by the boundary: its border is
//! walked in steps of at most [`STEP`], and the cells nearest to each place are looked at. With
//! these the boundary is cut, so what is in both is exact.

use super::{Flaw, FlawKind, SomeFlaws};
use crate::territory::{
    content::Content,
    locate::TIE,
    planar::{Line, Subdivision, inside_of},
    shape::{Shape, square_metres},
    snapshot::{StationGround, TerritorySnapshot},
    tiling::REPORTED,
};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId},
    position::{Metres, Wgs84, distance_m},
};
use std::collections::BTreeMap;

/// How far apart the places are at which the border is looked at.
pub const STEP: Metres = Metres(400.0);
/// Most places looked at: a border as long as a province's.
const PLACES: usize = 20_000;

/// What this station's territory has in common with others in the snapshot.
#[must_use]
pub fn common_ground(
    station: OrgId,
    content: &Content,
    snapshot: &TerritorySnapshot,
    least_m2: f64,
) -> SomeFlaws {
    let mut found = SomeFlaws::default();
    let mut beside: BTreeMap<CellId, OrgId> = BTreeMap::new();
    let others: Vec<OrgId> = snapshot
        .stations()
        .map(StationGround::station)
        .filter(|other| *other != station)
        .collect();
    let mut near = |at: Wgs84| -> Option<(CellId, OrgId)> {
        let answer = snapshot.look_around(at, &others);
        let mut holds = None;
        for candidate in answer
            .candidates
            .iter()
            .filter(|near| near.distance <= STEP)
        {
            let other = (candidate.cell.id(), candidate.cell.station());
            beside.insert(other.0, other.1);
            if candidate.distance <= TIE {
                holds = holds.or(Some(other));
            }
        }
        holds
    };
    for at in places(&content.boundary) {
        near(at);
    }
    let mut on_others: Vec<Flaw> = Vec::new();
    for area in &content.station_areas {
        if let Some((_, other)) = near(area.position) {
            on_others.push(Flaw {
                cells: area.cell.iter().cloned().collect(),
                station_area: Some(area.code.clone()),
                at: Some(area.position),
                other_station: Some(other),
                ..Flaw::of(FlawKind::StationAreaOnOthersGround)
            });
        }
    }
    found.add(FlawKind::StationAreaOnOthersGround, on_others);
    let shared = shared(&content.boundary, &beside, snapshot, least_m2);
    found.add(FlawKind::GroundOfTwoStations, shared);
    found
}

impl SomeFlaws {
    /// Adds flaws of one kind, of which only the first are named.
    pub fn add(&mut self, kind: FlawKind, flaws: Vec<Flaw>) {
        if !flaws.is_empty() {
            self.found.insert(kind, flaws.len());
            self.named.extend(flaws.into_iter().take(REPORTED));
        }
    }
}

/// Places along a border: its points, and more where they are far apart.
fn places(boundary: &Shape) -> impl Iterator<Item = Wgs84> {
    let pairs = boundary.rings().flat_map(|ring| ring.windows(2));
    let places = pairs.flat_map(|pair| {
        let [a, b] = [pair[0], pair[1]];
        let parts = (distance_m(a, b).0 / STEP.0).ceil().clamp(1.0, 1_000.0);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most a thousand"
        )]
        let count = parts as u32;
        (0..count).filter_map(move |n| {
            let share = f64::from(n) / parts;
            let lon = a.lon() + (b.lon() - a.lon()) * share;
            let lat = a.lat() + (b.lat() - a.lat()) * share;
            Wgs84::new(lon, lat).ok()
        })
    });
    places.take(PLACES)
}

/// The ground of the boundary that is in cells of others too, the largest first.
fn shared(
    boundary: &Shape,
    others: &BTreeMap<CellId, OrgId>,
    snapshot: &TerritorySnapshot,
    least_m2: f64,
) -> Vec<Flaw> {
    let mut stations = Vec::new();
    let mut lines: Vec<Line> = boundary
        .steps()
        .map(|(a, b)| Line { a, b, borders: 1 })
        .collect();
    for (cell, station) in others {
        let outline = snapshot.cell(*cell).map(|cell| cell.outline());
        let outline = outline.and_then(Shape::of_pairs);
        let weight = i32::try_from(2 * (stations.len() + 1));
        if let (Some(outline), Ok(borders)) = (outline, weight) {
            lines.extend(outline.steps().map(|(a, b)| Line { a, b, borders }));
            stations.push(*station);
        }
    }
    let Ok(map) = Subdivision::of(lines) else {
        return Vec::new();
    };
    let [_, south, _, north] = boundary.bounds();
    let lat = f64::midpoint(south, north);
    let mut flaws: Vec<Flaw> = map
        .faces
        .iter()
        .filter(|face| face.cover > 1 && face.cover % 2 == 1)
        .filter_map(|face| {
            let area_m2 = square_metres(face.doubled_area, lat);
            let (ring, holes) = face.loops.split_first()?;
            let (lon, lat) = inside_of(ring, holes)?;
            let number = usize::try_from((face.cover - 1) / 2 - 1).ok()?;
            (area_m2 >= least_m2).then(|| Flaw {
                at: Wgs84::new(lon, lat).ok(),
                area_m2: Some(area_m2),
                other_station: stations.get(number).copied(),
                ..Flaw::of(FlawKind::GroundOfTwoStations)
            })
        })
        .collect();
    flaws.sort_by(|a, b| {
        let size = |flaw: &Flaw| flaw.area_m2.unwrap_or(0.0);
        size(b).total_cmp(&size(a))
    });
    flaws
}
