//! The part of a snapshot that is one station's: its cells with their outlines and managers,
//! its station areas, its accounts, its people's bases. It never changes; when the station's
//! territory does, another takes its place, and those of all other stations stay as they are.
//!
//! Everything lies in a few flat lists. The cells stand in the order in which the tree over
//! their boxes has them, and so do their points, because each further look into memory costs
//! more than the sums.

use super::{
    SnapshotError,
    accounts::Accounts,
    outline::{self, Outline, RingEnd},
    packed::Packed,
};
use crate::territory::{
    roles::{CellRoles, Managers, RoleTerm, managers_at},
    shape::Pairs,
};
use compact_str::CompactString;
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId, PersonId, StationAreaId},
    position::{Wgs84, distance_m},
    time::UnixMillis,
    workflow::AreaClass,
};
use std::ops::Range;

/// A station area.
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
    /// Its code within the station.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its outline.
    pub outline: Outline,
    /// Its A and B.
    pub roles: CellRoles,
    /// The station areas in it.
    pub station_areas: Vec<AreaInCell>,
}

/// A station as the store holds it.
#[derive(Clone, Debug)]
pub struct StationRecord {
    /// Its id.
    pub id: OrgId,
    /// The version of its territory (I12: orders remember it); 0 when it has none.
    pub version: i64,
    /// Its cells.
    pub cells: Vec<CellRecord>,
    /// Its station areas that are in no cell.
    pub areas_without_cell: Vec<AreaInCell>,
    /// Its accounts and the station area that supplies each.
    pub accounts: Vec<(String, StationAreaId)>,
    /// Where its people start from.
    pub bases: Vec<(PersonId, Wgs84)>,
}

impl StationRecord {
    /// A station of cells alone.
    #[must_use]
    pub const fn of_cells(id: OrgId, version: i64, cells: Vec<CellRecord>) -> Self {
        Self {
            id,
            version,
            cells,
            areas_without_cell: Vec::new(),
            accounts: Vec::new(),
            bases: Vec::new(),
        }
    }
}

/// What a station has of each thing: places in its lists.
#[derive(Clone, Debug)]
struct Entry {
    id: CellId,
    /// Most codes are short: they stand here and not in one more place of memory.
    code: CompactString,
    name: Range<u32>,
    terms: Range<u32>,
    areas: Range<u32>,
    /// The points of its first ring.
    first: Range<u32>,
    /// Its further rings, which begin where the first ends; seldom any.
    more: Range<u32>,
    /// The longest piece of its border in metres.
    longest: f64,
}

/// See the module.
#[derive(Debug)]
pub struct StationGround {
    station: OrgId,
    version: i64,
    cells: Box<[Entry]>,
    text: Box<str>,
    terms: Box<[RoleTerm]>,
    areas: Box<[AreaInCell]>,
    /// Places of station areas in the order of their ids.
    areas_by_id: Box<[u32]>,
    /// Where rings end that are not the first of their cell.
    rings: Box<[RingEnd]>,
    points: Box<[Wgs84]>,
    /// The boxes of the cells, in the order of `cells`.
    tree: Packed,
    accounts: Accounts,
    bases: Box<[(PersonId, Wgs84)]>,
    /// The longest piece of border of all cells in metres.
    pub(super) longest: f64,
}

impl StationGround {
    /// Lays out a station.
    ///
    /// # Errors
    /// A station area in two cells, or more of anything than can be counted.
    pub fn build(record: StationRecord) -> Result<Self, SnapshotError> {
        let tree = tree(&record)?;
        let mut layout = Layout::of(record.id, record.version);
        let mut cells: Vec<Option<CellRecord>> = record.cells.into_iter().map(Some).collect();
        for place in tree.order() {
            // The tree names each of its boxes once.
            if let Some(cell) = cells.get_mut(*place).and_then(Option::take) {
                layout.take(cell)?;
            }
        }
        layout.areas.extend(record.areas_without_cell);
        layout.finish(tree, record.accounts, record.bases)
    }

    /// The station.
    #[must_use]
    pub const fn station(&self) -> OrgId {
        self.station
    }

    /// The version of its territory; 0 when it has none.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.version
    }

    /// Its cells, in no order that means anything.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = SnapshotCell<'_>> {
        let places = 0..self.cells.len();
        places.map(|place| SnapshotCell {
            ground: self,
            place,
        })
    }

    /// The cell at a place of the list.
    pub(in crate::territory) fn cell(&self, place: usize) -> SnapshotCell<'_> {
        SnapshotCell {
            ground: self,
            place,
        }
    }

    /// The station area with an id, and the cell that it is in.
    #[must_use]
    pub fn area(&self, id: StationAreaId) -> Option<(&AreaInCell, Option<SnapshotCell<'_>>)> {
        let order = &self.areas_by_id;
        let at = |place: &u32| self.areas[*place as usize].id;
        let place = order[order.binary_search_by_key(&id, at).ok()?];
        // Those of a cell stand together, cell after cell, and last those in none.
        let cell = self.cells.partition_point(|cell| cell.areas.end <= place);
        let cell = (cell < self.cells.len()).then(|| self.cell(cell));
        Some((&self.areas[place as usize], cell))
    }

    /// The station area of an account, as [`crate::territory::account`] writes it.
    #[must_use]
    pub fn area_of_account(&self, number: &str) -> Option<StationAreaId> {
        let place = self.accounts.area_of(number)?;
        Some(self.areas[place].id)
    }

    /// Where a person of the station starts from.
    #[must_use]
    pub fn base_of(&self, person: PersonId) -> Option<Wgs84> {
        let place = self.bases.binary_search_by_key(&person, |(id, _)| *id).ok();
        place.map(|place| self.bases[place].1)
    }

    /// How many station areas it has.
    #[must_use]
    pub fn area_count(&self) -> usize {
        self.areas.len()
    }

    /// How many accounts it has.
    #[must_use]
    pub fn account_count(&self) -> usize {
        self.accounts.len()
    }

    /// The tree over the boxes of the cells; their places are those of [`Self::cell`].
    pub(in crate::territory) const fn tree(&self) -> &Packed {
        &self.tree
    }

    /// West, south, east and north end of all cells in degrees, if there are any.
    pub(super) fn bounds(&self) -> Option<[f64; 4]> {
        self.tree.bounds()
    }
}

/// A cell in a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct SnapshotCell<'t> {
    ground: &'t StationGround,
    place: usize,
}

impl PartialEq for SnapshotCell<'_> {
    /// The same cell of the same version of its territory.
    fn eq(&self, other: &Self) -> bool {
        (self.id(), self.version()) == (other.id(), other.version())
    }
}

impl<'t> SnapshotCell<'t> {
    fn entry(&self) -> &'t Entry {
        &self.ground.cells[self.place]
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> CellId {
        self.entry().id
    }

    /// The station that it belongs to.
    #[must_use]
    pub const fn station(&self) -> OrgId {
        self.ground.station
    }

    /// The version of that station's territory.
    #[must_use]
    pub const fn version(&self) -> i64 {
        self.ground.version
    }

    /// Its code within the station.
    #[must_use]
    pub fn code(&self) -> &'t CompactString {
        &self.entry().code
    }

    /// Its number among the cells of its station in this snapshot.
    #[must_use]
    pub const fn number(&self) -> usize {
        self.place
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'t str {
        &self.ground.text[wide(&self.entry().name)]
    }

    /// A and B at a moment.
    #[must_use]
    pub fn managers(&self, at: UnixMillis) -> Managers {
        managers_at(&self.ground.terms[wide(&self.entry().terms)], at)
    }

    /// The station areas in it.
    #[must_use]
    pub fn station_areas(&self) -> &'t [AreaInCell] {
        &self.ground.areas[wide(&self.entry().areas)]
    }

    /// The class of a place in or near the cell: that of the station area whose transformer
    /// is nearest, since it is the likeliest to supply the place; of equally near ones that
    /// with the lowest id.
    #[must_use]
    pub fn class_at(&self, point: Wgs84) -> Option<AreaClass> {
        let nearest = self.station_areas().iter().min_by(|a, b| {
            let far = |area: &AreaInCell| distance_m(point, area.position).0;
            far(a).total_cmp(&far(b)).then(a.id.cmp(&b.id))
        });
        nearest.map(|area| area.class)
    }

    /// Its outline.
    #[must_use]
    pub fn outline(&self) -> Pairs {
        let more = &self.ground.rings[wide(&self.entry().more)];
        let outer = std::iter::once(true).chain(more.iter().map(|ring| ring.outer));
        outline::pairs(self.rings().zip(outer))
    }

    /// Its rings, the first point of each repeated at its end.
    pub(in crate::territory) fn rings(&self) -> impl Iterator<Item = &'t [Wgs84]> + use<'t> {
        let entry = self.entry();
        let points = &self.ground.points;
        let mut start = entry.first.end as usize;
        let more: &'t [RingEnd] = if entry.more.is_empty() {
            &[]
        } else {
            &self.ground.rings[wide(&entry.more)]
        };
        let more = more.iter().map(move |ring| {
            let end = ring.end as usize;
            let points = &points[start..end];
            start = end;
            points
        });
        std::iter::once(&points[wide(&entry.first)]).chain(more)
    }

    /// The longest piece of its border in metres.
    pub(in crate::territory) fn longest(&self) -> f64 {
        self.entry().longest
    }
}

/// The tree over the boxes of a station's cells, numbered as in the record.
fn tree(record: &StationRecord) -> Result<Packed, SnapshotError> {
    let boxes = record.cells.iter().map(|cell| cell.outline.bounds());
    Packed::build(boxes).map_err(|error| SnapshotError::Layout {
        station: record.id,
        why: error.to_string(),
    })
}

/// A ground that is being laid out.
struct Layout {
    station: OrgId,
    version: i64,
    cells: Vec<Entry>,
    text: String,
    terms: Vec<RoleTerm>,
    areas: Vec<AreaInCell>,
    rings: Vec<RingEnd>,
    points: Vec<Wgs84>,
}

impl Layout {
    const fn of(station: OrgId, version: i64) -> Self {
        Self {
            station,
            version,
            cells: Vec::new(),
            text: String::new(),
            terms: Vec::new(),
            areas: Vec::new(),
            rings: Vec::new(),
            points: Vec::new(),
        }
    }

    fn narrow(&self, count: usize) -> Result<u32, SnapshotError> {
        u32::try_from(count).map_err(|_| SnapshotError::Layout {
            station: self.station,
            why: format!("{count} of one thing are more than can be counted"),
        })
    }

    fn take(&mut self, cell: CellRecord) -> Result<(), SnapshotError> {
        let longest = cell.outline.longest();
        let from = self.points.len();
        let mut ends = Vec::with_capacity(cell.outline.rings.len());
        for ring in &cell.outline.rings {
            let end = self.narrow(from + ring.end as usize)?;
            ends.push(RingEnd { end, ..*ring });
        }
        let from = self.narrow(from)?;
        let first = from..ends.first().map_or(from, |ring| ring.end);
        let more_from = self.narrow(self.rings.len())?;
        self.rings.extend(ends.into_iter().skip(1));
        self.points.extend_from_slice(&cell.outline.points);
        let terms_from = self.narrow(self.terms.len())?;
        self.terms.extend_from_slice(cell.roles.terms());
        let areas_from = self.narrow(self.areas.len())?;
        self.areas.extend(cell.station_areas);
        let entry = Entry {
            id: cell.id,
            code: cell.code.into(),
            name: self.text(&cell.name)?,
            terms: terms_from..self.narrow(self.terms.len())?,
            areas: areas_from..self.narrow(self.areas.len())?,
            first,
            more: more_from..self.narrow(self.rings.len())?,
            longest,
        };
        self.cells.push(entry);
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<Range<u32>, SnapshotError> {
        let from = self.narrow(self.text.len())?;
        self.text.push_str(text);
        Ok(from..self.narrow(self.text.len())?)
    }

    fn finish(
        self,
        tree: Packed,
        accounts: Vec<(String, StationAreaId)>,
        mut bases: Vec<(PersonId, Wgs84)>,
    ) -> Result<StationGround, SnapshotError> {
        let count = self.narrow(self.areas.len())?;
        let mut areas_by_id: Box<[u32]> = (0..count).collect();
        areas_by_id.sort_unstable_by_key(|place| self.areas[*place as usize].id);
        self.check_areas(&areas_by_id)?;
        bases.sort_unstable_by_key(|(person, _)| *person);
        // An account whose station area is unknown leads nowhere.
        let id = |place: &u32| self.areas[*place as usize].id;
        let accounts = accounts
            .into_iter()
            .filter_map(|(number, area)| {
                let order = areas_by_id.binary_search_by_key(&area, id).ok()?;
                Some((number, areas_by_id[order]))
            })
            .collect();
        let longest = self.cells.iter().map(|cell| cell.longest);
        Ok(StationGround {
            station: self.station,
            version: self.version,
            longest: longest.fold(0.0, f64::max),
            cells: self.cells.into(),
            text: self.text.into(),
            terms: self.terms.into(),
            areas: self.areas.into(),
            areas_by_id,
            rings: self.rings.into(),
            points: self.points.into(),
            tree,
            accounts: Accounts::of(accounts),
            bases: bases.into(),
        })
    }

    fn check_areas(&self, by_id: &[u32]) -> Result<(), SnapshotError> {
        let id = |place: u32| self.areas[place as usize].id;
        let Some(twice) = by_id.windows(2).find(|pair| id(pair[0]) == id(pair[1])) else {
            return Ok(());
        };
        let cell = |place: u32| {
            let cell = self.cells.iter().find(|cell| cell.areas.contains(&place));
            cell.map(|cell| cell.id)
        };
        Err(SnapshotError::AreaTwice {
            area: id(twice[0]),
            first: cell(twice[0]),
            second: cell(twice[1]),
        })
    }
}

fn wide(range: &Range<u32>) -> Range<usize> {
    range.start as usize..range.end as usize
}
