//! Which cells touch: those that share a piece of border. Cells tile their territory and
//! borders share their points (I12), so a shared piece is the same two points on both sides.

use crate::territory::{grid::Grid, shape::Shape};
use std::collections::{BTreeSet, HashMap};

/// For each outline the places of those that share a piece of border with it, ascending.
#[must_use]
pub fn neighbours(outlines: &[&Shape]) -> Vec<Vec<usize>> {
    let mut owners: HashMap<(Grid, Grid), usize> = HashMap::new();
    let mut beside = vec![BTreeSet::new(); outlines.len()];
    for (place, outline) in outlines.iter().enumerate() {
        for (from, to) in outline.steps() {
            // The inside is on the left: the neighbour goes the same piece the other way.
            if let Some(other) = owners.get(&(to, from)) {
                beside[place].insert(*other);
                beside[*other].insert(place);
            }
            owners.insert((from, to), place);
        }
    }
    beside
        .into_iter()
        .enumerate()
        .map(|(place, set)| set.into_iter().filter(|other| *other != place).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::territory::fixture::square;

    #[test]
    fn cells_with_a_common_border_touch_and_those_with_a_common_corner_do_not() {
        let cells = [
            square(0.0, 0.0, 1.0, 1.0),
            square(1.0, 0.0, 2.0, 1.0),
            square(0.0, 1.0, 1.0, 2.0),
        ];
        let cells: Vec<&Shape> = cells.iter().collect();
        assert_eq!(neighbours(&cells), [vec![1, 2], vec![0], vec![0]]);
    }
}
