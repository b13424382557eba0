//! The clocks and the random source of a simulated device.

use gridcrew_mobile_core::clock::{Clock, Moment, Random};
use gridcrew_sync_protocol::{
    digest::Digest,
    time::{BootId, Millis, UnixMillis},
};
use std::sync::{
    Arc,
    atomic::{AtomicI64, AtomicU64, Ordering::SeqCst},
};

/// When every simulation begins: 2026-01-01T00:00:00Z.
pub const START: i64 = 1_767_225_600_000;

/// The true time, which only the server's clock tells.
#[derive(Clone, Debug, Default)]
pub struct TrueTime(Arc<AtomicI64>);

impl TrueTime {
    /// Milliseconds since the simulation began.
    #[must_use]
    pub fn millis(&self) -> i64 {
        self.0.load(SeqCst)
    }

    /// The moment.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        UnixMillis(START + self.millis())
    }

    /// Goes on.
    pub fn pass(&self, millis: i64) {
        self.0.fetch_add(millis.max(0), SeqCst);
    }
}

/// One device's clocks: the wall clock may be wrong, the uptime begins anew with each boot.
#[derive(Debug)]
pub struct Hardware {
    number: u64,
    time: TrueTime,
    boots: AtomicU64,
    booted_at: AtomicI64,
    wall_ahead: AtomicI64,
}

impl Hardware {
    /// A device that was booted a little before, for the `boots`th time.
    #[must_use]
    pub fn new(number: u64, boots: u64, time: &TrueTime) -> Self {
        Self {
            number,
            time: time.clone(),
            boots: AtomicU64::new(boots),
            booted_at: AtomicI64::new(time.millis() - 60_000),
            wall_ahead: AtomicI64::new(0),
        }
    }

    /// Boots anew: another boot id, and the uptime counts from 0.
    pub fn reboot(&self) {
        self.boots.fetch_add(1, SeqCst);
        self.booted_at.store(self.time.millis(), SeqCst);
    }

    /// Someone sets the wall clock.
    pub fn set_wall(&self, ahead: i64) {
        self.wall_ahead.store(ahead, SeqCst);
    }

    /// Time since the last boot.
    #[must_use]
    pub fn uptime(&self) -> Millis {
        Millis(self.time.millis() - self.booted_at.load(SeqCst))
    }
}

impl gridcrew_server::clock::Clock for TrueTime {
    fn now(&self) -> UnixMillis {
        Self::now(self)
    }
}

impl Clock for Hardware {
    fn now(&self) -> Moment {
        let mut boot = [0; 16];
        boot[..8].copy_from_slice(&self.number.to_be_bytes());
        boot[8..].copy_from_slice(&self.boots.load(SeqCst).to_be_bytes());
        Moment {
            wall: UnixMillis(START + self.time.millis() + self.wall_ahead.load(SeqCst)),
            boot: BootId(boot),
            uptime: self.uptime(),
        }
    }
}

/// Bytes that differ each time and are the same in each run of a seed.
#[derive(Debug)]
pub struct Dice {
    name: u64,
    count: AtomicU64,
}

impl Dice {
    /// The source of one device.
    #[must_use]
    pub const fn of(name: u64) -> Self {
        Self {
            name,
            count: AtomicU64::new(0),
        }
    }
}

impl gridcrew_server::clock::Randomness for Dice {
    fn fill(&self, out: &mut [u8]) {
        Random::fill(self, out);
    }
}

impl Random for Dice {
    fn fill(&self, out: &mut [u8]) {
        for chunk in out.chunks_mut(32) {
            let count = self.count.fetch_add(1, SeqCst);
            let text = [self.name.to_be_bytes(), count.to_be_bytes()].concat();
            let digest = Digest::of(&text);
            for (place, byte) in chunk.iter_mut().zip(digest.0) {
                *place = byte;
            }
        }
    }
}
