//! What happened to an order, as it is shown: who, when, where, how sure, and what makes a
//! reviewer look twice. Records that could not be applied are shown with their reason (I3).

use super::{
    names::{NamedPerson, Wanted},
    photos::PhotosHeld,
    target,
    trace_photo::{TracePhoto, flag_other_uses, looks},
};
use crate::{edge::Problem, media::elsewhere, people::Scope, trace::rows::entry};
use gridcrew_sync_protocol::{
    arrival::{ArrivalProof, Doubt},
    claims::{Before, Review, photos_of, review},
    code::Code,
    digest::Digest,
    ids::{JournalId, OrderId},
    journal::{Entry, EntryId, Seq},
    limits::Limits,
    order::OrderState,
    position::TypedPosition,
    record::{Event, Fix, Record, Term},
    time::{Millis, Sureness, UnixMillis},
    workflow::Template,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Most entries of one page: each may be up to 64 KiB.
const MAX_PAGE: u64 = 200;
/// A wall clock farther off than this is flagged.
const CLOCK_OFF: Millis = Millis(5 * 60_000);
/// A record that came later than this after it was made is a late entry.
const LATE: Millis = Millis(10 * 60_000);

/// The trace of an order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TraceView {
    /// The order.
    pub order: OrderId,
    /// What happened, page by page as it came to the server; within a page the earliest
    /// first.
    pub entries: Vec<TraceEntry>,
    /// Give it as `after` for the next page; none at the end.
    pub next: Option<String>,
}

/// Which part of a trace.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub struct TraceQuery {
    /// Where the page before ended: its `next`.
    pub after: Option<String>,
    /// Most entries of the page, 1 to 200; 200 when left out.
    #[param(minimum = 1, maximum = 200)]
    pub limit: Option<u64>,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TraceEntry {
    /// The journal that it stands in; the order's own id for the server's part.
    pub journal: JournalId,
    /// The position in it.
    pub seq: u64,
    /// The link of the chain.
    pub link: Digest,
    /// Whether the server recorded it.
    pub from_server: bool,
    /// When the server got it.
    pub received_at: UnixMillis,
    /// Who did it.
    pub actor: NamedPerson,
    /// The term that he knew of.
    pub term: Term,
    /// When it is held to have happened.
    pub at: UnixMillis,
    /// How sure that is.
    pub sureness: Sureness,
    /// How far the wall clock was off, milliseconds; positive when it was ahead.
    pub clock_offset: Millis,
    /// Where, if there was a fix.
    pub place: Option<PlaceView>,
    /// What: `accepted`, `assigned`, `taken`, `declined`, `handed_over`, `step_done`, `noted`;
    /// `unknown` when this version cannot read it.
    pub kind: String,
    /// What exactly, by its kind.
    #[schema(value_type = Object)]
    pub content: Value,
    /// What it proves of an arrival, if it is one, computed from its facts.
    pub arrival: Option<ArrivalProof>,
    /// The photos that belong to it.
    pub photos: Vec<TracePhoto>,
    /// Stable code of why it changes nothing: parked, or evidence only.
    pub without_effect: Option<String>,
    /// What makes a reviewer look twice.
    pub flags: Vec<Flag>,
}

/// Where something was recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PlaceView {
    /// Where, with its datum.
    pub position: TypedPosition,
    /// Radius of the 68 % circle in metres.
    pub accuracy_m: f64,
    /// How old the fix was, milliseconds.
    pub age: Millis,
    /// The operating system said that the place was given by a mock provider.
    pub mock: bool,
    /// What is doubtful in it.
    pub doubts: Vec<Doubt>,
}

/// What makes a reviewer look twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Flag {
    /// Only the wall clock says when it was.
    ClockUnsure,
    /// The wall clock was off by more than five minutes.
    ClockOff,
    /// The place was given by a mock provider.
    MockPlace,
    /// The fix was old or vague.
    PlaceUnsure,
    /// Nobody travels as fast as the place says.
    ImpossibleSpeed,
    /// Whether the person had come to the place is not sure.
    ArrivalUnsure,
    /// The person was not at the place.
    ArrivalFar,
    /// The handheld found the arrival to prove something else than its own facts do.
    ClaimsDiffer,
    /// A photo has flags of its own.
    PhotoDoubtful,
    /// It came more than ten minutes after it was made.
    LateEntry,
}

/// Shows a page of the trace of an order, to one who has `scope`.
///
/// # Errors
/// `request.invalid` for a limit or a continuation that is none, or a problem of the
/// database.
pub async fn trace<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    state: &OrderState,
    template: &Template,
    query: &TraceQuery,
) -> Result<TraceView, Problem> {
    let (rows, next) = page(db, state.order, query).await?;
    let records: Vec<(entry::Model, Option<Record>)> = rows
        .into_iter()
        .map(|row| {
            let record = match Entry::from_bytes(&row.bytes) {
                Ok(Entry::Record(record)) => Some(record),
                _ => None,
            };
            (row, record)
        })
        .collect();
    let mut wanted = Wanted::default();
    let known = || records.iter().filter_map(|(_, record)| record.as_ref());
    wanted.people.extend(known().map(|record| record.actor.0));
    let names = wanted.look_up(db).await?;
    let promised = known()
        .flat_map(|record| photos_of(&record.event))
        .map(|photo| photo.digest);
    let held = PhotosHeld::among(db, promised).await?;
    let of_order = (state.order, state.station);
    let elsewhere = elsewhere(db, scope, of_order, &looks(known())).await?;
    let target = target::of_order(db, state).await?;
    let mut entries = records
        .iter()
        .map(|(row, record)| {
            let mut shown = stored(row, state)?;
            if let Some(record) = record {
                shown.actor = names.person(record.actor);
                let mut review = review(record, Some(template), target, &Limits::DOMAIN);
                flag_other_uses(record, &elsewhere, &mut review);
                shown.tell(record, (&held, &elsewhere), review);
            }
            Ok(shown)
        })
        .collect::<Result<Vec<_>, Problem>>()?;
    entries.sort_by_key(|entry| (entry.at, entry.journal, entry.seq));
    Ok(TraceView {
        order: state.order,
        entries,
        next,
    })
}

/// The entries of a page as they came, and what continues it.
async fn page<C: ConnectionTrait>(
    db: &C,
    order: OrderId,
    query: &TraceQuery,
) -> Result<(Vec<entry::Model>, Option<String>), Problem> {
    use entry::Column;
    let limit = query.limit.unwrap_or(MAX_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        let detail = format!("limit must be 1 to {MAX_PAGE}.");
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    let after = query.after.as_deref().map(position).transpose()?;
    let later = |(at, journal, seq): (i64, Uuid, i64)| {
        let in_journal = Condition::all()
            .add(Column::JournalId.eq(journal))
            .add(Column::Seq.gt(seq));
        let beside = Condition::any()
            .add(Column::ReceivedAt.gt(at))
            .add(Column::JournalId.gt(journal))
            .add(in_journal);
        Condition::all().add(Column::ReceivedAt.gte(at)).add(beside)
    };
    let mut rows = entry::Entity::find()
        .filter(Column::OrderId.eq(order.0))
        .filter(Condition::all().add_option(after.map(later)))
        .order_by_asc(Column::ReceivedAt)
        .order_by_asc(Column::JournalId)
        .order_by_asc(Column::Seq)
        .limit(limit + 1)
        .all(db)
        .await?;
    let more = rows.len() as u64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let next = rows.last().filter(|_| more);
    let next = next.map(|row| format!("{}.{}.{}", row.received_at, row.journal_id, row.seq));
    Ok((rows, next))
}

/// Where a page ended.
fn position(after: &str) -> Result<(i64, Uuid, i64), Problem> {
    let mut parts = after.splitn(3, '.');
    let mut next = || parts.next().unwrap_or_default();
    match (next().parse(), next().parse(), next().parse()) {
        (Ok(at), Ok(journal), Ok(seq)) => Ok((at, journal, seq)),
        _ => {
            let detail = "after must be the next of a page before.";
            Err(Problem::new(Code::RequestInvalid, detail))
        }
    }
}

/// What the row alone says of an entry.
fn stored(row: &entry::Model, state: &OrderState) -> Result<TraceEntry, Problem> {
    let journal = JournalId(row.journal_id);
    let seq = u64::try_from(row.seq).unwrap_or(0);
    let id = EntryId {
        journal,
        seq: Seq(seq),
    };
    let evidence = state.evidence.iter().find(|known| known.record == id);
    let evidence = evidence.map(|known| known.reason.code().to_owned());
    Ok(TraceEntry {
        journal,
        seq,
        link: crate::trace::ledger::digest_of(&row.link)?,
        from_server: journal.0 == state.order.0,
        received_at: UnixMillis(row.received_at),
        actor: NamedPerson {
            id: Uuid::nil().into(),
            name: String::new(),
        },
        term: Term(0),
        at: UnixMillis(row.received_at),
        sureness: Sureness::Unsure,
        clock_offset: Millis(0),
        place: None,
        kind: "unknown".to_owned(),
        content: Value::Null,
        arrival: None,
        photos: Vec::new(),
        without_effect: row.parked.clone().or(evidence),
        flags: Vec::new(),
    })
}

impl TraceEntry {
    fn tell(
        &mut self,
        record: &Record,
        (held, elsewhere): (&PhotosHeld, &BTreeMap<Digest, Vec<Before>>),
        review: Review,
    ) {
        let time = record.time.trusted();
        self.term = record.term;
        (self.at, self.sureness) = (time.at, time.sureness);
        self.clock_offset = record.time.wall_offset();
        self.flags = flags(record, &review, self.received_at.since(time.at));
        let Review {
            doubts,
            arrival,
            photos,
            ..
        } = review;
        self.place = record.fix.as_ref().map(|fix| place(fix, doubts));
        self.arrival = arrival;
        (self.kind, self.content) = told(&record.event);
        let claims = record.claims.as_deref();
        let claimed = claims
            .into_iter()
            .flat_map(|claims| &claims.photos)
            .map(Some);
        self.photos = photos_of(&record.event)
            .iter()
            .zip(claimed.chain(std::iter::repeat(None)))
            .zip(photos)
            .map(|((photo, claim), flags)| {
                let others = elsewhere.get(&photo.digest).cloned();
                TracePhoto::of(held.view(photo), claim, flags, others.unwrap_or_default())
            })
            .collect();
    }
}

fn flags(record: &Record, review: &Review, came_after: Millis) -> Vec<Flag> {
    let doubtful = |doubts: &[Doubt]| doubts.iter().any(|doubt| review.doubts.contains(doubt));
    let arrival = review.arrival.as_ref();
    let found = [
        (
            record.time.trusted().sureness == Sureness::Unsure,
            Flag::ClockUnsure,
        ),
        (
            record.time.wall_offset().0.unsigned_abs() > CLOCK_OFF.0.unsigned_abs(),
            Flag::ClockOff,
        ),
        (doubtful(&[Doubt::MockPlace]), Flag::MockPlace),
        (
            doubtful(&[Doubt::OldFix, Doubt::VagueFix]),
            Flag::PlaceUnsure,
        ),
        (doubtful(&[Doubt::ImpossibleSpeed]), Flag::ImpossibleSpeed),
        (
            matches!(arrival, Some(ArrivalProof::Unsure { .. })),
            Flag::ArrivalUnsure,
        ),
        (
            matches!(arrival, Some(ArrivalProof::FarAway { .. })),
            Flag::ArrivalFar,
        ),
        (review.claims_differ, Flag::ClaimsDiffer),
        (
            review.photos.iter().any(|flags| !flags.is_empty()),
            Flag::PhotoDoubtful,
        ),
        (came_after > LATE, Flag::LateEntry),
    ];
    found
        .into_iter()
        .filter_map(|(is_so, flag)| is_so.then_some(flag))
        .collect()
}

fn place(fix: &Fix, doubts: Vec<Doubt>) -> PlaceView {
    PlaceView {
        position: fix.position,
        accuracy_m: f64::from(fix.accuracy_dm) / 10.0,
        age: fix.age,
        mock: fix.mock,
        doubts,
    }
}

/// An event by its kind and content; photos are shown apart.
fn told(event: &Event) -> (String, Value) {
    let (kind, content) = match event {
        Event::Accepted(accepted) => ("accepted", serde_json::to_value(accepted)),
        Event::Assigned(assigned) => ("assigned", serde_json::to_value(assigned)),
        Event::Taken(taken) => ("taken", serde_json::to_value(taken)),
        Event::Declined(declined) => ("declined", serde_json::to_value(declined)),
        Event::HandedOver(handed) => ("handed_over", serde_json::to_value(handed)),
        Event::StepDone(done) => {
            let told = json!({ "step": done.step, "values": done.values });
            ("step_done", Ok(told))
        }
        Event::Noted(noted) => ("noted", serde_json::to_value(noted)),
        _ => ("unknown", Ok(Value::Null)),
    };
    (kind.to_owned(), content.unwrap_or(Value::Null))
}

#[cfg(test)]
mod tests;
