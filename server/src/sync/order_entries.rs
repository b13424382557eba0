//! The entries of orders for the feed: how many bytes they are, and the entries themselves.

use super::{feed::Rest, order_items::Head, page::Size};
use crate::{edge::Problem, trace::rows::entry};
use gridcrew_sync_protocol::{
    feed::{FeedEntry, OrderItem},
    ids::{JournalId, OrderId},
    journal::{EntryId, Seq},
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Most bytes that an entry takes beside its own.
const ENTRY_FRAME: u64 = 64;

/// An order to be told.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The order.
    pub(super) head: Head,
    /// Only entries that came after this position, without the handheld's own; all when
    /// none.
    pub(super) since: Option<i64>,
}

/// The entries of one order that are to be told.
fn wanted(order: OrderId, since: Option<i64>, own: JournalId) -> Condition {
    let all = Condition::all()
        .add(entry::Column::OrderId.eq(order.0))
        .add(entry::Column::Parked.is_null());
    match since {
        None => all,
        Some(position) => all
            .add(entry::Column::FeedPosition.gt(position))
            .add(entry::Column::JournalId.ne(own.0)),
    }
}

/// The most bytes that each of the orders takes in a page with what it asks for.
pub(super) async fn sizes<C: ConnectionTrait>(
    db: &C,
    asked: &[Asked],
    own: JournalId,
) -> Result<BTreeMap<OrderId, u64>, Problem> {
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows: Vec<(Uuid, i64, i64)> = entry::Entity::find()
        .select_only()
        .column(entry::Column::OrderId)
        .column_as(Expr::cust("SUM(LENGTH(bytes))"), "size")
        .column_as(Expr::cust("COUNT(*)"), "entries")
        .filter(wanted_of(asked, own))
        .group_by(entry::Column::OrderId)
        .into_tuple()
        .all(db)
        .await?;
    let mut sizes: BTreeMap<OrderId, u64> = asked
        .iter()
        .map(|one| {
            // A change of an order of the past comes with the order in brief.
            let twice = if one.since.is_some() && one.head.is_returned() {
                2
            } else {
                1
            };
            (one.head.order, one.head.frame().saturating_mul(twice))
        })
        .collect();
    for (order, bytes, entries) in rows {
        let bytes = u64::try_from(bytes).unwrap_or(0);
        let frames = u64::try_from(entries)
            .unwrap_or(0)
            .saturating_mul(ENTRY_FRAME);
        if let Some(size) = sizes.get_mut(&OrderId(order)) {
            *size = size.saturating_add(bytes).saturating_add(frames);
        }
    }
    Ok(sizes)
}

/// The entries that `asked` is about: those told whole by one list, the others, which all
/// ask since the same position, by another. A list of none is left out: one alternative that
/// names no order, and SQLite looks through all entries there are.
fn wanted_of(asked: &[Asked], own: JournalId) -> Condition {
    let mut lists = Lists::new();
    for one in asked {
        lists.entry(one.since).or_default().push(one.head.order.0);
    }
    of_lists(lists, own)
}

/// Orders by the position since which they are asked for.
type Lists = BTreeMap<Option<i64>, Vec<Uuid>>;

fn of_lists(lists: Lists, own: JournalId) -> Condition {
    let mut any = Condition::any();
    for (since, orders) in lists {
        let of_list = Condition::all().add(entry::Column::OrderId.is_in(orders));
        any = any.add(match since {
            None => of_list,
            Some(position) => of_list
                .add(entry::Column::FeedPosition.gt(position))
                .add(entry::Column::JournalId.ne(own.0)),
        });
    }
    Condition::all()
        .add(entry::Column::Parked.is_null())
        .add(any)
}

/// The orders with their entries; together they must be small enough.
pub(super) async fn items<C: ConnectionTrait>(
    db: &C,
    asked: &[Asked],
    own: JournalId,
) -> Result<Vec<OrderItem>, Problem> {
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    let rows = entry::Entity::find()
        .filter(wanted_of(asked, own))
        .order_by_asc(entry::Column::JournalId)
        .order_by_asc(entry::Column::Seq)
        .all(db)
        .await?;
    let mut entries: BTreeMap<OrderId, Vec<FeedEntry>> = BTreeMap::new();
    for row in rows {
        if let Some(order) = row.order_id {
            entries.entry(OrderId(order)).or_default().push(told(row)?);
        }
    }
    Ok(asked
        .iter()
        .map(|one| {
            let entries = entries.remove(&one.head.order).unwrap_or_default();
            one.head.item(one.since.is_none(), entries)
        })
        .collect())
}

fn told(row: entry::Model) -> Result<FeedEntry, Problem> {
    let seq = Seq(u64::try_from(row.seq).map_err(Problem::internal)?);
    let journal = JournalId(row.journal_id);
    Ok(FeedEntry {
        id: EntryId { journal, seq },
        bytes: row.bytes.into(),
    })
}

/// The next part of a long order, some `size.part` bytes, and what is left after it.
pub(super) async fn part<C: ConnectionTrait>(
    db: &C,
    asked: &Asked,
    after: Option<EntryId>,
    own: JournalId,
    size: Size,
) -> Result<(OrderItem, Option<Rest>), Problem> {
    let order = asked.head.order;
    let mut entries: Vec<FeedEntry> = Vec::new();
    let mut bytes = 0;
    let mut last = after;
    loop {
        let mut which = wanted(order, asked.since, own);
        if let Some(last) = last {
            which = which.add(later_than(last)?);
        }
        let rows = entry::Entity::find()
            .filter(which)
            .order_by_asc(entry::Column::JournalId)
            .order_by_asc(entry::Column::Seq)
            .limit(size.rows)
            .all(db)
            .await?;
        let at_end = (rows.len() as u64) < size.rows;
        let whole = asked.since.is_none() && after.is_none();
        for row in rows {
            bytes += row.bytes.len() as u64 + ENTRY_FRAME;
            if bytes > size.part && !entries.is_empty() {
                let rest = Rest {
                    order,
                    since: asked.since,
                    after: last,
                };
                return Ok((asked.head.item(whole, entries), Some(rest)));
            }
            let entry = told(row)?;
            last = Some(entry.id);
            entries.push(entry);
        }
        if at_end {
            return Ok((asked.head.item(whole, entries), None));
        }
    }
}

fn later_than(last: EntryId) -> Result<Condition, Problem> {
    let seq = i64::try_from(last.seq.0).map_err(Problem::internal)?;
    Ok(Condition::any()
        .add(entry::Column::JournalId.gt(last.journal.0))
        .add(
            Condition::all()
                .add(entry::Column::JournalId.eq(last.journal.0))
                .add(entry::Column::Seq.gt(seq)),
        ))
}

#[cfg(test)]
#[path = "order_entries_tests.rs"]
mod tests;
