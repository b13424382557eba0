//! How even and how compact the cells came out.

use super::{Split, SplitCell, Wish, ground::Ground, size::Choice, units::Units};
use crate::territory::{grid::Grid, shape::Shape, tiles::Flat};
use std::{cmp::Reverse, collections::HashMap};

/// More than this from an equal share needs a reason.
pub const UNEVEN: f64 = 0.1;

/// Why a cell cannot be nearer to an equal share. Areas are places in the list given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forced {
    /// This area, with what must stay with it, is more than an equal share alone.
    TooHeavy {
        /// The heaviest area in it.
        area: usize,
    },
    /// This area in another cell takes so much that less is left for the others.
    TakenElsewhere {
        /// The heaviest area of all.
        area: usize,
    },
    /// Barriers that may not be crossed, or water, leave no other number of cells here.
    Parted,
    /// The areas here are too heavy beside an equal share to be evened out; this is the
    /// heaviest in the cell.
    Coarse {
        /// The heaviest area in the cell.
        area: usize,
    },
}

/// The split with its figures, cells from north to south.
pub(super) fn figures(
    wish: &Wish<'_>,
    ground: &Ground,
    units: &Units,
    choice: &Choice,
    boundary: Shape,
    shapes: Vec<Shape>,
) -> Split {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); choice.parts];
    for (place, unit) in units.of_place.iter().enumerate() {
        members[choice.part_of[*unit]].extend(&ground.members[place]);
    }
    let free: u64 = ground.weights.iter().fold(0, |a, b| a.saturating_add(*b));
    #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
    let share = free as f64 / choice.parts as f64;
    let reasons = Reasons::new(wish, ground, units, choice);
    let lengths = lengths(&boundary, &shapes);
    members.extend(wish.locked.iter().map(|cell| cell.areas.clone()));
    let mut cells: Vec<SplitCell> = shapes
        .into_iter()
        .zip(members)
        .zip(&lengths)
        .enumerate()
        .map(
            |(number, ((shape, mut areas), [perimeter_m, inner_border_m]))| {
                areas.sort_unstable();
                areas.dedup();
                let weights = areas.iter().map(|area| wish.areas[*area].weight);
                let weight = weights.fold(0, u64::saturating_add);
                #[expect(clippy::cast_precision_loss, reason = "a figure to look at")]
                let off_share = weight as f64 / share.max(f64::MIN_POSITIVE) - 1.0;
                let locked = number >= choice.parts;
                let uneven = !locked && off_share.abs() > UNEVEN;
                SplitCell {
                    forced: uneven.then(|| reasons.of(number, &areas)),
                    shape,
                    areas,
                    weight,
                    off_share,
                    locked,
                    perimeter_m: *perimeter_m,
                    inner_border_m: *inner_border_m,
                }
            },
        )
        .collect();
    // From north to south by the middle of the bounds, so that numbers follow the map.
    let height = |cell: &SplitCell| {
        let [_, south, _, north] = cell.shape.bounds();
        f64::midpoint(south, north)
    };
    cells.sort_by(|a, b| height(b).total_cmp(&height(a)).then(a.areas.cmp(&b.areas)));
    let came_along = units.came_along.iter().map(|places| {
        let areas = places
            .iter()
            .flat_map(|place| ground.members[*place].clone());
        areas.collect()
    });
    Split {
        boundary,
        share,
        imbalance: cells
            .iter()
            .filter(|cell| !cell.locked)
            .map(|cell| cell.off_share.abs())
            .fold(0.0, f64::max),
        inner_border_m: cells.iter().map(|cell| cell.inner_border_m).sum::<f64>() / 2.0,
        cells,
        came_along: came_along.collect(),
        mended: ground.mended,
        contested_m2: ground.tiles.contested_m2,
        unclaimed_m2: ground.tiles.unclaimed_m2,
    }
}

/// Why cells are uneven.
struct Reasons<'a> {
    wish: &'a Wish<'a>,
    /// The cells that hold a unit too heavy for a share.
    heavy: Vec<bool>,
    /// The heaviest area of the heaviest such unit.
    heaviest: Option<usize>,
    parted: bool,
}

impl<'a> Reasons<'a> {
    fn new(wish: &'a Wish<'a>, ground: &Ground, units: &Units, choice: &Choice) -> Self {
        let mut heavy = vec![false; choice.parts];
        for unit in &choice.heavy {
            heavy[choice.part_of[*unit]] = true;
        }
        let heaviest = choice.heavy.first().and_then(|unit| {
            let places = units.of_place.iter().enumerate();
            places
                .filter(|(_, of)| *of == unit)
                .flat_map(|(place, _)| ground.members[place].iter().copied())
                .max_by_key(|area| (wish.areas[*area].weight, Reverse(*area)))
        });
        Self {
            wish,
            heavy,
            heaviest,
            parted: choice.parted,
        }
    }

    fn of(&self, cell: usize, areas: &[usize]) -> Forced {
        let heaviest = areas
            .iter()
            .copied()
            .max_by_key(|area| (self.wish.areas[*area].weight, Reverse(*area)));
        let area = heaviest.unwrap_or_default();
        match self.heaviest {
            Some(_) if self.heavy[cell] => Forced::TooHeavy { area },
            Some(elsewhere) => Forced::TakenElsewhere { area: elsewhere },
            None if self.parted => Forced::Parted,
            None => Forced::Coarse { area },
        }
    }
}

/// For each cell the length of its border and how much of it other cells share, in metres.
pub(in crate::territory) fn lengths(boundary: &Shape, shapes: &[Shape]) -> Vec<[f64; 2]> {
    let flat = Flat::around(boundary);
    let mut sides: HashMap<(Grid, Grid), u8> = HashMap::new();
    for (a, b) in shapes.iter().flat_map(Shape::steps) {
        *sides.entry((a.min(b), a.max(b))).or_default() += 1;
    }
    let lengths = shapes.iter().map(|shape| {
        shape.steps().fold([0.0, 0.0], |[all, inner], (a, b)| {
            let length = flat.metres(a, b);
            let shared = sides.get(&(a.min(b), a.max(b))).is_some_and(|n| *n > 1);
            [all + length, inner + if shared { length } else { 0.0 }]
        })
    });
    lengths.collect()
}
