//! Parts made better by moving one node at a time over a border.
//!
//! A part pays for its border and for every bit by which it is farther from an equal share
//! than the slack allows. Moves that pay off are made; others sometimes, the less often the
//! later it is (annealing), which is how a search leaves a dead end. The price of imbalance
//! follows what is seen: it rises while a part is out of bounds and falls while none is, so
//! that the search walks along the edge of what is allowed, where the short borders are.
//! A node never leaves a part that would fall apart without it, nor one that it is all of.

use super::graph::Flat;
use rand::RngCore;
use rand_chacha::ChaCha8Rng;

/// How to search.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// How far a part may be from an equal share, as a share of it.
    pub(super) slack: f64,
    /// How often each node is looked at.
    pub(super) sweeps: usize,
}

/// Parts and what they cost.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// The part of each node.
    pub(super) part_of: Vec<u32>,
    /// The borders between parts, in mean borders.
    pub(super) border: f64,
    /// By how much parts are out of bounds, in mean nodes.
    pub(super) excess: f64,
    /// How far the worst part is from an equal share, as a share of it.
    pub(super) worst: f64,
}

impl Found {
    /// Whether this is better: in bounds first, the shorter border then.
    pub(super) fn beats(&self, other: &Self) -> bool {
        (self.excess, self.border) < (other.excess, other.border)
    }
}

/// The temperature at first and at last, in mean borders.
const HEAT: (f64, f64) = (1.0, 0.03);
/// While it is hot, parts may be out of bounds by so many mean nodes each and degree of heat
/// before the price rises; for the last part of the search by nothing.
const ALLOWED: f64 = 0.02;
/// The share of the search after which nothing is allowed any more.
const STRICT_FROM: f64 = 0.8;
/// By what factor the price follows.
const PRICE_STEP: f64 = 1.02;
/// Parts begin to pay at this share of what is out of bounds.
const FREE: f64 = 0.7;

/// Searches from given parts. The best seen is returned, the given ones if nothing is better.
pub(super) fn anneal(
    graph: &Flat,
    start: &[u32],
    share: f64,
    plan: Plan,
    mut random: ChaCha8Rng,
) -> Found {
    let mut walk = Walk::new(graph, start, share, plan.slack);
    let mut best = walk.found();
    // Four looks at what was found for each time that every node is looked at.
    let steps = plan.sweeps.max(1) * 4;
    let quarter = graph.len().div_ceil(4);
    #[expect(clippy::cast_precision_loss, reason = "some ten thousand steps")]
    let (count, parts) = (steps as f64, walk.weight.len() as f64);
    let cooling = (HEAT.1 / HEAT.0).powf(count.recip());
    let (mut heat, mut done) = (HEAT.0, 0.0);
    for _ in 0..steps {
        for _ in 0..quarter {
            walk.try_one(heat, &mut random);
        }
        heat *= cooling;
        done += count.recip();
        let strict = done > STRICT_FROM;
        walk.settle_price(if strict { 0.0 } else { ALLOWED * heat * parts });
        if (walk.excess_now(), walk.border) < (best.excess, best.border) {
            best = walk.found();
        }
    }
    // Border and excess were added up move by move: count anew, and go down to the ground.
    let [last, best] = [walk.part_of, best.part_of].map(|part_of| {
        let mut end = Walk::new(graph, &part_of, share, plan.slack);
        end.descend();
        end.found()
    });
    if last.beats(&best) { last } else { best }
}

struct Walk<'a> {
    graph: &'a Flat,
    part_of: Vec<u32>,
    weight: Vec<f64>,
    count: Vec<u32>,
    share: f64,
    slack: f64,
    /// From where on parts pay.
    free: f64,
    price: f64,
    border: f64,
    excess: f64,
    /// When each node was last seen by the search for connection.
    seen: Vec<u32>,
    round: u32,
    open: Vec<u32>,
}

impl<'a> Walk<'a> {
    fn new(graph: &'a Flat, start: &[u32], share: f64, slack: f64) -> Self {
        let parts = start.iter().max().map_or(0, |most| *most as usize + 1);
        let mut weight = vec![0.0; parts];
        let mut count = vec![0; parts];
        let mut border = 0.0;
        for (node, part) in start.iter().enumerate() {
            weight[*part as usize] += graph.weights[node];
            count[*part as usize] += 1;
            for (other, length) in graph.beside(node) {
                if start[*other as usize] != *part {
                    border += 0.5 * f64::from(*length);
                }
            }
        }
        let mut walk = Self {
            graph,
            part_of: start.to_vec(),
            weight,
            count,
            share,
            slack: slack * share,
            free: FREE * slack * share,
            price: 1.0,
            border,
            excess: 0.0,
            seen: vec![0; graph.len()],
            round: 0,
            open: Vec::new(),
        };
        walk.excess = walk.weight.iter().map(|weight| walk.over(*weight)).sum();
        walk
    }

    fn found(&self) -> Found {
        Found {
            part_of: self.part_of.clone(),
            border: self.border,
            excess: self.excess_now(),
            worst: self
                .weight
                .iter()
                .map(|weight| (weight / self.share - 1.0).abs())
                .fold(0.0, f64::max),
        }
    }

    /// The excess without the dust of adding up.
    fn excess_now(&self) -> f64 {
        if self.excess < 1e-9 { 0.0 } else { self.excess }
    }

    /// By how much a part of this weight is out of bounds.
    fn over(&self, weight: f64) -> f64 {
        ((weight - self.share).abs() - self.slack).max(0.0)
    }

    /// What a part of this weight pays: it begins to pay before it is out of bounds, and
    /// ever more the farther it is, so that few are.
    fn pays(&self, weight: f64) -> f64 {
        let off = (weight - self.share).abs() - self.free;
        if off > 0.0 { off * (1.0 + off) } else { 0.0 }
    }

    fn settle_price(&mut self, allowed: f64) {
        let over = self.excess > 1e-9 + allowed;
        let factor = if over { PRICE_STEP } else { PRICE_STEP.recip() };
        self.price = (self.price * factor).clamp(0.2, 50.0);
    }

    /// Looks at a random node and a random part beside it.
    fn try_one(&mut self, heat: f64, random: &mut ChaCha8Rng) {
        let draw = random.next_u64();
        let node = below(draw, self.graph.len());
        let from = self.part_of[node];
        let beside = self.graph.beside(node);
        if beside.is_empty() {
            return;
        }
        let to = self.part_of[beside[below(draw.rotate_left(32), beside.len())].0 as usize];
        if to == from || self.count[from as usize] < 2 {
            return;
        }
        let longer = self.longer(node, to);
        let worse = longer + self.price * self.change(node, to, Self::pays);
        if worse > 0.0 && worse > heat * waiting(random.next_u64()) {
            return;
        }
        if self.hangs_without(node) {
            let heavier = self.change(node, to, Self::over);
            self.shift(node, to, longer, heavier);
        }
    }

    /// What moving a node to a part beside it adds to the border.
    fn longer(&self, node: usize, to: u32) -> f64 {
        let from = self.part_of[node];
        let mut longer = 0.0;
        for (other, length) in self.graph.beside(node) {
            let part = self.part_of[*other as usize];
            if part == from {
                longer += f64::from(*length);
            } else if part == to {
                longer -= f64::from(*length);
            }
        }
        longer
    }

    /// What moving a node adds to what its part and the other are charged by weight.
    fn change(&self, node: usize, to: u32, charge: impl Fn(&Self, f64) -> f64) -> f64 {
        let weight = self.graph.weights[node];
        let from = self.weight[self.part_of[node] as usize];
        let to = self.weight[to as usize];
        charge(self, from - weight) + charge(self, to + weight)
            - charge(self, from)
            - charge(self, to)
    }

    fn shift(&mut self, node: usize, to: u32, longer: f64, heavier: f64) {
        let from = self.part_of[node];
        let weight = self.graph.weights[node];
        self.weight[from as usize] -= weight;
        self.weight[to as usize] += weight;
        self.count[from as usize] -= 1;
        self.count[to as usize] += 1;
        self.part_of[node] = to;
        self.border += longer;
        self.excess += heavier;
    }

    /// Whether the part of a node still hangs together when the node leaves it.
    fn hangs_without(&mut self, node: usize) -> bool {
        let part = self.part_of[node];
        self.round += 1;
        let (seen, wanted) = (2 * self.round, 2 * self.round + 1);
        let mut missing = 0;
        let mut first = None;
        for (other, _) in self.graph.beside(node) {
            if self.part_of[*other as usize] == part {
                self.seen[*other as usize] = wanted;
                missing += 1;
                first = Some(*other);
            }
        }
        let Some(first) = first else { return false };
        self.seen[node] = seen;
        self.seen[first as usize] = seen;
        missing -= 1;
        self.open.clear();
        self.open.push(first);
        // Those to be found lie near: going out from the first in rings meets them early.
        let mut at = 0;
        while missing > 0 {
            let Some(next) = self.open.get(at).copied() else {
                return false;
            };
            at += 1;
            for (other, _) in self.graph.beside(next as usize) {
                let mark = self.seen[*other as usize];
                if self.part_of[*other as usize] == part && mark != seen {
                    missing -= usize::from(mark == wanted);
                    self.seen[*other as usize] = seen;
                    self.open.push(*other);
                }
            }
        }
        true
    }

    /// Makes every move that is better in both respects and worse in none, until none is left.
    fn descend(&mut self) {
        loop {
            let mut moved = false;
            for node in 0..self.graph.len() {
                if self.count[self.part_of[node] as usize] < 2 {
                    continue;
                }
                for place in 0..self.graph.beside(node).len() {
                    let to = self.part_of[self.graph.beside(node)[place].0 as usize];
                    if to == self.part_of[node] {
                        continue;
                    }
                    let longer = self.longer(node, to);
                    let heavier = self.change(node, to, Self::over);
                    let better = heavier < -1e-9 || (heavier <= 0.0 && longer < -1e-6);
                    if better && self.hangs_without(node) {
                        self.shift(node, to, longer, heavier);
                        moved = true;
                        break;
                    }
                }
            }
            if !moved {
                return;
            }
        }
    }
}

/// A number from 0 to `count` - 1 from the upper half of a draw.
fn below(draw: u64, count: usize) -> usize {
    (((draw >> 32) * count as u64) >> 32) as usize
}

/// How long one waits for something that comes once a unit on average, told by a draw: an
/// exponential variate to 6 %, in arithmetic that is the same on every machine.
#[expect(clippy::cast_precision_loss, reason = "24 bits of it count")]
fn waiting(draw: u64) -> f64 {
    let zeros = draw.leading_zeros();
    let rest = draw.checked_shl(zeros + 1).unwrap_or(0);
    let part = (rest >> 40) as f64 / f64::from(1u32 << 24);
    (f64::from(zeros) + 1.0 - part) * std::f64::consts::LN_2
}
