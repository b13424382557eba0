//! What waits to be sent, by order.

use super::columns::{get_id, get_u64};
use crate::error::Error;
use gridcrew_sync_protocol::ids::OrderId;
use rusqlite::Connection;
use std::collections::BTreeMap;

/// What this handheld recorded of an order, and how much of it waits to be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Waits {
    /// Records of this handheld.
    pub recorded: u64,
    /// Records that the server does not hold yet.
    pub records: u64,
    /// Records that the server holds but could not apply.
    pub parked: u64,
    /// Photos whose original the server does not hold yet.
    pub photos: u64,
}

impl Waits {
    /// Whether anything waits to be sent.
    #[must_use]
    pub fn any(&self) -> bool {
        self.records > 0 || self.photos > 0
    }
}

/// For every order of which this handheld recorded something.
pub(crate) fn by_order(db: &Connection) -> Result<BTreeMap<OrderId, Waits>, Error> {
    let mut all: BTreeMap<OrderId, Waits> = BTreeMap::new();
    let mut statement = db.prepare_cached(
        "SELECT order_id, count(*), count(*) FILTER (WHERE state = 'queued'),
                count(*) FILTER (WHERE parked IS NOT NULL)
         FROM journal_entry WHERE order_id IS NOT NULL AND state <> 'superseded'
         GROUP BY order_id",
    )?;
    let rows = statement.query_map([], |row| {
        let waits = Waits {
            recorded: get_u64(row, 1)?,
            records: get_u64(row, 2)?,
            parked: get_u64(row, 3)?,
            photos: 0,
        };
        Ok((get_id::<OrderId>(row, 0)?, waits))
    })?;
    for row in rows {
        let (order, waits) = row?;
        all.insert(order, waits);
    }
    let mut statement = db.prepare_cached(
        "SELECT u.order_id, count(DISTINCT p.digest)
         FROM photo p JOIN photo_use u USING (digest)
         WHERE p.original_state = 'queued' GROUP BY u.order_id",
    )?;
    let rows = statement.query_map([], |row| Ok((get_id::<OrderId>(row, 0)?, get_u64(row, 1)?)))?;
    for row in rows {
        let (order, photos) = row?;
        all.entry(order).or_default().photos = photos;
    }
    Ok(all)
}
