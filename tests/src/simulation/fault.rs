//! What can go wrong, and how often it did.

use super::server::Kind;
use std::collections::BTreeMap;

macro_rules! faults {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)+) => {
        /// A fault that is injected.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Fault { $($(#[doc = $doc])+ $name,)+ }

        impl Fault {
            /// Every fault.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// In words, for the table.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

faults! {
    /// A request never arrives.
    RequestLost = "request lost";
    /// The server answers, and the answer never arrives.
    AnswerLost = "answer lost";
    /// An answer comes much later than those to later questions.
    AnswerDelayed = "answer delayed";
    /// A request arrives twice, the second time at once.
    Duplicated = "request doubled";
    /// A copy of a request arrives long after.
    Stray = "copy of a request arrives late";
    /// An answer overtakes that to an earlier request.
    Reordered = "answers reordered";
    /// A request is cut after some bytes.
    CutUp = "request cut after k bytes";
    /// An answer is cut after some bytes, and the device is told.
    CutDown = "answer cut after k bytes";
    /// An answer is cut after some bytes, and nothing tells.
    CutUnseen = "answer cut after k bytes, unnoticed";
    /// The link is as slow as one that was measured.
    SlowLink = "slow link from a trace";
    /// A captive portal answers with its page and 200.
    Portal = "captive portal page";
    /// A proxy answers with a status of its own.
    Proxy = "status of a proxy";
    /// A cache gives an answer that was given before.
    StaleAnswer = "answer from a cache";
    /// The server is in maintenance.
    Maintenance = "maintenance";
    /// The server is killed before its transaction is durable.
    ServerKilledBefore = "server killed before its write";
    /// The server is killed at a statement of the database, most often within a transaction.
    ServerKilledInside = "server killed at a statement";
    /// The server is killed after a commit, before it goes on.
    ServerKilledCommitted = "server killed right after a commit";
    /// The server is killed once more while it starts.
    ServerKilledStarting = "server killed again while it starts";
    /// The server is killed after its transaction is durable.
    ServerKilledAfter = "server killed after its write";
    /// The server is restored from an older backup.
    ServerRestored = "server restored from a backup";
    /// The handheld's process is killed while it saves.
    KilledSaving = "handheld killed while saving";
    /// The handheld's process is killed between a command and its effect.
    KilledBeforeEffect = "handheld killed before an effect";
    /// The handheld's process is killed after an effect, before it is told.
    KilledAfterEffect = "handheld killed after an effect";
    /// The handheld's process is killed while it opens.
    KilledOpening = "handheld killed while opening";
    /// The power fails.
    PowerLost = "power lost";
    /// The power fails in the middle of a write, which is left torn.
    TornWrite = "last write torn";
    /// The disk is full at a write.
    DiskFull = "disk full at a write";
    /// A device is cloned, and both go on.
    Cloned = "device cloned";
    /// A device is set back to an old copy of itself.
    SetBack = "device set back to an old copy";
    /// The wall clock jumps by days.
    ClockJump = "wall clock jumps by days";
    /// The device reboots.
    Reboot = "reboot";
    /// The access token expires.
    TokenExpired = "token expired";
    /// The handheld is revoked.
    Revoked = "handheld revoked";
    /// A cell changes hands.
    CellMoved = "cell changes hands";
    /// A cell comes back to who had it before.
    CellBack = "cell comes back";
    /// An order is given to another person.
    OrderMoved = "order changes hands";
    /// An order comes back to who had it before.
    OrderBack = "order comes back";
    /// The program is exchanged while records wait.
    Upgraded = "program exchanged with a full queue";
    /// The program is exchanged for one with a newer schema while records wait.
    Migrated = "store of an older version opened with a full queue";
    /// Two people use one device at the same time.
    TwoPeople = "two people on one device";
    /// A record is made of an order that the server no longer knows.
    Parked = "record parked";
}

impl Fault {
    /// Whether it can happen with this kind of server: the model's transactions are whole or
    /// not at all.
    #[must_use]
    pub const fn can_happen(self, kind: Kind) -> bool {
        match self {
            Self::ServerKilledInside | Self::ServerKilledCommitted | Self::ServerKilledStarting => {
                matches!(kind, Kind::Sqlite)
            }
            _ => true,
        }
    }
}

/// How often each happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults(BTreeMap<Fault, u64>);

impl Faults {
    /// It happened.
    pub fn count(&mut self, fault: Fault) {
        *self.0.entry(fault).or_default() += 1;
    }

    /// How often it happened.
    #[must_use]
    pub fn of(&self, fault: Fault) -> u64 {
        self.0.get(&fault).copied().unwrap_or(0)
    }

    /// Adds what happened elsewhere.
    pub fn add(&mut self, other: &Self) {
        for (fault, count) in &other.0 {
            *self.0.entry(*fault).or_default() += count;
        }
    }

    /// Those that never happened, of those that can with this kind of server.
    #[must_use]
    pub fn missing(&self, kind: Kind) -> Vec<Fault> {
        let never = |fault: &&Fault| self.of(**fault) == 0 && fault.can_happen(kind);
        Fault::ALL.iter().filter(never).copied().collect()
    }

    /// The table.
    #[must_use]
    pub fn table(&self) -> String {
        Fault::ALL
            .iter()
            .map(|fault| format!("{:>9}  {}\n", self.of(*fault), fault.words()))
            .collect()
    }
}
