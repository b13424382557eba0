//! What the tests of orders and dispatch stand on: a station with two cells and a sibling
//! station without any.

use super::{
    intake::{Intake, NewOrder},
    rows::service_order,
    store::{TakenIn, take_in},
};
use crate::{
    app::App,
    edge::Problem,
    people::{Caller, Role, caller::identify, fixture::Fixture, rows::person, tree::UnitKind},
    territory::{
        assign::Wish,
        content::{AreaContent, CellContent, Content},
        refresh,
        rows::cell,
        shape::Shape,
        store::{self, NewCustomer, Proposal},
    },
    trace::ledger,
};
use gridcrew_sync_protocol::{
    ids::{CellId, OrderId, OrgId, PersonId},
    order::{OrderState, Sourced},
    position::Wgs84,
    workflow::AreaClass,
};
use sea_orm::{DatabaseTransaction, EntityTrait};
use serde_json::{Value, json};

/// The account of the customer in the cell C1.
pub(crate) const ACCOUNT: &str = "0123456789";

/// The station's cell C1 reaches from 104.0 to 104.1 east, C2 from there to 104.2; both from
/// 30.0 to 30.1 north. In C1, A and B are `a` and `b`; C2 has none. All managers are of one
/// team.
pub(crate) struct Township {
    pub(crate) fixture: Fixture,
    pub(crate) station: OrgId,
    pub(crate) a: person::Model,
    pub(crate) b: person::Model,
    /// A manager of the same team.
    pub(crate) c: person::Model,
    /// Staff of the station.
    pub(crate) clerk: person::Model,
    /// Staff of the sibling station.
    pub(crate) sibling: person::Model,
    /// Staff of the center.
    pub(crate) center: person::Model,
}

fn at(lon: f64, lat: f64) -> Wgs84 {
    Wgs84::new(lon, lat).unwrap()
}

pub(crate) fn rectangle(west: f64, east: f64) -> Shape {
    let corners = [(west, 30.0), (east, 30.0), (east, 30.1), (west, 30.1)];
    let ring = corners.map(|(lon, lat)| at(lon, lat)).to_vec();
    Shape::new(vec![vec![ring]]).unwrap()
}

fn content() -> Content {
    let cell = |code: &str, west, east| CellContent {
        code: code.to_owned(),
        name: code.to_owned(),
        outline: rectangle(west, east),
    };
    let area = |code: &str, lon, cell: &str| AreaContent {
        code: code.to_owned(),
        name: code.to_owned(),
        position: at(lon, 30.05),
        feeder: None,
        customers: 1,
        area_class: AreaClass::Urban,
        cell: Some(cell.to_owned()),
    };
    Content {
        boundary: rectangle(104.0, 104.2),
        station_areas: vec![area("T1", 104.05, "C1"), area("T2", 104.15, "C2")],
        cells: vec![cell("C1", 104.0, 104.1), cell("C2", 104.1, 104.2)],
    }
}

impl Township {
    pub(crate) async fn new() -> Self {
        Self::on(Fixture::new().await).await
    }

    /// On SQLite, and on PostgreSQL where there is one.
    pub(crate) async fn on_each() -> Vec<Self> {
        let mut towns = vec![Self::new().await];
        if let Some(fixture) = Fixture::on_postgres().await {
            towns.push(Self::on(fixture).await);
        }
        towns
    }

    async fn on(fixture: Fixture) -> Self {
        let top = fixture.unit(UnitKind::Center, None).await;
        let station = fixture.unit(UnitKind::Station, Some(top)).await;
        let sibling = fixture.unit(UnitKind::Station, Some(top)).await;
        let team = fixture.unit(UnitKind::Team, Some(station)).await;
        let township = Self {
            station,
            a: fixture.person(Role::Manager, team).await,
            b: fixture.person(Role::Manager, team).await,
            c: fixture.person(Role::Manager, team).await,
            clerk: fixture.person(Role::Station, station).await,
            sibling: fixture.person(Role::Station, sibling).await,
            center: fixture.person(Role::Center, top).await,
            fixture,
        };
        township.lay_out().await;
        township
    }

    async fn lay_out(&self) {
        let (station, author) = (self.station, PersonId(self.clerk.id));
        let (a, b) = (PersonId(self.a.id), PersonId(self.b.id));
        self.fixture
            .write(move |tx, app| {
                Box::pin(async move {
                    let proposal = Proposal {
                        station,
                        base: 0,
                        content: content(),
                        effective_from: app.now(),
                        author,
                        reason: "first".to_owned(),
                    };
                    store::accept(tx, app, proposal).await?;
                    let customer = NewCustomer {
                        account_no: ACCOUNT.to_owned(),
                        name: "Wang Fang".to_owned(),
                        phone: "13800138000".to_owned(),
                        address: "No. 1".to_owned(),
                        meter_no: String::new(),
                        station_area: "T1".to_owned(),
                        position: None,
                    };
                    store::import_customers(tx, app, station, vec![customer]).await?;
                    let cells = cell::Entity::find().all(tx).await?;
                    let first = cells.iter().find(|cell| cell.code == "C1").unwrap();
                    let wish = Wish {
                        a: Some(a),
                        b: Some(b),
                        from: None,
                    };
                    let cell = (station, CellId(first.id));
                    store::set_roles(tx, app, cell, wish, author).await
                })
            })
            .await;
        refresh::refresh(self.app()).await.unwrap();
    }

    pub(crate) fn app(&self) -> &App {
        &self.fixture.app
    }

    pub(crate) async fn caller(&self, person: &person::Model) -> Caller {
        let tokens = self.fixture.sign_in(person).await;
        identify(self.app(), &tokens.access_token).await.unwrap()
    }

    /// Takes an order in as `person`; `change` overrides fields of a plain order at a
    /// point in C1.
    pub(crate) async fn try_take_in(
        &self,
        person: &person::Model,
        change: Value,
    ) -> Result<TakenIn, Problem> {
        let intake = intake(change)?;
        let (app, caller) = (self.app().clone(), self.caller(person).await);
        attempt(self.app(), move |tx, _| {
            Box::pin(async move { take_in(tx, &app, &caller, &intake).await })
        })
        .await
    }

    /// Takes an order in as the clerk.
    pub(crate) async fn take_in(&self, change: Value) -> OrderId {
        let taken = self.try_take_in(&self.clerk, change).await.unwrap();
        taken.order()
    }

    pub(crate) async fn row(&self, order: OrderId) -> service_order::Model {
        let found = service_order::Entity::find_by_id(order.0);
        found.one(self.app().store.read()).await.unwrap().unwrap()
    }

    /// The state, folded anew; the projection must agree.
    pub(crate) async fn state(&self, order: OrderId) -> OrderState {
        let row = self.row(order).await;
        let db = self.app().store.read();
        let state = ledger::folded(db, self.app(), &row).await.unwrap();
        assert_eq!(gridcrew_sync_protocol::wire::encode(&state), row.state);
        state
    }

    pub(crate) async fn records(&self, order: OrderId) -> Vec<Sourced> {
        ledger::records(self.app().store.read(), order)
            .await
            .unwrap()
    }
}

/// A sent order, checked.
pub(crate) fn intake(change: Value) -> Result<Intake, Problem> {
    new_order(change).check()
}

/// A plain order at a point in C1, with some fields otherwise.
pub(crate) fn new_order(change: Value) -> NewOrder {
    serde_json::from_value(plain_order(change)).unwrap()
}

pub(crate) fn plain_order(change: Value) -> Value {
    let mut order = json!({
        "source": "95598", "outside_no": "1", "template": "fault_repair", "address": "No. 1",
        "contact_name": "Wang Fang", "contact_phone": "13800138000", "phenomenon": "no power",
        "position": { "lon": 104.05, "lat": 30.05, "datum": "WGS-84" },
    });
    let change = change.as_object().unwrap().clone();
    order.as_object_mut().unwrap().extend(change);
    order
}

/// Work of a test in a transaction whose outcome the test looks at.
pub(crate) async fn attempt<T, F>(app: &App, work: F) -> Result<T, Problem>
where
    T: Send + 'static,
    F: for<'t> FnOnce(
            &'t DatabaseTransaction,
            App,
        ) -> futures_util::future::BoxFuture<'t, Result<T, Problem>>
        + Send
        + 'static,
{
    let this = app.clone();
    app.store.write(move |tx| work(tx, this)).await
}
