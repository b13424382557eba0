//! What new cells would move.
//!
//! A station area moves when its cell has another code afterwards. With it move its
//! customers, its open orders, and the managers who answer for them.

use std::collections::BTreeMap;

/// A station area before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AreaChange<'a> {
    /// Its code.
    pub area: &'a str,
    /// The code of its cell until now, if it has one.
    pub from: Option<&'a str>,
    /// The code of its cell afterwards.
    pub to: &'a str,
    /// How many customers it supplies.
    pub customers: u64,
    /// How many of its orders are open.
    pub open_orders: u64,
}

/// What one manager would gain and lose, as A or as B.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Station areas that come to him.
    pub areas_gained: u64,
    /// Station areas that leave him.
    pub areas_lost: u64,
    /// Customers that come to him.
    pub customers_gained: u64,
    /// Customers that leave him.
    pub customers_lost: u64,
    /// Open orders that leave him.
    pub open_orders_lost: u64,
    /// Open orders that come to him.
    pub open_orders_gained: u64,
}

/// All that would move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes<'a, Manager> {
    /// The areas that change their cell, in the order given.
    pub areas: Vec<AreaChange<'a>>,
    /// Their customers.
    pub customers: u64,
    /// Their open orders.
    pub open_orders: u64,
    /// Who gains or loses.
    pub managers: BTreeMap<Manager, Load>,
}

/// Compares. `managers_of` says who is A and who is B of the cell with a code now; a new
/// cell has nobody yet. Who answers for an area before and after, as A or B, neither gains
/// nor loses it.
pub fn changes<'a, Manager: Ord + Copy>(
    areas: impl IntoIterator<Item = AreaChange<'a>>,
    managers_of: impl Fn(&str) -> Vec<Manager>,
) -> Changes<'a, Manager> {
    let moved = areas.into_iter().filter(|area| area.from != Some(area.to));
    let mut changes = Changes {
        areas: moved.collect(),
        customers: 0,
        open_orders: 0,
        managers: BTreeMap::new(),
    };
    for area in &changes.areas {
        changes.customers = changes.customers.saturating_add(area.customers);
        changes.open_orders = changes.open_orders.saturating_add(area.open_orders);
        let before = area.from.map(&managers_of).unwrap_or_default();
        let after = managers_of(area.to);
        for manager in before.iter().filter(|manager| !after.contains(manager)) {
            let load = changes.managers.entry(*manager).or_default();
            load.areas_lost += 1;
            load.customers_lost = load.customers_lost.saturating_add(area.customers);
            load.open_orders_lost = load.open_orders_lost.saturating_add(area.open_orders);
        }
        for manager in after.iter().filter(|manager| !before.contains(manager)) {
            let load = changes.managers.entry(*manager).or_default();
            load.areas_gained += 1;
            load.customers_gained = load.customers_gained.saturating_add(area.customers);
            load.open_orders_gained = load.open_orders_gained.saturating_add(area.open_orders);
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area<'a>(area: &'a str, from: Option<&'a str>, to: &'a str) -> AreaChange<'a> {
        AreaChange {
            area,
            from,
            to,
            customers: 100,
            open_orders: 2,
        }
    }

    fn managers(cell: &str) -> Vec<u8> {
        match cell {
            "G01" => vec![1, 2],
            "G02" => vec![2, 3],
            _ => vec![],
        }
    }

    #[test]
    fn what_stays_does_not_count_and_who_keeps_an_area_neither_gains_nor_loses() {
        let moved = changes(
            [
                area("t1", Some("G01"), "G01"),
                area("t2", Some("G01"), "G02"),
            ],
            managers,
        );
        assert_eq!(moved.areas.len(), 1);
        assert_eq!((moved.customers, moved.open_orders), (100, 2));
        assert_eq!(moved.managers.keys().copied().collect::<Vec<_>>(), [1, 3]);
        assert_eq!(moved.managers[&1].customers_lost, 100);
        assert_eq!(moved.managers[&3].open_orders_gained, 2);
    }

    #[test]
    fn first_cells_and_cells_without_managers_move_areas_only() {
        let moved = changes(
            [area("t1", None, "G09"), area("t2", Some("G01"), "G09")],
            managers,
        );
        assert_eq!(moved.areas.len(), 2);
        assert_eq!(moved.managers[&1].areas_lost, 1);
        assert_eq!(moved.managers[&1].areas_gained, 0);
    }
}
