//! An order for people to read.

use crate::edge::Problem;
use gridcrew_sync_protocol::{
    journal::EntryId,
    order::{OrderState, Sourced},
    record::{Event, Fix, OrderDetails, Term},
    time::{Sureness, UnixMillis},
};
use serde::Serialize;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

#[derive(Serialize)]
struct Readable<'a> {
    state: &'a OrderState,
    details: &'a OrderDetails,
    records: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    at: String,
    sureness: Sureness,
    entry: EntryId,
    by: String,
    term: Term,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<&'a Fix>,
    event: &'a Event,
}

/// The order as JSON: its state, its details, its records by trusted time.
///
/// # Errors
/// `internal`, when it cannot be written.
pub(super) fn order(
    state: &OrderState,
    details: &OrderDetails,
    records: &[Sourced],
) -> Result<Vec<u8>, Problem> {
    let mut timed: Vec<_> = records
        .iter()
        .map(|sourced| (sourced.record.time.trusted(), sourced))
        .collect();
    timed.sort_by_key(|(time, sourced)| (time.at, sourced.id));
    let records = timed
        .into_iter()
        .map(|(time, sourced)| Line {
            at: text(time.at),
            sureness: time.sureness,
            entry: sourced.id,
            by: sourced.record.actor.to_string(),
            term: sourced.record.term,
            fix: sourced.record.fix.as_ref(),
            event: &sourced.record.event,
        })
        .collect();
    let readable = Readable {
        state,
        details,
        records,
    };
    let mut bytes = serde_json::to_vec_pretty(&readable).map_err(Problem::internal)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A moment as RFC 3339; as milliseconds where the calendar does not reach.
fn text(at: UnixMillis) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000_000)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| at.0.to_string())
}
