//! Reading an item of a kind that may not be known.
//!
//! Written by hand, because the derived form refuses a whole page for one such item; a
//! handheld that was not updated for a while would then hear nothing any more.

use super::FeedItem;
use serde::{
    Deserialize, Deserializer,
    de::{self, IgnoredAny, MapAccess, Visitor},
};
use std::fmt;

impl FeedItem {
    /// The kinds that this program knows, as they are called on the wire.
    pub const KINDS: &'static [&'static str] = &[
        "me",
        "template",
        "prompt_cards",
        "cell",
        "cell_gone",
        "customer",
        "customers",
        "customer_gone",
        "order",
        "closed",
        "order_gone",
        "start_over",
    ];
}

impl<'de> Deserialize<'de> for FeedItem {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyItem)
    }
}

struct AnyItem;

impl<'de> Visitor<'de> for AnyItem {
    type Value = FeedItem;

    fn expecting(&self, form: &mut fmt::Formatter<'_>) -> fmt::Result {
        form.write_str("the kind of an item, alone or with what it carries")
    }

    fn visit_str<E: de::Error>(self, kind: &str) -> Result<FeedItem, E> {
        Ok(match kind {
            "start_over" => FeedItem::StartOver,
            other => FeedItem::Unknown(other.to_owned()),
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<FeedItem, A::Error> {
        let kind: String = map
            .next_key()?
            .ok_or_else(|| de::Error::invalid_length(0, &self))?;
        let item = match kind.as_str() {
            "me" => FeedItem::Me(map.next_value()?),
            "template" => FeedItem::Template(map.next_value()?),
            "prompt_cards" => FeedItem::PromptCards(map.next_value()?),
            "cell" => FeedItem::Cell(map.next_value()?),
            "cell_gone" => FeedItem::CellGone(map.next_value()?),
            "customer" => FeedItem::Customer(map.next_value()?),
            "customers" => FeedItem::Customers(map.next_value()?),
            "customer_gone" => FeedItem::CustomerGone(map.next_value()?),
            "order" => FeedItem::Order(map.next_value()?),
            "closed" => FeedItem::Closed(map.next_value()?),
            "order_gone" => FeedItem::OrderGone(map.next_value()?),
            _ => {
                map.next_value::<IgnoredAny>()?;
                FeedItem::Unknown(kind)
            }
        };
        match map.next_key::<IgnoredAny>()? {
            None => Ok(item),
            Some(_) => Err(de::Error::custom("an item has one kind")),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        digest::Digest,
        feed::{Cell, Closed, Customer, CustomerTable, FeedItem, Me, OrderItem},
        ids::{CellId, CustomerId, OrderId, OrgId, PersonId, StationAreaId},
        record::OrderDetails,
        time::UnixMillis,
        wire,
        workflow::{PromptCards, Template, TemplateRef, Words},
    };
    use std::collections::BTreeMap;
    use uuid::Uuid;

    const ID: Uuid = Uuid::from_u128(0x0123_4567);

    /// One of each kind.
    fn each() -> Vec<FeedItem> {
        let customer = Customer {
            id: CustomerId(ID),
            account_no: "0123456789".to_owned(),
            meter_no: String::new(),
            name: "王建国".to_owned(),
            address: String::new(),
            station_area: StationAreaId(ID),
            cell: CellId(ID),
            position: None,
        };
        let template = TemplateRef {
            code: "fault_repair".to_owned(),
            version: 1,
        };
        vec![
            FeedItem::Me(Me {
                person: PersonId(ID),
                name: String::new(),
                station: OrgId(ID),
                station_name: String::new(),
                colleagues: Vec::new(),
            }),
            FeedItem::Template(Template {
                code: template.code.clone(),
                version: 1,
                publisher: String::new(),
                effective_from: UnixMillis(0),
                title: Words::default(),
                steps: Vec::new(),
                deadlines: Vec::new(),
                decline_reasons: Vec::new(),
            }),
            FeedItem::PromptCards(PromptCards {
                workflow: template.code.clone(),
                version: 1,
                publisher: String::new(),
                effective_from: UnixMillis(0),
                post: Words::default(),
                everywhere: Vec::new(),
                cards: Vec::new(),
            }),
            FeedItem::Cell(Cell {
                id: CellId(ID),
                code: String::new(),
                name: String::new(),
                role_a: None,
                role_b: None,
                polygons: vec![vec![vec![(116.5, 32.5)]]],
            }),
            FeedItem::CellGone(CellId(ID)),
            FeedItem::Customer(customer.clone()),
            FeedItem::Customers(CustomerTable(vec![customer])),
            FeedItem::CustomerGone(CustomerId(ID)),
            FeedItem::Order(OrderItem {
                order: OrderId(ID),
                whole: true,
                details: None,
                entries: Vec::new(),
                state: Digest::ZERO,
                count: 0,
            }),
            FeedItem::Closed(Closed {
                order: OrderId(ID),
                template,
                customer: None,
                cell: None,
                owner: None,
                accepted_at: UnixMillis(1),
                returned_at: None,
                missed: Vec::new(),
                details: OrderDetails::default(),
                count: 9,
            }),
            FeedItem::OrderGone(OrderId(ID)),
            FeedItem::StartOver,
        ]
    }

    #[test]
    fn every_kind_is_read_as_it_was_written_and_listed_under_its_name() {
        let mut kinds = Vec::new();
        for item in each() {
            let bytes = wire::encode(&item);
            assert_eq!(wire::decode::<FeedItem>(&bytes).unwrap(), item);
            let value: ciborium::Value = wire::decode(&bytes).unwrap();
            let kind = match &value {
                ciborium::Value::Map(members) => members[0].0.as_text(),
                alone => alone.as_text(),
            };
            kinds.push(kind.unwrap().to_owned());
        }
        assert_eq!(kinds, FeedItem::KINDS);
    }

    #[test]
    fn a_kind_of_a_newer_server_is_skipped_with_all_that_it_carries() {
        let new = BTreeMap::from([("dove", vec![BTreeMap::from([("a", 1)])])]);
        let items = wire::encode(&(new, "raven", FeedItem::StartOver));
        let read: Vec<FeedItem> = wire::decode(&items).unwrap();
        let unknown = |kind: &str| FeedItem::Unknown(kind.to_owned());
        let expected = [unknown("dove"), unknown("raven"), FeedItem::StartOver];
        assert_eq!(read, expected);
        let two = BTreeMap::from([("order_gone", ID), ("z", ID)]);
        assert!(wire::decode::<FeedItem>(&wire::encode(&two)).is_err());
    }
}
