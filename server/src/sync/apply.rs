//! Taking a batch in: one transaction for the whole of it.
//!
//! Under the locks of every station that the batch touches, what is held is compared with
//! what came ([`super::push`]). Then either nothing changes, or the branch is set aside, or
//! the new entries are stored and everything that follows from them with them
//! ([`super::intake`]). An outcome that was committed is the same when it is asked for
//! again, so that a lost reply does no harm.

use super::{
    aside::{self, Aside},
    handheld::{self, Handheld},
    incoming::Incoming,
    intake,
    push::{self, Head, Overlap, Plan},
};
use crate::{
    app::App,
    edge::Problem,
    orders::rows::service_order,
    trace::{feed_log::StationLock, ledger::digest_of, recent::Folded, rows::entry},
};
use bytes::Bytes;
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{OrderId, OrgId},
    journal::{Batch, Seq},
    push::Parked,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What became of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Every entry is held.
    Held {
        /// What is held now.
        head: Head,
        /// The entries of the batch that are parked.
        parked: Vec<Parked>,
    },
    /// Entries are missing before it.
    Gap {
        /// What is held.
        head: Head,
    },
    /// It forks from what is held; it was set aside, as far as branches are kept.
    Fork {
        /// The last entry on which both agree.
        common: Head,
        /// The entries of the batch up to that one that are parked.
        parked: Vec<Parked>,
    },
    /// It continues another journal than is held.
    BadLink {
        /// What is held.
        head: Head,
    },
    /// Its handheld is revoked, or its person disabled; it was set aside.
    Revoked,
}

/// Takes in a batch that was checked. `packed` is the body as it came, to be kept when the
/// batch is set aside.
///
/// # Errors
/// `unavailable` when the handheld moved to another station meanwhile, or a problem of the
/// database: then nothing has changed.
pub async fn apply(
    app: &App,
    handheld: Handheld,
    incoming: Incoming,
    packed: Bytes,
) -> Result<Outcome, Problem> {
    let this = app.clone();
    let (outcome, folded) = app
        .store
        .write(move |tx| {
            Box::pin(async move {
                let came = Came { incoming, packed };
                decide(tx, &this, &handheld, came).await
            })
        })
        .await?;
    app.recent.keep(app.epoch(), folded);
    Ok(outcome)
}

/// A batch as it came.
struct Came {
    incoming: Incoming,
    packed: Bytes,
}

async fn decide(
    tx: &DatabaseTransaction,
    app: &App,
    seen: &Handheld,
    came: Came,
) -> Result<(Outcome, Vec<Folded>), Problem> {
    let Came { incoming, packed } = came;
    let journal = seen.writer.journal;
    let stations = stations_of(tx, &incoming).await?;
    let mut touched: BTreeSet<OrgId> = stations.values().copied().collect();
    touched.insert(seen.station);
    let locks = StationLock::take_all(tx, &touched).await?;
    // Read under the locks: who reads by the time of receipt never finds an older one later,
    // however long the batch was on its way or waited.
    let now = app.now();
    // Read again: what was seen before the lock may have changed.
    let present = handheld::find(tx, journal)
        .await?
        .ok_or_else(Problem::not_found)?;
    if present.station != seen.station {
        return Err(Problem::unavailable("a handheld moved while it pushed"));
    }
    if let Some(reason) = present.apart {
        aside::keep_apart(tx, reason, &incoming, &packed, now).await?;
        return Ok((Outcome::Revoked, Vec::new()));
    }
    let head = present.head;
    if push::leaves_gap(head, incoming.batch.first) {
        return Ok((Outcome::Gap { head }, Vec::new()));
    }
    let overlap = overlap(tx, head, &incoming.batch).await?;
    match push::plan(head, &incoming.batch, &incoming.links, &overlap) {
        Plan::Gap => Ok((Outcome::Gap { head }, Vec::new())),
        // The handheld sends the journal again from its start; where it forks is seen then,
        // and the branch kept.
        Plan::BadLink => Ok((Outcome::BadLink { head }, Vec::new())),
        Plan::Fork { common } => {
            // That it forks is answered also when no more of its branches is kept.
            aside::set_aside(tx, Aside::Fork, &incoming, &packed, now).await?;
            let parked = parked(tx, &incoming.batch, common.seq).await?;
            Ok((Outcome::Fork { common, parked }, Vec::new()))
        }
        Plan::Take { held } => {
            let (head, folded) = if held == incoming.contents.len() {
                (head, Vec::new())
            } else {
                let before = intake::Before {
                    handheld: &present,
                    held,
                    stations: &stations,
                    locks: &locks,
                    now,
                };
                intake::take(tx, app, &before, &incoming).await?
            };
            let parked = parked(tx, &incoming.batch, incoming.batch.last()).await?;
            Ok((Outcome::Held { head, parked }, folded))
        }
    }
}

/// The station of every known order that the batch names. An order never changes it.
async fn stations_of<C: ConnectionTrait>(
    db: &C,
    incoming: &Incoming,
) -> Result<BTreeMap<OrderId, OrgId>, Problem> {
    let named: BTreeSet<Uuid> = incoming
        .contents
        .iter()
        .filter_map(|content| content.order().map(|order| order.0))
        .collect();
    if named.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found: Vec<(Uuid, Uuid)> = service_order::Entity::find()
        .select_only()
        .columns([service_order::Column::Id, service_order::Column::StationId])
        .filter(service_order::Column::Id.is_in(named))
        .into_tuple()
        .all(db)
        .await?;
    Ok(found
        .into_iter()
        .map(|(order, station)| (OrderId(order), OrgId(station)))
        .collect())
}

/// What is held where the batch would go. The batch leaves no gap.
async fn overlap<C: ConnectionTrait>(
    db: &C,
    head: Head,
    batch: &Batch,
) -> Result<Overlap, Problem> {
    let first = batch.first.0;
    if first > head.seq.0 {
        return Ok(Overlap {
            before: head.link,
            links: Vec::new(),
        });
    }
    let from = first.saturating_sub(1);
    let to = batch.last().0.min(head.seq.0);
    let rows: Vec<Vec<u8>> = entry::Entity::find()
        .select_only()
        .column(entry::Column::Link)
        .filter(entry::Column::JournalId.eq(batch.journal.0))
        .filter(entry::Column::Seq.between(stored(from)?, stored(to)?))
        .order_by_asc(entry::Column::Seq)
        .into_tuple()
        .all(db)
        .await?;
    let mut links = Vec::with_capacity(rows.len());
    for row in &rows {
        links.push(digest_of(row)?);
    }
    let expected = to.saturating_sub(from.max(1)).saturating_add(1);
    if links.len() as u64 != expected {
        let journal = batch.journal;
        return Err(Problem::internal(format!(
            "journal {journal} has holes between {from} and {to}"
        )));
    }
    let before = if from == 0 {
        Digest::ZERO
    } else {
        links.remove(0)
    };
    Ok(Overlap { before, links })
}

/// A sequence number as it is stored.
pub(super) fn stored(seq: u64) -> Result<i64, Problem> {
    i64::try_from(seq).map_err(Problem::internal)
}

/// The entries of the batch up to one of them that are parked.
async fn parked<C: ConnectionTrait>(
    db: &C,
    batch: &Batch,
    last: Seq,
) -> Result<Vec<Parked>, Problem> {
    let found: Vec<(i64, String)> = entry::Entity::find()
        .select_only()
        .columns([entry::Column::Seq, entry::Column::Parked])
        .filter(entry::Column::JournalId.eq(batch.journal.0))
        .filter(entry::Column::Seq.between(stored(batch.first.0)?, stored(last.0)?))
        .filter(entry::Column::Parked.is_not_null())
        .order_by_asc(entry::Column::Seq)
        .into_tuple()
        .all(db)
        .await?;
    found
        .into_iter()
        .map(|(seq, code)| {
            let seq = Seq(u64::try_from(seq).map_err(Problem::internal)?);
            Ok(Parked { seq, code })
        })
        .collect()
}
