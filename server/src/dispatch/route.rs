//! Decisions into the trace: who gets the order first, and who after him.
//!
//! Everything here runs under the station's lock, on what the trace says at that moment: so
//! of several processes, or of a push and an escalation at once, one decides and the others
//! find that it is decided.

use super::{
    explain::sentence,
    facts::{self, Whereabouts},
    hand_over,
    ladder::{Decision, LetGo, PersonFacts, Situation, decide, handed_to, let_go_so_far},
    limits::Limits,
    place::{Known, Placed, place},
};
use crate::{
    app::App,
    duty::stand_in,
    edge::Problem,
    orders::rows::{routing_decision, service_order},
    territory::{
        roles::Managers,
        snapshot::{SnapshotCell, TerritorySnapshot},
    },
    trace::{feed_log::StationLock, ledger},
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrderId, OrgId, PersonId},
    order::{OrderState, Sourced, Status, fold},
    position::Wgs84,
    record::{Assigned, Event, OrderDetails, Owner, Term},
    time::UnixMillis,
    wire,
    workflow::{AreaClass, Words},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait, QueryFilter};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;
use uuid::Uuid;

/// Whom the trace names where the server itself decided.
pub const SERVER: PersonId = PersonId(Uuid::nil());

/// A decision as it is kept and shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The decision.
    #[serde(flatten)]
    pub decision: Decision,
    /// It as one plain sentence.
    pub sentence: Words,
}

/// Where an order belongs, with the one snapshot of the territories that all of a decision
/// rests on.
#[derive(Clone, Debug)]
pub struct Ground {
    territory: Arc<TerritorySnapshot>,
    /// Where it belongs.
    pub placed: Placed,
    /// The number of that cell among those of its station.
    cell: Option<usize>,
}

impl Ground {
    /// Of an order that only these stations may be given, by the snapshot in force. What is
    /// decided under a station's lock is looked up under it.
    #[must_use]
    pub fn find(app: &App, whereabouts: &Whereabouts, stations: &[OrgId]) -> Self {
        let territory = app.territory.load();
        let reach = Limits::in_force(app.now()).reach_m;
        let known = Known {
            account: whereabouts
                .known
                .account
                .as_of(&territory, whereabouts.account_no.as_deref()),
            ..whereabouts.known
        };
        let (placed, cell) = place(&known, &territory, reach, stations);
        Self {
            cell: cell.map(|cell| cell.number()),
            placed,
            territory,
        }
    }

    /// Of an order of this station.
    #[must_use]
    pub fn for_station(self, station: OrgId) -> Self {
        Self {
            placed: self.placed.for_station(station, &self.territory),
            ..self
        }
    }

    fn cell(&self) -> Option<SnapshotCell<'_>> {
        self.territory
            .cell_numbered(self.placed.station?, self.cell?)
    }

    /// Of an order that its station has already.
    ///
    /// # Errors
    /// A problem of the database.
    pub(super) async fn of_file(
        tx: &DatabaseTransaction,
        app: &App,
        file: &OrderFile,
    ) -> Result<Self, Problem> {
        let whereabouts = facts::whereabouts(tx, &file.records, file.account_given()).await?;
        let station = file.state.station;
        Ok(Self::find(app, &whereabouts, &[station]).for_station(station))
    }

    /// A and B of the cell.
    pub(super) fn managers(&self, now: UnixMillis) -> Managers {
        self.cell()
            .map_or_else(Managers::default, |cell| cell.managers(now))
    }

    /// The class of a point, by the station areas of the cell that was found.
    #[must_use]
    pub fn class_at(&self, point: Wgs84) -> Option<AreaClass> {
        self.cell()?.class_at(point)
    }
}

/// The first owner of an order of a station.
///
/// # Errors
/// A problem of the database.
pub async fn first_owner(
    tx: &DatabaseTransaction,
    app: &App,
    station: OrgId,
    ground: &Ground,
    whereabouts: &Whereabouts,
) -> Result<Decision, Problem> {
    let now = app.now();
    let people = facts::people_of(tx, station, now).await?;
    let stand_ins = stand_in::at(tx, station, ground.placed.cell, now).await?;
    Ok(decide(&Situation {
        station,
        placed: &ground.placed,
        managers: ground.managers(now),
        stand_ins: &stand_ins,
        origin: whereabouts.origin,
        people: &people,
        let_go: &[],
        cause: None,
        limits: Limits::in_force(now),
    }))
}

/// The event that gives an order to whom was decided on.
#[must_use]
pub fn assigned(term: Term, decision: &Decision) -> Event {
    let (rung, by) = decision.rung.traced();
    Event::Assigned(Assigned {
        term,
        owner: decision.owner,
        rung,
        by,
        reason: decision.reason.to_string(),
        cell: decision.cell(),
        station_area: decision.station_area(),
        territory_version: decision.placed.territory_version,
    })
}

/// Keeps why an order went where it went in a term.
///
/// # Errors
/// A problem of the database.
pub async fn keep(
    tx: &DatabaseTransaction,
    app: &App,
    order: OrderId,
    term: Term,
    decision: Decision,
) -> Result<(), Problem> {
    let explanation = Explanation {
        sentence: sentence(&decision),
        decision,
    };
    let row = routing_decision::ActiveModel {
        order_id: Set(order.0),
        term: Set(i64::from(term.0)),
        at: Set(app.now().0),
        explanation: Set(serde_json::to_string(&explanation).map_err(Problem::internal)?),
    };
    routing_decision::Entity::insert(row)
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// An order as the trace has it, read under the station's lock.
#[derive(Clone, Debug)]
pub struct OrderFile {
    /// Its row.
    pub row: service_order::Model,
    /// Its records.
    pub records: Vec<Sourced>,
    /// Its state.
    pub state: OrderState,
}

impl OrderFile {
    /// Reads an order of the locked station.
    ///
    /// # Errors
    /// `not_found` when it is of another station, or a problem of the database.
    pub async fn read(
        tx: &DatabaseTransaction,
        app: &App,
        lock: &StationLock,
        order: OrderId,
    ) -> Result<Self, Problem> {
        let row = Self::row(tx, lock, order).await?;
        Self::of_row(tx, app, row).await
    }

    /// Its row alone.
    ///
    /// # Errors
    /// As [`OrderFile::read`].
    pub(super) async fn row(
        tx: &DatabaseTransaction,
        lock: &StationLock,
        order: OrderId,
    ) -> Result<service_order::Model, Problem> {
        service_order::Entity::find_by_id(order.0)
            .filter(service_order::Column::StationId.eq(lock.station().0))
            .one(tx)
            .await?
            .ok_or_else(Problem::not_found)
    }

    /// The whole of the order whose row was read under the lock: every record is decoded.
    ///
    /// # Errors
    /// As [`OrderFile::read`].
    pub(super) async fn of_row(
        tx: &DatabaseTransaction,
        app: &App,
        row: service_order::Model,
    ) -> Result<Self, Problem> {
        let order = OrderId(row.id);
        let records = ledger::records(tx, order).await?;
        let template = app.templates.edition(&row.template())?;
        let state = fold(template, &records)
            .ok_or_else(|| Problem::internal(format!("order {order} was never accepted")))?;
        Ok(Self {
            row,
            records,
            state,
        })
    }

    /// Whether the order came with an account number, known or not. Details that cannot be
    /// read name none: they must not keep an order from its next owner.
    fn account_given(&self) -> bool {
        let details = wire::decode::<OrderDetails>(&self.row.details);
        details.is_ok_and(|details| details.account_no.is_some())
    }

    /// The person who owns it, as long as the work is open.
    #[must_use]
    pub fn present_owner(&self) -> Option<PersonId> {
        match self.state.owner {
            Some(Owner::Person(person)) if self.state.status != Status::Returned => Some(person),
            _ => None,
        }
    }
}

/// Gives an order to the next on the ladder, because its owner lets go of it.
///
/// # Errors
/// A problem of the database.
pub async fn pass_on(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    file: &OrderFile,
    how: LetGo,
) -> Result<OrderState, Problem> {
    let mut let_go = let_go_so_far(&file.state);
    if let Some(Owner::Person(owner)) = file.state.owner {
        let_go.push((owner, how));
    }
    let people = facts::people_of(tx, file.state.station, app.now()).await?;
    let decision = decided(tx, app, file, &people, (&let_go, how), decide).await?;
    give(tx, app, lock, file, decision).await
}

/// Gives an order to the person whom its owner named, one of these people of the station.
///
/// # Errors
/// `order.bad_owner` when he cannot own it, or a problem of the database.
pub async fn hand_over(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    people: &[PersonFacts],
    file: &OrderFile,
    to: PersonId,
) -> Result<OrderState, Problem> {
    can_own(people, file, to)?;
    let decide = |situation: &Situation<'_>| handed_to(to, situation);
    let how = let_go_by(tx, file).await?;
    let decision = decided(tx, app, file, people, (&[], how), decide).await?;
    give(tx, app, lock, file, decision).await
}

/// How the owner lets go of an order to a successor: because of leave, where the hand-over
/// that was accepted in this term is for leave.
async fn let_go_by(tx: &DatabaseTransaction, file: &OrderFile) -> Result<LetGo, Problem> {
    use hand_over::{
        CauseKind, State,
        rows::hand_over::{Column, Entity},
    };
    let accepted = Entity::find()
        .filter(Column::OrderId.eq(file.row.id))
        .filter(Column::Term.eq(i64::from(file.state.term.0)))
        .filter(Column::State.eq(State::Accepted.as_str()))
        .one(tx)
        .await?;
    let cause = accepted.and_then(|row| CauseKind::stored(&row.cause));
    Ok(match cause {
        Some(CauseKind::Leave) => LetGo::OnLeave,
        Some(CauseKind::LeaveOver) => LetGo::LeaveOver,
        Some(CauseKind::Territory) | None => LetGo::HandedOver,
    })
}

/// Refuses a successor who is not an active person of the station, is off duty, or has the
/// order already.
///
/// # Errors
/// `order.bad_owner`.
pub(super) fn can_own(
    people: &[PersonFacts],
    file: &OrderFile,
    to: PersonId,
) -> Result<(), Problem> {
    let refuse = |detail: &str| Err(Problem::new(Code::OrderBadOwner, detail));
    if file.state.owner == Some(Owner::Person(to)) {
        return refuse("This person owns the order already.");
    }
    match people.iter().find(|person| person.id == to) {
        None => refuse("Only a manager or the staff of the order's station can own it."),
        Some(person) if person.disabled => refuse("This person is disabled."),
        Some(person) if person.off_duty => refuse("This person is off duty."),
        Some(_) => Ok(()),
    }
}

async fn decided(
    tx: &DatabaseTransaction,
    app: &App,
    file: &OrderFile,
    people: &[PersonFacts],
    (let_go, cause): (&[(PersonId, LetGo)], LetGo),
    rule: impl FnOnce(&Situation<'_>) -> Decision + Send,
) -> Result<Decision, Problem> {
    let now = app.now();
    let station = file.state.station;
    let whereabouts = facts::whereabouts(tx, &file.records, file.account_given()).await?;
    let ground = Ground::find(app, &whereabouts, &[station]).for_station(station);
    let stand_ins = stand_in::at(tx, station, ground.placed.cell, now).await?;
    Ok(rule(&Situation {
        station,
        placed: &ground.placed,
        managers: ground.managers(now),
        stand_ins: &stand_ins,
        origin: whereabouts.origin,
        people,
        let_go,
        cause: Some(cause),
        limits: Limits::in_force(now),
    }))
}

async fn give(
    tx: &DatabaseTransaction,
    app: &App,
    lock: &StationLock,
    file: &OrderFile,
    decision: Decision,
) -> Result<OrderState, Problem> {
    let order = file.state.order;
    hand_over::lapse(tx, app, order).await?;
    let term = Term(file.state.term.0.saturating_add(1));
    let events = vec![assigned(term, &decision)];
    let state = ledger::append(tx, app, lock, order, SERVER, events).await?;
    keep(tx, app, order, term, decision).await?;
    Ok(state)
}
