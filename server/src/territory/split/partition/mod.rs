//! Parts of about equal weight that hang together, with short borders between them.
//!
//! A graph that does not hang together is taken piece by piece (`allot` says how many parts
//! each piece gets). A piece is cut into parts that hang together (`start`) and these are
//! made better by moving nodes over borders (`anneal`): a small piece several times, from
//! different starts and within different bounds, and what is best in border and balance
//! counts. Where narrow bounds cannot be kept, wider ones are tried.

mod allot;
mod anneal;
mod graph;
mod sets;
mod start;

pub(in crate::territory) use allot::{allot, heavy};
pub(in crate::territory) use graph::Graph;
pub(in crate::territory) use sets::Sets;

use anneal::{Found, Plan, anneal};
use graph::Flat;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::{cell::Cell, collections::BTreeMap};

/// How far a part may be from an equal share where that can be helped, less what rounding
/// may take.
const PROMISED: f64 = 0.099;
/// The bounds that are tried for a small graph, and for a large one.
const SMALL: [f64; 3] = [0.015, 0.03, 0.05];
const LARGE: [f64; 1] = [0.05];
/// A graph of at most so many nodes is small: searching it several times takes no time.
const FEW: usize = 400;
/// Nodes of a small graph over all starts from which it is searched: the fewer nodes, the more
/// one that moves changes, and the sooner a search is stuck beside the best.
const STARTED: u64 = 600;
/// A hundredth of balance is worth so many hundredths of border.
const EVENNESS: f64 = 5.0;

/// The part (0 to `parts` - 1) of each node of a graph. The same seed gives the same parts.
/// None when the graph has more pieces than parts wanted, or fewer nodes.
pub(in crate::territory) fn partition(
    graph: &Graph,
    parts: usize,
    largest: Option<u64>,
    seed: u64,
    progress: &dyn Fn(f64),
) -> Option<Vec<usize>> {
    let pieces = graph.pieces();
    let counts = allot(graph, &pieces, parts)?;
    let mut part_of = vec![0; graph.weights.len()];
    let mut before = 0;
    let mut done = 0;
    let nodes = graph.weights.len().max(1) as f64;
    for (piece, count) in pieces.into_iter().zip(counts) {
        let (from, share) = (done as f64 / nodes, piece.len() as f64 / nodes);
        let told = |part: f64| progress(from + share * part);
        done += piece.len();
        for (node, part) in piece
            .iter()
            .zip(of_piece(graph, &piece, count, largest, seed, &told))
        {
            part_of[*node] = before + part;
        }
        before += count;
    }
    Some(part_of)
}

/// Parts of one piece.
fn of_piece(
    graph: &Graph,
    piece: &[usize],
    parts: usize,
    largest: Option<u64>,
    seed: u64,
    progress: &dyn Fn(f64),
) -> Vec<usize> {
    if parts < 2 {
        return vec![0; piece.len()];
    }
    let mut graph = within(graph, piece);
    let (aside, share) = heavy(&graph.weights, parts);
    // What is a part of its own whatever happens must not look as if that could be mended.
    for node in aside {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "not more than the weight of the node"
        )]
        let fair = share.round() as u64;
        graph.weights[node] = fair;
    }
    let search = Search::new(&graph, parts, share, seed);
    let (first, starts, sweeps) = if piece.len() <= FEW {
        let starts = (STARTED / piece.len() as u64).clamp(2, 12);
        (&SMALL[..], starts, (500_000 / piece.len()).min(5_000))
    } else {
        (&LARGE[..], 1u64, (15_000_000 / piece.len()).min(3_000))
    };
    let at_most = largest.map_or(PROMISED, |largest| {
        #[expect(clippy::cast_precision_loss, reason = "relative error 1e-16")]
        let largest = largest as f64;
        (largest / share - 1.0).clamp(0.0, PROMISED)
    });
    let runs = (first.len() + 2) as u64 * starts;
    let told = Cell::new(0u64);
    let tell = || {
        told.set(told.get() + 1);
        #[expect(clippy::cast_precision_loss, reason = "a handful")]
        progress(told.get() as f64 / runs as f64);
    };
    // First several ways of being well within bounds, then just within, then as even as can
    // be.
    let narrow: Vec<f64> = first.iter().map(|slack| slack.min(at_most)).collect();
    let mut part_of = Vec::new();
    for bounds in [&narrow[..], &[at_most], &[0.0]] {
        let tries = bounds
            .iter()
            .flat_map(|slack| (0..starts).map(move |turn| (*slack, turn)));
        let found = tries.map(|(slack, turn)| {
            let found = search.from(slack, turn, sweeps);
            tell();
            found
        });
        if let Some(best) = found.min_by(|a, b| score(a).total_cmp(&score(b))) {
            part_of = best.part_of;
            if best.excess <= 0.0 {
                break;
            }
        }
    }
    part_of.into_iter().map(|part| part as usize).collect()
}

/// What a partition costs; out of bounds is dearer than anything within.
fn score(found: &Found) -> f64 {
    if found.excess > 0.0 {
        1e12 * (1.0 + found.excess)
    } else {
        found.border * (1.0 + EVENNESS * found.worst)
    }
}

/// Looks for parts of one piece.
struct Search<'a> {
    graph: &'a Graph,
    flat: Flat,
    parts: usize,
    /// An equal share, in mean nodes.
    share: f64,
    seed: u64,
}

impl<'a> Search<'a> {
    fn new(graph: &'a Graph, parts: usize, share: f64, seed: u64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "relative error 1e-16")]
        let mean = graph.total() as f64 / graph.weights.len() as f64;
        Self {
            graph,
            flat: Flat::of(graph),
            parts,
            share: share / mean.max(f64::MIN_POSITIVE),
            seed,
        }
    }

    /// One search from a start of its own.
    fn from(&self, slack: f64, turn: u64, sweeps: usize) -> Found {
        let mut random = ChaCha8Rng::seed_from_u64(self.seed);
        random.set_stream(turn);
        let nodes = (0..self.graph.weights.len()).collect();
        let begun = start::start(self.graph, nodes, self.parts, &mut random);
        let mut part_of = vec![0; self.graph.weights.len()];
        for (part, nodes) in (0..).zip(begun) {
            for node in nodes {
                part_of[node] = part;
            }
        }
        anneal(
            &self.flat,
            &part_of,
            self.share,
            Plan { slack, sweeps },
            random,
        )
    }
}

/// A piece as a graph of its own.
fn within(graph: &Graph, piece: &[usize]) -> Graph {
    let place: BTreeMap<usize, usize> = piece
        .iter()
        .enumerate()
        .map(|(place, node)| (*node, place))
        .collect();
    let beside = |node: &usize| {
        let others = graph.beside[*node].iter();
        others
            .filter_map(|(other, length)| Some((*place.get(other)?, *length)))
            .collect()
    };
    Graph {
        weights: piece.iter().map(|node| graph.weights[*node]).collect(),
        beside: piece.iter().map(beside).collect(),
    }
}

#[cfg(test)]
mod tests;
