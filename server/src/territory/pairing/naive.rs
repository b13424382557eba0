//! What comes to mind first: the nearest as A, the next nearest as B. A proposal starts from
//! it too, so that it is never worse.

use super::{Question, cost::Costs, first};

/// The nearest who may have one more, cell by cell.
pub(super) fn first(question: &Question, costs: &Costs) -> Vec<Option<usize>> {
    let mut free: Vec<u32> = first::room(question)
        .into_iter()
        .map(|room| room.0)
        .collect();
    let mut chosen = first::locked(question);
    for (cell, chosen) in chosen.iter_mut().enumerate() {
        if chosen.is_none() {
            *chosen = nearest(costs, cell, &free, None);
            if let Some(manager) = *chosen {
                free[manager] -= 1;
            }
        }
    }
    chosen
}

/// The nearest but the A, cell by cell.
pub(super) fn second(
    question: &Question,
    costs: &Costs,
    a: &[Option<usize>],
) -> Vec<Option<usize>> {
    let mut free: Vec<u32> = question.managers.iter().map(|m| m.most_as_b).collect();
    let locked = question.cells.iter().map(|cell| cell.locked);
    let mut chosen: Vec<Option<usize>> = locked.map(|pair| pair.map(|pair| pair[1])).collect();
    for manager in chosen.iter().flatten() {
        free[*manager] = free[*manager].saturating_sub(1);
    }
    for cell in 0..chosen.len() {
        if chosen[cell].is_none() {
            chosen[cell] = nearest(costs, cell, &free, a[cell]);
            if let Some(manager) = chosen[cell] {
                free[manager] -= 1;
            }
        }
    }
    chosen
}

fn nearest(costs: &Costs, cell: usize, free: &[u32], but: Option<usize>) -> Option<usize> {
    (0..free.len())
        .filter(|manager| free[*manager] > 0 && Some(*manager) != but)
        .filter(|manager| costs.open(cell, *manager))
        .min_by_key(|manager| (costs.way(cell, *manager), *manager))
}
