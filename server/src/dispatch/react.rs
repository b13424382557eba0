//! What follows from records by which a person lets go of an order.
//!
//! A batch may hold hundreds of them, nearly all of a term that is long over, and the order
//! thousands of records. So those that cannot count are left out by the order's row alone,
//! and an order is read once for all that are left.

use super::{
    facts,
    ladder::LetGo,
    route::{OrderFile, SERVER, can_own, hand_over, pass_on},
};
use crate::{
    app::App,
    edge::Problem,
    orders::rows::service_order,
    trace::{feed_log::StationLock, ledger},
};
use gridcrew_sync_protocol::{
    ids::{OrderId, PersonId},
    order::Sourced,
    record::{Event, Noted, Term},
};
use sea_orm::DatabaseTransaction;
use std::collections::BTreeSet;

/// Most notes that hand-overs were refused, in one term of an order.
const MOST_NOTES: usize = 8;

/// What follows from records of an order that a handheld brought: when the present owner
/// declines, the next on the ladder becomes the owner; when he hands over, the person whom he
/// named, or, if that person cannot own it, a note says so and the owner stays. The first
/// record that moves the order is the last that counts. Anything else, and whatever comes a
/// second time, changes nothing.
///
/// # Errors
/// A problem of the database.
pub async fn react(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    order: OrderId,
    records: &[Sourced],
) -> Result<(), Problem> {
    let row = OrderFile::row(tx, lock, order).await?;
    let counting: Vec<&Sourced> = records.iter().filter(|one| may_count(&row, one)).collect();
    if counting.is_empty() {
        return Ok(());
    }
    let file = OrderFile::of_row(tx, app, row).await?;
    let people = facts::people_of(tx, lock.station(), app.now()).await?;
    let mut refused: BTreeSet<PersonId> = BTreeSet::new();
    for record in counting {
        if file.present_owner() != Some(record.record.actor) {
            return Ok(());
        }
        match &record.record.event {
            Event::HandedOver(handed) => match can_own(&people, &file, handed.to) {
                Ok(()) => {
                    let handed = hand_over(tx, app, lock, &people, &file, handed.to);
                    return handed.await.map(drop);
                }
                Err(problem) => {
                    if refused.insert(handed.to) && refused.len() == 1 {
                        note_refusal(tx, app, lock, &file, record, &problem).await?;
                    }
                }
            },
            _ => {
                let passed = pass_on(tx, app, lock, &file, LetGo::Declined);
                return passed.await.map(drop);
            }
        }
    }
    Ok(())
}

/// Whether the record is a refusal or a hand-over by who owns the order now, in his term.
fn may_count(row: &service_order::Model, sourced: &Sourced) -> bool {
    let record = &sourced.record;
    let lets_go = matches!(record.event, Event::Declined(_) | Event::HandedOver(_));
    lets_go
        && !sourced.from_server()
        && row.owner_person == Some(record.actor.0)
        && row.term == i64::from(record.term.0)
}

/// Notes, once, that a hand-over was refused; so often in a term and no more.
async fn note_refusal(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    file: &OrderFile,
    record: &Sourced,
    problem: &Problem,
) -> Result<(), Problem> {
    let which = format!("{}/{}", record.id.journal, record.id.seq.0);
    let text = format!("{}: {} ({which})", problem.code, problem.detail);
    let notes: Vec<&Noted> = refusals(file, file.state.term, problem).collect();
    if notes.len() >= MOST_NOTES || notes.iter().any(|noted| noted.text == text) {
        return Ok(());
    }
    let (order, noted) = (file.state.order, Event::Noted(Noted { text }));
    ledger::append(tx, app, lock, order, SERVER, vec![noted]).await?;
    Ok(())
}

/// The notes of the server in `term` that begin as one of `problem` does.
fn refusals<'a>(
    file: &'a OrderFile,
    term: Term,
    problem: &Problem,
) -> impl Iterator<Item = &'a Noted> {
    let code = problem.code.as_str();
    let earlier = file.records.iter();
    earlier.filter_map(move |one| match &one.record.event {
        Event::Noted(noted)
            if one.from_server() && one.record.term == term && noted.text.starts_with(code) =>
        {
            Some(noted)
        }
        _ => None,
    })
}
