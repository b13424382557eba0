//! What happens in a schedule, step by step, drawn from a seed.

use super::{chance::Chance, disk::Blow};

/// What becomes of a request and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Both come through.
    Through,
    /// The request is lost.
    Lost,
    /// The answer is lost.
    AnswerLost,
    /// The answer waits on its way.
    Delayed,
    /// The request comes twice.
    Doubled,
    /// A copy of the request comes later.
    Stray,
    /// The request is cut after so many thousandths.
    CutUp(u64),
    /// The answer is cut after so many thousandths, and that is noticed.
    CutDown(u64),
    /// The answer is cut after so many thousandths, and that is not noticed.
    CutUnseen(u64),
    /// Both come through at so many bytes a second.
    Slow(u64),
    /// A captive portal answers.
    Portal,
    /// A proxy answers with a status.
    Proxy(u16),
    /// A cache answers.
    Stale,
    /// The server is in maintenance; come back after so many seconds, if it says so.
    Maintenance(Option<u32>),
    /// The server is killed before its transaction is durable.
    KilledBefore,
    /// The server is killed after it.
    KilledAfter,
}

/// Something that happens. Seats are the installations on devices, one for each person who
/// uses one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A person does something on an order.
    Act(usize, Act),
    /// A sync begins.
    Sync(usize, Allowance),
    /// A request under way meets its fate.
    Meet(usize, usize, Fate),
    /// So many requests come through, one after another.
    Go(usize, u32),
    /// An answer that waited on its way arrives.
    Arrive(usize, usize),
    /// A copy of a request arrives at the server.
    StrayArrives(usize),
    /// Time passes until the sync wants to go on.
    Sleep(usize),
    /// Time passes, milliseconds.
    Pass(i64),
    /// The network changes.
    NetworkChanged(usize),
    /// Something will happen to a write after so many others.
    Plan(usize, Blow, u32),
    /// The process will die at a command of the engine after so many others: before it is
    /// carried out, or after that and before the engine is told.
    DieAt(usize, u32, bool),
    /// The process is killed, and once more at a write while it opens.
    DieOpening(usize, u32),
    /// The power fails.
    PowerCut(usize),
    /// The device reboots.
    Reboot(usize),
    /// Somebody sets the wall clock by so many hours.
    Clock(usize, i64),
    /// Somebody copies the data folder.
    Copy(usize),
    /// The data folder is replaced by the copy.
    SetBack(usize),
    /// The device is cloned; both go on.
    Clone(usize),
    /// The program is exchanged for a newer one.
    Upgrade(usize),
    /// Photos that the server has held for long are removed.
    Thin(usize),
    /// The server's database and photos are backed up.
    Backup,
    /// The backup is put in the place of the server's database and photos.
    Restore,
    /// The access token of a handheld expires.
    Expire(usize),
    /// A handheld is revoked.
    Revoke(usize),
    /// An order is given to a person.
    MoveOrder(u64, u64),
    /// A cell is given to a person.
    MoveCell(u64, u64),
}

/// What a person does on an order: which one is counted among those that he sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A remark.
    Note(usize),
    /// Takes it.
    Take(usize),
    /// Declines it.
    Decline(usize),
    /// Hands it over to a person.
    HandOver(usize, u64),
    /// Arrives, with so many photos.
    Arrive(usize, u32),
    /// Restores the supply.
    Restore(usize),
    /// Returns the order: the work is done.
    Return(usize),
}

/// What a sync may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allowance {
    /// A day.
    Day,
    /// So many seconds.
    Seconds(u32),
    /// So many bytes.
    Bytes(u64),
    /// The link costs by the byte.
    Metered,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The seed that it was drawn from.
    pub seed: u64,
    /// What happens.
    pub steps: Vec<Step>,
}

/// Bytes a second that a UMTS link carried upwards in a driving car, of its seconds the
/// slowest tenth, quarter and half; and one packet a second, as in its slowest ones that
/// carried anything.
const MEASURED: [u64; 4] = [1_500, 37_500, 76_500, 135_000];

impl Schedule {
    /// The schedule of a seed.
    #[must_use]
    pub fn of(seed: u64) -> Self {
        let mut chance = Chance::of(seed);
        let length = 20 + chance.below(70);
        // Some schedules are quiet, so that much gets done; others are wild.
        let wild = 1 + chance.below(3);
        let steps = (0..length).map(|_| step(&mut chance, wild)).collect();
        Self { seed, steps }
    }
}

fn step(chance: &mut Chance, wild: u64) -> Step {
    let seat = chance.place(1 << 16);
    let kinds: [(u64, u32); 27] = [
        (10, 0),
        (8, 1),
        (8 * wild, 2),
        (10, 3),
        (2, 4),
        (1, 5),
        (5, 6),
        (2, 7),
        (1, 8),
        (2 * wild, 9),
        (wild, 10),
        (1, 11),
        (1, 12),
        (1, 13),
        (1, 14),
        (1, 15),
        (1, 16),
        (1, 17),
        (1, 18),
        (1, 19),
        (1, 20),
        (1, 21),
        (2, 22),
        (1, 23),
        (2, 24),
        (2, 25),
        (1, 26),
    ];
    match chance.weighted(&kinds).unwrap_or(0) {
        0 => Step::Act(seat, act(chance)),
        1 => Step::Sync(seat, allowance(chance)),
        2 => Step::Meet(seat, chance.place(4), fate(chance)),
        3 => Step::Go(seat, 1 + chance.below(12) as u32),
        4 => Step::Arrive(seat, chance.place(4)),
        5 => Step::StrayArrives(chance.place(8)),
        6 => Step::Sleep(seat),
        7 => Step::Pass(match chance.below(4) {
            0 => chance.below(2_000) as i64,
            1 => chance.below(600_000) as i64,
            2 => chance.below(86_400_000) as i64,
            _ => 35 * 86_400_000,
        }),
        8 => Step::NetworkChanged(seat),
        9 => {
            let blow = [Blow::Full, Blow::Die, Blow::Power][chance.place(3)];
            Step::Plan(seat, blow, chance.below(10) as u32)
        }
        10 => Step::DieAt(seat, chance.below(12) as u32, chance.one_in(2)),
        11 => Step::DieOpening(seat, chance.below(3) as u32),
        12 => Step::PowerCut(seat),
        13 => Step::Reboot(seat),
        14 => Step::Clock(seat, chance.below(24 * 60) as i64 - 24 * 30),
        15 => Step::Copy(seat),
        16 => Step::SetBack(seat),
        17 if chance.one_in(2) => Step::Clone(seat),
        17 | 18 => Step::Upgrade(seat),
        19 => Step::Thin(seat),
        20 => Step::Backup,
        21 => Step::Restore,
        22 => Step::Expire(seat),
        23 => Step::Revoke(seat),
        24 => Step::MoveOrder(chance.below(8), chance.below(8)),
        25 => Step::MoveCell(chance.below(8), chance.below(8)),
        _ => Step::Arrive(seat, 0),
    }
}

fn act(chance: &mut Chance) -> Act {
    let order = chance.place(64);
    match chance.below(13) {
        0..=4 => Act::Note(order),
        5 => Act::Take(order),
        6 => Act::Decline(order),
        7 => Act::HandOver(order, chance.below(8)),
        8..=10 => Act::Arrive(order, chance.below(3) as u32),
        11 => Act::Restore(order),
        _ => Act::Return(order),
    }
}

fn allowance(chance: &mut Chance) -> Allowance {
    match chance.below(8) {
        0 => Allowance::Seconds(1 + chance.below(60) as u32),
        1 => Allowance::Bytes(500 + chance.below(20_000)),
        2 => Allowance::Metered,
        _ => Allowance::Day,
    }
}

fn fate(chance: &mut Chance) -> Fate {
    let thousandths = chance.below(1_000);
    match chance.below(22) {
        0..=3 => Fate::Through,
        4 => Fate::Lost,
        5 | 6 => Fate::AnswerLost,
        7 | 8 => Fate::Delayed,
        9 => Fate::Doubled,
        10 => Fate::Stray,
        11 | 12 => Fate::CutUp(thousandths),
        13 => Fate::CutDown(thousandths),
        14 => Fate::CutUnseen(thousandths),
        15 => Fate::Slow(MEASURED[chance.place(MEASURED.len())]),
        16 => Fate::Portal,
        17 => Fate::Proxy([404, 413, 401, 502, 200][chance.place(5)]),
        18 => Fate::Stale,
        19 => {
            let asked = [None, Some(2), Some(30), Some(600)];
            Fate::Maintenance(asked[chance.place(4)])
        }
        20 => Fate::KilledBefore,
        _ => Fate::KilledAfter,
    }
}
