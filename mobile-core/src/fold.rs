//! The local fold of an order: the same code as the server's, over what the feed brought
//! and this handheld's own entries from the moment they were recorded. Own entries that
//! the server parked, or that a new journal superseded, are left out.

use crate::{
    error::Error,
    store::{journal, orders, scope},
};
use gridcrew_sync_protocol::{
    ids::OrderId,
    journal::{Entry, EntryId},
    order::{OrderState, Sourced, fold},
    record::Event,
    workflow::Template,
};
use rusqlite::Connection;

/// The entries of an order that count, each once. Where two devices wrote the same position
/// of a journal, it is this device's entry until a new journal parts them.
pub(crate) fn entries(db: &Connection, order: OrderId) -> Result<Vec<(EntryId, Vec<u8>)>, Error> {
    let mut entries = journal::of_order(db, order)?;
    entries.extend(orders::entries(db, order)?);
    entries.sort_by_key(|(id, _)| *id);
    #[cfg(feature = "planted")]
    let mut entries = crate::planted::doubled(entries);
    entries.dedup_by_key(|(id, _)| *id);
    Ok(entries)
}

/// The records of an order, each once.
pub(crate) fn records(db: &Connection, order: OrderId) -> Result<Vec<Sourced>, Error> {
    // An entry of a kind that only a newer program knows is kept and left out here; the
    // comparison with the server then finds that the numbers differ, and says nothing.
    Ok(entries(db, order)?
        .into_iter()
        .filter_map(|(id, bytes)| match Entry::from_bytes(&bytes) {
            Ok(Entry::Record(record)) if record.order == order => Some(Sourced { id, record }),
            _ => None,
        })
        .collect())
}

/// The template that an order was accepted under, if it is here.
pub(crate) fn template_of(db: &Connection, records: &[Sourced]) -> Result<Option<Template>, Error> {
    let reference =
        records.iter().find_map(
            |sourced| match (&sourced.record.event, sourced.from_server()) {
                (Event::Accepted(accepted), true) => Some(&accepted.template),
                _ => None,
            },
        );
    match reference {
        Some(reference) => scope::template(db, reference),
        None => Ok(None),
    }
}

/// Folds an order anew and stores its state. One that is held in brief has none: of its
/// entries only this handheld's own are here.
pub(crate) fn refold(db: &Connection, order: OrderId) -> Result<Option<OrderState>, Error> {
    if orders::is_closed(db, order)? {
        return Ok(None);
    }
    let records = records(db, order)?;
    let state = template_of(db, &records)?.and_then(|template| fold(&template, &records));
    orders::set_state(db, order, state.as_ref())?;
    Ok(state)
}
