//! Which cells hold a point: asked of the tree of stations, then of the tree of each
//! station's cells. Nothing is measured; a point that comes near a border is only found to.

use super::{TIE, near::metres_per_degree, rings::Around};
use crate::territory::snapshot::{Node, SnapshotCell, StationGround, TerritorySnapshot};
use gridcrew_sync_protocol::{ids::OrgId, position::Wgs84};
use static_aabb2d_index::AABB;

/// The cells around a point.
#[derive(Debug, Default)]
pub(super) struct Held<'t> {
    /// One of the cells that hold it, of the stations that were asked for.
    holder: Option<SnapshotCell<'t>>,
    /// How many there are.
    count: usize,
    /// One of their borders runs by so near that it must be measured.
    border: bool,
    /// A cell of another station holds it.
    pub(super) foreign: bool,
    /// A border of such a cell runs by.
    pub(super) foreign_border: bool,
}

impl<'t> Held<'t> {
    /// The one cell that holds the point, if no other touches it.
    pub(super) fn only(&self) -> Option<SnapshotCell<'t>> {
        self.holder.filter(|_| self.count == 1 && !self.border)
    }
}

/// The question on its way through the trees.
struct Asked<'a, 't> {
    snapshot: &'t TerritorySnapshot,
    point: Wgs84,
    stations: Option<&'a [OrgId]>,
    /// In degrees: twice what counts as touching, whichever way.
    margin: f64,
    held: Held<'t>,
}

impl TerritorySnapshot {
    pub(super) fn hold(&self, point: Wgs84, stations: Option<&[OrgId]>) -> Held<'_> {
        let [east, north] = metres_per_degree(point);
        // At the poles a degree east is no length at all; there everything is measured.
        let margin = (2.0 * TIE.0 / east.min(north)).min(1.0);
        let mut asked = Asked {
            snapshot: self,
            point,
            stations,
            margin,
            held: Held::default(),
        };
        if let Some(root) = self.tree().root() {
            asked.among_stations(root);
        }
        asked.held
    }
}

impl<'t> Asked<'_, 't> {
    fn among_stations(&mut self, node: Node) {
        let tree = self.snapshot.tree();
        for (place, aabb) in tree.children(node) {
            if !self.near_box(aabb) {
                continue;
            }
            match tree.below(node, place) {
                Some(below) => self.among_stations(below),
                None => {
                    let ground = self.snapshot.station_at(place);
                    let stations = self.stations;
                    let wanted = stations.is_none_or(|these| self.snapshot.is_among(place, these));
                    if let Some(root) = ground.tree().root() {
                        self.among_cells(ground, root, wanted);
                    }
                }
            }
        }
    }

    fn among_cells(&mut self, ground: &'t StationGround, node: Node, wanted: bool) {
        let tree = ground.tree();
        for (place, aabb) in tree.children(node) {
            if !self.near_box(aabb) {
                continue;
            }
            match tree.below(node, place) {
                Some(below) => self.among_cells(ground, below, wanted),
                None => self.touch(ground.cell(place), wanted),
            }
        }
    }

    fn near_box(&self, aabb: &AABB<f64>) -> bool {
        let (lon, lat, margin) = (self.point.lon(), self.point.lat(), self.margin);
        // No short cuts: most boxes of a node are not near, and guessing which costs more.
        (lon >= aabb.min_x - margin)
            & (lon <= aabb.max_x + margin)
            & (lat >= aabb.min_y - margin)
            & (lat <= aabb.max_y + margin)
    }

    fn touch(&mut self, cell: SnapshotCell<'t>, wanted: bool) {
        let (mut winding, mut touches) = (0, false);
        for ring in cell.rings() {
            let around = Around::of(ring, self.point, self.margin);
            winding += around.winding;
            touches |= around.touches;
        }
        let holds = winding > 0;
        if !holds && !touches {
            return;
        }
        let held = &mut self.held;
        if wanted {
            if holds {
                held.holder = Some(cell);
                held.count += 1;
            }
            held.border |= touches;
        } else {
            held.foreign |= holds;
            held.foreign_border |= touches;
        }
    }
}
