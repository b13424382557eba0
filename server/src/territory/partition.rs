//! Parts of equal weight that hang together.
//!
//! A graph is cut in two by taking a random spanning tree and the one edge of it whose
//! removal balances best; both sides hang together because each is a tree. Many trees are
//! tried; among the balanced cuts the one with the shorter border wins. Cutting the halves
//! again gives any number of parts. In the end neighbouring parts are joined and cut anew as
//! long as that evens them out.

use rand::{Rng, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};

/// Nodes with weights; neighbours with the length of the border shared.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) weights: Vec<u64>,
    pub(super) beside: Vec<BTreeMap<usize, f64>>,
}

/// The part (0 to `parts` - 1) of each node of a graph that hangs together and has at least
/// as many nodes. The same seed gives the same parts.
pub(super) fn partition(graph: &Graph, parts: usize, seed: u64) -> Vec<usize> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut done: Vec<Vec<usize>> = Vec::with_capacity(parts);
    let mut open = vec![((0..graph.weights.len()).collect::<Vec<_>>(), parts)];
    while let Some((nodes, parts)) = open.pop() {
        match Cutter::new(graph, &nodes).cut(parts, &mut random) {
            Some(Cut {
                one,
                one_parts,
                other,
                ..
            }) => {
                open.push((other, parts - one_parts));
                open.push((one, one_parts));
            }
            None => done.push(nodes),
        }
    }
    even_out(graph, &mut done, &mut random);
    let mut part_of = vec![0; graph.weights.len()];
    for (part, nodes) in done.iter().enumerate() {
        for node in nodes {
            part_of[*node] = part;
        }
    }
    part_of
}

struct Cut {
    one: Vec<usize>,
    other: Vec<usize>,
    one_parts: usize,
    score: f64,
}

/// Cuts a set of nodes that hangs together.
struct Cutter<'a> {
    nodes: &'a [usize],
    weights: Vec<u64>,
    /// Pairs of places in `nodes`, with the length of border.
    edges: Vec<(usize, usize, f64)>,
    total: u64,
    border: f64,
}

impl<'a> Cutter<'a> {
    fn new(graph: &Graph, nodes: &'a [usize]) -> Self {
        let place: BTreeMap<usize, usize> = nodes
            .iter()
            .enumerate()
            .map(|(place, node)| (*node, place))
            .collect();
        let weights: Vec<u64> = nodes.iter().map(|node| graph.weights[*node]).collect();
        let edges: Vec<(usize, usize, f64)> = nodes
            .iter()
            .enumerate()
            .flat_map(|(from, node)| {
                let place = &place;
                graph.beside[*node]
                    .iter()
                    .filter_map(move |(other, length)| {
                        place
                            .get(other)
                            .filter(|to| from < **to)
                            .map(|to| (from, *to, *length))
                    })
            })
            .collect();
        let border = edges
            .iter()
            .map(|edge| edge.2)
            .sum::<f64>()
            .max(f64::MIN_POSITIVE);
        Self {
            nodes,
            total: weights.iter().sum(),
            weights,
            edges,
            border,
        }
    }

    /// The best of many cuts into sides for so many parts; none when one part is wanted.
    fn cut(&self, parts: usize, random: &mut ChaCha8Rng) -> Option<Cut> {
        if parts < 2 {
            return None;
        }
        let trials = (40_000 / self.nodes.len().max(1)).clamp(6, 200);
        let mut best: Option<Cut> = None;
        for _ in 0..trials {
            let cut = self.by_tree(parts, random)?;
            if best.as_ref().is_none_or(|so_far| cut.score < so_far.score) {
                best = Some(cut);
            }
        }
        best
    }

    /// The best cut of one random spanning tree.
    fn by_tree(&self, parts: usize, random: &mut ChaCha8Rng) -> Option<Cut> {
        let (order, parent) = self.tree(random);
        let mut weight = self.weights.clone();
        let mut count = vec![1usize; self.nodes.len()];
        for node in order.iter().rev() {
            if let Some(up) = parent[*node] {
                weight[up] += weight[*node];
                count[up] += count[*node];
            }
        }
        let share = self.total as f64 / parts as f64;
        let mut best: Option<(f64, usize, usize)> = None;
        for node in order.iter().skip(1) {
            let (inside, n) = (weight[*node] as f64, count[*node]);
            let outside = (self.total - weight[*node]) as f64;
            // Each side has at least as many nodes as parts.
            let least = 1.max(parts.saturating_sub(self.nodes.len() - n));
            let most = (parts - 1).min(n);
            if least > most {
                continue;
            }
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between 0 and the number of parts"
            )]
            let fitting = (inside / share).round() as usize;
            let here = fitting.clamp(least, most);
            let off = |weight: f64, parts: usize| (weight / parts as f64 / share - 1.0).abs();
            let worst = off(inside, here).max(off(outside, parts - here));
            // Cutting off one part at a time leaves ragged rests: prefer halves.
            let lopsided = (2.0 * here as f64 / parts as f64 - 1.0).abs();
            let score = worst.max(0.01) + 0.02 * lopsided;
            if best.is_none_or(|(so_far, ..)| score < so_far) {
                best = Some((score, *node, here));
            }
        }
        let (score, top, one_parts) = best?;
        let mut below = vec![false; self.nodes.len()];
        for node in &order {
            below[*node] = *node == top || parent[*node].is_some_and(|up| below[up]);
        }
        let cut: f64 = self
            .edges
            .iter()
            .filter(|(a, b, _)| below[*a] != below[*b])
            .map(|edge| edge.2)
            .sum();
        let side = |wanted: bool| {
            let nodes = self
                .nodes
                .iter()
                .zip(&below)
                .filter(|(_, side)| **side == wanted);
            nodes.map(|(node, _)| *node).collect()
        };
        let score = score + 0.3 * cut / self.border;
        Some(Cut {
            one: side(true),
            other: side(false),
            one_parts,
            score,
        })
    }

    /// A random spanning tree, longer borders rather than shorter ones: nodes from the root
    /// down, and the parent of each.
    fn tree(&self, random: &mut ChaCha8Rng) -> (Vec<usize>, Vec<Option<usize>>) {
        let mut edges: Vec<(f64, usize, usize)> = self
            .edges
            .iter()
            .map(|(a, b, length)| (random.random::<f64>() / (1.0 + length).ln_1p(), *a, *b))
            .collect();
        edges.sort_unstable_by(|p, q| p.0.total_cmp(&q.0));
        let mut sets = Sets::new(self.nodes.len());
        let mut beside: Vec<Vec<usize>> = vec![Vec::new(); self.nodes.len()];
        for (_, a, b) in edges {
            if sets.join(a, b) {
                beside[a].push(b);
                beside[b].push(a);
            }
        }
        let root = random.random_range(0..self.nodes.len().max(1));
        let mut parent = vec![None; self.nodes.len()];
        let mut order = vec![root];
        let mut at = 0;
        while let Some(node) = order.get(at).copied() {
            at += 1;
            for next in &beside[node] {
                if parent[node] != Some(*next) {
                    parent[*next] = Some(node);
                    order.push(*next);
                }
            }
        }
        (order, parent)
    }
}

/// Joins neighbouring parts and cuts them anew while that makes the weights more even.
fn even_out(graph: &Graph, parts: &mut [Vec<usize>], random: &mut ChaCha8Rng) {
    let weight = |nodes: &[usize]| nodes.iter().map(|n| graph.weights[*n]).sum::<u64>() as f64;
    let mut pairs = neighbours(graph, parts);
    for _ in 0..12 {
        let mut better = false;
        pairs.shuffle(random);
        for (p, q) in &pairs {
            let (p, q) = (*p, *q);
            let (before_p, before_q) = (weight(&parts[p]), weight(&parts[q]));
            let share = f64::midpoint(before_p, before_q);
            if (before_p - before_q).abs() <= 0.01 * share {
                continue;
            }
            let joined: Vec<usize> = parts[p].iter().chain(&parts[q]).copied().collect();
            // Moves and earlier cuts may have parted them; then a tree does not span.
            if !Sets::hang_together(graph, &joined) {
                continue;
            }
            if let Some(cut) = Cutter::new(graph, &joined).cut(2, random) {
                let after = (weight(&cut.one) - weight(&cut.other)).abs();
                if after < 0.95 * (before_p - before_q).abs() {
                    parts[p] = cut.one;
                    parts[q] = cut.other;
                    better = true;
                }
            }
        }
        if !better {
            break;
        }
        pairs = neighbours(graph, parts);
    }
}

/// Pairs of parts that lie beside each other.
fn neighbours(graph: &Graph, parts: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let mut part_of = vec![0; graph.weights.len()];
    for (part, nodes) in parts.iter().enumerate() {
        for node in nodes {
            part_of[*node] = part;
        }
    }
    let mut pairs = BTreeSet::new();
    for (node, others) in graph.beside.iter().enumerate() {
        for other in others.keys() {
            if part_of[node] < part_of[*other] {
                pairs.insert((part_of[node], part_of[*other]));
            }
        }
    }
    pairs.into_iter().collect()
}

/// Sets that grow together.
pub(super) struct Sets {
    up: Vec<usize>,
}

impl Sets {
    pub(super) fn new(count: usize) -> Self {
        Self {
            up: (0..count).collect(),
        }
    }

    pub(super) fn root(&mut self, mut at: usize) -> usize {
        while self.up[at] != at {
            self.up[at] = self.up[self.up[at]];
            at = self.up[at];
        }
        at
    }

    /// Joins two; false when they were one already. The lower root stays.
    pub(super) fn join(&mut self, a: usize, b: usize) -> bool {
        let (a, b) = (self.root(a), self.root(b));
        self.up[a.max(b)] = a.min(b);
        a != b
    }

    fn hang_together(graph: &Graph, nodes: &[usize]) -> bool {
        let inside: BTreeSet<usize> = nodes.iter().copied().collect();
        let mut seen = BTreeSet::new();
        let mut open: Vec<usize> = nodes.first().copied().into_iter().collect();
        while let Some(node) = open.pop() {
            if seen.insert(node) {
                open.extend(graph.beside[node].keys().filter(|n| inside.contains(n)));
            }
        }
        seen.len() == inside.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn lattice(side: usize, weights: &[u64]) -> Graph {
        let count = side * side;
        let mut beside = vec![BTreeMap::new(); count];
        for n in 0..count {
            for m in [
                (n % side + 1 < side).then_some(n + 1),
                (n + side < count).then_some(n + side),
            ]
            .into_iter()
            .flatten()
            {
                beside[n].insert(m, 1.0);
                beside[m].insert(n, 1.0);
            }
        }
        Graph {
            weights: weights[..count].to_vec(),
            beside,
        }
    }

    #[test]
    fn a_star_can_be_cut_into_as_many_parts_as_it_has_nodes() {
        let mut beside = vec![BTreeMap::new(); 6];
        for leaf in 1..6 {
            beside[0].insert(leaf, 1.0);
            beside[leaf].insert(0, 1.0);
        }
        let graph = Graph {
            weights: vec![1; 6],
            beside,
        };
        let parts: BTreeSet<usize> = partition(&graph, 6, 1).into_iter().collect();
        assert_eq!(parts.len(), 6);
    }

    #[test]
    fn equal_weights_come_out_nearly_equal() {
        let graph = lattice(14, &[100; 196]);
        let part_of = partition(&graph, 16, 7);
        let mut sums = [0u64; 16];
        for (node, part) in part_of.iter().enumerate() {
            sums[*part] += graph.weights[node];
        }
        let share = 196.0 * 100.0 / 16.0;
        let worst = sums
            .iter()
            .map(|s| (*s as f64 / share - 1.0).abs())
            .fold(0.0, f64::max);
        assert!(worst < 0.1, "{worst} {sums:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn every_part_hangs_together_and_none_is_empty(
            side in 2usize..9,
            weights in proptest::collection::vec(0u64..500, 81),
            parts in 1usize..20,
            seed in any::<u64>(),
        ) {
            let parts = parts.min(side * side);
            let graph = lattice(side, &weights);
            let part_of = partition(&graph, parts, seed);
            prop_assert_eq!(&part_of, &partition(&graph, parts, seed));
            for part in 0..parts {
                let nodes: Vec<usize> =
                    (0..part_of.len()).filter(|n| part_of[*n] == part).collect();
                prop_assert!(!nodes.is_empty());
                prop_assert!(Sets::hang_together(&graph, &nodes));
            }
        }
    }
}
