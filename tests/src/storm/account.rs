//! The account that is drawn up when the storm is over: what the server holds, compared
//! with the ledger outside of everything.

use super::ledger::{Ledger, Traced, compare};
use crate::{
    books::{Books, EntryRow, OrderRow, what},
    client::Client,
    failure::Fallible,
    server::Server,
};
use gridcrew_mobile_core::Handheld;
use gridcrew_sync_protocol::{digest::Digest, ids::OrderId, journal::Entry, wire};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::Path,
};

/// One line of the account.
#[derive(Clone, Debug)]
pub struct Checked {
    /// What must be so.
    pub what: &'static str,
    /// Whether it is.
    pub holds: bool,
    /// The figures that show it.
    pub figures: String,
}

impl Checked {
    fn new(what: &'static str, holds: bool, figures: impl Into<String>) -> Self {
        Self {
            what,
            holds,
            figures: figures.into(),
        }
    }
}

/// Orders in = orders with exactly one owner; those without a place are at the desk for
/// that reason. `asked` maps each outside number to whether it had a place.
///
/// # Errors
/// When the database cannot be read.
pub async fn orders(
    books: &Books,
    orders: &[OrderRow],
    asked: &BTreeMap<String, bool>,
    reason_without_place: &str,
) -> Fallible<Vec<Checked>> {
    let numbers: BTreeSet<&str> = orders
        .iter()
        .map(|order| order.outside_no.as_str())
        .collect();
    let all = asked.keys().all(|number| numbers.contains(number.as_str()));
    let owned = orders
        .iter()
        .filter(|order| order.owner_person.is_some() != order.owner_desk.is_some())
        .count();
    let same = all && numbers.len() == asked.len() && orders.len() == asked.len();
    let reasons = first_reasons(&books.entries().await?);
    let unplaced: Vec<&OrderRow> = orders
        .iter()
        .filter(|order| asked.get(&order.outside_no) == Some(&false))
        .collect();
    let at_desk = unplaced
        .iter()
        .filter(|order| {
            let first = reasons.get(&order.id);
            order.owner_desk.is_some() && first.map(String::as_str) == Some(reason_without_place)
        })
        .count();
    Ok(vec![
        Checked::new(
            "orders in = orders with exactly one owner",
            same && owned == orders.len(),
            format!(
                "{} in, {} held, {owned} with one owner",
                asked.len(),
                orders.len()
            ),
        ),
        Checked::new(
            "requests without a place went to the station desk, with the reason",
            at_desk == unplaced.len(),
            format!("{at_desk} of {} ({reason_without_place})", unplaced.len()),
        ),
    ])
}

/// The reason of each order's first assignment.
fn first_reasons(entries: &[EntryRow]) -> HashMap<OrderId, String> {
    use gridcrew_sync_protocol::record::Event;
    let mut reasons = HashMap::new();
    for row in entries {
        if let Entry::Record(record) = &row.entry
            && let Event::Assigned(assigned) = &record.event
            && assigned.term.0 == 1
        {
            reasons.insert(record.order, assigned.reason.clone());
        }
    }
    reasons
}

/// Records made on handhelds = records in the trace, each once.
///
/// # Errors
/// When the database cannot be read.
pub async fn records(books: &Books, ledgers: &[Ledger]) -> Fallible<Vec<Checked>> {
    let entries = books.entries().await?;
    let mut trace = Vec::new();
    for row in &entries {
        if let Entry::Record(record) = &row.entry
            && row.id.journal.0 != record.order.0
            && let Some(what) = what(record)
        {
            trace.push(Traced {
                entry: row.id,
                order: record.order,
                what,
            });
        }
    }
    let parked = entries.iter().filter(|row| row.parked.is_some()).count();
    let made: usize = ledgers.iter().map(|ledger| ledger.made.len()).sum();
    let open: usize = ledgers.iter().map(|ledger| ledger.open.len()).sum();
    let difference = compare(ledgers, &trace);
    let late = usize::try_from(difference.late).unwrap_or(usize::MAX);
    let holds = difference.is_none() && trace.len() == made + late;
    let mut figures = format!(
        "{made} confirmed, {open} cut off in the middle ({late} of them durable), {} in the trace",
        trace.len()
    );
    if !difference.is_none() {
        figures.push_str(&format!(
            "; lost {:?}, twice {:?}, invented {:?}, changed {:?}",
            difference.lost, difference.twice, difference.invented, difference.changed
        ));
    }
    Ok(vec![
        Checked::new(
            "records made on handhelds = records in the trace, each once",
            holds,
            figures,
        ),
        Checked::new(
            "no record was parked",
            parked == 0,
            format!("{parked} parked"),
        ),
    ])
}

/// Photos promised = photos verified: each original is fetched from the server and hashed.
///
/// # Errors
/// When the database cannot be read or the server does not answer.
pub async fn photos(books: &Books, staff: &Client, ledgers: &[Ledger]) -> Fallible<Vec<Checked>> {
    let promises = books.promises().await?;
    let promised: BTreeSet<Digest> = promises.iter().map(|promise| promise.photo).collect();
    let known: BTreeSet<Digest> = ledgers
        .iter()
        .flat_map(|ledger| ledger.photos.iter().copied())
        .collect();
    let (mut verified, mut bytes) = (BTreeSet::new(), 0u64);
    for photo in &promised {
        let reply = staff.get(&format!("/media/photos/{photo}")).await?;
        if reply.status == 200 && Digest::of(&reply.bytes) == *photo {
            verified.insert(*photo);
            bytes += reply.bytes.len() as u64;
        }
    }
    let kept = promises
        .iter()
        .filter(|one| one.held && verified.contains(&one.photo))
        .count();
    let refused: u64 = ledgers
        .iter()
        .map(|ledger| ledger.no_pictures_refused)
        .sum();
    let taken: u64 = ledgers.iter().map(|ledger| ledger.no_pictures_taken).sum();
    Ok(vec![
        Checked::new(
            "photos promised = photos verified",
            kept == promises.len() && known.is_subset(&promised) && !promises.is_empty(),
            format!(
                "{} promises of {} photos, {kept} promises kept, {} photos of {} bytes fetched \
                 and hashed",
                promises.len(),
                promised.len(),
                verified.len(),
                bytes
            ),
        ),
        Checked::new(
            "files that are no picture were refused and are in no record",
            taken == 0,
            format!("{refused} refused, {taken} taken"),
        ),
    ])
}

/// Every trace verifies, from an export alone; a rebuild finds no difference.
///
/// # Errors
/// When a command cannot be run.
pub async fn traces(server: &Server, export: &Path, orders: usize) -> Fallible<Vec<Checked>> {
    let folder = export.display().to_string();
    let exported = server
        .run(&["trace export", "--all", "--to", &folder])
        .await;
    let (verified, said) = match exported {
        Ok(_) => server.run_bare(&["trace", "verify", &folder]).await?,
        Err(failure) => (false, failure.to_string()),
    };
    let rebuilt = server.run(&["rebuild", "--check"]).await;
    let rebuild_said = match &rebuilt {
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(failure) => failure.to_string(),
    };
    Ok(vec![
        Checked::new(
            "every trace verifies",
            verified,
            format!("{orders} orders: {said}"),
        ),
        Checked::new(
            "a rebuild finds no difference",
            rebuilt.is_ok(),
            rebuild_said,
        ),
    ])
}

/// The folds of server and handhelds agree, on every order that a handheld holds whole.
///
/// # Errors
/// When a handheld cannot be read.
pub fn folds(handhelds: &[Handheld], orders: &[OrderRow]) -> Fallible<Vec<Checked>> {
    let server: HashMap<OrderId, &OrderRow> =
        orders.iter().map(|order| (order.id, order)).collect();
    let (mut compared, mut differing) = (0u64, BTreeSet::new());
    for handheld in handhelds {
        differing.extend(handheld.status()?.disagreeing);
        for (order, state) in handheld.states()? {
            let (Some(state), Some(row)) = (state, server.get(&order)) else {
                continue;
            };
            // What left the person's scope is no longer kept up to date.
            if i64::from(state.records) != row.entries {
                continue;
            }
            compared += 1;
            if Digest::of(&wire::encode(&state)) != row.state {
                differing.insert(order);
            }
        }
    }
    Ok(vec![Checked::new(
        "server and handheld folds agree",
        differing.is_empty() && compared > 0,
        format!(
            "{compared} folds compared, {} differ {differing:?}",
            differing.len()
        ),
    )])
}

/// Nothing waits on any handheld, and every order that a handheld's owner has is returned.
///
/// # Errors
/// When a handheld cannot be read.
pub fn nothing_waits(handhelds: &[Handheld], orders: &[OrderRow]) -> Fallible<Vec<Checked>> {
    let (mut waiting, mut people) = (0, BTreeSet::new());
    for handheld in handhelds {
        let status = handheld.status()?;
        waiting += status.records_waiting + status.photos.originals_waiting;
        people.extend(status.person.map(|person| person.0));
    }
    let unfinished = orders
        .iter()
        .filter(|order| {
            order
                .owner_person
                .is_some_and(|owner| people.contains(&owner))
        })
        .filter(|order| order.status != "returned")
        .count();
    let mut stands: BTreeMap<&str, usize> = BTreeMap::new();
    for order in orders {
        *stands.entry(order.status.as_str()).or_default() += 1;
    }
    Ok(vec![Checked::new(
        "nothing waits on any handheld, and its owner's orders are all returned",
        waiting == 0 && unfinished == 0,
        format!("{waiting} waiting, {unfinished} unfinished; orders by status: {stands:?}"),
    )])
}
