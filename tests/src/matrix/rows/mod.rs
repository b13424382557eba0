//! The rows, one for each operation, by capability.

mod duty;
mod media;
mod orders;
mod people;
mod sync;
mod territory;

use super::{
    row::{Reads, Row},
    world::Role,
};
use crate::failure::{Failure, Fallible, ensure};
use std::{collections::BTreeSet, fmt::Debug};

const EVERYONE: &[Role] = &Role::ALL;

/// Every row.
pub(super) fn all() -> Vec<Row> {
    let mut rows = people::rows();
    rows.extend(territory::rows());
    rows.extend(duty::rows());
    rows.extend(orders::rows());
    rows.extend(media::rows());
    rows.extend(sync::rows());
    rows
}

/// What comparing nothing is called.
const STATUS_ONLY: Reads = Reads::Nothing;

/// Fails when what was found is not what must be.
fn same<T: PartialEq + Debug>(what: &str, found: &T, wanted: &T) -> Fallible<()> {
    ensure(found == wanted, || {
        format!("{what}: found {found:?}, wanted {wanted:?}")
    })
}

/// Fails when something was found that must not be.
fn within<T: Ord + Debug>(what: &str, found: &BTreeSet<T>, allowed: &BTreeSet<T>) -> Fallible<()> {
    let strange: Vec<&T> = found.difference(allowed).collect();
    if strange.is_empty() {
        Ok(())
    } else {
        Err(Failure::new(format!(
            "{what}: {strange:?} must not be seen"
        )))
    }
}
