//! Devices, people, a server and what lies between them: carries out the steps of a
//! schedule and tells what came of each.

use super::{
    chance::Chance,
    disk::{Blow, Disk, Remains},
    fault::{Fault, Faults},
    hardware::{Dice, Hardware, TrueTime},
    ledger::{Existing, Ledger, Line, Mark, mark_of},
    model::{Books, Model},
    origin::Origin,
    scene,
    seat::{Asked, Death, Did, Seat},
    step::{Act, Allowance, Step},
};
use crate::{Failure, Fallible};
use gridcrew_mobile_core::{
    Budget, Error, Handheld, PhotoInput, StepInput, drive::Driver, engine::Event,
};
use gridcrew_sync_protocol::{digest::Digest, ids::OrderId, record::Value, workflow::FieldCode};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, fs, path::Path, rc::Rc, sync::Arc};

/// Most installations.
const MOST_SEATS: usize = 5;
/// Most copies of requests that wander about.
const MOST_STRAYS: usize = 8;

/// The world of one schedule.
pub struct World {
    pub time: TrueTime,
    pub server: Model,
    pub seats: Vec<Seat>,
    pub ledger: Ledger,
    pub faults: Faults,
    /// What happened, sentence by sentence.
    pub story: Vec<String>,
    /// Copies of requests that may yet arrive.
    pub strays: Vec<Asked>,
    /// Something was done after which a person has to let a handheld in again.
    pub estranged: bool,
    /// A device was copied: two may go on in one journal.
    pub copied: bool,
    pub chance: Chance,
    trace: Sha256,
    backup: Books,
    copies: BTreeMap<usize, Remains>,
    folder: std::path::PathBuf,
    pictures: Vec<std::path::PathBuf>,
    pub codes: u32,
    devices: u64,
    taken: u64,
    /// What sets the devices' boots and random bytes of this world apart from those of the
    /// world in which they were enrolled.
    era: u64,
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
        let server = origin.server.clone().at(&time);
        let backup = server.books.clone();
        let mut world = Self {
            time: time.clone(),
            server,
            seats: Vec::new(),
            ledger: Ledger::default(),
            faults: Faults::default(),
            story: Vec::new(),
            strays: Vec::new(),
            estranged: false,
            copied: false,
            chance: Chance::of(seed ^ 0x5eed),
            trace: Sha256::new(),
            backup,
            copies: BTreeMap::new(),
            folder: folder.to_owned(),
            pictures: origin.pictures.clone(),
            codes: 0,
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
                .push(seat((number, *person), (*device, on), dice, root));
        }
        world.devices = hardware.len() as u64;
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

    fn happened(&mut self, fault: Fault) {
        self.faults.count(fault);
    }

    /// How a seat is called in the story.
    #[must_use]
    pub fn name(&self, seat: usize) -> String {
        let seat = &self.seats[seat];
        format!(
            "{}'s handheld {}",
            scene::name(seat.person),
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
                self.backup = self.server.books.clone();
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
                self.server.revoke(journal);
                self.estranged = true;
                self.happened(Fault::Revoked);
                let name = self.name(self.some(*seat));
                self.tell(format!("{name} is revoked."));
            }
            Step::MoveOrder(order, to) => {
                let (order, to) = (scene::order(*order), scene::person(*to));
                self.server.assign(order, to);
                self.happened(Fault::OrderMoved);
                let number = scene::number_of(order);
                self.tell(format!("Order {number} is given to {}.", scene::name(to)));
            }
            Step::MoveCell(cell, to) => {
                let (cell, to) = (scene::cell(*cell), scene::person(*to));
                self.server.move_cell(cell, to);
                self.happened(Fault::CellMoved);
                self.tell(format!("A cell is given to {}.", scene::name(to)));
            }
        }
        self.note_seen();
        self.broken_rules()
    }

    /// Takes note of what was seen at the server.
    pub(super) fn note_seen(&mut self) {
        for fault in self.server.seen.take() {
            self.faults.count(fault);
        }
    }

    /// Fails when a rule was broken.
    pub(super) fn broken_rules(&mut self) -> Fallible<()> {
        let mut broken = std::mem::take(&mut self.server.complaints);
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

    /// The process has died.
    pub(super) fn died(&mut self, seat: usize, death: Death) -> Fallible<()> {
        let name = self.name(seat);
        let blow = self.seats[seat].disk.calm();
        let asked = if blow == Some(Blow::Power) {
            let (asked, torn) = self.seats[seat].lose_power(&mut self.chance)?;
            self.happened(Fault::PowerLost);
            if torn {
                self.happened(Fault::TornWrite);
            }
            self.tell(format!("The power of {name} fails while it saves."));
            asked
        } else {
            let (fault, when) = match death {
                Death::Saving if self.seats[seat].handheld.is_none() => {
                    (Fault::KilledOpening, "while it opens")
                }
                Death::Saving => (Fault::KilledSaving, "while it saves"),
                Death::BeforeEffect => (Fault::KilledBeforeEffect, "before it does something"),
                Death::AfterEffect => (Fault::KilledAfterEffect, "after it did something"),
            };
            self.happened(fault);
            self.tell(format!("{name} is killed {when}."));
            self.seats[seat].close()
        };
        self.astray(asked);
        Ok(())
    }

    /// Requests of a process that is gone may still arrive.
    fn astray(&mut self, asked: Vec<Asked>) {
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

    fn act(&mut self, seat: usize, act: Act) -> Fallible<()> {
        self.open(seat)?;
        let name = self.name(seat);
        let mut orders = match self.seats[seat].with(Handheld::states) {
            Did::Done(states) => states,
            Did::Refused(error) => return Err(Failure::new(error.to_string())),
            Did::Died => return self.died(seat, Death::Saving),
        };
        orders.sort_by_key(|(order, _)| *order);
        let (Act::Note(which)
        | Act::Take(which)
        | Act::Decline(which)
        | Act::HandOver(which, _)
        | Act::Arrive(which, _)
        | Act::Restore(which)
        | Act::Return(which)) = act;
        if orders.is_empty() {
            return Ok(());
        }
        let order = orders[which % orders.len()].0;
        let mark = self.ledger.next();
        let what = said(act, order, mark);
        let photos = match act {
            Act::Arrive(_, count) => self.take_pictures(count),
            _ => Vec::new(),
        };
        let digests = photos
            .iter()
            .map(|path| Ok(Digest::of(&fs::read(path)?)))
            .collect::<Fallible<Vec<Digest>>>()?;
        let at = self.time.millis();
        let did = self.seats[seat].with(|handheld| record(handheld, order, act, mark, &photos));
        let line = |told| Line {
            what: format!("{what} by {name}"),
            told,
            at,
            photos: digests.clone(),
        };
        match did {
            Did::Done(()) => {
                self.ledger.lines.insert(mark, line(true));
                self.tell(format!("On {name}: {what}."));
                let event = Event::Recorded;
                self.tell_engine(seat, event)?;
                self.two_people(seat);
            }
            Did::Died => {
                // The person was told nothing: it may be there or not.
                self.ledger.lines.insert(mark, line(false));
                self.tell(format!(
                    "On {name}: {what}; it is not known whether that was saved."
                ));
                self.died(seat, Death::Saving)?;
            }
            Did::Refused(error) => {
                if self.seats[seat].disk.calm() == Some(Blow::Full) {
                    self.happened(Fault::DiskFull);
                    self.tell(format!("On {name}: the disk is full, {what} is refused."));
                } else if matches!(error, Error::Storage(_)) {
                    return Err(Failure::new(format!("a fine disk that fails: {error}")));
                }
            }
        }
        Ok(())
    }

    fn two_people(&mut self, seat: usize) {
        let device = self.seats[seat].device;
        let others = self.seats.iter().enumerate();
        let shared = others
            .filter(|(number, other)| *number != seat && other.device == device)
            .any(|(_, other)| other.handheld.is_some());
        if shared {
            self.happened(Fault::TwoPeople);
        }
    }

    fn take_pictures(&mut self, count: u32) -> Vec<std::path::PathBuf> {
        (0..count)
            .map(|_| {
                self.taken += 1;
                let number = usize::try_from(self.taken).unwrap_or(0);
                self.pictures[number % self.pictures.len()].clone()
            })
            .collect()
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

    fn die_opening(&mut self, seat: usize, after: u32) -> Fallible<()> {
        let asked = self.seats[seat].close();
        self.astray(asked);
        let name = self.name(seat);
        self.tell(format!("{name} is killed and opened again."));
        self.seats[seat].disk.plan(Blow::Die, after);
        self.open(seat)?;
        self.seats[seat].disk.calm();
        Ok(())
    }

    fn power_cut(&mut self, seat: usize) -> Fallible<()> {
        let device = self.seats[seat].device;
        let name = self.name(seat);
        self.tell(format!("The power of {name} fails."));
        for other in 0..self.seats.len() {
            if self.seats[other].device == device {
                let (asked, _) = self.seats[other].lose_power(&mut self.chance)?;
                self.astray(asked);
            }
        }
        self.happened(Fault::PowerLost);
        self.seats[seat].hardware.reboot();
        Ok(())
    }

    fn reboot(&mut self, seat: usize) -> Fallible<()> {
        let device = self.seats[seat].device;
        for other in 0..self.seats.len() {
            if self.seats[other].device == device {
                let asked = self.seats[other].close();
                self.astray(asked);
            }
        }
        self.seats[seat].hardware.reboot();
        self.happened(Fault::Reboot);
        let name = self.name(seat);
        self.tell(format!("{name} reboots."));
        Ok(())
    }

    fn copy(&mut self, seat: usize) -> Fallible<()> {
        let asked = self.seats[seat].close();
        self.astray(asked);
        let files = Remains::of(&self.seats[seat].folder)?;
        self.copies.insert(seat, files);
        let name = self.name(seat);
        self.tell(format!("Somebody copies the data of {name}."));
        Ok(())
    }

    fn set_back(&mut self, seat: usize) -> Fallible<()> {
        let Some(files) = self.copies.get(&seat).cloned() else {
            return Ok(());
        };
        let before = self.existing()?;
        let asked = self.seats[seat].close();
        self.astray(asked);
        files.put(&self.seats[seat].folder)?;
        self.estranged = true;
        self.copied = true;
        let after = self.existing()?;
        self.ledger.excuse(&before, &after);
        self.happened(Fault::SetBack);
        let name = self.name(seat);
        self.tell(format!("{name} is set back to the copy."));
        Ok(())
    }

    fn clone_device(&mut self, seat: usize) -> Fallible<()> {
        if self.seats.len() >= MOST_SEATS {
            return Ok(());
        }
        let asked = self.seats[seat].close();
        self.astray(asked);
        let number = self.seats.len();
        let root = self.folder.join(format!("seat-{number}"));
        Remains::of(&self.seats[seat].folder)?.put(&root)?;
        let device = usize::try_from(self.devices)?;
        let hardware = Arc::new(Hardware::new(self.devices, self.era, &self.time));
        self.devices += 1;
        let person = self.seats[seat].person;
        let dice = Dice::of((self.era << 8) + number as u64);
        let new = self::seat((number, person), (device, hardware), dice, root);
        self.seats.push(new);
        self.estranged = true;
        self.copied = true;
        self.happened(Fault::Cloned);
        let (name, new) = (self.name(seat), self.name(number));
        self.tell(format!("{name} is cloned: {new} goes on beside it."));
        Ok(())
    }

    fn upgrade(&mut self, seat: usize) -> Fallible<()> {
        let waits = self
            .account(seat)?
            .entries
            .iter()
            .any(|entry| entry.state == "queued");
        let asked = self.seats[seat].close();
        self.astray(asked);
        if waits {
            self.happened(Fault::Upgraded);
        }
        let name = self.name(seat);
        self.tell(format!("The program of {name} is exchanged."));
        self.open(seat)
    }

    fn thin(&mut self, seat: usize) -> Fallible<()> {
        self.open(seat)?;
        let name = self.name(seat);
        match self.seats[seat].with(Handheld::thin) {
            Did::Done(thinned) => {
                self.tell(format!("{name} removes {} old photos.", thinned.photos));
                Ok(())
            }
            Did::Died => self.died(seat, Death::Saving),
            Did::Refused(error) => match self.seats[seat].disk.calm() {
                Some(Blow::Full) => {
                    self.happened(Fault::DiskFull);
                    Ok(())
                }
                _ => Err(Failure::new(format!("a fine disk that fails: {error}"))),
            },
        }
    }

    fn restore(&mut self) -> Fallible<()> {
        let before = self.existing()?;
        self.server.restore(self.backup.clone());
        self.estranged = true;
        let after = self.existing()?;
        self.ledger.excuse(&before, &after);
        self.happened(Fault::ServerRestored);
        self.tell("The server is restored from its backup.".to_owned());
        Ok(())
    }

    /// Everything that exists on a handheld or at the server.
    ///
    /// # Errors
    /// When a handheld cannot be read.
    fn existing(&mut self) -> Fallible<Existing> {
        let mut existing = Existing::default();
        for (bytes, _) in self.server.books.journals.values().flatten() {
            existing.marks.extend(mark_of(bytes));
        }
        let held = self.server.books.held.keys();
        existing.photos.extend(
            held.filter(|(_, kind)| *kind == gridcrew_sync_protocol::media::MediaKind::Original)
                .map(|(photo, _)| *photo),
        );
        for seat in 0..self.seats.len() {
            for entry in self.account(seat)?.entries {
                existing.marks.extend(mark_of(&entry.bytes));
            }
            for item in fs::read_dir(self.seats[seat].folder.join("photos"))? {
                let name = item?.file_name();
                let photo: Option<Digest> = name.to_str().and_then(|name| name.parse().ok());
                existing.photos.extend(photo);
            }
        }
        Ok(existing)
    }
}

fn seat(
    (number, person): (usize, gridcrew_sync_protocol::ids::PersonId),
    (device, hardware): (usize, Arc<Hardware>),
    dice: Dice,
    folder: std::path::PathBuf,
) -> Seat {
    Seat {
        number,
        person,
        device,
        disk: Rc::new(Disk::under(&folder)),
        folder,
        hardware,
        dice: Arc::new(dice),
        handheld: None,
        sync: None,
        ended: None,
        die_at: None,
        cached: Vec::new(),
        broken: Vec::new(),
    }
}

/// Records what a person does.
fn record(
    handheld: &Handheld,
    order: OrderId,
    act: Act,
    mark: Mark,
    photos: &[std::path::PathBuf],
) -> Result<(), Error> {
    let text = mark.to_string();
    let step = |step: &str| StepInput {
        step: step.to_owned(),
        values: BTreeMap::from([(FieldCode::from("mark"), Value::Text(text.clone()))]),
        photos: photos
            .iter()
            .map(|path| PhotoInput {
                slot: "site".to_owned(),
                path: path.clone(),
            })
            .collect(),
    };
    match act {
        Act::Note(_) => handheld.note(order, &text, None).map(|_| ()),
        Act::Take(_) => handheld.take(order, Some(mark), None).map(|_| ()),
        Act::Decline(_) => handheld.decline(order, "ill", &text, None).map(|_| ()),
        Act::HandOver(_, to) => handheld
            .hand_over(order, scene::person(to), &text, None)
            .map(|_| ()),
        Act::Arrive(..) => handheld.step(order, step("arrived"), None).map(|_| ()),
        Act::Return(_) => handheld.step(order, step("return"), None).map(|_| ()),
        Act::Restore(_) => handheld.step(order, step("restored"), None).map(|_| ()),
    }
}

fn said(act: Act, order: OrderId, mark: Mark) -> String {
    let order = scene::number_of(order);
    match act {
        Act::Note(_) => format!("note {mark} on order {order}"),
        Act::Take(_) => format!("taking order {order} (record {mark})"),
        Act::Decline(_) => format!("declining order {order} (record {mark})"),
        Act::HandOver(_, to) => {
            let to = scene::name(scene::person(to));
            format!("handing order {order} over to {to} (record {mark})")
        }
        Act::Arrive(_, photos) => {
            format!("arrival at order {order} with {photos} photos (record {mark})")
        }
        Act::Return(_) => format!("order {order} returned (record {mark})"),
        Act::Restore(_) => format!("supply of order {order} restored (record {mark})"),
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
