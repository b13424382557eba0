use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

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

fn parts_of(graph: &Graph, parts: usize, seed: u64) -> Option<Vec<usize>> {
    partition(graph, parts, None, seed, &|_| ())
}

fn hangs_together(graph: &Graph, nodes: &BTreeSet<usize>) -> bool {
    let mut seen = BTreeSet::new();
    let mut open: Vec<usize> = nodes.first().copied().into_iter().collect();
    while let Some(node) = open.pop() {
        if seen.insert(node) {
            open.extend(graph.beside[node].keys().filter(|n| nodes.contains(n)));
        }
    }
    seen.len() == nodes.len()
}

fn worst(graph: &Graph, part_of: &[usize], parts: usize) -> f64 {
    let mut sums = vec![0u64; parts];
    for (node, part) in part_of.iter().enumerate() {
        sums[*part] += graph.weights[node];
    }
    let share = graph.total() as f64 / parts as f64;
    let off = sums.iter().map(|sum| (*sum as f64 / share - 1.0).abs());
    off.fold(0.0, f64::max)
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
    let parts: BTreeSet<usize> = parts_of(&graph, 6, 1).unwrap().into_iter().collect();
    assert_eq!(parts.len(), 6);
    assert_eq!(parts_of(&graph, 7, 1), None);
}

#[test]
fn equal_weights_come_out_nearly_equal_with_short_borders() {
    let graph = lattice(16, &[100; 256]);
    let part_of = parts_of(&graph, 16, 7).unwrap();
    assert!(worst(&graph, &part_of, 16) <= 0.1);
    let cut: usize = (0..256)
        .flat_map(|node| graph.beside[node].keys().map(move |other| (node, *other)))
        .filter(|(node, other)| node < other && part_of[*node] != part_of[*other])
        .count();
    // Sixteen squares of 4 by 4 have 96; nothing has less.
    assert!(cut <= 112, "{cut}");
}

#[test]
fn a_node_too_heavy_for_a_share_is_a_part_of_its_own() {
    let mut weights = [10; 64];
    weights[27] = 400;
    let graph = lattice(8, &weights);
    let part_of = parts_of(&graph, 8, 3).unwrap();
    let with_it = part_of.iter().filter(|part| **part == part_of[27]).count();
    assert_eq!(with_it, 1);
    let (aside, share) = heavy(&graph.weights, 8);
    assert_eq!((aside, share), (vec![27], 90.0));
}

#[test]
fn pieces_get_parts_by_their_weight() {
    let mut graph = lattice(6, &[10; 36]);
    for column in 0..6 {
        let (a, b) = (6 + column, 12 + column);
        graph.beside[a].remove(&b);
        graph.beside[b].remove(&a);
    }
    assert_eq!(graph.pieces().len(), 2);
    assert_eq!(allot(&graph, &graph.pieces(), 6), Some(vec![2, 4]));
    assert_eq!(allot(&graph, &graph.pieces(), 1), None);
    let part_of = parts_of(&graph, 6, 1).unwrap();
    let above: BTreeSet<usize> = part_of[..12].iter().copied().collect();
    let below: BTreeSet<usize> = part_of[12..].iter().copied().collect();
    assert!(above.len() == 2 && below.len() == 4 && above.is_disjoint(&below));
}

#[test]
fn progress_never_goes_back() {
    let graph = lattice(9, &[7; 81]);
    let told = std::cell::RefCell::new(vec![0.0]);
    partition(&graph, 6, None, 1, &|done| told.borrow_mut().push(done)).unwrap();
    let told = told.into_inner();
    assert!(told.windows(2).all(|pair| pair[0] <= pair[1]), "{told:?}");
    assert!(told.last().is_some_and(|last| *last <= 1.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_part_hangs_together_and_none_is_empty(
        side in 2usize..9,
        weights in proptest::collection::vec(0u64..500, 81),
        parts in 1usize..20,
        seed in any::<u64>(),
    ) {
        let parts = parts.min(side * side);
        let graph = lattice(side, &weights);
        let part_of = parts_of(&graph, parts, seed).unwrap();
        prop_assert_eq!(parts_of(&graph, parts, seed), Some(part_of.clone()));
        for part in 0..parts {
            let nodes: BTreeSet<usize> =
                (0..part_of.len()).filter(|n| part_of[*n] == part).collect();
            prop_assert!(!nodes.is_empty());
            prop_assert!(hangs_together(&graph, &nodes));
        }
    }
}
