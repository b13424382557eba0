//! Devices, people, a server and what lies between them: carries out the steps of a
//! schedule and tells what came of each.

use super::{
    chance::Chance,
    devices,
    disk::Remains,
    fault::{Fault, Faults},
    hardware::{Dice, Hardware, TrueTime},
    ledger::{Existing, Ledger, mark_of},
    origin::Origin,
    scene::Cast,
    seat::{Asked, Death, Did, Seat},
    server::Server,
    step::{Allowance, Step},
};
use crate::{Failure, Fallible};
use gridcrew_mobile_core::{Budget, drive::Driver, engine::Event};
use gridcrew_sync_protocol::digest::Digest;
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

/// Most copies of requests that wander about.
const MOST_STRAYS: usize = 8;

/// The world of one schedule.
pub struct World {
    pub time: TrueTime,
    pub server: Box<dyn Server>,
    /// Its people, cells and orders.
    pub cast: Cast,
    pub seats: Vec<Seat>,
    pub ledger: Ledger,
    pub faults: Faults,
    /// What happened, sentence by sentence.
    pub story: Vec<String>,
    /// Copies of requests that may yet arrive.
    pub strays: Vec<Asked>,
    /// What each handheld could renew its session with when the server was backed up.
    renewable: Vec<String>,
    pub chance: Chance,
    trace: Sha256,
    pub(super) copies: BTreeMap<usize, Remains>,
    pub(super) folder: std::path::PathBuf,
    pub(super) pictures: Vec<std::path::PathBuf>,
    /// When the schedule begins, true time.
    pub began: i64,
    pub(super) devices: u64,
    pub(super) taken: u64,
    /// What sets the devices' boots and random bytes of this world apart from those of the
    /// world in which they were enrolled.
    pub(super) era: u64,
}

impl World {
    /// The world at the beginning of every schedule: everybody is enrolled and knows his
    /// scope.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn begin(origin: &Origin, folder: &Path, seed: u64) -> Fallible<Self> {
        let time = TrueTime::default();
        time.pass(origin.time);
        let mut server = origin.server.start(&time, folder)?;
        server.back_up()?;
        let mut world = Self {
            time: time.clone(),
            cast: server.cast(),
            server,
            seats: Vec::new(),
            ledger: Ledger::default(),
            faults: Faults::default(),
            story: Vec::new(),
            strays: Vec::new(),
            renewable: Vec::new(),
            chance: Chance::of(seed ^ 0x5eed),
            trace: Sha256::new(),
            copies: BTreeMap::new(),
            folder: folder.to_owned(),
            pictures: origin.pictures.clone(),
            began: origin.time,
            devices: 0,
            taken: 0,
            era: origin.time.unsigned_abs(),
        };
        let mut hardware: Vec<Arc<Hardware>> = Vec::new();
        for (number, (device, person, files)) in origin.seats.iter().enumerate() {
            while hardware.len() <= *device {
                let number = hardware.len() as u64;
                // Another boot than that in which it was enrolled.
                hardware.push(Arc::new(Hardware::new(number, world.era, &time)));
            }
            let root = folder.join(format!("seat-{number}"));
            files.put(&root)?;
            let on = Arc::clone(&hardware[*device]);
            let dice = Dice::of((world.era << 8) + number as u64);
            world
                .seats
                .push(devices::seat((number, *person), (*device, on), dice, root));
        }
        world.devices = hardware.len() as u64;
        // Few records make several batches in most schedules.
        let batches = [1, 2, 3, usize::MAX][Chance::of(seed ^ 0xba7c).place(4)];
        for seat in &mut world.seats {
            seat.batches = batches;
        }
        Ok(world)
    }

    /// The hash of everything that was sent, answered and told.
    #[must_use]
    pub fn trace_hash(&self) -> String {
        hex::encode(self.trace.clone().finalize())
    }

    /// Tells what happens.
    pub fn tell(&mut self, what: String) {
        self.trace.update(what.as_bytes());
        self.story.push(what);
    }

    pub(super) fn hash(&mut self, bytes: &[u8]) {
        self.trace.update((bytes.len() as u64).to_be_bytes());
        self.trace.update(bytes);
    }

    pub(super) fn happened(&mut self, fault: Fault) {
        self.faults.count(fault);
    }

    /// How a seat is called in the story.
    #[must_use]
    pub fn name(&self, seat: usize) -> String {
        let seat = &self.seats[seat];
        format!(
            "{}'s handheld {}",
            self.cast.name(seat.person),
            seat.number + 1
        )
    }

    /// Carries out a step.
    ///
    /// # Errors
    /// When a rule was broken.
    pub fn carry_out(&mut self, step: &Step) -> Fallible<()> {
        self.time.pass(1);
        match step {
            Step::Act(seat, act) => self.act(self.some(*seat), *act)?,
            Step::Sync(seat, allowance) => self.sync(self.some(*seat), budget(*allowance))?,
            Step::Meet(seat, which, fate) => {
                let seat = self.syncing(*seat)?;
                self.meet(seat, *which, *fate)?;
            }
            Step::Go(seat, count) => {
                let seat = self.syncing(*seat)?;
                for _ in 0..*count {
                    self.meet(seat, 0, super::step::Fate::Through)?;
                }
            }
            Step::Arrive(seat, which) => {
                let seat = self.busy(*seat);
                self.arrive(seat, *which)?;
            }
            Step::StrayArrives(which) => self.stray_arrives(*which)?,
            Step::Sleep(seat) => self.sleep(self.busy(*seat))?,
            Step::Pass(millis) => {
                self.time.pass(*millis);
                self.server.work_beside()?;
                self.tell(format!("{} pass.", span(*millis)));
            }
            Step::NetworkChanged(seat) => self.network_changed(self.busy(*seat))?,
            Step::Plan(seat, blow, after) => {
                let seat = self.some(*seat);
                self.seats[seat].disk.plan(*blow, *after);
            }
            Step::DieAt(seat, commands, after) => {
                let seat = self.some(*seat);
                self.seats[seat].die_at = Some((*commands, *after));
            }
            Step::DieOpening(seat, after) => self.die_opening(self.some(*seat), *after)?,
            Step::PowerCut(seat) => self.power_cut(self.some(*seat))?,
            Step::Reboot(seat) => self.reboot(self.some(*seat))?,
            Step::Clock(seat, hours) => {
                let seat = self.some(*seat);
                self.seats[seat].hardware.set_wall(hours * 3_600_000);
                self.happened(Fault::ClockJump);
                let name = self.name(seat);
                self.tell(format!(
                    "Somebody sets the clock of {name} {hours} hours off."
                ));
            }
            Step::Copy(seat) => self.copy(self.some(*seat))?,
            Step::SetBack(seat) => self.set_back(self.some(*seat))?,
            Step::Clone(seat) => self.clone_device(self.some(*seat))?,
            Step::Upgrade(seat) => self.upgrade(self.some(*seat))?,
            Step::Thin(seat) => self.thin(self.some(*seat))?,
            Step::Backup => {
                self.server.back_up()?;
                self.renewable = self.sessions()?;
                self.tell("The server is backed up.".to_owned());
            }
            Step::Restore => self.restore()?,
            Step::Expire(seat) => {
                let journal = self.journal_of(self.some(*seat))?;
                self.server.expire(journal);
                self.happened(Fault::TokenExpired);
                let name = self.name(self.some(*seat));
                self.tell(format!("The access token of {name} expires."));
            }
            Step::Revoke(seat) => {
                let journal = self.journal_of(self.some(*seat))?;
                self.server.revoke(journal)?;
                self.estrange(self.some(*seat));
                self.happened(Fault::Revoked);
                let name = self.name(self.some(*seat));
                self.tell(format!("{name} is revoked."));
            }
            Step::MoveOrder(order, to) => {
                let (order, to) = (self.cast.order(*order), self.cast.person(*to));
                if self.server.assign(order, to)? {
                    self.happened(Fault::OrderMoved);
                    let (number, name) = (self.cast.number_of(order), self.cast.name(to));
                    self.tell(format!("Order {number} is given to {name}."));
                }
            }
            Step::MoveCell(cell, to) => {
                let (cell, to) = (self.cast.cell(*cell), self.cast.person(*to));
                self.server.move_cell(cell, to)?;
                self.happened(Fault::CellMoved);
                let name = self.cast.name(to);
                self.tell(format!("A cell is given to {name}."));
            }
        }
        self.note_seen();
        self.broken_rules()
    }

    /// Takes note of what was seen at the server.
    pub(super) fn note_seen(&mut self) {
        for fault in self.server.seen() {
            self.faults.count(fault);
        }
    }

    /// Fails when a rule was broken.
    pub(super) fn broken_rules(&mut self) -> Fallible<()> {
        let mut broken = self.server.complaints();
        for seat in &mut self.seats {
            broken.append(&mut seat.broken);
        }
        match broken.into_iter().next() {
            Some(rule) => Err(Failure::new(rule)),
            None => Ok(()),
        }
    }

    fn some(&self, wish: usize) -> usize {
        wish % self.seats.len()
    }

    /// A seat with a sync that runs, if there is one.
    fn busy(&self, wish: usize) -> usize {
        let seats = self.seats.len();
        (0..seats)
            .map(|after| (wish % seats + after) % seats)
            .find(|seat| self.seats[*seat].sync.is_some())
            .unwrap_or(wish % seats)
    }

    /// A seat with a sync that runs; one is begun when there is none.
    fn syncing(&mut self, wish: usize) -> Fallible<usize> {
        let seat = self.busy(wish);
        if self.seats[seat].sync.is_none() {
            self.sync(seat, budget(Allowance::Day))?;
        }
        Ok(seat)
    }

    /// Opens a handheld; opens it again when it dies of what was planned.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(&mut self, seat: usize) -> Fallible<()> {
        for _ in 0..20 {
            match self.seats[seat].open()? {
                Did::Done(()) => return Ok(()),
                Did::Refused(_) => self.happened(Fault::DiskFull),
                Did::Died => self.died(seat, Death::Saving)?,
            }
        }
        Err(Failure::new("a handheld that does not open"))
    }

    /// Requests of a process that is gone may still arrive.
    pub(super) fn astray(&mut self, asked: Vec<Asked>) {
        for one in asked {
            if one.answer.is_none() {
                self.stray(one);
            }
        }
    }

    pub(super) fn stray(&mut self, asked: Asked) {
        // One for new tokens that came long after would end the session, by the rules.
        let renews = asked.lane == gridcrew_mobile_core::engine::Lane::Session;
        if !renews && self.strays.len() < MOST_STRAYS {
            self.strays.push(asked);
        }
    }

    fn journal_of(&mut self, seat: usize) -> Fallible<gridcrew_sync_protocol::ids::JournalId> {
        Ok(self.account(seat)?.journal)
    }

    /// Everything that is on a handheld.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn account(&mut self, seat: usize) -> Fallible<gridcrew_mobile_core::drive::Account> {
        self.open(seat)?;
        match self.seats[seat].with(|handheld| Driver::of(handheld).account()) {
            Did::Done(account) => Ok(account),
            Did::Refused(error) => Err(Failure::new(error.to_string())),
            Did::Died => Err(Failure::new("died while reading")),
        }
    }

    fn sync(&mut self, seat: usize, budget: Budget) -> Fallible<()> {
        self.open(seat)?;
        let name = self.name(seat);
        self.tell(format!("{name} begins to sync."));
        let time = self.time.millis();
        if let Some(sync) = self.seats[seat].sync.take() {
            self.astray(sync.asked);
        }
        if let Err(death) = self.seats[seat].begin(budget, time)? {
            self.died(seat, death)?;
        }
        Ok(())
    }

    /// Tells the engine of a seat something.
    ///
    /// # Errors
    /// When a rule was broken.
    pub fn tell_engine(&mut self, seat: usize, event: Event) -> Fallible<()> {
        let time = self.time.millis();
        if let Err(death) = self.seats[seat].tell(event, time)? {
            self.died(seat, death)?;
        }
        if self.seats[seat].sync.is_none()
            && let Some((ended, problem)) = self.seats[seat].ended.clone()
            && self.seats[seat].handheld.is_some()
        {
            if ended == gridcrew_mobile_core::Ended::StorageFailed {
                self.happened(Fault::DiskFull);
            }
            let name = self.name(seat);
            let why = problem.map_or(String::new(), |problem| format!(": {problem:?}"));
            self.tell(format!("The sync of {name} ends, {ended:?}{why}."));
        }
        Ok(())
    }

    /// Time passes until the sync of a seat wants to go on.
    ///
    /// # Errors
    /// When a rule was broken.
    pub fn sleep(&mut self, seat: usize) -> Fallible<()> {
        let now = self.seats[seat].now(self.time.millis());
        let Some(at) = self.seats[seat]
            .sync
            .as_mut()
            .and_then(|sync| sync.wake.take())
        else {
            return Ok(());
        };
        self.time.pass(at - now);
        let name = self.name(seat);
        self.tell(format!("{name} waits {}.", span((at - now).max(0))));
        self.tell_engine(seat, Event::Tick)
    }

    fn network_changed(&mut self, seat: usize) -> Fallible<()> {
        if self.seats[seat].sync.is_none() {
            return Ok(());
        }
        let name = self.name(seat);
        self.tell(format!("The network of {name} changes."));
        if let Some(sync) = &mut self.seats[seat].sync {
            sync.quiet = i64::MIN;
        }
        self.tell_engine(seat, Event::NetworkChanged)?;
        if let Some(sync) = &self.seats[seat].sync
            && sync.asked.is_empty()
        {
            return Err(Failure::new("the network changed and nothing is tried"));
        }
        Ok(())
    }

    fn restore(&mut self) -> Fallible<()> {
        let noticing = self.chance.one_in(2);
        self.server.restore(noticing)?;
        // Who renewed his session since the backup, or was enrolled since, is unknown.
        let now = self.sessions()?;
        for seat in 0..self.seats.len() {
            if self.renewable.get(seat) != now.get(seat) {
                self.estrange(seat);
            }
        }
        // So will be who hears only later of tokens that he was given before.
        let syncs = self.seats.iter_mut().filter_map(|seat| seat.sync.as_mut());
        for asked in syncs.flat_map(|sync| &mut sync.asked) {
            asked.outlived |= asked.answer.is_some();
        }
        let held = self.held()?;
        self.ledger.restored(&held, self.time.millis());
        self.happened(Fault::ServerRestored);
        self.tell("The server is restored from its backup.".to_owned());
        Ok(())
    }

    /// What each handheld can renew its session with.
    fn sessions(&mut self) -> Fallible<Vec<String>> {
        (0..self.seats.len())
            .map(|seat| {
                self.open(seat)?;
                let handheld = self.seats[seat].handheld.as_ref();
                let driver = handheld.map(Driver::of);
                let token = driver.map(|driver| driver.credentials().refresh_token);
                Ok(token.unwrap_or_default())
            })
            .collect()
    }

    /// Something was done to a handheld after which a person may have to let it in again, and
    /// all that have a session with it.
    pub(super) fn estrange(&mut self, seat: usize) {
        let family = self.seats[seat].family;
        for other in &mut self.seats {
            other.estranged |= other.family == family;
        }
    }

    /// Everything that the server holds, as part of orders or apart.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn held(&self) -> Fallible<Existing> {
        let mut held = Existing::default();
        for (bytes, _) in self.server.journals()?.values().flatten() {
            held.marks.extend(mark_of(bytes));
        }
        for bytes in self.server.apart()? {
            held.marks.extend(mark_of(&bytes));
        }
        held.photos.extend(self.server.photos()?);
        Ok(held)
    }

    /// Everything that exists on a handheld.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn on(&mut self, seat: usize) -> Fallible<Existing> {
        let mut existing = Existing::default();
        for entry in self.account(seat)?.entries {
            existing.marks.extend(mark_of(&entry.bytes));
        }
        for item in fs::read_dir(self.seats[seat].folder.join("photos"))? {
            let name = item?.file_name();
            let photo: Option<Digest> = name.to_str().and_then(|name| name.parse().ok());
            existing.photos.extend(photo);
        }
        Ok(existing)
    }
}

/// A span of time in words.
#[must_use]
pub fn span(millis: i64) -> String {
    match millis {
        0..10_000 => format!("{millis} ms"),
        10_000..600_000 => format!("{} s", millis / 1_000),
        600_000..36_000_000 => format!("{} minutes", millis / 60_000),
        36_000_000..172_800_000 => format!("{} hours", millis / 3_600_000),
        _ => format!("{} days", millis / 86_400_000),
    }
}

fn budget(allowance: Allowance) -> Budget {
    let day = Budget::seconds(24 * 3_600);
    match allowance {
        Allowance::Day => day,
        Allowance::Seconds(seconds) => Budget::seconds(seconds),
        Allowance::Bytes(bytes) => Budget {
            bytes: Some(bytes),
            ..day
        },
        Allowance::Metered => Budget {
            metered: true,
            ..day
        },
    }
}
