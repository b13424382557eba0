//! What moves as one.
//!
//! Station areas at one place, to a metre, cannot be parted by a border. What must stay
//! together (a village, a feeder, a service team) may not be parted either. Where such a
//! group does not hang together on the ground, the lightest areas between its pieces come
//! along, so that a cell that holds the group can hang together.

use super::partition::{Graph, Sets};
use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, BinaryHeap},
};

/// Units: what moves as one.
pub(super) struct Units {
    /// The graph of units.
    pub(super) graph: Graph,
    /// The unit of each place.
    pub(super) of_place: Vec<usize>,
    /// For each group, the places that came along.
    pub(super) came_along: Vec<Vec<usize>>,
}

/// Joins the places of each group, and what lies between its pieces.
pub(super) fn units(graph: &Graph, groups: &[Vec<usize>]) -> Units {
    let count = graph.weights.len();
    let mut sets = Sets::new(count);
    let mut came_along = Vec::with_capacity(groups.len());
    for group in groups {
        let members: BTreeSet<usize> = group.iter().copied().collect();
        for place in &members {
            for other in graph.beside[*place].keys().filter(|o| members.contains(o)) {
                sets.join(*place, *other);
            }
        }
        let mut along = BTreeSet::new();
        if let Some((first, rest)) = group.split_first() {
            for other in rest {
                if sets.root(*first) == sets.root(*other) {
                    continue;
                }
                let way = lightest_way(graph, &mut sets, *first, *other).unwrap_or_default();
                for place in way {
                    sets.join(*first, place);
                    if !members.contains(&place) {
                        along.insert(place);
                    }
                }
            }
        }
        came_along.push(along.into_iter().collect());
    }
    let mut numbers: BTreeMap<usize, usize> = BTreeMap::new();
    let of_place: Vec<usize> = (0..count)
        .map(|place| {
            let next = numbers.len();
            *numbers.entry(sets.root(place)).or_insert(next)
        })
        .collect();
    let mut joined = Graph {
        weights: vec![0; numbers.len()],
        beside: vec![BTreeMap::new(); numbers.len()],
    };
    for (place, unit) in of_place.iter().enumerate() {
        joined.weights[*unit] = joined.weights[*unit].saturating_add(graph.weights[place]);
        for (other, length) in &graph.beside[place] {
            if of_place[*other] != *unit {
                *joined.beside[*unit].entry(of_place[*other]).or_default() += length;
            }
        }
    }
    Units {
        graph: joined,
        of_place,
        came_along,
    }
}

/// The places on the way with the least weight from one place to another; what is joined to
/// the first already weighs nothing. None when there is no way.
fn lightest_way(graph: &Graph, sets: &mut Sets, from: usize, to: usize) -> Option<Vec<usize>> {
    let home = sets.root(from);
    let mut best: BTreeMap<usize, (u64, usize)> = BTreeMap::from([(from, (0, from))]);
    let mut open = BinaryHeap::from([(Reverse(0), from)]);
    while let Some((Reverse(cost), place)) = open.pop() {
        if place == to {
            let mut way = vec![to];
            let mut at = to;
            while at != from {
                at = best.get(&at)?.1;
                way.push(at);
            }
            return Some(way);
        }
        if best.get(&place).is_some_and(|known| known.0 < cost) {
            continue;
        }
        for next in graph.beside[place].keys() {
            let step = if sets.root(*next) == home {
                0
            } else {
                graph.weights[*next].saturating_add(1)
            };
            let cost = cost.saturating_add(step);
            if best.get(next).is_none_or(|known| cost < known.0) {
                best.insert(*next, (cost, place));
                open.push((Reverse(cost), *next));
            }
        }
    }
    None
}
