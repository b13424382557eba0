//! Cells made from the station areas of a territory.
//!
//! Every station area gets its ground: the outline that it brought, or all that lies nearest
//! to it ([`tiles`](super::tiles)). Areas that may not be parted become units (`units`),
//! units that share a border that may be crossed are neighbours (`hang`), and neighbours are
//! joined into cells of about equal weight with short borders (`partition`). A cell is the
//! ground of its areas (`drawn`), so each area is whole in one cell and the cells tile the
//! territory exactly. Locked cells keep what they have; the rest is split around them.
//! `figures` says how even and how compact the cells came out, and what forced it where they
//! are not even; [`changes`] what they would move. Nothing here writes anything.

mod adjacency;
pub mod changes;
pub(in crate::territory) mod drawn;
mod error;
pub mod figures;
mod ground;
mod hang;
pub(in crate::territory) mod partition;
mod size;
mod units;

pub use adjacency::{Adjacency, adjacency};
pub use error::SplitError;
pub use figures::Forced;

use super::shape::Shape;
use gridcrew_sync_protocol::position::Wgs84;

/// At most so many station areas are split at once: a county of 4,000 takes seconds.
pub const MAX_AREAS: usize = 20_000;

/// A station area as the split sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitArea {
    /// Where it is; for an area with an outline, a point inside.
    pub at: Wgs84,
    /// The ground that it supplies, if that is known.
    pub outline: Option<Shape>,
    /// What it weighs: its customers, its orders, or a mix of both.
    pub weight: u64,
}

/// How hard a barrier is to cross.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Crossing {
    /// It can be crossed, but a cell would rather end there.
    Costly,
    /// It cannot be crossed: no cell lies on both sides unless it hangs together around it.
    Forbidden,
}

/// A river, an expressway: a line that is hard to cross.
#[derive(Clone, Debug, PartialEq)]
pub struct Barrier {
    /// Its points.
    pub line: Vec<Wgs84>,
    /// How hard it is to cross.
    pub crossing: Crossing,
}

/// A cell that stays as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct LockedCell {
    /// Its ground.
    pub shape: Shape,
    /// Its station areas, as places in the list given.
    pub areas: Vec<usize>,
}

/// Into how many cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// So many, the locked ones counted.
    Cells(usize),
    /// As many as it takes so that none weighs more.
    LargestWeight(u64),
}

/// What is to be split, and how.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The outline of the territory.
    pub boundary: &'a Shape,
    /// Its station areas.
    pub areas: &'a [SplitArea],
    /// Groups of station areas that stay together.
    pub together: &'a [Vec<usize>],
    /// Cells that stay as they are.
    pub locked: &'a [LockedCell],
    /// Lines that are hard to cross.
    pub barriers: &'a [Barrier],
    /// Into how many cells.
    pub size: Size,
    /// The same input and seed give the same cells; another seed gives others about as good.
    pub seed: u64,
}

impl<'a> Wish<'a> {
    /// A split into so many cells without any further wishes.
    #[must_use]
    pub const fn plain(
        boundary: &'a Shape,
        areas: &'a [SplitArea],
        cells: usize,
        seed: u64,
    ) -> Self {
        Self {
            boundary,
            areas,
            together: &[],
            locked: &[],
            barriers: &[],
            size: Size::Cells(cells),
            seed,
        }
    }
}

/// One cell of a split.
#[derive(Clone, Debug, PartialEq)]
pub struct SplitCell {
    /// Its ground.
    pub shape: Shape,
    /// The station areas in it, as places in the list given, ascending; at least one.
    pub areas: Vec<usize>,
    /// What they weigh.
    pub weight: u64,
    /// How much more or less than an equal share that is: 0.1 is a tenth more.
    pub off_share: f64,
    /// What forces it to be more than a tenth off, where it is.
    pub forced: Option<Forced>,
    /// Whether it was locked.
    pub locked: bool,
    /// The length of its border in metres.
    pub perimeter_m: f64,
    /// How much of that it shares with other cells.
    pub inner_border_m: f64,
}

impl SplitCell {
    /// How compact it is, from 0 to 1, a disc being 1 (Polsby and Popper 1991).
    #[must_use]
    pub fn polsby_popper(&self) -> f64 {
        let around = self.perimeter_m * self.perimeter_m;
        4.0 * std::f64::consts::PI * self.shape.area_m2() / around.max(f64::MIN_POSITIVE)
    }
}

/// A split territory.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// The boundary with the points at which cells meet it: the same ground to 0.01 mm.
    pub boundary: Shape,
    /// The cells, from north to south.
    pub cells: Vec<SplitCell>,
    /// What a cell would weigh if all that are not locked weighed the same.
    pub share: f64,
    /// By how much the cell farthest from an equal share differs from it, as a share of it;
    /// locked cells are not counted.
    pub imbalance: f64,
    /// The length of all borders between cells, in metres.
    pub inner_border_m: f64,
    /// For each group that was to stay together, the areas that came along because they lie
    /// between its pieces.
    pub came_along: Vec<Vec<usize>>,
    /// Points and borders of outlines that were mended before.
    pub mended: usize,
    /// Ground that was in more than one outline, in square metres: it went to the first.
    pub contested_m2: f64,
    /// Ground that was in no outline, in square metres: it went to neighbours.
    pub unclaimed_m2: f64,
}

/// Splits a territory into cells of about equal weight. `progress` is told what share of the
/// work is done, from 0 to 1.
///
/// # Errors
/// Any [`SplitError`].
pub fn split(wish: &Wish<'_>, progress: &dyn Fn(f64)) -> Result<Split, SplitError> {
    check(wish)?;
    progress(0.0);
    let ground = ground::ground(wish)?;
    progress(0.1);
    let graph = hang::graph(&ground);
    let units = units::units(&graph, &ground.groups(wish.together));
    let choice = size::choose(wish, &units.graph, &|done| progress(0.1 + 0.85 * done))?;
    let cell_of_place: Vec<usize> = units
        .of_place
        .iter()
        .map(|unit| choice.part_of[*unit])
        .collect();
    let (boundary, shapes) = drawn::drawn(&ground, &cell_of_place, choice.parts)?;
    let made = figures::figures(wish, &ground, &units, &choice, boundary, shapes);
    progress(1.0);
    Ok(made)
}

/// Refuses what no work can be made of.
fn check(wish: &Wish<'_>) -> Result<(), SplitError> {
    match wish.size {
        _ if wish.areas.is_empty() => return Err(SplitError::NoAreas),
        _ if wish.areas.len() > MAX_AREAS => {
            return Err(SplitError::TooManyAreas {
                areas: wish.areas.len(),
                limit: MAX_AREAS,
            });
        }
        Size::Cells(0) => return Err(SplitError::NoCells),
        Size::LargestWeight(0) => return Err(SplitError::NoWeight),
        _ => {}
    }
    if wish.areas.iter().all(|area| area.weight == 0) {
        return Err(SplitError::NoCustomers);
    }
    let inside = wish.boundary.searchable();
    let astray = |area: &SplitArea| !inside.contains(area.at);
    match wish.areas.iter().position(astray) {
        Some(area) => Err(SplitError::AreaOutside {
            area,
            at: wish.areas[area].at,
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
