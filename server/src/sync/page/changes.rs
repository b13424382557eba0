//! Telling what changed: of each changed thing what is so now, or that it is gone from the
//! scope.

use super::{
    super::{
        feed::{Change, Changed, Told, gather},
        order_items::{self, Asked, Head},
        surroundings,
    },
    NAME, Reading,
};
use crate::{
    edge::Problem,
    trace::{feed_log::Subject, rows::feed_change},
};
use gridcrew_sync_protocol::{
    feed::FeedItem,
    ids::{CustomerId, OrderId, OrgId},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use std::collections::BTreeSet;
use uuid::Uuid;

/// Most bytes of a changed customer or colleague in a page.
const CHANGE: u64 = 2_048;

impl Reading<'_> {
    pub(super) async fn tell_changes(&mut self) -> Result<(), Problem> {
        // Room for the largest customer that can be, for each change.
        let limit = self.size.rows.min(1 + self.room() / CHANGE);
        let changes = changes(self.db, &self.page.told, limit).await?;
        let last = changes
            .last()
            .map_or(self.present.head, |last| last.position);
        let mut gathered = gather(&changes);
        let later = self.told_whole_later(&gathered, last).await?;
        gathered.retain(|changed| !later.contains(&changed.subject));
        self.tell_changed_surroundings(&gathered).await?;
        let orders: Vec<(OrderId, Changed)> = gathered
            .iter()
            .filter_map(|changed| match changed.subject {
                Subject::Order(order) => Some((order, *changed)),
                _ => None,
            })
            .collect();
        let up_to = self.tell_changed_orders(&orders).await?.unwrap_or(last);
        self.page.told.position = up_to;
        Ok(())
    }

    /// The orders that entered the scope, or may have, by a change after `last`: what
    /// happened before is told with it.
    async fn told_whole_later(
        &self,
        gathered: &[Changed],
        last: i64,
    ) -> Result<BTreeSet<Subject>, Problem> {
        let orders: Vec<OrderId> = gathered
            .iter()
            .filter_map(|changed| match changed.subject {
                Subject::Order(order) if !changed.whole => Some(order),
                _ => None,
            })
            .collect();
        if orders.is_empty() || last >= self.present.head {
            return Ok(BTreeSet::new());
        }
        let told: Vec<Uuid> = whole_later(self.present.station, last, &orders)
            .into_tuple()
            .all(self.db)
            .await?;
        Ok(told
            .into_iter()
            .map(|order| Subject::Order(OrderId(order)))
            .collect())
    }

    /// Tells changed orders. When there is no room for all, says up to which position
    /// everything was told.
    async fn tell_changed_orders(
        &mut self,
        orders: &[(OrderId, Changed)],
    ) -> Result<Option<i64>, Problem> {
        let ids: Vec<OrderId> = orders.iter().map(|(order, _)| *order).collect();
        let mut in_scope = order_items::in_scope(self.db, self.caller, &ids).await?;
        let mut out_of_scope = Vec::new();
        let mut asked = Vec::new();
        let mut firsts = Vec::new();
        for (order, changed) in orders {
            match in_scope.remove(order) {
                Some(head) if self.is_told(&head) => {
                    let told = &self.page.told;
                    let whole = told.needs_whole(changed, head.accepted, self.caller.scope.now);
                    let since = (!whole).then_some(told.position);
                    asked.push(Asked { head, since });
                    firsts.push(changed.first);
                }
                Some(_) => {}
                None if changed.whole => out_of_scope.push(*order),
                None => {}
            }
        }
        for order in order_items::had_other_owners(self.db, self.caller, &out_of_scope).await? {
            self.page.push(FeedItem::OrderGone(order), NAME);
        }
        if asked.is_empty() {
            return Ok(None);
        }
        let told = self.tell_orders(asked).await?.map_or(0, |(told, _)| told);
        // The change that comes after what was told; at the least where it was before.
        Ok(firsts.get(told).map(|first| first.saturating_sub(1)))
    }

    /// Whether the order is the person's own or of a cell that was told; the others will be
    /// told with their cell.
    fn is_told(&self, head: &Head) -> bool {
        head.owner == Some(self.caller.person)
            || head
                .cell
                .is_some_and(|cell| self.page.told.cells.contains(&cell))
    }

    async fn tell_changed_surroundings(&mut self, gathered: &[Changed]) -> Result<(), Problem> {
        let mut me = false;
        let mut cells = BTreeSet::new();
        let mut customers: BTreeSet<CustomerId> = BTreeSet::new();
        let mut moved: BTreeSet<CustomerId> = BTreeSet::new();
        for changed in gathered {
            match changed.subject {
                Subject::Person(_) => me = true,
                Subject::Cell(cell) if self.page.told.cells.contains(&cell) => {
                    if changed.whole {
                        self.page.told.forget(cell);
                        self.page.push(FeedItem::CellGone(cell), NAME);
                    } else {
                        cells.insert(cell);
                    }
                }
                Subject::Customer(customer) => {
                    customers.insert(customer);
                    if changed.whole {
                        moved.insert(customer);
                    }
                }
                Subject::Cell(_) | Subject::Order(_) => {}
            }
        }
        if me {
            self.tell_me().await?;
        }
        for cell in surroundings::cells(self.db, self.caller, &cells).await? {
            self.page.push_measured(FeedItem::Cell(cell));
        }
        let mut found = surroundings::customers(self.db, self.caller, &customers).await?;
        for customer in customers {
            match found.remove(&customer) {
                Some(one) if self.page.told.cells.contains(&one.cell) => {
                    self.page.push_measured(FeedItem::Customer(one));
                }
                Some(_) => {}
                None if moved.contains(&customer) => {
                    self.page.push(FeedItem::CustomerGone(customer), NAME);
                }
                None => {}
            }
        }
        Ok(())
    }
}

/// Which of `orders` are announced whole after `last`. Found by the orders, not by looking
/// through all that comes after `last`: a handheld that comes back after a long time asks
/// this for each step of the way.
fn whole_later(station: OrgId, last: i64, orders: &[OrderId]) -> Select<feed_change::Entity> {
    use feed_change::Column;
    feed_change::Entity::find()
        .select_only()
        .column(Column::SubjectId)
        .distinct()
        .filter(Column::StationId.eq(station.0))
        .filter(Column::SubjectId.is_in(orders.iter().map(|order| order.0)))
        .filter(Column::Position.gt(last))
        .filter(Column::Whole.eq(true))
}

/// The next changes of the station.
async fn changes<C: ConnectionTrait>(
    db: &C,
    told: &Told,
    limit: u64,
) -> Result<Vec<Change>, Problem> {
    let rows = feed_change::Entity::find()
        .filter(feed_change::Column::StationId.eq(told.station.0))
        .filter(feed_change::Column::Position.gt(told.position))
        .order_by_asc(feed_change::Column::Position)
        .limit(limit)
        .all(db)
        .await?;
    rows.into_iter()
        .map(|row| {
            let subject = Subject::of(&row.subject, row.subject_id).ok_or_else(|| {
                Problem::internal(format!("the feed tells of a `{}`", row.subject))
            })?;
            Ok(Change {
                position: row.position,
                subject,
                whole: row.whole,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::people::fixture::Fixture;
    use sea_orm::{DatabaseBackend, QueryTrait, Statement};

    #[actix_web::test]
    async fn what_comes_later_is_found_by_the_orders_not_by_all_that_comes_later() {
        let fixture = Fixture::new().await;
        let orders = (1..=128).map(|n| OrderId(Uuid::from_u128(n)));
        let orders: Vec<OrderId> = orders.collect();
        let query = whole_later(OrgId(Uuid::nil()), 7, &orders).build(DatabaseBackend::Sqlite);
        let explain = Statement {
            sql: format!("EXPLAIN QUERY PLAN {}", query.sql),
            ..query
        };
        let plan = fixture.app.store.read().query_all_raw(explain).await;
        let plan: Vec<String> = plan
            .unwrap()
            .iter()
            .map(|row| row.try_get("", "detail").unwrap())
            .collect();
        let by_orders = "(station_id=? AND subject_id=? AND position>?)";
        assert!(plan.iter().any(|step| step.contains(by_orders)), "{plan:?}");
    }
}
