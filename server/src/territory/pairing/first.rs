//! The A of each cell: an exact assignment, then exchanges until nothing gets cheaper.

use super::{
    Question,
    cost::{Costs, NO_WAY},
    naive,
};
use pathfinding::{kuhn_munkres::kuhn_munkres_min, matrix::Matrix};

/// Most rounds of exchanges; each round looks at every cell once.
const ROUNDS: usize = 60;

/// Chooses the As.
pub(super) fn choose(question: &Question, costs: &Costs) -> Vec<Option<usize>> {
    let starts = [assigned(question, costs), naive::first(question, costs)];
    let ends = starts.map(|start| improved(question, costs, start));
    let [one, other] = ends;
    let worth = |chosen: &[Option<usize>]| {
        let alone = chosen.iter().filter(|a| a.is_none()).count();
        (alone, costs.total(chosen))
    };
    if worth(&other) < worth(&one) {
        other
    } else {
        one
    }
}

/// The As of locked cells; nobody elsewhere.
pub(super) fn locked(question: &Question) -> Vec<Option<usize>> {
    let cells = question.cells.iter();
    cells.map(|cell| cell.locked.map(|pair| pair[0])).collect()
}

/// In how many more cells each manager may be A, and how many he is locked into.
pub(super) fn room(question: &Question) -> Vec<(u32, u32)> {
    let mut fixed = vec![0; question.managers.len()];
    for [a, _] in question.cells.iter().filter_map(|cell| cell.locked) {
        fixed[a] += 1;
    }
    let managers = question.managers.iter().zip(fixed);
    managers
        .map(|(manager, fixed): (_, u32)| (manager.most_as_a.saturating_sub(fixed), fixed))
        .collect()
}

/// The assignment: a row for each cell, a column for each place of a manager, the price of
/// his next place rising as the square of his load does.
fn assigned(question: &Question, costs: &Costs) -> Vec<Option<usize>> {
    let mut chosen = locked(question);
    let rows: Vec<usize> = (0..chosen.len()).filter(|c| chosen[*c].is_none()).collect();
    if rows.is_empty() {
        return chosen;
    }
    let usual = rows.iter().map(|cell| costs.share(*cell)).sum::<i64>();
    let usual = usual / i64::try_from(rows.len()).unwrap_or(i64::MAX);
    let columns = places(question, rows.len());
    let priced: Vec<(usize, i64)> = columns
        .into_iter()
        .map(|(manager, before)| {
            let load = |cells: u32| costs.load(usual * i64::from(cells));
            (manager, load(before + 1) - load(before))
        })
        .collect();
    // Where there are more cells than places, the rest of them get a place with nobody.
    let width = priced.len().max(rows.len());
    let mut prices = Matrix::new(rows.len(), width, NO_WAY);
    for (row, cell) in rows.iter().enumerate() {
        for (column, (manager, more)) in priced.iter().enumerate() {
            if costs.open(*cell, *manager) {
                prices[(row, column)] = costs.way(*cell, *manager) + more;
            }
        }
    }
    let (_, taken) = kuhn_munkres_min(&prices);
    for ((row, cell), column) in rows.iter().enumerate().zip(taken) {
        if prices[(row, column)] < NO_WAY {
            chosen[*cell] = Some(priced[column].0);
        }
    }
    chosen
}

/// The places of managers: who, and how many cells he has before it. All there are while
/// that is few, else no more for each than an even spread needs and one over.
fn places(question: &Question, cells: usize) -> Vec<(usize, u32)> {
    const ALL_UP_TO: usize = 120_000;
    let room = room(question);
    let taking_part = question.managers.iter().filter(|m| m.base.is_some());
    let spread = cells.div_ceil(taking_part.count().max(1)) + 1;
    let all: usize = room
        .iter()
        .map(|(free, _)| (*free as usize).min(cells))
        .sum();
    let most = if all.saturating_mul(cells) <= ALL_UP_TO {
        cells
    } else {
        spread
    };
    let managers = room.iter().enumerate();
    managers
        .filter(|(manager, _)| question.managers[*manager].base.is_some())
        .flat_map(|(manager, (free, fixed))| {
            let free = (*free).min(u32::try_from(most).unwrap_or(u32::MAX));
            (0..free).map(move |place| (manager, fixed + place))
        })
        .collect()
}

/// Moves cells to other managers and exchanges them between two, as long as that fills an
/// empty place or costs less.
fn improved(
    question: &Question,
    costs: &Costs,
    mut chosen: Vec<Option<usize>>,
) -> Vec<Option<usize>> {
    let mut books = Books::of(question, costs, &chosen);
    let movable = |cell: &usize| question.cells[*cell].locked.is_none();
    let cells: Vec<usize> = (0..chosen.len()).filter(movable).collect();
    for _ in 0..ROUNDS {
        let mut better = false;
        for (place, cell) in cells.iter().enumerate() {
            better |= books.move_one(costs, &mut chosen, *cell);
            for other in &cells[place + 1..] {
                better |= books.exchange(costs, &mut chosen, *cell, *other);
            }
        }
        if !better {
            break;
        }
    }
    chosen
}

/// How much each manager has.
struct Books {
    free: Vec<u32>,
    loads: Vec<i64>,
}

impl Books {
    fn of(question: &Question, costs: &Costs, chosen: &[Option<usize>]) -> Self {
        let mut free: Vec<u32> = question.managers.iter().map(|m| m.most_as_a).collect();
        let mut loads = vec![0; free.len()];
        for (cell, manager) in chosen.iter().enumerate() {
            if let Some(manager) = *manager {
                free[manager] = free[manager].saturating_sub(1);
                loads[manager] += costs.share(cell);
            }
        }
        Self { free, loads }
    }

    /// What more or less load costs a manager.
    fn change(&self, costs: &Costs, manager: usize, parts: i64) -> i64 {
        costs.load(self.loads[manager] + parts) - costs.load(self.loads[manager])
    }

    /// Gives a cell to the manager with whom it costs least.
    fn move_one(&mut self, costs: &Costs, chosen: &mut [Option<usize>], cell: usize) -> bool {
        let share = costs.share(cell);
        let now = chosen[cell];
        // What giving it up saves; to have an A at all is worth any way.
        let saved = now.map_or(NO_WAY * 2, |manager| {
            costs.way(cell, manager) - self.change(costs, manager, -share)
        });
        let open = (0..self.free.len())
            .filter(|to| Some(*to) != now && self.free[*to] > 0 && costs.open(cell, *to));
        let best = open
            .map(|to| (costs.way(cell, to) + self.change(costs, to, share), to))
            .min();
        let Some((_, to)) = best.filter(|(price, _)| *price < saved) else {
            return false;
        };
        if let Some(from) = now {
            self.free[from] += 1;
            self.loads[from] -= share;
        }
        self.free[to] -= 1;
        self.loads[to] += share;
        chosen[cell] = Some(to);
        true
    }

    /// Exchanges the As of two cells if that costs less.
    fn exchange(
        &mut self,
        costs: &Costs,
        chosen: &mut [Option<usize>],
        one: usize,
        other: usize,
    ) -> bool {
        let (Some(first), Some(second)) = (chosen[one], chosen[other]) else {
            return false;
        };
        let possible = first != second && costs.open(one, second) && costs.open(other, first);
        if !possible {
            return false;
        }
        let more = costs.share(other) - costs.share(one);
        let ways = costs.way(one, second) + costs.way(other, first)
            - costs.way(one, first)
            - costs.way(other, second);
        let loads = self.change(costs, first, more) + self.change(costs, second, -more);
        if ways + loads >= 0 {
            return false;
        }
        self.loads[first] += more;
        self.loads[second] -= more;
        chosen.swap(one, other);
        true
    }
}
