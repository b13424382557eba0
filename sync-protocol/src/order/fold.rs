//! The fold: records in, state out.
//!
//! Assignments are ordered by their term, which only the server hands out, everything else
//! by trusted time, within one journal by sequence ([`super::line`]). A record by someone who was never given the order, by a previous owner
//! after his term, or after the work was closed, is kept as evidence and changes nothing
//! (DOMAIN section 7, row 9), except that a step which counts from a previous owner (the
//! arrival) counts from whoever was there first; what he filled in never replaces what an
//! owner recorded in his own term.

use super::{
    line::{Timed, in_line},
    state::{
        Assignment, Deadline, DeadlineOutcome, DoneStep, Evidence, EvidenceReason, OrderState,
        Status,
    },
};
use crate::{
    journal::EntryId,
    record::{Accepted, Assigned, Event, Owner, Record, StepDone, Term},
    time::{Sureness, TrustedTime, UnixMillis},
    workflow::{Milestone, StepSpec, Template, is_needless, missing},
};
use std::collections::BTreeMap;

/// A record and where it is from.
#[derive(Clone, Debug, PartialEq)]
pub struct Sourced {
    /// Its identity.
    pub id: EntryId,
    /// The record.
    pub record: Record,
}

impl Sourced {
    /// Whether the server wrote it: the server's journal in an order's trace has the
    /// order's own id.
    #[must_use]
    pub fn from_server(&self) -> bool {
        self.id.journal.0 == self.record.order.0
    }
}

/// Folds the records of one order. `None` when the record that accepted it is not among
/// them.
#[must_use]
pub fn fold(template: &Template, records: &[Sourced]) -> Option<OrderState> {
    let line = in_line(records);
    let (accepted_at, accepted) =
        line.iter()
            .find_map(|timed| match &timed.sourced.record.event {
                Event::Accepted(accepted) if timed.sourced.from_server() => {
                    Some((timed.at, accepted))
                }
                _ => None,
            })?;
    let assigned = assignments(&line);
    let mut folding = Folding::new(template, accepted, accepted_at, &line, &assigned)?;
    for timed in &line {
        folding.apply(*timed);
    }
    Some(folding.finish())
}

/// The assignments by the server, each term once, by term.
fn assignments<'r>(line: &[Timed<'r>]) -> BTreeMap<Term, (UnixMillis, &'r Assigned)> {
    let mut by_term = BTreeMap::new();
    for timed in line {
        if let Event::Assigned(assigned) = &timed.sourced.record.event
            && timed.sourced.from_server()
        {
            by_term
                .entry(assigned.term)
                .or_insert((timed.at.at, assigned));
        }
    }
    by_term
}

struct Folding<'a> {
    template: &'a Template,
    state: OrderState,
    /// The record that closed the work in the present term.
    closed: Option<Timed<'a>>,
}

impl<'a> Folding<'a> {
    fn new(
        template: &'a Template,
        accepted: &Accepted,
        accepted_at: TrustedTime,
        line: &[Timed<'_>],
        assigned: &BTreeMap<Term, (UnixMillis, &Assigned)>,
    ) -> Option<Self> {
        let order = line.first()?.sourced.record.order;
        let newest = assigned
            .last_key_value()
            .map(|(_, (_, assigned))| *assigned);
        let assignments = assigned
            .values()
            .map(|(since, assigned)| Assignment {
                term: assigned.term,
                owner: assigned.owner,
                rung: assigned.rung,
                reason: assigned.reason.clone(),
                since: *since,
            })
            .collect();
        let state = OrderState {
            order,
            template: accepted.template.clone(),
            station: accepted.station,
            area_class: accepted.area_class,
            customer: accepted.customer,
            cell: newest.and_then(|assigned| assigned.cell),
            station_area: newest.and_then(|assigned| assigned.station_area),
            reported_at: accepted
                .reported_at
                .map_or(accepted_at.at, |reported| reported.min(accepted_at.at)),
            accepted_at: accepted_at.at,
            status: Status::Accepted,
            owner: newest.map(|assigned| assigned.owner),
            term: newest.map_or(Term(0), |assigned| assigned.term),
            assignments,
            taken_at: None,
            first_taken_at: None,
            steps: BTreeMap::new(),
            deadlines: Vec::new(),
            photos_promised: 0,
            evidence: Vec::new(),
            records: u32::try_from(line.len()).unwrap_or(u32::MAX),
            sureness: Sureness::Server,
        };
        Some(Self {
            template,
            state,
            closed: None,
        })
    }

    fn apply(&mut self, timed: Timed<'a>) {
        let Timed { at, sourced, .. } = timed;
        let outcome = match &sourced.record.event {
            Event::Accepted(_) | Event::Assigned(_) if sourced.from_server() => Ok(()),
            Event::Accepted(_) | Event::Assigned(_) => Err(EvidenceReason::NotFromServer),
            Event::Taken(_) => self.taken(at, sourced),
            Event::Declined(_) | Event::HandedOver(_) | Event::Noted(_) => {
                self.standing(at, sourced).map(|_| ())
            }
            Event::StepDone(done) => self.step(timed, done),
        };
        match outcome {
            Ok(()) => self.state.sureness = self.state.sureness.max(at.sureness),
            Err(reason) => {
                self.state.evidence.push(Evidence {
                    record: sourced.id,
                    reason,
                });
            }
        }
    }

    fn taken(&mut self, at: TrustedTime, sourced: &Sourced) -> Result<(), EvidenceReason> {
        match self.standing(at, sourced)? {
            Standing::Late => return Err(EvidenceReason::PreviousOwner),
            Standing::Present => {
                self.state.taken_at.get_or_insert(at);
            }
            Standing::Then => {}
        }
        self.state.first_taken_at.get_or_insert(at);
        Ok(())
    }

    /// In what standing the actor recorded this.
    fn standing(&self, at: TrustedTime, sourced: &Sourced) -> Result<Standing, EvidenceReason> {
        if sourced.from_server() {
            // Whoever acted at a desk was checked then; in which term he did still counts.
            let present = sourced.record.term == self.state.term;
            return Ok(if present {
                Standing::Present
            } else {
                Standing::Then
            });
        }
        let actor = Owner::Person(sourced.record.actor);
        let held: Vec<&Assignment> = self
            .state
            .assignments
            .iter()
            .filter(|held| held.owner == actor)
            .collect();
        if held.is_empty() {
            return Err(EvidenceReason::NeverAssigned);
        }
        if self.state.owner == Some(actor) && sourced.record.term == self.state.term {
            return Ok(Standing::Present);
        }
        let in_his_time = held.iter().any(|held| {
            held.term == sourced.record.term && self.end_of(held.term).is_none_or(|end| at.at < end)
        });
        Ok(if in_his_time {
            Standing::Then
        } else {
            Standing::Late
        })
    }

    /// When the term after `term` began.
    fn end_of(&self, term: Term) -> Option<UnixMillis> {
        self.state
            .assignments
            .iter()
            .find(|next| next.term > term)
            .map(|next| next.since)
    }

    fn step(&mut self, timed: Timed<'a>, done: &StepDone) -> Result<(), EvidenceReason> {
        let Timed { at, sourced, .. } = timed;
        let Some(spec) = self.template.step(&done.step) else {
            return Err(EvidenceReason::UnknownStep);
        };
        let standing = self.standing(at, sourced)?;
        match standing {
            Standing::Present => {}
            Standing::Then if !spec.closes => {}
            Standing::Late if spec.counts_from_previous_owner => {}
            Standing::Then | Standing::Late => return Err(EvidenceReason::PreviousOwner),
        }
        if self.closed.is_some_and(|closed| timed.after(&closed)) {
            return Err(EvidenceReason::AfterReturn);
        }
        if spec.closes && self.closed.is_none() {
            self.closed = Some(timed);
        }
        // Who works on it has taken it, whether or not he said so.
        if standing == Standing::Present {
            self.state.taken_at.get_or_insert(at);
        }
        if standing != Standing::Late {
            self.state.first_taken_at.get_or_insert(at);
        }
        self.record_step(timed, done, spec, standing);
        Ok(())
    }

    fn record_step(
        &mut self,
        timed: Timed<'a>,
        done: &StepDone,
        spec: &StepSpec,
        standing: Standing,
    ) {
        let Timed { at, sourced, .. } = timed;
        let before = self.state.done();
        let missing = missing(self.template, spec, &before, &done.values, &done.photos);
        match self.state.steps.get_mut(&done.step) {
            Some(earlier) if standing == Standing::Late => {
                earlier.times = earlier.times.saturating_add(1);
            }
            Some(earlier) => {
                earlier.newest = sourced.id;
                earlier.done = done.clone();
                earlier.missing = missing;
                earlier.times = earlier.times.saturating_add(1);
            }
            None => {
                let step = DoneStep {
                    at,
                    by: sourced.record.actor,
                    newest: sourced.id,
                    done: done.clone(),
                    missing,
                    times: 1,
                };
                self.state.steps.insert(done.step.clone(), step);
            }
        }
    }

    fn finish(mut self) -> OrderState {
        let deadlines = self.deadlines();
        let state = &mut self.state;
        state.status = match (
            self.closed,
            state.steps.is_empty(),
            state.taken_at,
            state.owner,
        ) {
            (Some(_), ..) => Status::Returned,
            (None, false, ..) => Status::Working,
            (None, true, Some(_), _) => Status::Taken,
            (None, true, None, Some(_)) => Status::Routed,
            (None, true, None, None) => Status::Accepted,
        };
        let promised: usize = state
            .steps
            .values()
            .map(|step| step.done.photos.len())
            .sum();
        state.photos_promised = u32::try_from(promised).unwrap_or(u32::MAX);
        state.deadlines = deadlines;
        self.state
    }

    fn deadlines(&self) -> Vec<Deadline> {
        let class = self.state.area_class;
        let closed = self.closed.map(|closed| closed.at.at);
        self.template
            .deadlines
            .iter()
            .map(|rule| {
                let from = self.reached(&rule.from);
                let due = from.map(|from| from.at.plus(rule.limit(class)));
                let reached = self.reached(&rule.to);
                let outcome = match (from, due, reached) {
                    (Some(from), Some(due), Some(reached)) => met(from, due, reached),
                    (Some(_), Some(due), None) => open(due, closed, self.is_needless(&rule.to)),
                    _ => DeadlineOutcome::NotStarted,
                };
                Deadline {
                    code: rule.code.clone(),
                    due,
                    reached,
                    outcome,
                }
            })
            .collect()
    }

    fn is_needless(&self, milestone: &Milestone) -> bool {
        let Milestone::Step(step) = milestone else {
            return false;
        };
        let spec = self.template.step(step);
        spec.is_some_and(|spec| is_needless(spec, &self.state.done()))
    }

    fn reached(&self, milestone: &Milestone) -> Option<TrustedTime> {
        match milestone {
            Milestone::Reported => Some(by_server(self.state.reported_at)),
            Milestone::Accepted => Some(by_server(self.state.accepted_at)),
            Milestone::Taken => self.state.first_taken_at,
            Milestone::Step(step) => self.state.steps.get(step).map(|step| step.at),
        }
    }
}

const fn by_server(at: UnixMillis) -> TrustedTime {
    TrustedTime {
        at,
        sureness: Sureness::Server,
    }
}

/// How a deadline stands whose end was reached. An end before its start says that one of
/// the times is wrong.
fn met(from: TrustedTime, due: UnixMillis, reached: TrustedTime) -> DeadlineOutcome {
    let unsure = [from, reached]
        .iter()
        .any(|time| time.sureness == Sureness::Unsure);
    if reached.at > due {
        DeadlineOutcome::Missed
    } else if unsure || reached.at < from.at {
        DeadlineOutcome::MetUnsure
    } else {
        DeadlineOutcome::Met
    }
}

/// How a deadline stands whose end was not reached, in work that may be closed, and that
/// may not need it.
fn open(due: UnixMillis, closed: Option<UnixMillis>, needless: bool) -> DeadlineOutcome {
    match closed {
        _ if needless => DeadlineOutcome::Lapsed,
        None => DeadlineOutcome::Running,
        Some(closed) if closed > due => DeadlineOutcome::Missed,
        Some(_) => DeadlineOutcome::Lapsed,
    }
}

/// In what standing someone recorded something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// As the present owner, or by the server in the present term.
    Present,
    /// As the owner of that time, or by the server in an earlier term.
    Then,
    /// As a previous owner, after his term.
    Late,
}

#[cfg(test)]
mod tests;
