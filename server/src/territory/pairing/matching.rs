//! A largest matching in any graph: Edmonds' blossom algorithm, one shortest search for an
//! augmenting path after the other, odd circles contracted to their base on the way.

use std::collections::VecDeque;

/// The partner of each node in a largest matching; none for who is left over.
pub(super) fn largest(beside: &[Vec<usize>]) -> Vec<Option<usize>> {
    let mut partner = vec![None; beside.len()];
    for root in 0..beside.len() {
        if partner[root].is_none() {
            let mut search = Search::new(beside, &partner, root);
            if let Some(end) = search.run() {
                let parent = search.parent;
                flip(&mut partner, &parent, end);
            }
        }
    }
    partner
}

/// Turns an augmenting path over, from its end.
fn flip(partner: &mut [Option<usize>], parent: &[Option<usize>], end: usize) {
    let mut at = Some(end);
    while let Some(node) = at {
        let before = parent[node];
        at = before.and_then(|before| partner[before]);
        partner[node] = before;
        if let Some(before) = before {
            partner[before] = Some(node);
        }
    }
}

struct Search<'g> {
    beside: &'g [Vec<usize>],
    partner: &'g [Option<usize>],
    root: usize,
    /// Over which outer node an inner one was reached.
    parent: Vec<Option<usize>>,
    /// The base of the contracted circle that a node is in; itself when in none.
    base: Vec<usize>,
    outer: Vec<bool>,
    queue: VecDeque<usize>,
}

impl<'g> Search<'g> {
    fn new(beside: &'g [Vec<usize>], partner: &'g [Option<usize>], root: usize) -> Self {
        let mut outer = vec![false; beside.len()];
        outer[root] = true;
        Self {
            beside,
            partner,
            root,
            parent: vec![None; beside.len()],
            base: (0..beside.len()).collect(),
            outer,
            queue: VecDeque::from([root]),
        }
    }

    /// The end of an augmenting path.
    fn run(&mut self) -> Option<usize> {
        let beside = self.beside;
        while let Some(from) = self.queue.pop_front() {
            for &to in &beside[from] {
                if self.base[from] == self.base[to] || self.partner[from] == Some(to) {
                    continue;
                }
                let on_tree = self.partner[to].is_some_and(|mate| self.parent[mate].is_some());
                if to == self.root || on_tree {
                    self.contract(from, to);
                } else if self.parent[to].is_none() {
                    self.parent[to] = Some(from);
                    match self.partner[to] {
                        None => return Some(to),
                        Some(mate) => {
                            self.outer[mate] = true;
                            self.queue.push_back(mate);
                        }
                    }
                }
            }
        }
        None
    }

    /// Contracts the odd circle that an edge between two outer nodes closes.
    fn contract(&mut self, one: usize, other: usize) {
        let base = self.common_base(one, other);
        let mut circle = vec![false; self.beside.len()];
        self.mark(one, base, other, &mut circle);
        self.mark(other, base, one, &mut circle);
        for node in 0..self.base.len() {
            if circle[self.base[node]] {
                self.base[node] = base;
                if !self.outer[node] {
                    self.outer[node] = true;
                    self.queue.push_back(node);
                }
            }
        }
    }

    /// The first base that both ways up to the root have in common.
    fn common_base(&self, one: usize, other: usize) -> usize {
        let mut seen = vec![false; self.base.len()];
        let mut at = Some(one);
        while let Some(node) = at {
            let base = self.base[node];
            seen[base] = true;
            at = self.above(base);
        }
        let mut base = self.base[other];
        while !seen[base] {
            match self.above(base) {
                Some(node) => base = self.base[node],
                None => return self.base[self.root],
            }
        }
        base
    }

    /// The outer node above an outer one; none above the root.
    fn above(&self, node: usize) -> Option<usize> {
        self.partner[node].and_then(|mate| self.parent[mate])
    }

    /// Marks the bases on the way from a node to the circle's base, and lets inner nodes on it
    /// know the way round the other side.
    fn mark(&mut self, from: usize, base: usize, child: usize, circle: &mut [bool]) {
        let (mut node, mut child) = (from, child);
        while self.base[node] != base {
            let Some(mate) = self.partner[node] else {
                return;
            };
            circle[self.base[node]] = true;
            circle[self.base[mate]] = true;
            self.parent[node] = Some(child);
            child = mate;
            match self.parent[mate] {
                Some(above) => node = above,
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The size of a largest matching, by trying everything.
    fn by_trying(edges: &[(usize, usize)], used: u32) -> usize {
        let Some(((a, b), rest)) = edges.split_first() else {
            return 0;
        };
        let without = by_trying(rest, used);
        let both = 1 << a | 1 << b;
        if used & both == 0 {
            without.max(1 + by_trying(rest, used | both))
        } else {
            without
        }
    }

    proptest! {
        /// It is a matching over edges of the graph, and none is larger.
        #[test]
        fn it_is_as_large_as_any(
            pairs in proptest::collection::btree_set((0usize..9, 0usize..9), 0..16)
        ) {
            let edges: Vec<(usize, usize)> = pairs.into_iter().filter(|(a, b)| a < b).collect();
            let mut beside = vec![Vec::new(); 9];
            for (a, b) in &edges {
                beside[*a].push(*b);
                beside[*b].push(*a);
            }
            let partner = largest(&beside);
            for (node, mate) in partner.iter().enumerate() {
                if let Some(mate) = mate {
                    prop_assert_eq!(partner[*mate], Some(node));
                    prop_assert!(beside[node].contains(mate));
                }
            }
            let size = partner.iter().flatten().count() / 2;
            prop_assert_eq!(size, by_trying(&edges, 0));
        }
    }
}
