//! All cells of all stations at one moment, laid out for searching.
//!
//! A snapshot never changes. It is built from what the store holds, searched by any number
//! of threads ([`TerritorySnapshot::locate`]), and replaced whole. Customers are not in it:
//! account → station area is a look-up in the store, station area → cell one here.

use super::{
    roles::CellRoles,
    shape::{Pairs, Shape},
};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId, StationAreaId},
    position::{Metres, Wgs84, distance_m},
    workflow::AreaClass,
};
use rstar::{AABB, RTree, RTreeObject};
use std::collections::HashMap;

/// A station area of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AreaInCell {
    /// Its id.
    pub id: StationAreaId,
    /// Where its transformer stands.
    pub position: Wgs84,
    /// Urban, rural or remote.
    pub class: AreaClass,
}

/// A cell as the store holds it.
#[derive(Clone, Debug)]
pub struct CellRecord {
    /// Its id.
    pub id: CellId,
    /// The station that it belongs to.
    pub station: OrgId,
    /// The version of that station's territory (I12: orders remember it).
    pub version: i64,
    /// Its code within the station.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its outline.
    pub shape: Shape,
    /// Its A and B.
    pub roles: CellRoles,
    /// The station areas in it.
    pub station_areas: Vec<AreaInCell>,
}

/// A cell in a snapshot; its outline is held apart ([`TerritorySnapshot::outline`]).
#[derive(Clone, Debug)]
pub struct SnapshotCell {
    /// Its id.
    pub id: CellId,
    /// The station that it belongs to.
    pub station: OrgId,
    /// The version of that station's territory.
    pub version: i64,
    /// Its code within the station.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its A and B.
    pub roles: CellRoles,
    /// The station areas in it.
    pub station_areas: Vec<AreaInCell>,
}

impl SnapshotCell {
    /// The class of a place in or near the cell: that of the station area whose transformer
    /// is nearest, since it is the likeliest to supply the place; of equally near ones that
    /// with the lowest id.
    #[must_use]
    pub fn class_at(&self, point: Wgs84) -> Option<AreaClass> {
        let nearest = self.station_areas.iter().min_by(|a, b| {
            let far = |area: &AreaInCell| distance_m(point, area.position).0;
            far(a).total_cmp(&far(b)).then(a.id.cmp(&b.id))
        });
        nearest.map(|area| area.class)
    }
}

/// Why records do not make a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// One id twice.
    #[error("the cell {cell} stands twice among the cells in force")]
    CellTwice {
        /// The cell.
        cell: CellId,
    },
    /// One station area in two cells.
    #[error("the station area {area} is in the cells {first} and {second}; it must be in one")]
    AreaInTwoCells {
        /// The station area.
        area: StationAreaId,
        /// The one cell.
        first: CellId,
        /// The other.
        second: CellId,
    },
}

/// Where a cell lies and where the points of its first ring are: what the search needs at
/// hand, because each further look into memory costs more than the sums.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf {
    envelope: AABB<[f64; 2]>,
    /// Place among the cells, which are ordered by id.
    pub(super) cell: usize,
    /// The points of its first ring.
    pub(super) start: usize,
    pub(super) end: usize,
    /// It has further rings.
    pub(super) more: bool,
}

impl Leaf {
    fn bare(cell: usize, shape: &Shape) -> Self {
        let [west, south, east, north] = shape.bounds();
        let envelope = AABB::from_corners([west, south], [east, north]);
        Self {
            envelope,
            cell,
            start: 0,
            end: 0,
            more: false,
        }
    }
}

impl RTreeObject for Leaf {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        self.envelope
    }
}

/// The rings of one cell: places in the common list of points.
#[derive(Clone, Debug, Default)]
pub(super) struct Outline {
    /// Where each ring ends; it begins where the one before ended, the first at `start`.
    pub(super) start: usize,
    pub(super) first_end: usize,
    /// The ends of further rings; seldom any.
    pub(super) more: Vec<usize>,
    /// The longest piece of border.
    pub(super) longest: f64,
}

/// See the module.
#[derive(Debug)]
pub struct TerritorySnapshot {
    change: i64,
    cells: Vec<SnapshotCell>,
    versions: HashMap<OrgId, i64>,
    area_cell: HashMap<StationAreaId, usize>,
    pub(super) outlines: Vec<Outline>,
    /// For each cell, how many rings each of its polygons has.
    rings: Vec<Vec<usize>>,
    pub(super) points: Vec<Wgs84>,
    pub(super) tree: RTree<Leaf>,
    pub(super) longest: Metres,
}

impl TerritorySnapshot {
    /// A snapshot of the cells in force; `change` counts the changes of all territories,
    /// so that a later snapshot has a higher one.
    ///
    /// # Errors
    /// A cell id that stands twice, a station area in two cells.
    pub fn build(change: i64, mut records: Vec<CellRecord>) -> Result<Self, SnapshotError> {
        records.sort_by_key(|record| record.id);
        if let Some(pair) = records.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(SnapshotError::CellTwice { cell: pair[0].id });
        }
        let mut area_cell = HashMap::new();
        for (number, record) in records.iter().enumerate() {
            for area in &record.station_areas {
                if let Some(other) = area_cell.insert(area.id, number) {
                    return Err(SnapshotError::AreaInTwoCells {
                        area: area.id,
                        first: records[other].id,
                        second: record.id,
                    });
                }
            }
        }
        // Neighbours in the tree are searched together, so their points lie together: the
        // tree is built once to learn the order, and again with the places.
        let mut leaves: Vec<Leaf> = RTree::bulk_load(
            records
                .iter()
                .enumerate()
                .map(|(cell, r)| Leaf::bare(cell, &r.shape))
                .collect(),
        )
        .iter()
        .copied()
        .collect();
        let mut points = Vec::with_capacity(records.iter().map(|r| r.shape.vertices()).sum());
        let mut outlines = vec![Outline::default(); records.len()];
        for leaf in &mut leaves {
            let outline = laid_out(&records[leaf.cell].shape, &mut points);
            leaf.start = outline.start;
            leaf.end = outline.first_end;
            leaf.more = !outline.more.is_empty();
            outlines[leaf.cell] = outline;
        }
        let tree = RTree::bulk_load(leaves);
        let longest = outlines.iter().map(|o| o.longest).fold(0.0, f64::max);
        let ring_count = |r: &CellRecord| r.shape.polygons().iter().map(Vec::len).collect();
        let rings = records.iter().map(ring_count).collect();
        let versions = records.iter().map(|r| (r.station, r.version)).collect();
        let cells = records.into_iter().map(SnapshotCell::from).collect();
        Ok(Self {
            change,
            cells,
            versions,
            area_cell,
            outlines,
            rings,
            points,
            tree,
            longest: Metres(longest),
        })
    }

    /// With the versions of the territories of all stations, also of those without cells.
    #[must_use]
    pub fn with_versions(mut self, versions: impl IntoIterator<Item = (OrgId, i64)>) -> Self {
        self.versions.extend(versions);
        self
    }

    /// The version of a station's territory; 0 when it has none.
    #[must_use]
    pub fn version_of(&self, station: OrgId) -> i64 {
        self.versions.get(&station).copied().unwrap_or(0)
    }

    /// A snapshot of no cells: before the first territory.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            change: 0,
            cells: Vec::new(),
            versions: HashMap::new(),
            area_cell: HashMap::new(),
            outlines: Vec::new(),
            rings: Vec::new(),
            points: Vec::new(),
            tree: RTree::new(),
            longest: Metres(0.0),
        }
    }

    /// The count of changes that it was built at.
    #[must_use]
    pub const fn change(&self) -> i64 {
        self.change
    }

    /// All cells, ordered by id.
    #[must_use]
    pub fn cells(&self) -> &[SnapshotCell] {
        &self.cells
    }

    /// A cell by its id.
    #[must_use]
    pub fn cell(&self, id: CellId) -> Option<&SnapshotCell> {
        self.place_of(id).map(|place| &self.cells[place])
    }

    /// The cell that a station area is in.
    #[must_use]
    pub fn cell_of_area(&self, area: StationAreaId) -> Option<&SnapshotCell> {
        self.area_cell.get(&area).map(|place| &self.cells[*place])
    }

    /// The outline of a cell.
    #[must_use]
    pub fn outline(&self, id: CellId) -> Option<Pairs> {
        let place = self.place_of(id)?;
        let mut rings = self.rings_of(place);
        let pairs = |ring: &[Wgs84]| ring.iter().map(|p| (p.lon(), p.lat())).collect();
        let counts = self.rings[place].iter();
        Some(
            counts
                .map(|n| rings.by_ref().take(*n).map(pairs).collect())
                .collect(),
        )
    }

    /// The rings of the cell at a place of the list.
    pub(super) fn rings_of(&self, place: usize) -> impl Iterator<Item = &[Wgs84]> {
        let outline = &self.outlines[place];
        let mut start = outline.start;
        std::iter::once(&outline.first_end)
            .chain(&outline.more)
            .map(move |end| {
                let ring = &self.points[start..*end];
                start = *end;
                ring
            })
    }

    fn place_of(&self, id: CellId) -> Option<usize> {
        self.cells.binary_search_by_key(&id, |cell| cell.id).ok()
    }
}

fn laid_out(shape: &Shape, points: &mut Vec<Wgs84>) -> Outline {
    let start = points.len();
    let mut ends = Vec::new();
    let mut longest = 0.0f64;
    for ring in shape.rings() {
        points.extend_from_slice(ring);
        ends.push(points.len());
        let lengths = ring.windows(2).map(|pair| distance_m(pair[0], pair[1]).0);
        longest = lengths.fold(longest, f64::max);
    }
    // A shape has at least one ring.
    let more = ends.split_off(ends.len().min(1));
    Outline {
        start,
        first_end: ends.first().copied().unwrap_or(start),
        more,
        longest,
    }
}

impl From<CellRecord> for SnapshotCell {
    fn from(record: CellRecord) -> Self {
        let CellRecord {
            id,
            station,
            version,
            code,
            name,
            shape: _,
            roles,
            station_areas,
        } = record;
        Self {
            id,
            station,
            version,
            code,
            name,
            roles,
            station_areas,
        }
    }
}
