//! How many cells, and which places are in which.

use super::{
    Size, SplitError, Wish,
    partition::{self, Graph, heavy},
};

/// Cells chosen.
pub(super) struct Choice {
    /// How many, the locked ones not counted.
    pub(super) parts: usize,
    /// The cell of each unit.
    pub(super) part_of: Vec<usize>,
    /// Units that are each too heavy for an equal share, heaviest first.
    pub(super) heavy: Vec<usize>,
    /// Whether barriers part the ground, so that shares differ from piece to piece.
    pub(super) parted: bool,
}

/// Chooses the cells.
pub(super) fn choose(
    wish: &Wish<'_>,
    graph: &Graph,
    progress: &dyn Fn(f64),
) -> Result<Choice, SplitError> {
    let pieces = graph.pieces().len();
    let (parts, part_of) = match wish.size {
        Size::Cells(cells) => {
            let parts = cells
                .checked_sub(wish.locked.len())
                .filter(|parts| *parts > 0);
            let parts = parts.ok_or(SplitError::LockedLeaveNone {
                locked: wish.locked.len(),
                areas: wish.areas.len(),
            })?;
            if pieces > parts {
                return Err(SplitError::Parted { pieces, cells });
            }
            let made = partition::partition(graph, parts, None, wish.seed, progress);
            let part_of = made.ok_or(SplitError::TooManyCells {
                cells,
                areas: wish.areas.len(),
                places: graph.weights.len() + wish.locked.len(),
            })?;
            (parts, part_of)
        }
        Size::LargestWeight(largest) => lightest(graph, pieces, largest, wish.seed, progress)?,
    };
    Ok(Choice {
        heavy: heavy(&graph.weights, parts).0,
        parted: pieces > 1,
        parts,
        part_of,
    })
}

/// As few cells as it takes so that none weighs more than allowed; a unit that alone weighs
/// more is a cell of its own.
fn lightest(
    graph: &Graph,
    pieces: usize,
    largest: u64,
    seed: u64,
    progress: &dyn Fn(f64),
) -> Result<(usize, Vec<usize>), SplitError> {
    const TRIES: u32 = 10;
    let units = graph.weights.len();
    let too_heavy = graph.weights.iter().filter(|weight| **weight > largest);
    let alone = too_heavy.clone().count();
    let rest = graph.total().saturating_sub(too_heavy.sum());
    let fewest = usize::try_from(rest.div_ceil(largest)).unwrap_or(usize::MAX);
    let mut parts = fewest.saturating_add(alone).max(pieces).max(1);
    for tried in 0..TRIES {
        if parts >= units {
            break;
        }
        let told = |done: f64| progress((f64::from(tried) + done) / f64::from(TRIES));
        if let Some(part_of) = partition::partition(graph, parts, Some(largest), seed, &told)
            && within(graph, parts, &part_of, largest)
        {
            return Ok((parts, part_of));
        }
        parts = parts.saturating_add(1 + parts / 40);
    }
    if parts >= units {
        return Ok((units, (0..units).collect()));
    }
    Err(SplitError::NotLight { largest })
}

/// Whether no part weighs more than allowed, but for single units that do.
fn within(graph: &Graph, parts: usize, part_of: &[usize], largest: u64) -> bool {
    let mut weights = vec![0u64; parts];
    let mut counts = vec![0usize; parts];
    for (unit, part) in part_of.iter().enumerate() {
        weights[*part] = weights[*part].saturating_add(graph.weights[unit]);
        counts[*part] += usize::from(graph.weights[unit] > 0);
    }
    let mut both = weights.iter().zip(&counts);
    both.all(|(weight, count)| *weight <= largest || *count == 1)
}
