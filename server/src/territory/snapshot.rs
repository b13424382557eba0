//! All cells of all stations at one moment, laid out for searching.
//!
//! A snapshot never changes. It is built from what the store holds, searched by any number
//! of threads ([`TerritorySnapshot::locate`]), and replaced whole. It consists of one
//! [`StationGround`] for each station, which the next snapshot shares where nothing changed
//! ([`TerritorySnapshot::with`]), and over them a packed tree of the stations and the list of the
//! cells by id.

mod accounts;
mod ground;
mod outline;
mod packed;

pub use ground::{AreaInCell, CellRecord, SnapshotCell, StationGround, StationRecord};
pub use outline::Outline;
pub(super) use packed::{Node, Packed};

use super::marks::Marks;
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId, PersonId, StationAreaId},
    position::{Metres, Wgs84},
};
use std::{collections::HashMap, sync::Arc};

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
    #[error("the station area {area} stands twice: in the cells {first:?} and {second:?}")]
    AreaTwice {
        /// The station area.
        area: StationAreaId,
        /// The one cell, if it is in one.
        first: Option<CellId>,
        /// The other.
        second: Option<CellId>,
    },
    /// A station that cannot be laid out.
    #[error("the station {station} cannot be laid out: {why}")]
    Layout {
        /// The station.
        station: OrgId,
        /// Why.
        why: String,
    },
    /// The stations cannot be laid out beside each other.
    #[error("the stations cannot be laid out beside each other: {why}")]
    Stations {
        /// Why.
        why: String,
    },
}

/// Where a cell stands.
#[derive(Clone, Copy, Debug)]
struct CellPlace {
    id: CellId,
    ground: u32,
    place: u32,
}

/// See the module.
#[derive(Debug)]
pub struct TerritorySnapshot {
    change: i64,
    marks: Marks,
    /// The stations in the order of their ids: found without a look into their grounds.
    stations: Vec<OrgId>,
    /// The number of each in that order: who knows a station finds it in one step.
    numbers: HashMap<OrgId, u32>,
    /// In the same order.
    grounds: Vec<Arc<StationGround>>,
    /// In the order of their ids.
    cells: Vec<CellPlace>,
    /// Over the boxes around all cells of each station that has any.
    tree: Packed,
    /// For each place in the tree the number of the ground that stands there.
    at_place: Box<[u32]>,
    /// The longest piece of border of all.
    pub(super) longest: Metres,
}

impl TerritorySnapshot {
    /// A snapshot of stations as the store holds them; `change` counts the changes of all
    /// territories, so that a later snapshot has a higher one.
    ///
    /// # Errors
    /// What stands twice, or cannot be laid out.
    pub fn build(change: i64, stations: Vec<StationRecord>) -> Result<Self, SnapshotError> {
        let grounds = stations
            .into_iter()
            .map(|station| StationGround::build(station).map(Arc::new))
            .collect::<Result<_, _>>()?;
        Self::of_grounds(change, Marks::default(), grounds)
    }

    /// A snapshot of stations that are laid out already.
    ///
    /// # Errors
    /// A cell id that stands twice.
    pub fn of_grounds(
        change: i64,
        marks: Marks,
        mut grounds: Vec<Arc<StationGround>>,
    ) -> Result<Self, SnapshotError> {
        grounds.sort_by_key(|ground| ground.station());
        let numbered = || grounds.iter().zip(0u32..);
        let mut cells: Vec<CellPlace> = numbered()
            .flat_map(|(ground, number)| {
                ground
                    .cells()
                    .zip(0u32..)
                    .map(move |(cell, place)| CellPlace {
                        id: cell.id(),
                        ground: number,
                        place,
                    })
            })
            .collect();
        cells.sort_unstable_by_key(|cell| cell.id);
        if let Some(pair) = cells.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(SnapshotError::CellTwice { cell: pair[0].id });
        }
        let (numbers, boxes): (Vec<u32>, Vec<[f64; 4]>) = numbered()
            .filter_map(|(ground, number)| Some((number, ground.bounds()?)))
            .unzip();
        let tree = Packed::build(boxes.into_iter()).map_err(|error| SnapshotError::Stations {
            why: error.to_string(),
        })?;
        let at_place = tree.order().iter().map(|number| numbers[*number]).collect();
        let longest = grounds.iter().map(|g| g.longest).fold(0.0, f64::max);
        let numbers = numbered().map(|(ground, number)| (ground.station(), number));
        Ok(Self {
            change,
            marks,
            numbers: numbers.collect(),
            stations: grounds.iter().map(|ground| ground.station()).collect(),
            grounds,
            cells,
            tree,
            at_place,
            longest: Metres(longest),
        })
    }

    /// The next snapshot: some stations anew, all others as they are.
    ///
    /// # Errors
    /// A cell id that stands twice.
    pub fn with(
        &self,
        change: i64,
        marks: Marks,
        anew: Vec<StationGround>,
    ) -> Result<Self, SnapshotError> {
        let mut grounds = self.grounds.clone();
        for ground in anew {
            let ground = Arc::new(ground);
            match self.number_of(ground.station()) {
                Some(number) => grounds[number] = ground,
                None => grounds.push(ground),
            }
        }
        Self::of_grounds(change, marks, grounds)
    }

    /// A snapshot of no cells: before the first territory.
    #[must_use]
    pub fn empty() -> Self {
        Self {
            change: 0,
            marks: Marks::default(),
            stations: Vec::new(),
            numbers: HashMap::new(),
            grounds: Vec::new(),
            cells: Vec::new(),
            tree: Packed::empty(),
            at_place: Box::default(),
            longest: Metres(0.0),
        }
    }

    /// The count of changes that it was built at.
    #[must_use]
    pub const fn change(&self) -> i64 {
        self.change
    }

    /// How often each group of stations had changed by then.
    #[must_use]
    pub const fn marks(&self) -> &Marks {
        &self.marks
    }

    /// All cells, ordered by id.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = SnapshotCell<'_>> {
        self.cells.iter().map(|place| self.at(*place))
    }

    /// A cell by its id.
    #[must_use]
    pub fn cell(&self, id: CellId) -> Option<SnapshotCell<'_>> {
        let place = self.cells.binary_search_by_key(&id, |cell| cell.id).ok()?;
        Some(self.at(self.cells[place]))
    }

    /// The cell of a station that has this number in this snapshot.
    #[must_use]
    pub fn cell_numbered(&self, station: OrgId, number: usize) -> Option<SnapshotCell<'_>> {
        let ground = self.station(station)?;
        (number < ground.cells().len()).then(|| ground.cell(number))
    }

    /// What is laid out of a station.
    #[must_use]
    pub fn station(&self, station: OrgId) -> Option<&StationGround> {
        self.number_of(station).map(|number| &*self.grounds[number])
    }

    /// All stations, ordered by id.
    pub fn stations(&self) -> impl ExactSizeIterator<Item = &StationGround> {
        self.grounds.iter().map(AsRef::as_ref)
    }

    /// The version of a station's territory; 0 when it has none.
    #[must_use]
    pub fn version_of(&self, station: OrgId) -> i64 {
        self.station(station).map_or(0, StationGround::version)
    }

    /// The cell that a station area of a station is in.
    #[must_use]
    pub fn cell_of_area(&self, station: OrgId, area: StationAreaId) -> Option<SnapshotCell<'_>> {
        self.station(station)?.area(area)?.1
    }

    /// The station area of an account that one of these stations serves, with the station.
    #[must_use]
    pub fn area_of_account(
        &self,
        number: &str,
        stations: &[OrgId],
    ) -> Option<(OrgId, StationAreaId)> {
        stations.iter().find_map(|station| {
            let area = self.station(*station)?.area_of_account(number)?;
            Some((*station, area))
        })
    }

    /// Where a person of a station starts from.
    #[must_use]
    pub fn base_of(&self, station: OrgId, person: PersonId) -> Option<Wgs84> {
        self.station(station)?.base_of(person)
    }

    /// The tree over the boxes of the stations.
    pub(super) const fn tree(&self) -> &Packed {
        &self.tree
    }

    /// The station at a place of that tree.
    pub(super) fn station_at(&self, place: usize) -> &StationGround {
        self.ground(self.at_place[place])
    }

    /// Whether the station at a place of that tree is one of `stations`, which stand in the
    /// order of their ids, as those of the snapshot do: who asks for all of them has it where
    /// it stands here.
    pub(super) fn is_among(&self, place: usize, stations: &[OrgId]) -> bool {
        let number = self.at_place[place] as usize;
        let station = self.stations[number];
        stations.get(number) == Some(&station) || stations.binary_search(&station).is_ok()
    }

    fn ground(&self, number: u32) -> &StationGround {
        &self.grounds[number as usize]
    }

    fn at(&self, place: CellPlace) -> SnapshotCell<'_> {
        self.ground(place.ground).cell(place.place as usize)
    }

    fn number_of(&self, station: OrgId) -> Option<usize> {
        self.numbers.get(&station).map(|number| *number as usize)
    }
}
