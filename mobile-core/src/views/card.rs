//! An order in full: the local fold, what is next, what is missing, and how everything
//! that this handheld recorded stands.

use super::lists::is_mine;
use crate::{
    answers::parked::{self, Reason},
    claims,
    error::Error,
    fold::records,
    store::{
        identity, journal, orders,
        photos::{self, PhotoStanding},
        scope,
    },
};
use gridcrew_sync_protocol::{
    claims::{Review, review},
    feed::{Cell, Closed, Customer},
    ids::{OrderId, PersonId},
    journal::EntryId,
    order::{DeadlineOutcome, OrderState, Sourced},
    record::{Event, OrderDetails, Record},
    time::{Millis, Sureness, TrustedTime, UnixMillis},
    workflow::{Missing, PromptCard, PromptCards, StepSpec, Template, Words, missing, next_steps},
};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// An order in full.
#[derive(Clone, Debug, PartialEq)]
pub struct OrderCard {
    /// The order.
    pub order: OrderId,
    /// Whether the person is its owner at present.
    pub mine: bool,
    /// Contact and address, while the person may see them.
    pub details: Option<OrderDetails>,
    /// The local fold; `None` until its workflow has come, and of an order in brief.
    pub state: Option<OrderState>,
    /// The order in brief, when it is one of the past whose trace is not here.
    pub closed: Option<Closed>,
    /// Its workflow.
    pub template: Option<Template>,
    /// The customer, if known and in scope.
    pub customer: Option<Customer>,
    /// The cell by which it was routed, if in scope.
    pub cell: Option<Cell>,
    /// The deadlines, in the template's order.
    pub deadlines: Vec<DeadlineLine>,
    /// The steps that can be done now.
    pub next: Vec<NextStep>,
    /// What the prompt cards say for every step.
    pub everywhere: Vec<Words>,
    /// Every record of its trace that is here, oldest first.
    pub records: Vec<RecordLine>,
    /// The photos of this handheld's own records.
    pub photos: Vec<PhotoStanding>,
    /// Whether the last comparison with the server's fold agreed; `None` when it was never
    /// possible.
    pub agrees: Option<bool>,
}

/// A deadline, seen at one moment.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct DeadlineLine {
    /// The rule's code.
    pub code: String,
    /// What it is called.
    pub title: Words,
    /// When it is due, once started.
    pub due: Option<UnixMillis>,
    /// How long until it is due; negative when it is over. Only while it runs.
    pub left: Option<Millis>,
    /// How it stands.
    pub outcome: DeadlineOutcome,
    /// The time by which `left` was counted is not sure.
    pub unsure: bool,
}

/// A step that can be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextStep {
    /// The step.
    pub spec: StepSpec,
    /// What it needs before it is complete, when nothing is filled in yet.
    pub needs: Vec<Missing>,
    /// Its prompt card, if there is one.
    pub prompt: Option<PromptCard>,
}

/// A record of the trace.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordLine {
    /// Which.
    pub id: EntryId,
    /// When it is held to have happened, and how sure that is.
    pub at: TrustedTime,
    /// Who did it.
    pub actor: PersonId,
    /// What.
    pub event: Event,
    /// It was recorded on this handheld.
    pub own: bool,
    /// The server holds it; always so of those that came from it.
    pub held: bool,
    /// Why the server could not apply it, and what to do.
    pub parked: Option<Reason>,
    /// What follows from its place and photos: an arrival that is not proved, flags.
    pub review: Review,
}

/// The card of an order, judged at `now`.
pub(crate) fn card(db: &Connection, order: OrderId, now: TrustedTime) -> Result<OrderCard, Error> {
    let me = identity::require(db)?.person;
    let row = orders::get(db, order)?.ok_or_else(|| Error::UnknownOrder(order.to_string()))?;
    let template = match &row.state {
        Some(state) => scope::template(db, &state.template)?,
        None => None,
    };
    let closed = row.closed.as_ref();
    let customer = match row.state.as_ref().map_or_else(
        || closed.and_then(|closed| closed.customer),
        |state| state.customer,
    ) {
        Some(customer) => scope::customer(db, customer)?,
        None => None,
    };
    let cell = match row
        .state
        .as_ref()
        .map_or_else(|| closed.and_then(|closed| closed.cell), |state| state.cell)
    {
        Some(cell) => scope::cell(db, cell)?,
        None => None,
    };
    let records = records(db, order)?;
    let target = match &row.state {
        Some(state) => claims::target(db, &records, state)?,
        None => None,
    };
    let lines = record_lines(db, order, records, |record| {
        review(record, template.as_ref(), target, claims::LIMITS)
    })?;
    let (mut all, mut nexts, mut everywhere) = (Vec::new(), Vec::new(), Vec::new());
    if let (Some(state), Some(template)) = (&row.state, &template) {
        let editions = scope::prompt_cards(db, &template.code)?;
        let prompts = PromptCards::in_force(&editions, &template.code, now.at);
        all = deadlines(state, Some(template), now);
        nexts = next(state, template, prompts);
        everywhere = prompts.map_or_else(Vec::new, |prompts| prompts.everywhere.clone());
    }
    Ok(OrderCard {
        order,
        mine: is_mine(row.state.as_ref(), me),
        details: row.details,
        state: row.state,
        closed: row.closed,
        template,
        customer,
        cell,
        deadlines: all,
        next: nexts,
        everywhere,
        records: lines,
        photos: photos::of_order(db, order)?,
        agrees: row.agrees,
    })
}

fn record_lines(
    db: &Connection,
    order: OrderId,
    records: Vec<Sourced>,
    review: impl Fn(&Record) -> Review,
) -> Result<Vec<RecordLine>, Error> {
    let standing: BTreeMap<EntryId, journal::Standing> = journal::standing(db, order)?
        .into_iter()
        .map(|standing| (standing.id, standing))
        .collect();
    let mut lines: Vec<RecordLine> = records
        .into_iter()
        .map(|sourced| (sourced.id, sourced.record))
        .chain(parked_records(db, order, &standing)?)
        .map(|(id, record)| {
            let own = standing.get(&id);
            RecordLine {
                id,
                at: record.time.trusted(),
                actor: record.actor,
                review: review(&record),
                event: record.event,
                own: own.is_some(),
                held: own.is_none_or(|own| own.held),
                parked: own.and_then(|own| own.parked.as_deref().map(parked::reason)),
            }
        })
        .collect();
    lines.sort_by_key(|line| (line.at.at, line.id));
    Ok(lines)
}

/// The records that the server parked: left out of the fold, but never out of sight.
fn parked_records(
    db: &Connection,
    order: OrderId,
    standing: &BTreeMap<EntryId, journal::Standing>,
) -> Result<Vec<(EntryId, Record)>, Error> {
    use gridcrew_sync_protocol::journal::Entry;
    let mut found = Vec::new();
    for id in standing.values().filter(|one| one.parked.is_some()) {
        let run = journal::run_from(db, id.id.journal, id.id.seq, 1, usize::MAX)?;
        for entry in run.into_iter().filter(|entry| entry.order == Some(order)) {
            if let Ok(Entry::Record(record)) = Entry::from_bytes(&entry.bytes) {
                found.push((entry.id, record));
            }
        }
    }
    Ok(found)
}

/// The deadlines of a state, with how long is left at `now`.
pub(super) fn deadlines(
    state: &OrderState,
    template: Option<&Template>,
    now: TrustedTime,
) -> Vec<DeadlineLine> {
    state
        .deadlines
        .iter()
        .map(|deadline| {
            let rule = template.and_then(|template| {
                template
                    .deadlines
                    .iter()
                    .find(|rule| rule.code == deadline.code)
            });
            let running = deadline.outcome == DeadlineOutcome::Running;
            DeadlineLine {
                code: deadline.code.clone(),
                title: rule.map(|rule| rule.title.clone()).unwrap_or_default(),
                due: deadline.due,
                left: deadline
                    .due
                    .filter(|_| running)
                    .map(|due| due.since(now.at)),
                outcome: deadline.outcome,
                unsure: now.sureness == Sureness::Unsure,
            }
        })
        .collect()
}

fn next(state: &OrderState, template: &Template, prompts: Option<&PromptCards>) -> Vec<NextStep> {
    let done = state.done();
    next_steps(template, &done)
        .into_iter()
        .map(|spec| NextStep {
            spec: spec.clone(),
            needs: missing(template, spec, &done, &BTreeMap::new(), &[]),
            prompt: prompts
                .and_then(|prompts| prompts.card(&spec.code))
                .cloned(),
        })
        .collect()
}
