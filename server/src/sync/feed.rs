//! The rules of the feed: what a handheld must be told so that it holds its scope and
//! nothing else (I5), and never misses a change (I6).
//!
//! [`Told`] is what it was told so far: every change of its station up to a position, and
//! which cells whole. A page is made by these rules, in this order, as long as there is
//! room:
//!
//! 1. Cells that left the scope are taken out, with their customers and orders.
//! 2. A scan that has not told all its open orders yet goes on, the newest first. Changes
//!    wait meanwhile.
//! 3. Changes after the position are told: of each changed thing what is so now, or that it
//!    is gone from the scope. During a scan orders are told whole, because a part of an order
//!    is of no use to who does not hold the rest.
//! 4. A scan goes on with cells, customers, and the orders of the past; of these the ones
//!    that were accepted more than a day ago are told in brief.
//! 5. Cells that came into the scope are scanned: their open orders, the cells, their
//!    customers, the orders of the past. The first scan of all begins with the person's own
//!    open orders, and the first page ends with them: from then on he can work.
//!
//! Whatever is read is read from one snapshot that is at least as new as the position. What
//! changes during a scan has a later position and is told again; telling twice does no harm.

use crate::trace::feed_log::Subject;
use gridcrew_sync_protocol::{
    ids::{CellId, CustomerId, Epoch, JournalId, OrderId, OrgId},
    journal::EntryId,
    time::{Millis, UnixMillis},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Returned orders that are older than this are not part of a scan.
pub const RETURNED_KEPT: Millis = Millis(30 * 24 * 3_600_000);

/// Returned orders that are older than this are told in brief by a scan: today's work with
/// its trace, history without.
pub const TOLD_WHOLE: Millis = Millis(24 * 3_600_000);

/// A handheld that is more changes of its station behind than this is told its scope anew:
/// that is less work than to look through changes that nearly all are other people's.
pub const FURTHEST: i64 = 50_000;

/// What a handheld was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// In which life of the database.
    #[serde(rename = "e")]
    pub epoch: Epoch,
    /// The station whose changes it was told.
    #[serde(rename = "s")]
    pub station: OrgId,
    /// The journal whose own entries it was not told; not known of cursors of before.
    #[serde(rename = "j", default, skip_serializing_if = "Option::is_none")]
    pub journal: Option<JournalId>,
    /// How many editions of workflow templates and prompt cards.
    #[serde(rename = "t")]
    pub templates: usize,
    /// All changes up to this position.
    #[serde(rename = "n")]
    pub position: i64,
    /// The cells that it was told of, or is being told of.
    #[serde(rename = "c")]
    pub cells: BTreeSet<CellId>,
    /// What is being told.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub scan: Option<Scan>,
    /// An order so long that it is told in parts.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Rest>,
}

/// Telling cells as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// The person's own orders too, in whatever cell.
    #[serde(rename = "o")]
    pub owned: bool,
    /// The cells.
    #[serde(rename = "c")]
    pub cells: BTreeSet<CellId>,
    /// How far it has come.
    #[serde(rename = "s")]
    pub stage: Stage,
}

/// How far a scan has come: what was told last, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The person's own orders that are not returned yet, the newest first.
    Own(Option<OrderId>),
    /// The other orders that are not returned yet, the newest first.
    Open(Option<OrderId>),
    /// The cells.
    Cells(Option<CellId>),
    /// Their customers.
    Customers(Option<CustomerId>),
    /// Orders returned lately, the newest first.
    Returned(Option<OrderId>),
}

/// The rest of an order that did not go into one page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// The order.
    #[serde(rename = "o")]
    pub order: OrderId,
    /// Only entries that came after this position, without the handheld's own; all of them
    /// when none.
    #[serde(rename = "n")]
    pub since: Option<i64>,
    /// The last entry told, by journal and sequence number; none when it is told from its
    /// beginning again.
    #[serde(rename = "a")]
    pub after: Option<EntryId>,
}

/// What is so at the moment of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Present {
    /// This life of the database.
    pub epoch: Epoch,
    /// The person's station.
    pub station: OrgId,
    /// The journal of the handheld that asks.
    pub journal: Option<JournalId>,
    /// The last change of the station.
    pub head: i64,
    /// The cells where the person is A or B.
    pub cells: BTreeSet<CellId>,
    /// How many editions of workflow templates and prompt cards there are.
    pub templates: usize,
}

/// How a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// The handheld was told nothing before.
    First,
    /// What it was told is of another life, another station, without the entries of another
    /// journal, never happened, or is too long ago: it drops everything and is told anew.
    StartOver,
    /// It goes on.
    GoOn {
        /// There are other workflow templates or prompt cards than it was told.
        new_templates: bool,
    },
}

impl Told {
    /// What to go on from, given what was told before.
    #[must_use]
    pub fn resume(before: Option<Self>, present: &Present) -> (Self, Beginning) {
        let beginning = match before {
            None => Beginning::First,
            Some(told) => {
                let same = told.epoch == present.epoch
                    && told.station == present.station
                    && (told.journal.is_none() || told.journal == present.journal)
                    && told.position <= present.head
                    && present.head.saturating_sub(told.position) <= FURTHEST;
                if same {
                    let new_templates = told.templates != present.templates;
                    let told = Self {
                        templates: present.templates,
                        journal: present.journal,
                        ..told
                    };
                    return (told, Beginning::GoOn { new_templates });
                }
                Beginning::StartOver
            }
        };
        let told = Self {
            epoch: present.epoch,
            station: present.station,
            journal: present.journal,
            templates: present.templates,
            position: present.head,
            cells: present.cells.clone(),
            scan: Some(Scan {
                owned: true,
                cells: present.cells.clone(),
                stage: Stage::Own(None),
            }),
            rest: None,
        };
        (told, beginning)
    }

    /// Takes out the cells that are not among `present`, and gives them. An order that is
    /// being told in parts is told from its beginning again: by the part that it holds, the
    /// handheld may take it for an order of a cell that goes.
    pub fn lose(&mut self, present: &BTreeSet<CellId>) -> BTreeSet<CellId> {
        let lost: BTreeSet<CellId> = self.cells.difference(present).copied().collect();
        for cell in &lost {
            self.forget(*cell);
        }
        if let Some(rest) = self.rest.as_mut().filter(|_| !lost.is_empty()) {
            (rest.since, rest.after) = (None, None);
        }
        lost
    }

    /// Takes a cell out of what was told: if it is in scope, it will be told anew.
    pub fn forget(&mut self, cell: CellId) {
        self.cells.remove(&cell);
        if let Some(scan) = &mut self.scan {
            scan.cells.remove(&cell);
        }
    }

    /// Begins a scan of the cells of `present` that were not told, if there are any.
    pub fn gain(&mut self, present: &BTreeSet<CellId>) -> bool {
        let gained: BTreeSet<CellId> = present.difference(&self.cells).copied().collect();
        if gained.is_empty() {
            return false;
        }
        self.cells.extend(&gained);
        self.scan = Some(Scan {
            owned: false,
            cells: gained,
            stage: Stage::Open(None),
        });
        true
    }

    /// Whether the person's own open orders are being told.
    #[must_use]
    pub fn begins(&self) -> bool {
        let stage = self.scan.as_ref().map(|scan| scan.stage);
        matches!(stage, Some(Stage::Own(_)))
    }

    /// Whether open orders are being told.
    #[must_use]
    pub fn scans_open(&self) -> bool {
        let stage = self.scan.as_ref().map(|scan| scan.stage);
        matches!(stage, Some(Stage::Own(_) | Stage::Open(_)))
    }

    /// The scan has come to `stage`, or to its end.
    pub fn advance(&mut self, stage: Option<Stage>) {
        match (stage, &mut self.scan) {
            (Some(stage), Some(scan)) => scan.stage = stage,
            (None, _) => self.scan = None,
            (Some(_), None) => {}
        }
    }

    /// Whether a change of an order that was accepted at `accepted` is to be told whole,
    /// because the handheld may not hold what came before: the order may just have entered
    /// its scope, or a scan has not come to it yet, or it was too old for one.
    #[must_use]
    pub fn needs_whole(&self, change: &Changed, accepted: UnixMillis, now: UnixMillis) -> bool {
        change.whole || self.scan.is_some() || is_old(accepted, now)
    }
}

/// Whether an order, once returned, is of the past: told in brief by a scan.
#[must_use]
pub fn is_past(accepted: UnixMillis, now: UnixMillis) -> bool {
    now.since(accepted) > TOLD_WHOLE
}

/// Whether an order is so old that, once returned, it is not part of a scan.
#[must_use]
pub fn is_old(accepted: UnixMillis, now: UnixMillis) -> bool {
    now.since(accepted) > RETURNED_KEPT
}

/// A change as it was announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its position.
    pub position: i64,
    /// What changed.
    pub subject: Subject,
    /// Readers need all of it.
    pub whole: bool,
}

/// A thing that changed, once or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// What.
    pub subject: Subject,
    /// The position of the first of its changes.
    pub first: i64,
    /// Readers need all of it.
    pub whole: bool,
}

/// Each changed thing once, in the order of the first change of each.
#[must_use]
pub fn gather(changes: &[Change]) -> Vec<Changed> {
    let mut places: BTreeMap<Subject, usize> = BTreeMap::new();
    let mut gathered: Vec<Changed> = Vec::new();
    for change in changes {
        let place = *places.entry(change.subject).or_insert(gathered.len());
        match gathered.get_mut(place) {
            Some(known) => known.whole |= change.whole,
            None => gathered.push(Changed {
                subject: change.subject,
                first: change.position,
                whole: change.whole,
            }),
        }
    }
    gathered
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridcrew_sync_protocol::journal::Seq;
    use uuid::Uuid;

    fn order(n: u128) -> Subject {
        Subject::Order(OrderId(Uuid::from_u128(n)))
    }

    fn cells(of: &[u128]) -> BTreeSet<CellId> {
        of.iter().map(|n| CellId(Uuid::from_u128(*n))).collect()
    }

    fn present() -> Present {
        Present {
            epoch: Epoch(Uuid::from_u128(1)),
            station: OrgId(Uuid::from_u128(2)),
            journal: Some(JournalId(Uuid::from_u128(7))),
            head: 10,
            cells: cells(&[1, 2]),
            templates: 1,
        }
    }

    #[test]
    fn several_changes_of_one_thing_are_told_once_and_whole_if_any_is() {
        let change = |position, subject, whole| Change {
            position,
            subject,
            whole,
        };
        let gathered = gather(&[
            change(1, order(1), false),
            change(2, order(2), false),
            change(3, order(1), true),
        ]);
        let told: Vec<_> = gathered
            .iter()
            .map(|g| (g.subject, g.first, g.whole))
            .collect();
        assert_eq!(told, [(order(1), 1, true), (order(2), 2, false)]);
    }

    #[test]
    fn another_epoch_station_or_journal_a_future_and_a_far_position_start_over() {
        let (told, beginning) = Told::resume(None, &present());
        assert_eq!(beginning, Beginning::First);
        let go_on = Beginning::GoOn {
            new_templates: false,
        };
        assert_eq!(Told::resume(Some(told.clone()), &present()).1, go_on);
        for other in [
            Present {
                epoch: Epoch(Uuid::from_u128(9)),
                ..present()
            },
            Present {
                station: OrgId(Uuid::from_u128(9)),
                ..present()
            },
            // A copy of the handheld forked, and this one goes on by the session of both.
            Present {
                journal: Some(JournalId(Uuid::from_u128(9))),
                ..present()
            },
            Present {
                head: 9,
                ..present()
            },
            Present {
                head: 11 + FURTHEST,
                ..present()
            },
        ] {
            let (_, beginning) = Told::resume(Some(told.clone()), &other);
            assert_eq!(beginning, Beginning::StartOver);
        }
    }

    #[test]
    fn a_cursor_of_before_that_names_no_journal_goes_on() {
        let (told, _) = Told::resume(None, &present());
        let before = Told {
            journal: None,
            ..told
        };
        let (told, beginning) = Told::resume(Some(before), &present());
        assert_eq!(told.journal, present().journal);
        assert!(matches!(beginning, Beginning::GoOn { .. }));
    }

    #[test]
    fn a_cell_that_leaves_during_its_scan_is_neither_scanned_nor_told() {
        let (mut told, _) = Told::resume(None, &present());
        let entry = EntryId {
            journal: JournalId(Uuid::from_u128(3)),
            seq: Seq(4),
        };
        let rest = |since, after| Rest {
            order: OrderId(Uuid::from_u128(5)),
            since,
            after,
        };
        told.rest = Some(rest(Some(6), Some(entry)));
        assert!(told.lose(&cells(&[1, 2])).is_empty());
        assert_eq!(told.rest, Some(rest(Some(6), Some(entry))));
        assert_eq!(told.lose(&cells(&[2])), cells(&[1]));
        assert_eq!(told.rest, Some(rest(None, None)));
        assert_eq!(told.scan.as_ref().unwrap().cells, cells(&[2]));
        assert!(told.gain(&cells(&[2, 3])));
        assert_eq!(told.scan.as_ref().unwrap().cells, cells(&[3]));
        assert!(!told.gain(&cells(&[2, 3])));
    }
}
