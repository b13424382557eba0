//! The first cells of a territory, made from its station areas.
//!
//! Every station area gets the ground nearest to it (`tiles`), weighted by
//! its customers; neighbouring areas are then joined into cells of about equal weight that
//! hang together (`partition`). A cell is the ground of its areas, so
//! each area is whole in one cell and the cells tile the territory exactly.

use super::{
    grid::Grid,
    partition::{Graph, Sets, partition},
    planar::rings_of,
    shape::{Shape, ShapeError},
    tiles::{Flat, TileError, tiles, tree},
};
use gridcrew_sync_protocol::{code::Code, position::Wgs84};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A station area as the split sees it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WeightedArea {
    /// Where it is; for an area with an outline, a point inside.
    pub at: Wgs84,
    /// How many customers it supplies.
    pub customers: u32,
}

/// One cell of a split.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitCell {
    /// Its ground.
    pub shape: Shape,
    /// The station areas in it, as places in the list given, ascending; at least one.
    pub areas: Vec<usize>,
    /// Their customers.
    pub customers: u64,
}

/// A split territory.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// The boundary with the points at which cells meet it: the same ground to 0.01 mm.
    pub boundary: Shape,
    /// The cells, from north to south.
    pub cells: Vec<SplitCell>,
    /// By how much the cell farthest from an equal share differs from it, as a share of it.
    pub imbalance: f64,
}

/// Why a territory cannot be split as asked.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SplitError {
    /// No station areas.
    #[error("there are no station areas to make cells from; import them first")]
    NoAreas,
    /// No cells wanted.
    #[error("0 cells are no split; ask for at least 1")]
    NoCells,
    /// More cells than there are places to make them from.
    #[error(
        "{cells} cells cannot be made from {areas} station areas at {places} different places; \
         ask for at most {places}"
    )]
    TooManyCells {
        /// How many were wanted.
        cells: usize,
        /// How many station areas there are.
        areas: usize,
        /// At how many places, a metre apart.
        places: usize,
    },
    /// No customers at all.
    #[error("no station area has customers, so nothing can be balanced; give their numbers")]
    NoCustomers,
    /// A station area outside the boundary.
    #[error(
        "station area number {area} at lon {}, lat {} lies outside the boundary; \
         correct its place or the boundary",
        .at.lon(), .at.lat()
    )]
    AreaOutside {
        /// Its place in the list given, from 0.
        area: usize,
        /// Where it is.
        at: Wgs84,
    },
    /// The ground cannot be cut.
    #[error("the ground cannot be cut at 0.01 mm; look for slivers in the boundary")]
    Unresolved,
    /// A cell came out unsound.
    #[error("a cell came out unsound: {0}")]
    Shape(#[from] ShapeError),
}

impl SplitError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::AreaOutside { .. } => Code::TerritoryOutsideBoundary,
            _ => Code::TerritoryCannotSplit,
        }
    }
}

/// Splits a territory into cells of about equal numbers of customers. The same input and
/// seed give the same cells; another seed gives others about as good. Station areas less
/// than a metre apart always stay together.
///
/// # Errors
/// Any [`SplitError`].
pub fn split(
    boundary: &Shape,
    areas: &[WeightedArea],
    cells: usize,
    seed: u64,
) -> Result<Split, SplitError> {
    if areas.is_empty() {
        return Err(SplitError::NoAreas);
    }
    if cells == 0 {
        return Err(SplitError::NoCells);
    }
    if areas.iter().all(|area| area.customers == 0) {
        return Err(SplitError::NoCustomers);
    }
    let places = places(areas);
    if cells > places.len() {
        return Err(SplitError::TooManyCells {
            cells,
            areas: areas.len(),
            places: places.len(),
        });
    }
    let inside = boundary.searchable();
    if let Some(area) = areas.iter().position(|area| !inside.contains(area.at)) {
        return Err(SplitError::AreaOutside {
            area,
            at: areas[area].at,
        });
    }
    let spots: Vec<Grid> = places
        .iter()
        .map(|members| Grid::of(areas[members[0]].at))
        .collect();
    let ground = tiles(boundary, &spots).map_err(|error| match error {
        TileError::Unresolved => SplitError::Unresolved,
        TileError::NoGround(place) => {
            let area = places[place][0];
            SplitError::AreaOutside {
                area,
                at: areas[area].at,
            }
        }
    })?;
    let sum = |members: &[usize]| members.iter().map(|n| u64::from(areas[*n].customers)).sum();
    let mut graph = Graph {
        weights: places.iter().map(|members| sum(members)).collect(),
        beside: ground.beside,
    };
    bridge(&mut graph, boundary, &spots);
    let part_of = partition(&graph, cells, seed);

    let mut members: Vec<Vec<usize>> = vec![Vec::new(); cells];
    let mut steps = vec![Vec::new(); cells];
    for (place, part) in part_of.iter().enumerate() {
        members[*part].extend(&places[place]);
        steps[*part].extend(&ground.steps[place]);
    }
    let mut rings: Vec<Vec<Vec<Grid>>> = steps.into_iter().map(rings_of).collect();
    drop_idle_cuts(&mut rings, &ground.given);
    let steps = rings
        .iter()
        .flatten()
        .flat_map(|ring| ring.windows(2).map(|p| (p[0], p[1])));
    let boundary = Shape::of_grid(rings_of(steps))?;
    let mut made = members
        .into_iter()
        .zip(rings)
        .map(|(mut areas, rings)| {
            areas.sort_unstable();
            Ok(SplitCell {
                shape: Shape::of_grid(rings)?,
                customers: sum(&areas),
                areas,
            })
        })
        .collect::<Result<Vec<SplitCell>, ShapeError>>()?;
    // From north to south by the middle of the bounds, so that numbers follow the map.
    let height = |cell: &SplitCell| {
        let [_, south, _, north] = cell.shape.bounds();
        f64::midpoint(south, north)
    };
    made.sort_by(|a, b| height(b).total_cmp(&height(a)).then(a.areas.cmp(&b.areas)));
    let share = made.iter().map(|cell| cell.customers).sum::<u64>() as f64 / cells as f64;
    let imbalance = made
        .iter()
        .map(|cell| (cell.customers as f64 / share - 1.0).abs())
        .fold(0.0, f64::max);
    Ok(Split {
        boundary,
        cells: made,
        imbalance,
    })
}

/// Groups areas that stand at one place, to about a metre.
fn places(areas: &[WeightedArea]) -> Vec<Vec<usize>> {
    let mut by_place: BTreeMap<(i64, i64), Vec<usize>> = BTreeMap::new();
    for (number, area) in areas.iter().enumerate() {
        let at = Grid::of(area.at);
        let metre = |v: i64| v.div_euclid(100_000);
        by_place
            .entry((metre(at.x), metre(at.y)))
            .or_default()
            .push(number);
    }
    by_place.into_values().collect()
}

/// Drops the points at which a line within one cell was cut off: cut to the grid, they bend
/// the boundary by up to 0.01 mm, and nothing meets there any more.
fn drop_idle_cuts(cells: &mut [Vec<Vec<Grid>>], given: &HashSet<Grid>) {
    let lines: HashSet<(Grid, Grid)> = cells
        .iter()
        .flatten()
        .flat_map(|ring| ring.windows(2).map(|p| (p[0].min(p[1]), p[0].max(p[1]))))
        .collect();
    let mut meeting: HashMap<Grid, usize> = HashMap::new();
    for (a, b) in lines {
        *meeting.entry(a).or_default() += 1;
        *meeting.entry(b).or_default() += 1;
    }
    for ring in cells.iter_mut().flatten() {
        ring.pop();
        ring.retain(|p| given.contains(p) || meeting.get(p).is_some_and(|n| *n > 2));
        if let Some(first) = ring.first().copied() {
            ring.push(first);
        }
    }
}

/// Joins the parts of a territory that do not touch, each by its nearest pair of places, so
/// that cells can be made across when there are fewer of them than parts.
fn bridge(graph: &mut Graph, boundary: &Shape, spots: &[Grid]) {
    let flat = Flat::around(boundary);
    let at: Vec<[f64; 2]> = spots.iter().map(|p| flat.place(p.degrees())).collect();
    let tree = tree(&at);
    let mut sets = Sets::new(at.len());
    for (node, others) in graph.beside.iter().enumerate() {
        for other in others.keys() {
            sets.join(node, *other);
        }
    }
    loop {
        let roots: Vec<usize> = (0..at.len()).map(|n| sets.root(n)).collect();
        let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
        for root in &roots {
            *sizes.entry(*root).or_default() += 1;
        }
        if sizes.len() < 2 {
            return;
        }
        // The smallest part looks for its nearest neighbour: few places, few steps.
        let Some((part, _)) = sizes.into_iter().min_by_key(|(root, size)| (*size, *root)) else {
            return;
        };
        let nearest = (0..at.len())
            .filter(|node| roots[*node] == part)
            .filter_map(|node| {
                let other = tree
                    .nearest_neighbor_iter(&at[node])
                    .map(|spot| spot.data)
                    .find(|other| roots[*other] != part)?;
                let d = (at[node][0] - at[other][0]).hypot(at[node][1] - at[other][1]);
                Some((d, node, other))
            })
            .min_by(|p, q| p.0.total_cmp(&q.0));
        let Some((_, a, b)) = nearest else { return };
        graph.beside[a].insert(b, 0.0);
        graph.beside[b].insert(a, 0.0);
        sets.join(a, b);
    }
}

#[cfg(test)]
#[path = "split_tests.rs"]
mod tests;
