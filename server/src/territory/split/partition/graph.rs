//! What is cut into parts: nodes with weights, and the borders between them.

use std::collections::BTreeMap;

/// Nodes with weights; neighbours with the length of the border shared.
#[derive(Clone, Debug)]
pub(in crate::territory) struct Graph {
    /// What each node weighs.
    pub(in crate::territory) weights: Vec<u64>,
    /// The neighbours of each node; what is said of one pair is said on both sides.
    pub(in crate::territory) beside: Vec<BTreeMap<usize, f64>>,
}

impl Graph {
    /// The sum of all weights.
    pub(in crate::territory) fn total(&self) -> u64 {
        self.weights
            .iter()
            .fold(0, |sum, weight| sum.saturating_add(*weight))
    }

    /// The pieces that do not hang together, each with its nodes ascending, ordered by
    /// their first.
    pub(in crate::territory) fn pieces(&self) -> Vec<Vec<usize>> {
        let mut seen = vec![false; self.weights.len()];
        let mut pieces = Vec::new();
        for first in 0..self.weights.len() {
            if seen[first] {
                continue;
            }
            seen[first] = true;
            let mut piece = vec![first];
            let mut at = 0;
            while let Some(node) = piece.get(at).copied() {
                at += 1;
                for other in self.beside[node].keys() {
                    if !std::mem::replace(&mut seen[*other], true) {
                        piece.push(*other);
                    }
                }
            }
            piece.sort_unstable();
            pieces.push(piece);
        }
        pieces
    }
}

/// The same graph laid out flat, for going over it many times.
#[derive(Debug)]
pub(super) struct Flat {
    pub(super) weights: Vec<f64>,
    first: Vec<u32>,
    edges: Vec<(u32, f32)>,
}

impl Flat {
    /// Lengths are counted in mean lengths of a border, so that they compare with weights
    /// counted in mean weights.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "at most some ten thousand nodes; relative error 1e-7"
    )]
    pub(super) fn of(graph: &Graph) -> Self {
        let lengths = || graph.beside.iter().flat_map(BTreeMap::values);
        let mean = lengths().sum::<f64>() / lengths().count().max(1) as f64;
        let unit = if mean > 0.0 { mean } else { 1.0 };
        let mean = graph.total() as f64 / graph.weights.len().max(1) as f64;
        let mut first = vec![0];
        let mut edges = Vec::new();
        for others in &graph.beside {
            edges.extend(
                others
                    .iter()
                    .map(|(other, length)| (*other as u32, (length / unit) as f32)),
            );
            first.push(edges.len() as u32);
        }
        Self {
            weights: graph
                .weights
                .iter()
                .map(|weight| *weight as f64 / mean.max(f64::MIN_POSITIVE))
                .collect(),
            first,
            edges,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.weights.len()
    }

    /// The neighbours of a node, with the length of the border.
    pub(super) fn beside(&self, node: usize) -> &[(u32, f32)] {
        &self.edges[self.first[node] as usize..self.first[node + 1] as usize]
    }
}
