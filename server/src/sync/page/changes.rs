//! Telling what changed: of each changed thing what is so now, or that it is gone from the
//! scope.

use super::{
    super::{
        feed::{Change, Changed, Told, gather},
        order_entries::{self, Asked},
        order_items::{self, Head},
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
    ids::{CellId, CustomerId, OrderId, OrgId},
    wire,
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Most bytes of a changed customer or colleague in a page.
const CHANGE: u64 = 2_048;

/// Something that a change makes known, with the position of the first change of it.
struct News<T> {
    first: i64,
    /// Most bytes that it takes.
    bytes: u64,
    what: T,
}

impl Reading<'_> {
    /// Tells of changes, strictly in the order in which each thing first changed and only as
    /// far as there is room: so a page that holds anything brings the position forward.
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
        let last = self.cut_at_forgotten(&mut gathered, last);
        let mut surroundings = self.changed_surroundings(&gathered).await?;
        let (gone, mut orders, sizes) = self.changed_orders(&gathered).await?;
        surroundings.extend(gone);
        let up_to = self.fitting(&surroundings, &orders, last);
        surroundings.retain(|news| news.first <= up_to);
        orders.retain(|news| news.first <= up_to);
        for news in surroundings {
            if let FeedItem::CellGone(cell) = news.what {
                self.page.told.forget(cell);
            }
            self.page.push(news.what, news.bytes);
        }
        let firsts: Vec<i64> = orders.iter().map(|news| news.first).collect();
        let asked = orders.into_iter().map(|news| news.what).collect();
        let told = self.tell_sized(asked, &sizes).await?;
        let told = told.map_or(0, |(told, _)| told);
        let untold = firsts.get(told).map(|first| first.saturating_sub(1));
        self.page.told.position = untold.unwrap_or(up_to);
        Ok(())
    }

    /// Parts the changes at a cell that is to be told anew: what was told before goes with
    /// it, what comes after it is told by what is held then. Gives the last position that is
    /// left.
    fn cut_at_forgotten(&self, gathered: &mut Vec<Changed>, last: i64) -> i64 {
        let forgets = |changed: &Changed| match changed.subject {
            Subject::Cell(cell) => changed.whole && self.page.told.cells.contains(&cell),
            _ => false,
        };
        let leading = gathered.iter().take_while(|one| forgets(one)).count();
        let end = match leading {
            0 => gathered.iter().position(forgets),
            _ => Some(leading),
        };
        let Some(beyond) = end.and_then(|end| gathered.get(end)) else {
            return last;
        };
        let before = beyond.first.saturating_sub(1);
        gathered.truncate(end.unwrap_or(gathered.len()));
        before
    }

    /// The position up to which there is room for all: at the least for the first thing, in
    /// a page that holds nothing yet.
    fn fitting(&mut self, items: &[News<FeedItem>], orders: &[News<Asked>], last: i64) -> i64 {
        let items = items.iter().map(|news| (news.first, news.bytes, None));
        let orders = orders.iter().map(|news| {
            // One that is too long comes in parts, and only as the last of a page.
            let part = self.size.part.saturating_add(news.what.head.frame());
            let long = news.bytes > self.size.part;
            (news.first, if long { part } else { news.bytes }, Some(long))
        });
        let mut all: Vec<(i64, u64, Option<bool>)> = items.chain(orders).collect();
        all.sort_by_key(|(first, ..)| *first);
        let (mut room, mut empty) = (self.room(), self.page.items.is_empty());
        let (mut orders_told, mut parted) = (false, false);
        for (first, bytes, long) in all {
            let fits = empty || bytes <= room;
            if !fits || parted || (long == Some(true) && orders_told) {
                self.full |= !fits;
                return first.saturating_sub(1);
            }
            room = room.saturating_sub(bytes);
            empty = false;
            orders_told |= long.is_some();
            parted = long == Some(true);
        }
        last
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

    /// The changed orders: those that are gone from the scope, and those to be told, with
    /// the most bytes that each takes.
    async fn changed_orders(&self, gathered: &[Changed]) -> Result<ChangedOrders, Problem> {
        let changed = gathered.iter().filter_map(|changed| match changed.subject {
            Subject::Order(order) => Some((order, changed)),
            _ => None,
        });
        let changed: BTreeMap<OrderId, &Changed> = changed.collect();
        let ids: Vec<OrderId> = changed.keys().copied().collect();
        let mut in_scope = order_items::in_scope(self.db, self.caller, &ids).await?;
        let mut out_of_scope = Vec::new();
        let mut asked: Vec<(i64, Asked)> = Vec::new();
        for (order, changed) in &changed {
            match in_scope.remove(order) {
                Some(head) if self.is_told(&head) => {
                    let told = &self.page.told;
                    let whole = told.needs_whole(changed, head.accepted, self.caller.scope.now);
                    let since = (!whole).then_some(told.position);
                    asked.push((changed.first, Asked { head, since }));
                }
                Some(_) => {}
                None if changed.whole => out_of_scope.push(*order),
                None => {}
            }
        }
        let first_of = |order: &OrderId| changed.get(order).map_or(0, |changed| changed.first);
        let gone = order_items::had_other_owners(self.db, self.caller, &out_of_scope).await?;
        let gone = gone.into_iter().map(|order| News {
            first: first_of(&order),
            bytes: NAME,
            what: FeedItem::OrderGone(order),
        });
        asked.sort_by_key(|(first, _)| *first);
        let (firsts, asked): (Vec<i64>, Vec<Asked>) = asked.into_iter().unzip();
        let sizes = order_entries::sizes(self.db, &asked, self.own).await?;
        let orders = firsts.into_iter().zip(asked).map(|(first, what)| News {
            first,
            bytes: sizes.get(&what.head.order).copied().unwrap_or(0),
            what,
        });
        Ok((gone.collect(), orders.collect(), sizes))
    }

    /// Whether the order is the person's own, offered to him or of a cell that was told; the
    /// others will be told with their cell.
    fn is_told(&self, head: &Head) -> bool {
        let offered = head.hand_over.as_ref();
        offered.is_some_and(|offered| offered.to_person == self.caller.person.0)
            || head.owner == Some(self.caller.person)
            || head
                .cell
                .is_some_and(|cell| self.page.told.cells.contains(&cell))
    }

    /// What is so now of the changed people, cells and customers.
    async fn changed_surroundings(
        &self,
        gathered: &[Changed],
    ) -> Result<Vec<News<FeedItem>>, Problem> {
        let mut me = None;
        let mut news = Vec::new();
        let mut cells: BTreeMap<CellId, i64> = BTreeMap::new();
        let mut customers: BTreeMap<CustomerId, &Changed> = BTreeMap::new();
        for changed in gathered {
            match changed.subject {
                Subject::Person(_) => me = me.or(Some(changed.first)),
                Subject::Cell(cell) if self.page.told.cells.contains(&cell) => {
                    if changed.whole {
                        news.push(News {
                            first: changed.first,
                            bytes: NAME,
                            what: FeedItem::CellGone(cell),
                        });
                    } else {
                        cells.insert(cell, changed.first);
                    }
                }
                Subject::Customer(customer) => {
                    customers.insert(customer, changed);
                }
                Subject::Cell(_) | Subject::Order(_) => {}
            }
        }
        if let Some(first) = me {
            let me = surroundings::me(self.db, self.caller, self.present.station).await?;
            news.push(measured(first, FeedItem::Me(me)));
        }
        let ids = cells.keys().copied().collect();
        for cell in surroundings::cells(self.db, self.caller, &ids).await? {
            let first = cells.get(&cell.id).copied().unwrap_or(0);
            news.push(measured(first, FeedItem::Cell(cell)));
        }
        let ids = customers.keys().copied().collect();
        let mut found = surroundings::customers(self.db, self.caller, &ids).await?;
        for (customer, changed) in customers {
            match found.remove(&customer) {
                Some(one) if self.page.told.cells.contains(&one.cell) => {
                    news.push(measured(changed.first, FeedItem::Customer(one)));
                }
                Some(_) => {}
                None if changed.whole => news.push(News {
                    first: changed.first,
                    bytes: NAME,
                    what: FeedItem::CustomerGone(customer),
                }),
                None => {}
            }
        }
        news.sort_by_key(|news| news.first);
        Ok(news)
    }
}

/// What is gone, what is to be told, and the sizes of the latter.
type ChangedOrders = (
    Vec<News<FeedItem>>,
    Vec<News<Asked>>,
    BTreeMap<OrderId, u64>,
);

fn measured(first: i64, what: FeedItem) -> News<FeedItem> {
    News {
        first,
        bytes: wire::encode(&what).len() as u64,
        what,
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
