//! Which places lie beside each other, as far as cells are concerned.

use super::{
    ground::Ground,
    partition::{Graph, Sets},
};
use crate::territory::tiles::{Border, Flat, tree};
use std::collections::BTreeMap;

/// A border along a barrier that may be crossed counts so much of its length: a cell would
/// rather end there than anywhere else.
const COSTLY: f64 = 0.2;

/// Where a barrier that may not be crossed leaves less than so many metres of border open,
/// that is how it was drawn and no way round.
const WAY_ROUND: f64 = 1.0;

/// The graph of places: ground that is parted by water is joined where it is nearest, ground
/// parted by a barrier that may not be crossed is not.
pub(super) fn graph(ground: &Ground) -> Graph {
    let beside = &ground.tiles.beside;
    let bridges = bridges(ground);
    let passable =
        |border: &Border| border.forbidden <= 0.0 || border.open + border.costly >= WAY_ROUND;
    let neighbours = |others: &BTreeMap<usize, Border>| {
        let others = others.iter().filter(|(_, border)| passable(border));
        others
            .map(|(other, border)| (*other, border.open + COSTLY * border.costly))
            .collect()
    };
    let mut graph = Graph {
        weights: ground.weights.clone(),
        beside: beside.iter().map(neighbours).collect(),
    };
    for (a, b) in bridges {
        graph.beside[a].insert(b, 0.0);
        graph.beside[b].insert(a, 0.0);
    }
    graph
}

/// Joins the parts of a territory that do not touch, each by its nearest pair of places, so
/// that cells can be made across when there are fewer of them than parts.
fn bridges(ground: &Ground) -> Vec<(usize, usize)> {
    let flat = Flat::around(&ground.boundary);
    let spots = ground.spots.iter();
    let at: Vec<[f64; 2]> = spots.map(|p| flat.place(p.degrees())).collect();
    let tree = tree(&at);
    let mut sets = Sets::new(at.len());
    for (node, others) in ground.tiles.beside.iter().enumerate() {
        for other in others.keys() {
            sets.join(node, *other);
        }
    }
    let mut bridges = Vec::new();
    loop {
        let roots: Vec<usize> = (0..at.len()).map(|n| sets.root(n)).collect();
        let mut sizes: BTreeMap<usize, usize> = BTreeMap::new();
        for root in &roots {
            *sizes.entry(*root).or_default() += 1;
        }
        if sizes.len() < 2 {
            return bridges;
        }
        // The smallest part looks for its nearest neighbour: few places, few steps.
        let Some((part, _)) = sizes.into_iter().min_by_key(|(root, size)| (*size, *root)) else {
            return bridges;
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
        let Some((_, a, b)) = nearest else {
            return bridges;
        };
        bridges.push((a, b));
        sets.join(a, b);
    }
}
