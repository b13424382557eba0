//! Customers: taking in a list, finding one.

use super::{allow, text};
use crate::{
    app::App,
    edge::{Json, Problem, ProblemDocument},
    people::{Caller, Permission, audit, telephone},
    territory::{
        account::account_no,
        store::{self, Imported, NewCustomer},
        storing::{self, Taking},
    },
};
use actix_web::{get, post, web};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{CellId, CustomerId, OrgId, StationAreaId},
    position::{PositionError, PositionInput, TypedPosition, Wgs84},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Most bytes of a list.
const MAX_BYTES: usize = 8 * 1024 * 1024;
/// Most customers of a list.
const MAX_CUSTOMERS: usize = 5_000;

/// A customer to be taken in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomerInput {
    /// His account number, 1 to 32 characters; full-width digits are read as plain ones. No
    /// two customers share one.
    pub account_no: String,
    /// The account's name, up to 100 characters.
    pub name: String,
    /// The telephone number, up to 40 characters.
    #[serde(default)]
    pub phone: String,
    /// The service address, up to 300 characters.
    #[serde(default)]
    pub address: String,
    /// The asset number of the meter, up to 32 characters; full-width digits are read as
    /// plain ones.
    #[serde(default)]
    pub meter_no: String,
    /// The code of the station area that supplies him.
    pub station_area: String,
    /// Where he is, with its datum, if known.
    #[schema(value_type = Option<TypedPosition>)]
    pub position: Option<PositionInput>,
}

impl CustomerInput {
    fn check(self) -> Result<NewCustomer, Problem> {
        let position = self.position.as_ref().map(PositionInput::check).transpose();
        let account = text("account_no", &account_no(&self.account_no), 1, 32)?;
        let placed = |error: PositionError| {
            let problem = Problem::from(error);
            Problem {
                detail: format!("Account {account:?}: {}", problem.detail),
                ..problem
            }
        };
        Ok(NewCustomer {
            position: position.map_err(placed)?.map(TypedPosition::to_wgs84),
            name: text("name", &self.name, 0, 100)?,
            phone: text("phone", &self.phone, 0, 40)?,
            address: text("address", &self.address, 0, 300)?,
            // Written in one way, as an account number is.
            meter_no: text("meter_no", &account_no(&self.meter_no), 0, 32)?,
            station_area: self.station_area,
            account_no: account,
        })
    }
}

/// Customers to be taken in, all or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomersToImport {
    /// At most 5,000.
    pub customers: Vec<CustomerInput>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomersImported {
    /// Who were new.
    pub added: usize,
    /// Who were known otherwise.
    pub changed: usize,
    /// Who were known just so.
    pub unchanged: usize,
}

/// Takes in customers of a station, known by their account numbers.
#[utoipa::path(
    operation_id = "import_customers",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station")),
    request_body = CustomersToImport,
    responses(
        (status = 200, description = "All taken in", body = CustomersImported),
        (status = "4XX", description = "A problem; none taken in", body = ProblemDocument),
    )
)]
#[post("/stations/{id}/customers")]
pub(super) async fn import_customers(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    body: Json<CustomersToImport, MAX_BYTES>,
) -> Result<web::Json<CustomersImported>, Problem> {
    let station = *station;
    allow(&caller, Permission::ManageTerritory, station)?;
    let given = body.0.customers;
    if given.len() > MAX_CUSTOMERS {
        let detail = format!(
            "{} customers at once; send at most {MAX_CUSTOMERS}.",
            given.len()
        );
        return Err(Problem::new(Code::TerritoryTooLarge, detail));
    }
    let customers: Vec<NewCustomer> = given
        .into_iter()
        .map(CustomerInput::check)
        .collect::<Result<_, _>>()?;
    let Imported {
        added,
        changed,
        unchanged,
    } = storing::accounts(
        &app,
        caller.into(),
        station,
        (customers, None),
        Taking::ForGood,
    )
    .await?;
    Ok(web::Json(CustomersImported {
        added,
        changed,
        unchanged,
    }))
}

/// Which customer.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CustomerQuery {
    /// The account number, whole; full-width digits are read as plain ones.
    account_no: String,
}

/// A customer.
#[derive(Debug, Serialize, ToSchema)]
pub struct CustomerFound {
    /// The id.
    pub id: CustomerId,
    /// The account number.
    pub account_no: String,
    /// The account's name.
    pub name: String,
    /// The telephone number: whole for staff of the station, for others only its end.
    pub phone: String,
    /// Whether digits of the number are hidden.
    pub phone_masked: bool,
    /// The service address.
    pub address: String,
    /// The asset number of the meter; empty when it is not known.
    pub meter_no: String,
    /// The station that serves him.
    pub station: OrgId,
    /// The station area that supplies him.
    pub station_area: StationAreaId,
    /// The cell that it is in.
    pub cell: Option<CellId>,
    /// Where he is, if known.
    pub position: Option<Wgs84>,
}

/// The customer with an account number. Who asked for whom is written down.
#[utoipa::path(
    operation_id = "find_customer",
    tag = "territory",
    params(CustomerQuery),
    responses(
        (status = 200, description = "The customer", body = CustomerFound),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/customers")]
pub(super) async fn find_customer(
    app: web::Data<App>,
    caller: Caller,
    query: web::Query<CustomerQuery>,
) -> Result<web::Json<CustomerFound>, Problem> {
    caller.may(Permission::ReadOrders)?;
    let account_no = account_no(&query.account_no);
    let (customer, area) = store::customer_by_account(app.store.read(), &caller.scope, &account_no)
        .await?
        .ok_or_else(Problem::not_found)?;
    let id = CustomerId(customer.id);
    audit::record_reading(&app, &caller, "customer.read", id).await?;
    let whole = telephone::sees_whole(&caller, OrgId(customer.station_id), None);
    let phone_masked = !whole && !customer.phone.is_empty();
    let phone = if whole {
        customer.phone
    } else {
        telephone::masked(&customer.phone)
    };
    let place = customer.lon.zip(customer.lat);
    Ok(web::Json(CustomerFound {
        id,
        account_no: customer.account_no,
        name: customer.name,
        phone,
        phone_masked,
        address: customer.address,
        meter_no: customer.meter_no,
        station: OrgId(customer.station_id),
        station_area: StationAreaId(customer.station_area_id),
        cell: area.and_then(|area| area.cell_id).map(CellId),
        position: place
            .map(|(lon, lat)| Wgs84::new(lon, lat))
            .transpose()
            .map_err(Problem::internal)?,
    }))
}
