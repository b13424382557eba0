//! Taking an order in: everything in one transaction, so that an order either exists with
//! its details, its trace, its owner and the reason, or not at all.

use super::{intake::Intake, rows::service_order};
use crate::{
    app::App,
    dispatch::{
        facts::Whereabouts,
        ladder::Decision,
        limits::Limits,
        place::Placed,
        route::{self, Ground, assigned},
    },
    edge::Problem,
    people::{Caller, caller::still_stands},
    territory::{
        rows::{customer, station_area},
        store::{class_of, customer_by_account},
    },
    trace::{feed_log::StationLock, ledger},
};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::{CustomerId, OrderId, OrgId},
    record::{Accepted, Event, Term},
    wire,
    workflow::{AreaClass, TemplateRef},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter, QueryOrder,
    sea_query::OnConflict,
};

/// What became of an intake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakenIn {
    /// The order is new.
    New(OrderId),
    /// The same was taken in before.
    Before(OrderId),
}

impl TakenIn {
    /// The order.
    #[must_use]
    pub const fn order(self) -> OrderId {
        match self {
            Self::New(order) | Self::Before(order) => order,
        }
    }
}

type Served = (customer::Model, Option<station_area::Model>);

/// Takes an order in, routes it and gives it to its first owner.
///
/// # Errors
/// `order.conflict`, `order.unknown_template`, `request.invalid` when nothing says which
/// station's desk it belongs to, or a problem of the database.
pub async fn take_in(
    tx: &DatabaseTransaction,
    app: &App,
    caller: &Caller,
    intake: &Intake,
) -> Result<TakenIn, Problem> {
    if let Some(before) = same_before(tx, caller, intake).await? {
        return Ok(TakenIn::Before(before));
    }
    let customer = match &intake.account_no {
        Some(account) => customer_by_account(tx, &caller.scope, account).await?,
        None => None,
    };
    intake.check_reported(app.now())?;
    let given = intake.position.map(|position| position.to_wgs84());
    let whereabouts = Whereabouts::of(customer.as_ref(), intake.account_no.is_some(), given);
    let find = || Ground::find(app, &whereabouts, &caller.scope.stations);
    let station = station_for(caller, intake, &find().placed)?;
    let lock = StationLock::take(tx, station).await?;
    // The territory may be another since the lock was waited for.
    let ground = find();
    if station_for(caller, intake, &ground.placed)? != station {
        let cause = "the order's ground changed hands while it was taken in";
        return Err(Problem::unavailable(cause));
    }
    let ground = ground.for_station(station);
    let decision = route::first_owner(tx, app, station, &ground, &whereabouts).await?;
    let customer = customer.as_ref();
    let order = OrderId(app.new_id());
    let template = app.templates.in_force(&intake.template, app.now())?;
    let new = NewRow {
        order,
        station,
        template: template.reference(),
        area_class: area_class(app, intake, customer, &ground)?,
        details: details(app, intake),
    };
    if !new.insert(tx, app, caller, intake).await? {
        // Another request took it in while this one was deciding.
        let before = same_before(tx, caller, intake).await?;
        return before
            .map(TakenIn::Before)
            .ok_or_else(|| Problem::unavailable("the order that was there is gone"));
    }
    record(tx, app, caller, &lock, intake, &new, customer, decision).await?;
    still_stands(tx, caller).await?;
    Ok(TakenIn::New(order))
}

/// The order that was taken in under the same name with the same content, if any. A name
/// counts among the stations that the caller sees: what another station calls by the same
/// number is another order, and none of his concern.
async fn same_before(
    tx: &DatabaseTransaction,
    caller: &Caller,
    intake: &Intake,
) -> Result<Option<OrderId>, Problem> {
    let named = service_order::Entity::find()
        .filter(caller.scope.of_stations("service_order"))
        .filter(service_order::Column::Source.eq(&*intake.source))
        .filter(service_order::Column::OutsideNo.eq(&*intake.outside_no))
        .order_by_asc(service_order::Column::Id)
        .all(tx)
        .await?;
    let digest = intake.digest();
    if let Some(same) = named.iter().find(|row| row.intake_digest == digest.0) {
        return Ok(Some(OrderId(same.id)));
    }
    if named.is_empty() {
        return Ok(None);
    }
    let detail = format!(
        "An order {} of the source {} was taken in before with other content.",
        intake.outside_no, intake.source
    );
    Err(Problem::new(Code::OrderConflict, detail))
}

/// The station that the order belongs to: where account or place say, else the desk that
/// was named, else the caller's own.
fn station_for(caller: &Caller, intake: &Intake, placed: &Placed) -> Result<OrgId, Problem> {
    let invalid = |detail: &str| Problem::new(Code::RequestInvalid, detail);
    if let Some(station) = intake.station_id
        && !caller.scope.has_station(station)
    {
        return Err(invalid("station_id names no station that you may see."));
    }
    placed
        .station
        .or(intake.station_id)
        .or(caller.station)
        .ok_or_else(|| {
            invalid(
                "Neither account nor place says which station the order belongs to; give \
                 station_id.",
            )
        })
}

fn details(app: &App, intake: &Intake) -> Vec<u8> {
    let mut salt = [0; 16];
    app.randomness.fill(&mut salt);
    wire::encode(&intake.details(salt))
}

struct NewRow {
    order: OrderId,
    station: OrgId,
    template: TemplateRef,
    area_class: AreaClass,
    details: Vec<u8>,
}

impl NewRow {
    /// Inserts the row with an empty projection; says whether it did.
    async fn insert(
        &self,
        tx: &DatabaseTransaction,
        app: &App,
        caller: &Caller,
        intake: &Intake,
    ) -> Result<bool, Problem> {
        use service_order::Column;
        let row = service_order::ActiveModel {
            id: Set(self.order.0),
            station_id: Set(self.station.0),
            source: Set(intake.source.clone()),
            outside_no: Set(intake.outside_no.clone()),
            intake_digest: Set(intake.digest().0.to_vec()),
            accepted_by: Set(caller.person.0),
            template_code: Set(self.template.code.clone()),
            template_version: Set(i64::from(self.template.version)),
            customer_id: Set(None),
            cell_id: Set(None),
            station_area_id: Set(None),
            status: Set("accepted".to_owned()),
            owner_person: Set(None),
            owner_desk: Set(None),
            term: Set(0),
            accepted_at: Set(app.now().0),
            next_due: Set(None),
            details: Set(self.details.clone()),
            server_seq: Set(0),
            server_link: Set(Digest::ZERO.0.to_vec()),
            state: Set(Vec::new()),
            state_digest: Set(Digest::of(&[]).0.to_vec()),
            entry_count: Set(0),
        };
        let inserted = service_order::Entity::insert(row)
            .on_conflict(
                OnConflict::columns([Column::StationId, Column::Source, Column::OutsideNo])
                    .do_nothing()
                    .to_owned(),
            )
            .exec_without_returning(tx)
            .await?;
        Ok(inserted > 0)
    }
}

/// Writes the first entries of the trace and keeps the decision.
#[expect(
    clippy::too_many_arguments,
    reason = "one caller, who has just made all of these"
)]
async fn record(
    tx: &DatabaseTransaction,
    app: &App,
    caller: &Caller,
    lock: &StationLock,
    intake: &Intake,
    new: &NewRow,
    customer: Option<&Served>,
    decision: Decision,
) -> Result<(), Problem> {
    let accepted = Event::Accepted(Accepted {
        source: intake.source.clone(),
        outside_no: intake.outside_no.clone(),
        template: new.template.clone(),
        area_class: new.area_class,
        station: new.station,
        customer: customer.map(|(customer, _)| CustomerId(customer.id)),
        position: intake.position,
        reported_at: intake.reported_at,
        details: Digest::of(&new.details),
    });
    let events = vec![accepted, assigned(Term(1), &decision)];
    ledger::append(tx, app, lock, new.order, caller.person, events).await?;
    route::keep(tx, app, new.order, Term(1), decision).await
}

/// The class that was given; else that of the account's station area; else, where the point
/// led to a cell, that of the station area of the cell nearest to it; else what the limits
/// of dispatch assume.
fn area_class(
    app: &App,
    intake: &Intake,
    customer: Option<&Served>,
    ground: &Ground,
) -> Result<AreaClass, Problem> {
    if let Some(given) = intake.area_class {
        return Ok(given);
    }
    if let Some((_, Some(area))) = customer {
        return class_of(&area.area_class);
    }
    let point = intake.position.map(|position| position.to_wgs84());
    let found = point.and_then(|point| ground.class_at(point));
    Ok(found.unwrap_or(Limits::in_force(app.now()).default_area_class))
}
