//! What a choice costs, in whole metres, and which choices are open at all.

use super::Question;
use gridcrew_sync_protocol::position::distance_m;

/// No way: the manager may not have the cell, or nobody knows where he sets out from.
pub(super) const NO_WAY: i64 = 1 << 40;

/// Parts of an equal share.
const MILLION: i64 = 1_000_000;

/// Ways and loads of a question.
pub(super) struct Costs {
    managers: usize,
    /// Metres, cell by cell.
    ways: Vec<i64>,
    /// What each cell weighs, in millionths of one manager's equal share: whole numbers, so
    /// that adding and taking away again leaves nothing behind.
    shares: Vec<i64>,
    even_m: f64,
}

impl Costs {
    pub(super) fn of(question: &Question) -> Self {
        let managers = question.managers.len();
        let mut ways = Vec::with_capacity(question.cells.len() * managers);
        for (number, cell) in question.cells.iter().enumerate() {
            ways.extend(question.managers.iter().map(|manager| match manager.base {
                Some(base) if manager.not_for.binary_search(&number).is_err() => {
                    whole(distance_m(base, cell.at).0)
                }
                _ => NO_WAY,
            }));
        }
        let weight: u64 = question.cells.iter().map(|cell| cell.weight).sum();
        // Who has no base takes part in nothing, and no share is his.
        let taking_part = question.managers.iter().filter(|m| m.base.is_some());
        let people = i128::try_from(taking_part.count().max(1)).unwrap_or(1);
        let share = |own: u64| {
            let parts = i128::from(own) * people * i128::from(MILLION) / i128::from(weight.max(1));
            i64::try_from(parts).unwrap_or(i64::MAX)
        };
        Self {
            managers,
            ways,
            shares: question.cells.iter().map(|c| share(c.weight)).collect(),
            even_m: question.even_m,
        }
    }

    /// The way of a manager to a cell.
    pub(super) fn way(&self, cell: usize, manager: usize) -> i64 {
        self.ways[cell * self.managers + manager]
    }

    /// Whether the manager can have the cell.
    pub(super) fn open(&self, cell: usize, manager: usize) -> bool {
        self.way(cell, manager) < NO_WAY
    }

    /// What the cell weighs, in millionths of an equal share.
    pub(super) fn share(&self, cell: usize) -> i64 {
        self.shares[cell]
    }

    /// What a load costs, given in millionths of an equal share.
    pub(super) fn load(&self, parts: i64) -> i64 {
        let shares = parts as f64 / MILLION as f64;
        whole(self.even_m * shares * shares)
    }

    /// What choices cost together: the ways and the loads. A cell whose manager is locked
    /// into it counts its way only where that is known.
    pub(super) fn total(&self, chosen: &[Option<usize>]) -> i64 {
        let mut loads = vec![0; self.managers];
        let mut total = 0;
        for (cell, manager) in chosen.iter().enumerate() {
            let Some(manager) = *manager else { continue };
            loads[manager] += self.shares[cell];
            if self.open(cell, manager) {
                total += self.way(cell, manager);
            }
        }
        total + loads.iter().map(|load| self.load(*load)).sum::<i64>()
    }
}

/// Metres, as a whole number; what is no number counts nothing.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the conversion saturates, and what is that far does not matter"
)]
fn whole(metres: f64) -> i64 {
    (metres.round() as i64).clamp(0, NO_WAY - 1)
}
