//! The log of changes that the feed reads (I6).
//!
//! Positions are handed out for each station from one row, which stays locked until the
//! transaction ends. So positions become visible in their own order: a reader that has
//! seen position n will never see a smaller one appear later, on PostgreSQL too. Whoever
//! writes takes the station's lock first ([`StationLock::take`]) and everything else after,
//! which also keeps writers from deadlocking.

use super::rows::{feed_change, feed_head};
use crate::edge::Problem;
use gridcrew_sync_protocol::ids::{CellId, CustomerId, OrderId, OrgId, PersonId};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DatabaseTransaction, EntityTrait, ExprTrait, QueryFilter,
    sea_query::{Expr, OnConflict},
};
use std::collections::{BTreeMap, BTreeSet};

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// An order or its trace.
    Order(OrderId),
    /// A cell, its A or B, or its customers as a whole.
    Cell(CellId),
    /// A person of the station.
    Person(PersonId),
    /// A customer.
    Customer(CustomerId),
}

/// Changes written by one statement.
const CHANGES_AT_ONCE: usize = 1_000;

impl Subject {
    /// The subject that a stored change names; `None` for a kind that is not known.
    #[must_use]
    pub fn of(kind: &str, id: uuid::Uuid) -> Option<Self> {
        match kind {
            "order" => Some(Self::Order(OrderId(id))),
            "cell" => Some(Self::Cell(CellId(id))),
            "person" => Some(Self::Person(PersonId(id))),
            "customer" => Some(Self::Customer(CustomerId(id))),
            _ => None,
        }
    }

    fn parts(self) -> (&'static str, uuid::Uuid) {
        match self {
            Self::Order(id) => ("order", id.0),
            Self::Cell(id) => ("cell", id.0),
            Self::Person(id) => ("person", id.0),
            Self::Customer(id) => ("customer", id.0),
        }
    }
}

/// Proof that this transaction is the only one that writes to the station's trace and feed.
#[derive(Debug)]
pub struct StationLock {
    station: OrgId,
}

impl StationLock {
    /// Takes the station's lock until the transaction ends. With several stations, take
    /// them in the order of their ids.
    ///
    /// # Errors
    /// A problem of the database.
    pub async fn take(tx: &DatabaseTransaction, station: OrgId) -> Result<Self, Problem> {
        let row = feed_head::ActiveModel {
            station_id: Set(station.0),
            position: Set(0),
        };
        feed_head::Entity::insert(row)
            .on_conflict(
                OnConflict::column(feed_head::Column::StationId)
                    .update_column(feed_head::Column::StationId)
                    .to_owned(),
            )
            .exec_without_returning(tx)
            .await?;
        Ok(Self { station })
    }

    /// Takes the locks of several stations, in the order of their ids.
    ///
    /// # Errors
    /// A problem of the database.
    pub async fn take_all(
        tx: &DatabaseTransaction,
        stations: &BTreeSet<OrgId>,
    ) -> Result<BTreeMap<OrgId, Self>, Problem> {
        let mut locks = BTreeMap::new();
        for station in stations {
            locks.insert(*station, Self::take(tx, *station).await?);
        }
        Ok(locks)
    }

    /// The station.
    #[must_use]
    pub fn station(&self) -> OrgId {
        self.station
    }

    /// Announces a change and gives its position. `whole`: readers need all of the subject,
    /// because it may have entered or left their scope.
    ///
    /// # Errors
    /// A problem of the database.
    pub async fn announce(
        &self,
        tx: &DatabaseTransaction,
        subject: Subject,
        whole: bool,
    ) -> Result<i64, Problem> {
        self.announce_all(tx, &[(subject, whole)]).await
    }

    /// Announces several changes, each with its `whole`, and gives the position of the
    /// first; the others follow it without a gap. Of none: the position of the last change
    /// before.
    ///
    /// # Errors
    /// A problem of the database.
    pub async fn announce_all(
        &self,
        tx: &DatabaseTransaction,
        changes: &[(Subject, bool)],
    ) -> Result<i64, Problem> {
        let count = i64::try_from(changes.len()).map_err(Problem::internal)?;
        let head = feed_head::Entity::update_many()
            .col_expr(
                feed_head::Column::Position,
                Expr::col(feed_head::Column::Position).add(count),
            )
            .filter(feed_head::Column::StationId.eq(self.station.0))
            .exec_with_returning(tx)
            .await?;
        let last = head
            .first()
            .map(|head| head.position)
            .ok_or_else(|| Problem::internal("the feed's head is missing"))?;
        if changes.is_empty() {
            return Ok(last);
        }
        let first = last.saturating_sub(count).saturating_add(1);
        for (chunk, start) in changes
            .chunks(CHANGES_AT_ONCE)
            .zip((first..).step_by(CHANGES_AT_ONCE))
        {
            let rows = chunk
                .iter()
                .zip(start..)
                .map(|((subject, whole), position)| {
                    let (kind, id) = subject.parts();
                    feed_change::ActiveModel {
                        station_id: Set(self.station.0),
                        position: Set(position),
                        subject: Set(kind.to_owned()),
                        subject_id: Set(id),
                        whole: Set(*whole),
                    }
                });
            feed_change::Entity::insert_many(rows)
                .exec_without_returning(tx)
                .await?;
        }
        Ok(first)
    }
}
