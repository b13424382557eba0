//! Which rows a person may see: the one place where every query gets its scope (I5,
//! RELIABILITY T1). Foreign and missing look the same, because both are simply not among
//! the rows.

use super::permission::{Permission, Role};
use crate::edge::Problem;
use gridcrew_sync_protocol::{
    code::Code,
    ids::{JournalId, OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    Condition,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};
use std::sync::Arc;
use uuid::Uuid;

/// Who is calling, as found anew for this request.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The person.
    pub person: PersonId,
    /// His role.
    pub role: Role,
    /// The unit of the organisation that he belongs to.
    pub org: OrgId,
    /// The station that he belongs to, if he is below one.
    pub station: Option<OrgId>,
    /// The session of his token.
    pub session: Uuid,
    /// The handheld that calls, if it is one.
    pub handheld: Option<JournalId>,
    /// When the request came.
    pub now: UnixMillis,
    /// What he may see.
    pub scope: Scope,
}

impl Caller {
    /// Refuses what the caller's role does not allow.
    ///
    /// # Errors
    /// `auth.forbidden`.
    pub fn may(&self, permission: Permission) -> Result<(), Problem> {
        let enrolled = permission != Permission::Sync || self.handheld.is_some();
        if permission.allowed_to(self.role) && enrolled {
            Ok(())
        } else {
            Err(Problem::new(
                Code::AuthForbidden,
                "Your role does not allow this.",
            ))
        }
    }

    /// Refuses who may not bring what was recorded. It counts by what its person was then: a
    /// session that is bound to a journal may deliver it, photos and all, whatever his role
    /// is now. The feed and all else go by his role.
    ///
    /// # Errors
    /// `auth.forbidden`.
    pub fn may_deliver(&self) -> Result<(), Problem> {
        match self.handheld {
            Some(_) => Ok(()),
            None => self.may(Permission::Sync),
        }
    }
}

/// What a person may see.
#[derive(Clone, Debug)]
pub struct Scope {
    /// The person.
    pub person: PersonId,
    /// His role.
    pub role: Role,
    /// The units of the organisation at and below his place (for a manager: below his
    /// station).
    pub units: Arc<[OrgId]>,
    /// The stations among them, in the order of their ids: a center may have thousands.
    pub stations: Arc<[OrgId]>,
    /// The time for which roles in cells are looked up.
    pub now: UnixMillis,
}

impl Scope {
    /// Whether the station is in scope.
    #[must_use]
    pub fn has_station(&self, station: OrgId) -> bool {
        self.stations.binary_search(&station).is_ok()
    }

    /// Condition on a table with a `station_id`: rows of the stations in scope. For what
    /// everyone of a station may see: territory, cells, station areas, feeders, handhelds.
    #[must_use]
    pub fn of_stations(&self, table: &'static str) -> Condition {
        let stations = self.stations.iter().map(|station| station.0);
        Condition::all().add(Expr::col((table, "station_id")).is_in(stations))
    }

    /// Condition on `org_unit`: units in scope.
    #[must_use]
    pub fn units(&self) -> Condition {
        let units = self.units.iter().map(|unit| unit.0);
        Condition::all().add(Expr::col(("org_unit", "id")).is_in(units))
    }

    /// Condition on `person`: people of the units in scope.
    #[must_use]
    pub fn people(&self) -> Condition {
        let units = self.units.iter().map(|unit| unit.0);
        Condition::all().add(Expr::col(("person", "org_id")).is_in(units))
    }

    /// Condition on `service_order`: a manager sees what he owns, what is in the cells where
    /// he is A or B now and what is offered to him; station and center see the orders of their
    /// stations; an administrator sees none.
    #[must_use]
    pub fn orders(&self) -> Condition {
        match self.role {
            Role::Station | Role::Center => self.of_stations("service_order"),
            Role::Manager => self.of_stations("service_order").add(
                Condition::any()
                    .add(Expr::col(("service_order", "owner_person")).eq(self.person.0))
                    .add(Expr::col(("service_order", "cell_id")).in_subquery(self.my_cells()))
                    .add(self.offered_orders()),
            ),
            Role::Administrator => nothing(),
        }
    }

    /// Condition on `service_order`: orders that an open hand-over offers to the person.
    #[must_use]
    pub fn offered_orders(&self) -> Condition {
        let offered = Query::select()
            .expr(Expr::col(("hand_over", "open_order")))
            .from("hand_over")
            .and_where(Expr::col(("hand_over", "to_person")).eq(self.person.0))
            .and_where(Expr::col(("hand_over", "open_order")).is_not_null())
            .take();
        Condition::all().add(Expr::col(("service_order", "id")).in_subquery(offered))
    }

    /// Condition on `hand_over`: a manager sees those from him and to him; station and center
    /// see those of their stations; an administrator sees none.
    #[must_use]
    pub fn hand_overs(&self) -> Condition {
        let of_stations = self.of_stations("hand_over");
        let person = |column: &'static str| Expr::col(("hand_over", column)).eq(self.person.0);
        match self.role {
            Role::Station | Role::Center => of_stations,
            Role::Manager => of_stations.add(
                Condition::any()
                    .add(person("from_person"))
                    .add(person("to_person")),
            ),
            Role::Administrator => nothing(),
        }
    }

    /// Condition on `leave`: who works in a station sees his own, also what stayed with a
    /// station that he left, and its staff all of its people's; nobody else sees why somebody
    /// is away.
    #[must_use]
    pub fn leaves(&self) -> Condition {
        let own = Expr::col(("leave", "person_id")).eq(self.person.0);
        match self.role {
            Role::Station => {
                let either = Condition::any().add(self.of_stations("leave")).add(own);
                Condition::all().add(either)
            }
            Role::Manager => Condition::all().add(own),
            Role::Center | Role::Administrator => nothing(),
        }
    }

    /// Condition on a table with an `order_id`: rows of orders in scope.
    #[must_use]
    pub fn of_orders(&self, table: &'static str) -> Condition {
        let orders = Query::select()
            .expr(Expr::col(("service_order", "id")))
            .from("service_order")
            .cond_where(self.orders())
            .take();
        Condition::all().add(Expr::col((table, "order_id")).in_subquery(orders))
    }

    /// Condition on `customer`: a manager sees those of the cells where he is A or B now.
    #[must_use]
    pub fn customers(&self) -> Condition {
        match self.role {
            Role::Station | Role::Center => self.of_stations("customer"),
            Role::Manager => {
                let areas = Query::select()
                    .expr(Expr::col(("station_area", "id")))
                    .from("station_area")
                    .and_where(Expr::col(("station_area", "cell_id")).in_subquery(self.my_cells()))
                    .take();
                self.of_stations("customer")
                    .add(Expr::col(("customer", "station_area_id")).in_subquery(areas))
            }
            Role::Administrator => nothing(),
        }
    }

    /// Condition on `cell`: a manager's own cells only.
    #[must_use]
    pub fn own_cells(&self) -> Condition {
        self.of_stations("cell")
            .add(Expr::col(("cell", "id")).in_subquery(self.my_cells()))
    }

    /// The cells where the person is A or B now.
    fn my_cells(&self) -> SelectStatement {
        let role = |column: &'static str| Expr::col(("cell_role", column));
        Query::select()
            .expr(role("cell_id"))
            .from("cell_role")
            .and_where(role("person_id").eq(self.person.0))
            .and_where(role("valid_from").lte(self.now.0))
            .cond_where(
                Condition::any()
                    .add(role("valid_until").is_null())
                    .add(role("valid_until").gt(self.now.0)),
            )
            .take()
    }
}

fn nothing() -> Condition {
    Condition::all().add(Expr::cust("1 = 0"))
}
