//! Parts to begin with: any that hang together.
//!
//! A graph is cut in two by taking a random spanning tree and the one edge of it whose
//! removal balances best; both sides hang together because each is a tree. Several trees are
//! tried; among the balanced cuts the one with the shorter border wins. Cutting the halves
//! again gives any number of parts.

use super::{graph::Graph, sets::Sets};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// The part (0 to `parts` - 1) of each of these nodes, which hang together and are at least
/// as many as the parts.
pub(super) fn start(
    graph: &Graph,
    nodes: Vec<usize>,
    parts: usize,
    random: &mut ChaCha8Rng,
) -> Vec<Vec<usize>> {
    let mut done: Vec<Vec<usize>> = Vec::with_capacity(parts);
    let mut open = vec![(nodes, parts)];
    while let Some((nodes, parts)) = open.pop() {
        match Cutter::new(graph, &nodes).cut(parts, random) {
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
    done
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
