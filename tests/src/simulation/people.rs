//! What people do on orders, and what they are told of it.

use super::{
    disk::Blow,
    fault::Fault,
    ledger::{Line, Mark},
    scene::Cast,
    seat::{Death, Did},
    step::Act,
    world::World,
};
use crate::{Failure, Fallible};
use gridcrew_mobile_core::{Error, Handheld, PhotoInput, StepInput, engine::Event};
use gridcrew_sync_protocol::{digest::Digest, ids::OrderId, record::Value, workflow::FieldCode};
use std::{collections::BTreeMap, fs};

impl World {
    pub(super) fn act(&mut self, seat: usize, act: Act) -> Fallible<()> {
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
        let what = said(&self.cast, act, order, mark);
        let photos = match act {
            Act::Arrive(_, count) => self.take_pictures(count),
            _ => Vec::new(),
        };
        let digests = photos
            .iter()
            .map(|path| Ok(Digest::of(&fs::read(path)?)))
            .collect::<Fallible<Vec<Digest>>>()?;
        let at = self.time.millis();
        let cast = self.cast;
        let did =
            self.seats[seat].with(|handheld| record(handheld, &cast, (order, act), mark, &photos));
        let line = |told| Line {
            what: format!("{what} by {name}"),
            told,
            at,
            photos: digests.clone(),
        };
        match did {
            Did::Done(()) => {
                self.ledger.recorded(mark, seat, line(true));
                self.tell(format!("On {name}: {what}."));
                let event = Event::Recorded;
                self.tell_engine(seat, event)?;
                self.two_people(seat);
            }
            Did::Died => {
                // The person was told nothing: it may be there or not.
                self.ledger.recorded(mark, seat, line(false));
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

    pub(super) fn two_people(&mut self, seat: usize) {
        let device = self.seats[seat].device;
        let others = self.seats.iter().enumerate();
        let shared = others
            .filter(|(number, other)| *number != seat && other.device == device)
            .any(|(_, other)| other.handheld.is_some());
        if shared {
            self.happened(Fault::TwoPeople);
        }
    }

    pub(super) fn take_pictures(&mut self, count: u32) -> Vec<std::path::PathBuf> {
        (0..count)
            .map(|_| {
                self.taken += 1;
                let number = usize::try_from(self.taken).unwrap_or(0);
                self.pictures[number % self.pictures.len()].clone()
            })
            .collect()
    }
}

/// Records what a person does.
fn record(
    handheld: &Handheld,
    cast: &Cast,
    (order, act): (OrderId, Act),
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
            .hand_over(order, cast.person(to), &text, None)
            .map(|_| ()),
        Act::Arrive(..) => handheld.step(order, step("arrived"), None).map(|_| ()),
        Act::Return(_) => handheld.step(order, step("return"), None).map(|_| ()),
        Act::Restore(_) => handheld.step(order, step("restored"), None).map(|_| ()),
    }
}

fn said(cast: &Cast, act: Act, order: OrderId, mark: Mark) -> String {
    let order = cast.number_of(order);
    match act {
        Act::Note(_) => format!("note {mark} on order {order}"),
        Act::Take(_) => format!("taking order {order} (record {mark})"),
        Act::Decline(_) => format!("declining order {order} (record {mark})"),
        Act::HandOver(_, to) => {
            let to = cast.name(cast.person(to));
            format!("handing order {order} over to {to} (record {mark})")
        }
        Act::Arrive(_, photos) => {
            format!("arrival at order {order} with {photos} photos (record {mark})")
        }
        Act::Return(_) => format!("order {order} returned (record {mark})"),
        Act::Restore(_) => format!("supply of order {order} restored (record {mark})"),
    }
}
