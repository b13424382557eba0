//! What this handheld notices about a record while it makes it: how the person moved since
//! the fix before, which place he was to come to, whether that is proved, and which of his
//! pictures it has seen before.

use crate::{
    error::Error,
    journal::Place,
    store::{
        facts::{self, LastFix},
        looks,
        photos::Taken,
        scope,
    },
};
use gridcrew_sync_protocol::{
    arrival::{ArrivalProof, Motion, Target, TargetKind, Travel, doubts, is_arrival, prove},
    claims::{Claims, PhotoClaim},
    ids::OrderId,
    limits::Limits,
    order::{OrderState, Sourced},
    record::{Accepted, Event, Fix},
    time::{Millis, Sureness, TimeEvidence},
    workflow::{SlotCode, Template},
};
use rusqlite::Connection;

/// The limits that this handheld goes by.
pub(crate) const LIMITS: &Limits = &Limits::DOMAIN;

/// What the server said of an order when it took it in.
pub(crate) fn accepted(records: &[Sourced]) -> Option<&Accepted> {
    records
        .iter()
        .find_map(|sourced| match &sourced.record.event {
            Event::Accepted(accepted) if sourced.from_server() => Some(accepted),
            _ => None,
        })
}

/// Where the person has to come to: the order's place, else its customer's.
pub(crate) fn target(
    db: &Connection,
    records: &[Sourced],
    state: &OrderState,
) -> Result<Option<Target>, Error> {
    let by_order = accepted(records).and_then(|accepted| accepted.position);
    if let Some(position) = by_order {
        let kind = TargetKind::Order;
        return Ok(Some(Target { position, kind }));
    }
    let Some(customer) = state.customer else {
        return Ok(None);
    };
    let customer = scope::customer(db, customer)?;
    Ok(customer
        .and_then(|customer| customer.position)
        .map(|position| Target {
            position,
            kind: TargetKind::Customer,
        }))
}

/// How the person moved, by the fix before.
pub(crate) fn motion(
    db: &Connection,
    place: Option<&Place>,
    time: &TimeEvidence,
) -> Result<Motion, Error> {
    let Some(place) = place else {
        return Ok(Motion::default());
    };
    let last = facts::last_fix(db)?;
    Ok(Motion {
        speed_dm_s: place.speed_dm_s,
        travel: last.and_then(|last| travel(&last, &place.fix, time)),
    })
}

/// The way from the last fix to this one; nothing when no clock spans the two, or when this
/// one is not the later.
fn travel(last: &LastFix, fix: &Fix, time: &TimeEvidence) -> Option<Travel> {
    let this = made(fix, time);
    let took = if last.boot == this.boot {
        this.uptime.0.saturating_sub(last.uptime.0)
    } else {
        this.at?.since(last.at?).0
    };
    (took >= 0).then(|| Travel::between(&last.fix, fix, Millis(took)))
}

/// A fix with the moment at which it was made.
fn made(fix: &Fix, time: &TimeEvidence) -> LastFix {
    let age = Millis(fix.age.0.max(0).saturating_neg());
    let trusted = time.trusted();
    LastFix {
        fix: fix.clone(),
        boot: time.boot,
        uptime: Millis(time.uptime.0.saturating_add(age.0)),
        at: (trusted.sureness != Sureness::Unsure).then(|| trusted.at.plus(age)),
    }
}

/// Remembers a fix as the last one, unless it does not say itself where the person was: his
/// way from there would be nobody's.
pub(crate) fn remember(
    db: &Connection,
    place: Option<&Place>,
    time: &TimeEvidence,
) -> Result<(), Error> {
    match place.map(|place| &place.fix) {
        Some(fix) if doubts(Some(fix), Motion::default(), LIMITS).is_empty() => {
            facts::set_last_fix(db, &made(fix, time))
        }
        _ => Ok(()),
    }
}

/// What an event proves, if it is an arrival.
pub(crate) fn arrival(
    template: &Template,
    event: &Event,
    place: Option<&Place>,
    target: Option<&Target>,
    motion: Motion,
) -> Option<ArrivalProof> {
    let Event::StepDone(done) = event else {
        return None;
    };
    let step = template.step(&done.step)?;
    let fix = place.map(|place| &place.fix);
    is_arrival(step).then(|| prove(fix, target, motion, LIMITS))
}

/// All that is claimed of a record.
pub(crate) fn of_record(
    db: &Connection,
    order: OrderId,
    motion: Motion,
    target: Option<Target>,
    arrival: Option<ArrivalProof>,
    photos: &[(Taken, SlotCode)],
) -> Result<Claims, Error> {
    let seen = |(taken, _): &(Taken, SlotCode)| {
        let before = looks::before(db, order, taken.digest, taken.claim.look, LIMITS.alike_bits)?;
        Ok::<_, Error>(PhotoClaim {
            before,
            ..taken.claim.clone()
        })
    };
    let looks_at_place = arrival.is_some() || !photos.is_empty();
    Ok(Claims {
        speed_dm_s: motion.speed_dm_s,
        travel: motion.travel,
        target: target.filter(|_| looks_at_place),
        arrival,
        photos: photos.iter().map(seen).collect::<Result<_, Error>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridcrew_sync_protocol::{
        position::{Datum, TypedPosition},
        time::{BootId, ServerAnchor, UnixMillis},
    };

    fn time(boot: u8, uptime: i64, sure: bool) -> TimeEvidence {
        let anchor = ServerAnchor {
            server_time: UnixMillis(1_000_000),
            boot: BootId([boot; 16]),
            uptime: Millis(0),
        };
        TimeEvidence {
            wall: UnixMillis(0),
            boot: BootId([boot; 16]),
            uptime: Millis(uptime),
            gnss: None,
            anchor: sure.then_some(anchor),
        }
    }

    fn fix(age: i64) -> Fix {
        Fix {
            position: TypedPosition::new(116.0, 32.0, Datum::Wgs84).unwrap(),
            accuracy_dm: 50,
            age: Millis(age),
            mock: false,
        }
    }

    #[test]
    fn the_way_is_timed_by_what_clock_spans_it_from_fix_to_fix() {
        let took = |last: TimeEvidence, now: TimeEvidence, age: i64| {
            let last = made(&fix(0), &last);
            travel(&last, &fix(age), &now).map(|travel| travel.took)
        };
        let minute = Some(Millis(60_000));
        // Within a boot by its own clock, whatever the wall clock says; from when the fix was
        // made, not from when it was used.
        assert_eq!(
            took(time(1, 1_000, false), time(1, 61_500, false), 500),
            minute
        );
        // Across a reboot only by times that are sure.
        assert_eq!(took(time(1, 1_000, true), time(2, 61_000, true), 0), minute);
        assert_eq!(took(time(1, 1_000, true), time(2, 61_000, false), 0), None);
        assert_eq!(took(time(1, 1_000, false), time(2, 61_000, true), 0), None);
        // A fix from before the last one is no way at all.
        assert_eq!(
            took(time(1, 9_000, false), time(1, 9_500, false), 600),
            None
        );
    }
}
