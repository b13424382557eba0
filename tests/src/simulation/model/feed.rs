//! The feed out: the whole scope to who has no cursor of this life, then what changed, a few
//! things a page.

use super::super::scene;
use super::{
    Model,
    books::{Subject, Version},
};
use crate::{Failure, Fallible};
use gridcrew_mobile_core::engine::HttpReply;
use gridcrew_sync_protocol::{
    digest::Digest,
    feed::{FeedEntry, FeedItem, FeedPage, Me, OrderItem},
    ids::{JournalId, OrderId, OrgId, PersonId},
    wire,
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Things on a page.
const ON_A_PAGE: usize = 3;

/// What a handheld was told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Told {
    epoch: String,
    person: String,
    /// Without this one's own entries.
    journal: String,
    /// All changes up to here.
    version: Version,
    /// The last thing of the whole scope, while that is being told.
    whole: Option<String>,
}

impl Model {
    pub(super) fn feed(&mut self, journal: JournalId, cursor: Option<&str>) -> Fallible<HttpReply> {
        let person = self
            .person_of(journal)
            .ok_or_else(|| Failure::new("a caller without a handheld"))?;
        let told: Option<Told> = cursor.and_then(|cursor| serde_json::from_str(cursor).ok());
        let mut items = Vec::new();
        let mut told = match told {
            Some(told)
                if told.epoch == self.epoch.to_string()
                    && told.person == person.to_string()
                    && told.journal == journal.to_string() =>
            {
                told
            }
            before => {
                if before.is_some() {
                    items.push(FeedItem::StartOver);
                }
                Told {
                    epoch: self.epoch.to_string(),
                    person: person.to_string(),
                    journal: journal.to_string(),
                    version: self.books.head(),
                    whole: Some(String::new()),
                }
            }
        };
        let more = match told.whole.clone() {
            Some(last) => self.whole(person, &last, &mut told, &mut items)?,
            None => self.changes(person, journal, &mut told, &mut items)?,
        };
        Ok(self.packed(&FeedPage {
            epoch: self.epoch,
            server_time: self.now(),
            items,
            cursor: serde_json::to_string(&told)?,
            more,
        }))
    }

    /// Tells the scope whole, what comes after `last` in its order.
    fn whole(
        &self,
        person: PersonId,
        last: &str,
        told: &mut Told,
        items: &mut Vec<FeedItem>,
    ) -> Fallible<bool> {
        let mut all = BTreeMap::new();
        all.insert(
            "0".to_owned(),
            vec![
                FeedItem::Template(scene::template()?),
                FeedItem::Me(Me {
                    person,
                    name: scene::name(person).to_owned(),
                    station: OrgId(Uuid::from_u128(9)),
                    station_name: "站".to_owned(),
                    colleagues: Vec::new(),
                }),
            ],
        );
        for order in self.books.scope_of(person) {
            all.insert(format!("1 {order}"), vec![self.order_item(order, None)?]);
        }
        for cell in self.books.cells_of(person) {
            let mut with = vec![FeedItem::Cell(scene::cell_item(cell, person))];
            with.extend(scene::customers(cell).into_iter().map(FeedItem::Customer));
            all.insert(format!("2 {cell}"), with);
        }
        let mut rest = all.into_iter().filter(|(key, _)| key.as_str() > last);
        told.whole = None;
        for (key, some) in rest.by_ref().take(ON_A_PAGE) {
            items.extend(some);
            told.whole = Some(key);
        }
        if rest.next().is_none() {
            told.whole = None;
        }
        Ok(told.whole.is_some() || told.version < self.books.head())
    }

    /// Tells what changed.
    fn changes(
        &self,
        person: PersonId,
        journal: JournalId,
        told: &mut Told,
        items: &mut Vec<FeedItem>,
    ) -> Fallible<bool> {
        let since = told.version;
        let from = usize::try_from(since)?;
        let mut subjects = BTreeSet::new();
        for subject in self.books.line.iter().skip(from) {
            if subjects.len() >= ON_A_PAGE && !subjects.contains(subject) {
                break;
            }
            subjects.insert(*subject);
            told.version += 1;
        }
        let head = self.books.head();
        for subject in subjects {
            match subject {
                Subject::Cell(cell) if self.books.has_cell(person, cell, head) => {
                    items.push(FeedItem::Cell(scene::cell_item(cell, person)));
                    items.extend(scene::customers(cell).into_iter().map(FeedItem::Customer));
                }
                Subject::Cell(cell) => items.push(FeedItem::CellGone(cell)),
                Subject::Order(order) if self.books.has_order(person, order, head) => {
                    // Told whole unless it was in scope, and told, all the time.
                    let all_the_time =
                        (since..=head).all(|version| self.books.has_order(person, order, version));
                    let after = all_the_time.then_some((since, journal));
                    items.push(self.order_item(order, after)?);
                }
                Subject::Order(order) => items.push(FeedItem::OrderGone(order)),
            }
        }
        Ok(told.version < head)
    }

    /// An order: whole, or what came after a change without what `journal` wrote.
    fn order_item(
        &self,
        order: OrderId,
        after: Option<(Version, JournalId)>,
    ) -> Fallible<FeedItem> {
        let row = self
            .books
            .orders
            .get(&order)
            .ok_or_else(|| Failure::new("an order that is not there"))?;
        let entries = row
            .trace
            .iter()
            .filter(|(version, id, _)| {
                after.is_none_or(|(since, own)| *version > since && id.journal != own)
            })
            .map(|(_, id, bytes)| FeedEntry {
                id: *id,
                bytes: ByteBuf::from(bytes.clone()),
            })
            .collect();
        Ok(FeedItem::Order(OrderItem {
            order,
            whole: after.is_none(),
            details: Some(scene::details(order)),
            entries,
            state: Digest::of(&wire::encode(&self.books.state_of(order)?)),
            count: u32::try_from(row.trace.len())?,
        }))
    }
}
