//! The B of each cell, with the As given: the A of a neighbouring cell, in as few different
//! pairs as possible.

use super::{Question, cost::Costs, matching, naive};
use std::collections::{BTreeMap, BTreeSet};

/// Most rounds of exchanges; each round looks at every cell and every pair once.
const ROUNDS: usize = 40;
/// How many who are no neighbours are looked at for a cell, the nearest first.
const FARTHER: usize = 4;

/// What a choice is worth, the first figure counting most: cells without a B, cells whose B
/// is no neighbour, different pairs, cost.
pub(super) type Worth = [i64; 4];

/// Chooses the Bs.
pub(super) fn choose(
    question: &Question,
    costs: &Costs,
    a: &[Option<usize>],
) -> Vec<Option<usize>> {
    let choices = Choices::of(question, costs, a);
    let matched = {
        let mut state = State::new(question, costs, a, &choices);
        state.follow_matching();
        state.improve();
        state
    };
    let mut nearest = State::new(question, costs, a, &choices);
    nearest.take(&naive::second(question, costs, a));
    nearest.improve();
    let best = if nearest.worth() < matched.worth() {
        nearest
    } else {
        matched
    };
    best.b
}

/// What Bs are worth; for looking at any choice, not only proposed ones.
pub(super) fn worth(
    question: &Question,
    costs: &Costs,
    a: &[Option<usize>],
    b: &[Option<usize>],
) -> Worth {
    let choices = Choices::of(question, costs, a);
    let mut state = State::new(question, costs, a, &choices);
    state.take(b);
    state.worth()
}

/// Who can be B where.
struct Choices {
    /// For each cell the As of its neighbours that can be its B, then some who are farther.
    open: Vec<Vec<usize>>,
    /// How many of those are neighbours.
    near: Vec<usize>,
}

impl Choices {
    fn of(question: &Question, costs: &Costs, a: &[Option<usize>]) -> Self {
        let everyone: BTreeSet<usize> = a.iter().flatten().copied().collect();
        let (mut open, mut near) = (Vec::new(), Vec::new());
        for (number, cell) in question.cells.iter().enumerate() {
            let can = |who: &usize| Some(*who) != a[number] && costs.open(number, *who);
            let beside: BTreeSet<usize> = cell.beside.iter().filter_map(|c| a[*c]).collect();
            let mut list: Vec<usize> = beside.iter().copied().filter(can).collect();
            near.push(list.len());
            let by_way = |who: &usize| (costs.way(number, *who), *who);
            let mut farther: Vec<usize> =
                everyone.difference(&beside).copied().filter(can).collect();
            farther.sort_by_key(by_way);
            farther.truncate(FARTHER);
            if farther.is_empty() && list.is_empty() {
                // Nobody else is A of anything: whoever is nearest.
                farther = (0..question.managers.len()).filter(can).collect();
                farther.sort_by_key(by_way);
                farther.truncate(FARTHER);
            }
            list.extend(farther);
            open.push(list);
        }
        Self { open, near }
    }

    fn is_near(&self, question: &Question, a: &[Option<usize>], cell: usize, who: usize) -> bool {
        let near = &self.open[cell][..self.near[cell]];
        near.contains(&who)
            || question.cells[cell]
                .beside
                .iter()
                .any(|c| a[*c] == Some(who))
    }
}

struct State<'q> {
    question: &'q Question,
    costs: &'q Costs,
    a: &'q [Option<usize>],
    choices: &'q Choices,
    b: Vec<Option<usize>>,
    /// How many more cells each may have as B; below nothing while something is undone, and
    /// where more are locked than allowed.
    free: Vec<i64>,
    loads: Vec<i64>,
    /// The cells of each A.
    of_a: Vec<Vec<usize>>,
    /// How many cells each pair answers for.
    pairs: BTreeMap<(usize, usize), u32>,
    figures: Worth,
}

impl<'q> State<'q> {
    /// Only the locked cells have a B.
    fn new(
        question: &'q Question,
        costs: &'q Costs,
        a: &'q [Option<usize>],
        choices: &'q Choices,
    ) -> Self {
        let mut state = Self {
            question,
            costs,
            a,
            choices,
            b: vec![None; question.cells.len()],
            free: question
                .managers
                .iter()
                .map(|m| i64::from(m.most_as_b))
                .collect(),
            loads: vec![0; question.managers.len()],
            of_a: vec![Vec::new(); question.managers.len()],
            pairs: BTreeMap::new(),
            figures: [
                i64::try_from(question.cells.len()).unwrap_or(i64::MAX),
                0,
                0,
                0,
            ],
        };
        for (cell, a) in a.iter().enumerate() {
            if let Some(a) = a {
                state.of_a[*a].push(cell);
            }
        }
        for (cell, pair) in question.cells.iter().map(|cell| cell.locked).enumerate() {
            if let Some([_, b]) = pair {
                state.set(cell, Some(b));
            }
        }
        state
    }

    fn worth(&self) -> Worth {
        self.figures
    }

    fn movable(&self, cell: usize) -> bool {
        self.question.cells[cell].locked.is_none()
    }

    /// Whether somebody has room for one more cell, or has this one already.
    fn has_room(&self, cell: usize, who: usize) -> bool {
        self.b[cell] == Some(who) || self.free[who] > 0
    }

    /// Takes over a choice where it differs; locked cells stay.
    fn take(&mut self, chosen: &[Option<usize>]) {
        for (cell, who) in chosen.iter().enumerate() {
            if self.movable(cell) {
                self.set(cell, *who);
            }
        }
    }

    /// Sets the B of a cell and keeps the figures.
    fn set(&mut self, cell: usize, who: Option<usize>) {
        let share = self.costs.share(cell);
        if let Some(before) = self.b[cell] {
            self.book(cell, before, -share, -1);
            self.free[before] += 1;
        }
        self.b[cell] = who;
        if let Some(who) = who {
            self.book(cell, who, share, 1);
            self.free[who] -= 1;
        }
    }

    fn book(&mut self, cell: usize, who: usize, share: i64, sign: i64) {
        let before = self.costs.load(self.loads[who]);
        self.loads[who] += share;
        let loads = self.costs.load(self.loads[who]) - before;
        let open = self.costs.open(cell, who);
        let way = if open { self.costs.way(cell, who) } else { 0 };
        let far = !self.choices.is_near(self.question, self.a, cell, who);
        let pairs = self.a[cell].map_or(0, |a| self.count_pair(a, who, sign));
        let change = [-sign, sign * i64::from(far), pairs, sign * way + loads];
        for (figure, change) in self.figures.iter_mut().zip(change) {
            *figure += change;
        }
    }

    /// Counts a cell more or less of a pair; gives how many more pairs there are.
    fn count_pair(&mut self, a: usize, b: usize, sign: i64) -> i64 {
        let key = (a.min(b), a.max(b));
        let count = self.pairs.entry(key).or_default();
        if sign > 0 {
            *count += 1;
            i64::from(*count == 1)
        } else {
            *count = count.saturating_sub(1);
            let gone = *count == 0;
            if gone {
                self.pairs.remove(&key);
            }
            -i64::from(gone)
        }
    }

    /// Makes the largest matching of As who can stand in for each other the first pairs.
    fn follow_matching(&mut self) {
        // Whose cells are all served by a pair that is there already needs no partner.
        let mut served: Vec<bool> = vec![true; self.question.managers.len()];
        for cell in 0..self.b.len() {
            let Some(a) = self.a[cell].filter(|_| self.movable(cell)) else {
                continue;
            };
            let near = &self.choices.open[cell][..self.choices.near[cell]];
            let known = near
                .iter()
                .find(|who| self.pairs.contains_key(&(a.min(**who), a.max(**who))));
            match known.copied() {
                Some(who) if self.free[who] > 0 => self.set(cell, Some(who)),
                _ => served[a] = false,
            }
        }
        let mut beside: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); served.len()];
        for cell in 0..self.b.len() {
            let Some(a) = self.a[cell].filter(|a| !served[*a] && self.movable(cell)) else {
                continue;
            };
            for who in &self.choices.open[cell][..self.choices.near[cell]] {
                if !served[*who] {
                    beside[a].insert(*who);
                    beside[*who].insert(a);
                }
            }
        }
        let beside: Vec<Vec<usize>> = beside
            .into_iter()
            .map(|set| set.into_iter().collect())
            .collect();
        let partner = matching::largest(&beside);
        for cell in 0..self.b.len() {
            let open = &self.choices.open[cell];
            let Some(a) = self.a[cell] else { continue };
            if self.b[cell].is_none()
                && self.movable(cell)
                && let Some(mate) = partner[a]
                && open.contains(&mate)
                && self.free[mate] > 0
            {
                self.set(cell, Some(mate));
            }
        }
    }

    /// Exchanges until nothing gets better.
    fn improve(&mut self) {
        for _ in 0..ROUNDS {
            let before = self.figures;
            for cell in 0..self.b.len() {
                if self.movable(cell) {
                    self.improve_cell(cell);
                }
            }
            for cell in 0..self.b.len() {
                if let Some(a) = self.a[cell] {
                    for place in 0..self.choices.near[cell] {
                        self.try_pair(a, self.choices.open[cell][place]);
                    }
                }
            }
            if self.figures >= before {
                break;
            }
        }
    }

    /// Gives a cell the B with whom the whole is best.
    fn improve_cell(&mut self, cell: usize) {
        let now = self.b[cell];
        let mut best = (self.figures, now);
        for place in 0..self.choices.open[cell].len() {
            let who = self.choices.open[cell][place];
            if self.has_room(cell, who) && Some(who) != now {
                self.set(cell, Some(who));
                best = best.min((self.figures, Some(who)));
                self.set(cell, now);
            }
        }
        if best.1 != now {
            self.set(cell, best.1);
        }
    }

    /// Lets two stand in for each other wherever they can, and lets the cells around that
    /// are in another pair with one of them look again; undone when the whole is no better.
    fn try_pair(&mut self, one: usize, other: usize) {
        let cells = self.question.cells.as_slice();
        let own = self.of_a[one].iter().chain(&self.of_a[other]);
        let around = own.flat_map(|cell| cells[*cell].beside.iter().chain([cell]));
        let touched: BTreeSet<usize> = around.copied().filter(|cell| self.movable(*cell)).collect();
        let figures = self.figures;
        let before: Vec<(usize, Option<usize>)> =
            touched.iter().map(|cell| (*cell, self.b[*cell])).collect();
        for cell in &touched {
            let stands_in = match self.a[*cell] {
                Some(a) if a == one => other,
                Some(a) if a == other => one,
                _ => continue,
            };
            if self.choices.open[*cell].contains(&stands_in) && self.has_room(*cell, stands_in) {
                self.set(*cell, Some(stands_in));
            }
        }
        for cell in &touched {
            let in_one = self.b[*cell].is_some_and(|b| b == one || b == other);
            if in_one && !self.is_of(*cell, one, other) {
                self.improve_cell(*cell);
            }
        }
        if self.figures >= figures {
            for (cell, who) in before {
                self.set(cell, who);
            }
        }
    }

    fn is_of(&self, cell: usize, one: usize, other: usize) -> bool {
        let pair = [self.a[cell], self.b[cell]];
        pair.contains(&Some(one)) && pair.contains(&Some(other))
    }
}
