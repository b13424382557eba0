//! The end of a schedule: the link is whole, the disks have room, and whatever still waits
//! must come through within a bounded number of events; then everything is compared.

use super::{
    ledger::{Existing, Line, Mark, link, mark_of},
    seat::Did,
    step::Fate,
    world::World,
};
use crate::{Failure, Fallible, failure::ensure};
use gridcrew_mobile_core::{Budget, Ended, Handheld, Problem, drive::Account};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::OrderId,
    journal::{Entry, EntryId, Seq},
    media::MediaKind,
    time::Sureness,
    wire,
};
use std::collections::{BTreeMap, BTreeSet};

/// Syncs of each handheld after which everything must be through.
const ROUNDS: usize = 6;
/// Events of one sync beside those for what waits.
const EVENTS: u64 = 150;
/// Events for each record and photo that waits.
const EVENTS_FOR_EACH: u64 = 12;
/// How far a time that is sure may be off the true one: half of the longest that a request
/// may take.
const OFF: i64 = 60_000;

impl World {
    /// Lets everything come through.
    ///
    /// # Errors
    /// When something is stuck, or a handheld is shut out without cause.
    pub fn settle(&mut self) -> Fallible<()> {
        self.tell("From now on everything comes through.".to_owned());
        while !self.strays.is_empty() {
            self.stray_arrives(0)?;
        }
        for seat in 0..self.seats.len() {
            self.seats[seat].disk.calm();
            self.seats[seat].die_at = None;
            self.open(seat)?;
            // A sync that runs goes on from wherever it is.
            if self.seats[seat].sync.is_some() {
                self.until_over(seat)?;
            }
        }
        let mut quiet = 0;
        for _ in 0..ROUNDS {
            let mut all_done = true;
            for seat in 0..self.seats.len() {
                let done = self.whole_sync(seat)?;
                all_done &= done;
            }
            quiet = if all_done { quiet + 1 } else { 0 };
            if quiet == 2 {
                return self.broken_rules();
            }
        }
        let ends: Vec<String> = (0..self.seats.len())
            .map(|seat| format!("{}: {:?}", self.name(seat), self.seats[seat].ended))
            .collect();
        Err(Failure::new(format!(
            "something is stuck after {ROUNDS} syncs ({})",
            ends.join("; ")
        )))
    }

    /// One sync through a link that is whole; whether nothing was left to do.
    fn whole_sync(&mut self, seat: usize) -> Fallible<bool> {
        if self.seats[seat].shut_out {
            return Ok(true);
        }
        if self.needs_a_person(seat) {
            // Its copy with the same journal is in, and it has nothing to say that would part
            // them: letting it in would put the other out.
            if self.seats[seat].displaced && self.is_all_told(seat)? {
                return Ok(true);
            }
            ensure(self.may_be_shut_out(seat), || {
                let ended = &self.seats[seat].ended;
                format!("{} is shut out without cause: {ended:?}", self.name(seat))
            })?;
            let name = self.name(seat);
            let Self { seats, server, .. } = self;
            if !seats[seat].enrol(server.as_mut())? {
                seats[seat].shut_out = true;
                self.tell(format!("{name} was revoked and is let in no more."));
                return Ok(false);
            }
            // Its copies' sessions end with that, and its own begins.
            self.estrange(seat);
            self.displace(seat)?;
            self.seats[seat].estranged = false;
            self.tell(format!("{name} is enrolled anew."));
        }
        let before = self.waiting(seat)?;
        let time = self.time.millis();
        let name = self.name(seat);
        self.tell(format!("{name} begins to sync."));
        if self.seats[seat]
            .begin(Budget::seconds(24 * 3_600), time)?
            .is_err()
        {
            return Err(Failure::new("died on a fine disk"));
        }
        self.until_over(seat)?;
        let done = matches!(
            self.seats[seat].ended,
            Some((Ended::Done, None | Some(Problem::Continued)))
        );
        Ok(done && before == 0)
    }

    /// Whether the server has everything that is on a handheld: that nothing waits is only what
    /// the handheld thinks, which may not have heard that the server was restored.
    fn is_all_told(&mut self, seat: usize) -> Fallible<bool> {
        let (on_it, held) = (self.on(seat)?, self.held()?);
        let lines = on_it
            .marks
            .iter()
            .filter_map(|mark| self.ledger.lines.get(mark));
        let mut photos = lines.flat_map(|line| &line.photos);
        let photos_held = photos.all(|photo| {
            held.photos.contains(photo) || self.ledger.photo_may_have_perished(*photo)
        });
        Ok(photos_held && on_it.marks.is_subset(&held.marks) && self.waiting(seat)? == 0)
    }

    /// A handheld was let in: whoever writes the same journal is out.
    fn displace(&mut self, seat: usize) -> Fallible<()> {
        let journal = self.account(seat)?.journal;
        for other in 0..self.seats.len() {
            let same = self.seats[other].family == self.seats[seat].family
                && self.account(other)?.journal == journal;
            self.seats[other].displaced = same && other != seat;
        }
        Ok(())
    }

    /// Something gave cause to end a session.
    fn may_be_shut_out(&self, seat: usize) -> bool {
        let passed = self.time.millis() - self.began;
        let away = self.server.longest_absence();
        self.seats[seat].estranged || away.is_some_and(|longest| passed > longest.0)
    }

    fn needs_a_person(&self, seat: usize) -> bool {
        match &self.seats[seat].ended {
            Some((Ended::Blocked, _)) => true,
            Some((_, Some(Problem::Refused { code }))) => code == "journal.not_yours",
            _ => false,
        }
    }

    fn waiting(&mut self, seat: usize) -> Fallible<u64> {
        let account = self.account(seat)?;
        Ok(waiting(&account))
    }

    /// Lets the sync of a seat go on to its end.
    fn until_over(&mut self, seat: usize) -> Fallible<()> {
        let items = {
            let account = self.account(seat)?;
            account.entries.len() + account.photos.len()
        };
        let most = EVENTS + EVENTS_FOR_EACH * items as u64;
        let from = self.seats[seat].sync.as_ref().map_or(0, |sync| sync.events);
        while let Some(sync) = &self.seats[seat].sync {
            if sync.events - from > most {
                return Err(Failure::new(format!(
                    "{} has not ended its sync after {most} events",
                    self.name(seat)
                )));
            }
            if sync.asked.is_empty() {
                if sync.wake.is_none() {
                    return Err(Failure::new(format!(
                        "the sync of {} hangs",
                        self.name(seat)
                    )));
                }
                self.sleep(seat)?;
            } else {
                self.meet(seat, 0, Fate::Through)?;
            }
        }
        Ok(())
    }

    /// Compares everything with the ledger and with each other.
    ///
    /// # Errors
    /// The first thing that is not as it must be.
    pub fn check(&mut self) -> Fallible<()> {
        self.check_server()?;
        self.check_ledger()?;
        for seat in 0..self.seats.len() {
            self.check_seat(seat)?;
        }
        Ok(())
    }

    fn check_server(&self) -> Fallible<()> {
        for (journal, entries) in &self.server.journals()? {
            let mut before = Digest::ZERO;
            for (place, (bytes, known)) in (1u64..).zip(entries) {
                before = link(*journal, Seq(place), before, bytes);
                ensure(before == *known, || {
                    format!("the server's chain of {journal} breaks at {place}")
                })?;
            }
        }
        Ok(())
    }

    fn check_ledger(&mut self) -> Fallible<()> {
        let (journals, copies) = (self.server.journals()?, self.server.copies()?);
        let mut held: BTreeMap<Mark, Vec<&[u8]>> = BTreeMap::new();
        for (journal, entries) in &journals {
            for (place, (bytes, _)) in (1u64..).zip(entries) {
                let id = EntryId {
                    journal: *journal,
                    seq: Seq(place),
                };
                if let Some(mark) = mark_of(bytes)
                    && !copies.contains(&id)
                {
                    held.entry(mark).or_default().push(bytes);
                }
            }
        }
        let elsewhere = self.kept_elsewhere()?;
        for (mark, line) in &self.ledger.lines {
            let copies = held.get(mark).map_or(0, Vec::len);
            let what = &line.what;
            ensure(copies <= 1, || {
                format!("a record is doubled: {what} is held {copies} times")
            })?;
            let perished = self.ledger.has_perished(*mark);
            let excused = !line.told || perished || elsewhere.marks.contains(mark);
            ensure(copies >= 1 || excused, || {
                format!("a record is lost: {what}")
            })?;
            if copies > 0 {
                self.check_photos(line, &elsewhere)?;
            }
        }
        let known = &self.ledger.lines;
        if let Some(mark) = held.keys().find(|mark| !known.contains_key(mark)) {
            return Err(Failure::new(format!("record {mark} was never made")));
        }
        for (mark, copies) in &held {
            for bytes in copies {
                self.check_time(*mark, bytes)?;
            }
        }
        Ok(())
    }

    /// What a handheld keeps that was revoked for good, and what the server keeps apart of
    /// such: evidence, and no part of an order.
    fn kept_elsewhere(&mut self) -> Fallible<Existing> {
        let mut kept = Existing::default();
        for seat in 0..self.seats.len() {
            if self.seats[seat].shut_out {
                let on_it = self.on(seat)?;
                kept.marks.extend(on_it.marks);
                kept.photos.extend(on_it.photos);
            }
        }
        if self.seats.iter().any(|seat| seat.shut_out) {
            for bytes in self.server.apart()? {
                kept.marks.extend(mark_of(&bytes));
            }
        }
        Ok(kept)
    }

    fn check_photos(&self, line: &Line, elsewhere: &Existing) -> Fallible<()> {
        let what = &line.what;
        for photo in &line.photos {
            let perished = self.ledger.photo_may_have_perished(*photo);
            if perished || elsewhere.photos.contains(photo) {
                continue;
            }
            ensure(self.server.has(*photo, MediaKind::Original)?, || {
                format!("a photo is lost: of {what}")
            })?;
            ensure(self.server.has(*photo, MediaKind::Preview)?, || {
                format!("a preview is lost: of {what}")
            })?;
        }
        Ok(())
    }

    /// A time that is said to be sure is near the true one.
    fn check_time(&self, mark: Mark, bytes: &[u8]) -> Fallible<()> {
        let Ok(Entry::Record(record)) = Entry::from_bytes(bytes) else {
            return Ok(());
        };
        let trusted = record.time.trusted();
        let Some(line) = self.ledger.lines.get(&mark) else {
            return Ok(());
        };
        let off = (trusted.at.0 - super::hardware::START - line.at).abs();
        ensure(trusted.sureness != Sureness::Server || off <= OFF, || {
            format!(
                "the time of {} is said to be sure and {off} ms off",
                line.what
            )
        })
    }

    fn check_seat(&mut self, seat: usize) -> Fallible<()> {
        let name = self.name(seat);
        let account = self.account(seat)?;
        let mut before: BTreeMap<_, (Seq, Digest)> = BTreeMap::new();
        for entry in &account.entries {
            let last = before
                .entry(entry.id.journal)
                .or_insert((Seq(0), Digest::ZERO));
            let expected = link(entry.id.journal, entry.id.seq, last.1, &entry.bytes);
            ensure(
                entry.id.seq == last.0.next() && entry.link == expected,
                || format!("the chain of {name} breaks at {}", entry.id.seq.0),
            )?;
            *last = (entry.id.seq, entry.link);
        }
        let out = self.seats[seat].displaced && self.needs_a_person(seat);
        if self.seats[seat].shut_out || (out && self.is_all_told(seat)?) {
            return Ok(());
        }
        ensure(waiting(&account) == 0, || {
            format!("{} things still wait on {name}", waiting(&account))
        })?;
        ensure(account.disagreeing.is_empty(), || {
            format!("{name} folds {:?} unlike the server", account.disagreeing)
        })?;
        let person = self.seats[seat].person;
        let scope = self.server.scope_of(person)?;
        let orders: BTreeSet<_> = account.orders.iter().copied().collect();
        let odd = |some: &BTreeSet<OrderId>, others: &BTreeSet<OrderId>| -> Vec<usize> {
            let odd = some.difference(others);
            odd.map(|one| self.cast.number_of(*one)).collect()
        };
        ensure(orders.is_subset(&scope.may), || {
            let odd = odd(&orders, &scope.may);
            format!("{name} holds orders {odd:?} that are not in its scope")
        })?;
        ensure(scope.must.is_subset(&orders), || {
            let odd = odd(&scope.must, &orders);
            format!("{name} lacks orders {odd:?} of its scope")
        })?;
        let held: BTreeSet<_> = account.cells.iter().copied().collect();
        ensure(held == scope.cells, || {
            format!("{name} has other cells than its own")
        })?;
        let held: BTreeSet<_> = account.customers.iter().copied().collect();
        ensure(held == scope.customers, || {
            format!("{name} has other customers than those of its cells")
        })?;
        self.check_folds(seat)
    }

    fn check_folds(&mut self, seat: usize) -> Fallible<()> {
        let Did::Done(states) = self.seats[seat].with(Handheld::states) else {
            return Err(Failure::new("the states cannot be read"));
        };
        for (order, state) in states {
            let here = Digest::of(&wire::encode(&state));
            let there = Digest::of(&wire::encode(&self.server.state_of(order)?));
            ensure(here == there, || {
                let number = self.cast.number_of(order);
                format!("{} folds order {number} unlike the server", self.name(seat))
            })?;
        }
        self.tell(format!("{} is as it must be.", self.name(seat)));
        Ok(())
    }
}

fn waiting(account: &Account) -> u64 {
    use gridcrew_mobile_core::LaneState;
    let entries = account
        .entries
        .iter()
        .filter(|entry| entry.state == "queued");
    let photos = account
        .photos
        .iter()
        .filter(|photo| photo.original == LaneState::Queued || photo.preview == LaneState::Queued);
    entries.count() as u64 + photos.count() as u64
}
