//! Whose handheld a command is about: the one of the data folder, or that of a person of a
//! device that several people use.

use super::{Place, Tongue, args::Command, show, wait_for};
use gridcrew_mobile_core::{
    Budget, Device, Error, Handheld, Lock, PersonHere, ShiftChange, Unlocked,
    clock::{SystemClock, SystemRandom},
};
use std::{io::Write, sync::Arc};

/// Opens the handheld, unlocked if the PIN was given.
pub(super) fn open(place: &Place) -> Result<Handheld, Error> {
    let (clock, random) = (Arc::new(SystemClock::new()), Arc::new(SystemRandom));
    let settings = place.settings.clone();
    let Some(person) = &place.person else {
        let handheld = match &place.keys {
            Some(keys) => {
                let keys = Arc::clone(keys);
                Handheld::open_sealed(&place.data, keys, "handheld", clock, random, settings)?
            }
            None => Handheld::open_configured(&place.data, clock, random, settings)?,
        };
        if let (Some(pin), Lock::Pin { .. }) = (&place.pin, handheld.lock_state()?) {
            refuse_unless_open(handheld.unlock(pin)?)?;
        }
        return Ok(handheld);
    };
    let device = device(place)?;
    let people = device.people()?;
    let named: Vec<&PersonHere> = people
        .iter()
        .filter(|here| here.name == *person || here.person.to_string() == *person)
        .collect();
    let [one] = named.as_slice() else {
        let count = named.len();
        return Err(Error::Invalid(format!("{count} people here are {person}")));
    };
    let Some(pin) = &place.pin else {
        return device.handheld(one.person);
    };
    match device.change_shift(one.person, pin)? {
        ShiftChange::Done { handheld, .. } => Ok(handheld),
        ShiftChange::Not(outcome) => {
            refuse_unless_open(outcome)?;
            device.handheld(one.person)
        }
    }
}

fn device(place: &Place) -> Result<Device, Error> {
    let (clock, random) = (Arc::new(SystemClock::new()), Arc::new(SystemRandom));
    let (keys, settings) = (place.keys.clone(), place.settings.clone());
    Device::open(&place.data, keys, clock, random, settings)
}

/// What a PIN that was not taken means for a command.
pub(super) fn refuse_unless_open(outcome: Unlocked) -> Result<(), Error> {
    match outcome {
        Unlocked::Open => Ok(()),
        Unlocked::Wrong { wait, .. } => Err(Error::WrongPin(wait)),
        Unlocked::TooEarly { wait } => Err(Error::Locked(Lock::Pin { wait })),
    }
}

/// Carries out a command about the device.
pub(super) fn carry_out(
    place: &Place,
    command: Command,
    tongue: Tongue,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let device = device(place)?;
    match command {
        Command::Join { server, code, name } => {
            let pin = place.pin.as_deref().unwrap_or_default();
            let person = wait_for(device.enrol(&server, &code, &name, pin))??;
            writeln!(out, "{}{person}", tongue.say("已注册：", "enrolled "))?;
        }
        Command::People { sync } => {
            if let Some(seconds) = sync {
                for (here, report) in wait_for(device.sync(Budget::seconds(seconds)))?? {
                    writeln!(out, "{}", here.name)?;
                    match report {
                        Ok(report) => show::report(&report, tongue, out)?,
                        Err(error) => writeln!(out, "  {}", tongue.pick(&error.words()))?,
                    }
                }
            }
            let line = tongue.say("待发记录/照片", "unsent records/photos");
            for here in device.people()? {
                let (records, photos) = (here.records_waiting, here.photos_waiting);
                writeln!(
                    out,
                    "{} {} {line}: {records}/{photos}",
                    here.person, here.name
                )?;
            }
        }
        _ => {}
    }
    Ok(())
}
