//! The ground of each place.

use super::{SplitArea, SplitError, Wish};
use crate::territory::{
    grid::Grid,
    repair::mend,
    shape::Shape,
    tiles::{self, Place, TileError, Tiles},
};
use std::collections::{BTreeMap, HashMap};

/// Places, what stands at each, and their ground.
pub(super) struct Ground {
    /// The boundary, mended where outlines nearly met it.
    pub(super) boundary: Shape,
    /// The station areas at each place, as places in the list given.
    pub(super) members: Vec<Vec<usize>>,
    /// Where each stands.
    pub(super) spots: Vec<Grid>,
    /// What each weighs.
    pub(super) weights: Vec<u64>,
    /// The tiles, those of locked cells after those of the places.
    pub(super) tiles: Tiles,
    /// How many points and borders were mended.
    pub(super) mended: usize,
}

impl Ground {
    /// Groups of areas as groups of places; locked areas are in none.
    pub(super) fn groups(&self, together: &[Vec<usize>]) -> Vec<Vec<usize>> {
        let numbered = self.members.iter().enumerate();
        let place_of: HashMap<usize, usize> = numbered
            .flat_map(|(place, members)| members.iter().map(move |area| (*area, place)))
            .collect();
        together
            .iter()
            .map(|group| {
                let mut places: Vec<usize> = group
                    .iter()
                    .filter_map(|area| place_of.get(area).copied())
                    .collect();
                places.sort_unstable();
                places.dedup();
                places
            })
            .collect()
    }
}

/// Gives every place its ground.
pub(super) fn ground(wish: &Wish<'_>) -> Result<Ground, SplitError> {
    let mut locked = vec![false; wish.areas.len()];
    for area in wish.locked.iter().flat_map(|cell| &cell.areas) {
        if let Some(locked) = locked.get_mut(*area) {
            *locked = true;
        }
    }
    let members = places(wish.areas, &locked);
    if members.is_empty() {
        return Err(SplitError::LockedLeaveNone {
            locked: wish.locked.len(),
            areas: 0,
        });
    }
    let spots: Vec<Grid> = members
        .iter()
        .map(|members| Grid::of(wish.areas[members[0]].at))
        .collect();
    let drawn: Vec<usize> = (0..members.len())
        .filter(|place| wish.areas[members[*place][0]].outline.is_some())
        .collect();
    let outlines = drawn
        .iter()
        .filter_map(|place| wish.areas[members[*place][0]].outline.clone());
    let (boundary, outlines, mended) = if drawn.is_empty() {
        (wish.boundary.clone(), Vec::new(), 0)
    } else {
        let mended = mend(wish.boundary.clone(), outlines.collect())
            .map_err(|(_, error)| SplitError::Shape(error))?;
        (mended.boundary, mended.cells, mended.repairs.len())
    };
    let outline_of: HashMap<usize, &Shape> = drawn.iter().copied().zip(&outlines).collect();
    let wanting: Vec<Place<'_>> = spots
        .iter()
        .enumerate()
        .map(|(place, at)| Place {
            at: *at,
            outline: outline_of.get(&place).copied(),
        })
        .collect();
    let shapes: Vec<&Shape> = wish.locked.iter().map(|cell| &cell.shape).collect();
    let tiles = tiles::tiles(&tiles::Ground {
        boundary: &boundary,
        places: &wanting,
        locked: &shapes,
        barriers: wish.barriers,
    })
    .map_err(|error| match error {
        TileError::Unresolved => SplitError::Unresolved,
        TileError::NoGround(place) => {
            let area = members[place][0];
            SplitError::NoGround {
                area,
                at: wish.areas[area].at,
            }
        }
    })?;
    let weight = |members: &Vec<usize>| {
        let weights = members.iter().map(|area| wish.areas[*area].weight);
        weights.fold(0, u64::saturating_add)
    };
    Ok(Ground {
        weights: members.iter().map(weight).collect(),
        boundary,
        spots,
        tiles,
        mended,
        members,
    })
}

/// Groups the areas that are not locked and stand at one place, to about a metre. An area
/// with an outline is a place of its own.
fn places(areas: &[SplitArea], locked: &[bool]) -> Vec<Vec<usize>> {
    let mut by_place: BTreeMap<(i64, i64, usize), Vec<usize>> = BTreeMap::new();
    for (number, area) in areas.iter().enumerate().filter(|(n, _)| !locked[*n]) {
        let at = Grid::of(area.at);
        let metre = |v: i64| v.div_euclid(100_000);
        let own = area.outline.as_ref().map_or(0, |_| number + 1);
        let key = (metre(at.x), metre(at.y), own);
        by_place.entry(key).or_default().push(number);
    }
    by_place.into_values().collect()
}
