//! How many parts each piece gets, and what an equal share is.

use super::graph::Graph;

/// A node heavier than this many equal shares forces its part out of balance.
const FORCING: f64 = 1.1;

/// The nodes that are each too heavy for an equal share, heaviest first, and the share that
/// is left for every other part once each of them is a part of its own.
pub(in crate::territory) fn heavy(weights: &[u64], parts: usize) -> (Vec<usize>, f64) {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|node| (std::cmp::Reverse(weights[*node]), *node));
    let mut rest: f64 = weights.iter().map(|weight| *weight as f64).sum();
    let mut left = parts;
    let mut aside = Vec::new();
    for node in order {
        let weight = weights[node] as f64;
        if left < 2 || weight <= FORCING * rest / left as f64 {
            break;
        }
        rest -= weight;
        left -= 1;
        aside.push(node);
    }
    (aside, rest / left.max(1) as f64)
}

/// How many of `parts` each piece gets: at least one and at most its nodes; the next always
/// to the piece whose parts are heaviest. None when there are more pieces than parts, or
/// fewer nodes than parts.
pub(in crate::territory) fn allot(
    graph: &Graph,
    pieces: &[Vec<usize>],
    parts: usize,
) -> Option<Vec<usize>> {
    if pieces.len() > parts || graph.weights.len() < parts {
        return None;
    }
    let weights: Vec<f64> = pieces
        .iter()
        .map(|piece| piece.iter().map(|node| graph.weights[*node] as f64).sum())
        .collect();
    let mut counts = vec![1; pieces.len()];
    for _ in pieces.len()..parts {
        let next = (0..pieces.len())
            .filter(|piece| counts[*piece] < pieces[*piece].len())
            .max_by(|a, b| {
                let load = |piece: usize| weights[piece] / counts[piece] as f64;
                load(*a).total_cmp(&load(*b)).then(b.cmp(a))
            })?;
        counts[next] += 1;
    }
    Some(counts)
}
