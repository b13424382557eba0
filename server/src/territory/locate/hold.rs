//! Which cells hold a point: asked of the tree of stations, then of the tree of each
//! station's cells. Nothing is measured; a point that comes near a border is only found to.

use super::{TIE, near::metres_per_degree, rings::Around};
use crate::territory::snapshot::{
    Node, SnapshotCell, StationBox, StationGround, TerritorySnapshot,
};
use gridcrew_sync_protocol::{ids::OrgId, position::Wgs84};
use rstar::{AABB, ParentNode, RTreeNode, RTreeObject};

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
        asked.among_stations(self.tree.root());
        asked.held
    }
}

impl<'t> Asked<'_, 't> {
    fn among_stations(&mut self, parent: &'t ParentNode<StationBox>) {
        let at = [self.point.lon(), self.point.lat()];
        for child in parent.children() {
            match child {
                RTreeNode::Parent(parent) if self.near_box(&parent.envelope(), at) => {
                    self.among_stations(parent);
                }
                RTreeNode::Leaf(leaf) if self.near_box(&leaf.envelope(), at) => {
                    self.among_cells(self.snapshot.ground(leaf.ground));
                }
                _ => {}
            }
        }
    }

    fn near_box(&self, envelope: &AABB<[f64; 2]>, at: [f64; 2]) -> bool {
        envelope.distance_2(&at) <= self.margin * self.margin
    }

    fn among_cells(&mut self, ground: &'t StationGround) {
        if let Some(root) = ground.root() {
            self.among_nodes(ground, root);
        }
    }

    fn among_nodes(&mut self, ground: &'t StationGround, node: Node) {
        let (lon, lat, margin) = (self.point.lon(), self.point.lat(), self.margin);
        for (place, aabb) in ground.children(node) {
            let holds = lon >= aabb.min_x - margin
                && lon <= aabb.max_x + margin
                && lat >= aabb.min_y - margin
                && lat <= aabb.max_y + margin;
            if !holds {
                continue;
            }
            match ground.below(node, place) {
                Some(below) => self.among_nodes(ground, below),
                None => self.touch(ground.cell(place)),
            }
        }
    }

    fn touch(&mut self, cell: SnapshotCell<'t>) {
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
        let wanted = self
            .stations
            .is_none_or(|stations| stations.binary_search(&cell.station()).is_ok());
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
