//! Where every simulation plays: a station, its people, cells, customers and orders.

use crate::Fallible;
use gridcrew_sync_protocol::{
    digest::Digest,
    feed::{Cell, Customer},
    ids::{CellId, CustomerId, OrderId, OrgId, PersonId, StationAreaId},
    record::{Accepted, Assigned, Event, OrderDetails, Owner, Rung, Term},
    workflow::{AreaClass, Template, TemplateRef},
};
use std::sync::OnceLock;
use uuid::Uuid;

/// How many people there are.
pub const PEOPLE: u64 = 3;
/// How many cells there are.
pub const CELLS: u64 = 3;
/// How many orders there are.
pub const ORDERS: u64 = 5;
/// Customers of each cell.
const CUSTOMERS: u64 = 2;

/// The code of the workflow.
pub const WORKFLOW: &str = "simulated";

/// The workflow of every order, as it is published.
pub const TEMPLATE: &str = r#"
code = "simulated"
version = 1
publisher = "test"
effective_from = 0
title = { zh = "抢修", en = "repair" }

[[decline_reasons]]
code = "ill"
title = { zh = "生病", en = "ill" }

[[steps]]
code = "arrived"
title = { zh = "到达", en = "arrived" }
counts_from_previous_owner = true
[[steps.fields]]
code = "mark"
title = { zh = "号", en = "mark" }
kind = "text"
[[steps.photos]]
code = "site"
title = { zh = "现场", en = "site" }
min = 0
max = 3

[[steps]]
code = "restored"
title = { zh = "恢复", en = "restored" }
[[steps.fields]]
code = "mark"
title = { zh = "号", en = "mark" }
kind = "text"

[[steps]]
code = "return"
title = { zh = "回单", en = "return" }
after = ["restored"]
closes = true
[[steps.fields]]
code = "mark"
title = { zh = "号", en = "mark" }
kind = "text"

[[deadlines]]
code = "arrive"
title = { zh = "到达", en = "arrive" }
from = "accepted"
to = { step = "arrived" }
urban_minutes = 45
rural_minutes = 90
remote_minutes = 120
source = "test"

[[deadlines]]
code = "take"
title = { zh = "接单", en = "take" }
from = "accepted"
to = "taken"
urban_minutes = 5
rural_minutes = 5
remote_minutes = 5
source = "test"
"#;

/// The workflow of every order.
///
/// # Errors
/// Never; the text is part of the program.
pub fn template() -> Fallible<Template> {
    static TEMPLATE_READ: OnceLock<Template> = OnceLock::new();
    if let Some(template) = TEMPLATE_READ.get() {
        return Ok(template.clone());
    }
    let template = Template::from_toml(TEMPLATE)?;
    Ok(TEMPLATE_READ.get_or_init(|| template).clone())
}

fn id(kind: u128, number: u64) -> Uuid {
    Uuid::from_u128((kind << 64) + u128::from(number) + 1)
}

/// A person.
#[must_use]
pub fn person(number: u64) -> PersonId {
    PersonId(id(1, number % PEOPLE))
}

/// A cell.
#[must_use]
pub fn cell(number: u64) -> CellId {
    CellId(id(2, number % CELLS))
}

/// An order.
#[must_use]
pub fn order(number: u64) -> OrderId {
    OrderId(id(3, number % ORDERS))
}

/// Everybody.
#[must_use]
pub fn people() -> Vec<PersonId> {
    (0..PEOPLE).map(person).collect()
}

/// What people are called.
pub const NAMES: [&str; PEOPLE as usize] = ["Wang", "Li", "Zhao"];

/// The people, cells and orders of a server: their ids are the server's choice.
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    /// The people.
    pub people: [PersonId; PEOPLE as usize],
    /// The cells; the first is the first person's, and so on.
    pub cells: [CellId; CELLS as usize],
    /// The orders, from cell to cell.
    pub orders: [OrderId; ORDERS as usize],
}

fn one_of<T: Copy, const MANY: usize>(all: &[T; MANY], number: u64) -> T {
    all[usize::try_from(number).unwrap_or(0) % MANY]
}

fn place_of<T: PartialEq>(all: &[T], one: &T) -> usize {
    all.iter().position(|other| other == one).unwrap_or(0)
}

impl Cast {
    /// That of the model.
    #[must_use]
    pub fn modelled() -> Self {
        Self {
            people: std::array::from_fn(|number| person(number as u64)),
            cells: std::array::from_fn(|number| cell(number as u64)),
            orders: std::array::from_fn(|number| order(number as u64)),
        }
    }

    /// A person.
    #[must_use]
    pub fn person(&self, number: u64) -> PersonId {
        one_of(&self.people, number)
    }

    /// A cell.
    #[must_use]
    pub fn cell(&self, number: u64) -> CellId {
        one_of(&self.cells, number)
    }

    /// An order.
    #[must_use]
    pub fn order(&self, number: u64) -> OrderId {
        one_of(&self.orders, number)
    }

    /// What a person is called.
    #[must_use]
    pub fn name(&self, person: PersonId) -> &'static str {
        NAMES[place_of(&self.people, &person)]
    }

    /// The number of an order, for telling of it.
    #[must_use]
    pub fn number_of(&self, order: OrderId) -> usize {
        place_of(&self.orders, &order) + 1
    }
}

/// What a person of the model is called.
#[must_use]
pub fn name(person: PersonId) -> &'static str {
    Cast::modelled().name(person)
}

/// A customer of a cell.
fn customer(of: u64, number: u64) -> CustomerId {
    CustomerId(id(4, of * CUSTOMERS + number))
}

/// The customers of a cell.
#[must_use]
pub fn customers(of: CellId) -> Vec<Customer> {
    let number = u64::try_from(of.0.as_u128() & 0xffff).unwrap_or(0);
    (0..CUSTOMERS)
        .map(|one| Customer {
            id: customer(number, one),
            account_no: format!("{:010}", number * 10 + one),
            meter_no: format!("{:08}", number * 10 + one),
            name: "张".to_owned(),
            address: "村口".to_owned(),
            station_area: StationAreaId(id(5, number)),
            cell: of,
            position: None,
        })
        .collect()
}

/// A cell as the feed tells it.
#[must_use]
pub fn cell_item(cell: CellId, role_a: PersonId) -> Cell {
    Cell {
        id: cell,
        code: "01".to_owned(),
        name: "一".to_owned(),
        role_a: Some(role_a),
        role_b: None,
        polygons: Vec::new(),
    }
}

/// The contact of an order.
#[must_use]
pub fn details(order: OrderId) -> OrderDetails {
    OrderDetails {
        phenomenon: "no power".into(),
        contact_name: "李".into(),
        contact_phone: "1".into(),
        address: format!("村口 {}", Cast::modelled().number_of(order)),
        account_no: None,
        salt: vec![0; 16],
    }
}

/// How an order is accepted.
#[must_use]
pub fn accepted(order: OrderId) -> Event {
    Event::Accepted(Accepted {
        source: "95598".into(),
        outside_no: order.to_string(),
        template: TemplateRef {
            code: WORKFLOW.into(),
            version: 1,
        },
        area_class: AreaClass::Rural,
        station: OrgId(id(6, 1)),
        customer: None,
        position: None,
        reported_at: None,
        details: Digest::ZERO,
    })
}

/// How an order is given to a person.
#[must_use]
pub fn assigned(term: Term, to: PersonId, cell: CellId) -> Event {
    Event::Assigned(Assigned {
        term,
        owner: Owner::Person(to),
        rung: Rung::RoleA,
        by: None,
        reason: "account_area_cell".into(),
        cell: Some(cell),
        station_area: None,
        territory_version: 1,
    })
}
