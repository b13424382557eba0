//! What befalls devices: death of a process, power failures, copies, clones, new programs.

use super::{
    disk::{Blow, Disk, Remains},
    fault::Fault,
    hardware::{Dice, Hardware},
    seat::{Death, Did, Seat},
    world::World,
};
use crate::{Failure, Fallible};
use gridcrew_mobile_core::{
    Handheld,
    drive::{age_store, store_versions},
};
use std::{rc::Rc, sync::Arc};

/// Most installations.
const MOST_SEATS: usize = 5;

impl World {
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

    pub(super) fn die_opening(&mut self, seat: usize, after: u32) -> Fallible<()> {
        let asked = self.seats[seat].close();
        self.astray(asked);
        let name = self.name(seat);
        self.tell(format!("{name} is killed and opened again."));
        self.seats[seat].disk.plan(Blow::Die, after);
        self.open(seat)?;
        self.seats[seat].disk.calm();
        Ok(())
    }

    pub(super) fn power_cut(&mut self, seat: usize) -> Fallible<()> {
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

    pub(super) fn reboot(&mut self, seat: usize) -> Fallible<()> {
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

    pub(super) fn copy(&mut self, seat: usize) -> Fallible<()> {
        let asked = self.seats[seat].close();
        self.astray(asked);
        let files = Remains::of(&self.seats[seat].folder)?;
        self.copies.insert(seat, files);
        self.ledger.copied(seat);
        let name = self.name(seat);
        self.tell(format!("Somebody copies the data of {name}."));
        Ok(())
    }

    pub(super) fn set_back(&mut self, seat: usize) -> Fallible<()> {
        let Some(files) = self.copies.get(&seat).cloned() else {
            return Ok(());
        };
        let asked = self.seats[seat].close();
        self.astray(asked);
        files.put(&self.seats[seat].folder)?;
        self.estrange(seat);
        let held = self.held()?;
        self.ledger.set_back(seat, &held);
        self.happened(Fault::SetBack);
        let name = self.name(seat);
        self.tell(format!("{name} is set back to the copy."));
        Ok(())
    }

    pub(super) fn clone_device(&mut self, seat: usize) -> Fallible<()> {
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
        let mut new = self::seat((number, person), (device, hardware), dice, root);
        new.batches = self.seats[seat].batches;
        self.seats.push(new);
        self.seats[number].family = self.seats[seat].family;
        self.ledger.cloned(seat, number);
        self.estrange(seat);
        self.happened(Fault::Cloned);
        let (name, new) = (self.name(seat), self.name(number));
        self.tell(format!("{name} is cloned: {new} goes on beside it."));
        Ok(())
    }

    pub(super) fn upgrade(&mut self, seat: usize) -> Fallible<()> {
        let waits = self
            .account(seat)?
            .entries
            .iter()
            .any(|entry| entry.state == "queued");
        let asked = self.seats[seat].close();
        self.astray(asked);
        let name = self.name(seat);
        // The program before was of any version that was ever released.
        let newest = store_versions();
        let before = 1 + self.chance.below(u64::from(newest));
        let before = u32::try_from(before)?;
        if before < newest {
            age_store(&self.seats[seat].folder, before)?;
            let schema = format!("the store of {name} is of version {before}");
            self.tell(format!("The program of {name} is exchanged; {schema}."));
        } else {
            self.tell(format!("The program of {name} is exchanged."));
        }
        if waits {
            self.happened(Fault::Upgraded);
            if before < newest {
                self.happened(Fault::Migrated);
            }
        }
        self.open(seat)
    }

    pub(super) fn thin(&mut self, seat: usize) -> Fallible<()> {
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
}

pub(super) fn seat(
    (number, person): (usize, gridcrew_sync_protocol::ids::PersonId),
    (device, hardware): (usize, Arc<Hardware>),
    dice: Dice,
    folder: std::path::PathBuf,
) -> Seat {
    Seat {
        number,
        family: number,
        person,
        device,
        disk: Rc::new(Disk::under(&folder)),
        folder,
        batches: usize::MAX,
        hardware,
        dice: Arc::new(dice),
        handheld: None,
        sync: None,
        ended: None,
        die_at: None,
        estranged: false,
        shut_out: false,
        displaced: false,
        cached: Vec::new(),
        broken: Vec::new(),
    }
}
