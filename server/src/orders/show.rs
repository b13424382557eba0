//! One order as it is shown: its state, how each deadline came to stand as it does, what is
//! next, and the customer's details as far as the reader may see them.

use super::{
    names::{Names, Wanted},
    photos::PhotosHeld,
    rows::service_order,
    view::{
        AssignmentView, DeadlineView, DetailsView, EvidenceView, NextStep, OrderView, PhotoCount,
        StepView,
    },
};
use crate::{
    app::App,
    edge::Problem,
    media,
    people::{Caller, telephone},
};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::PersonId,
    order::{Deadline, DeadlineOutcome, DoneStep, OrderState, Status},
    record::{OrderDetails, Owner},
    time::UnixMillis,
    wire,
    workflow::{StepCode, Template, Words, next_steps},
};
use sea_orm::ConnectionTrait;

/// Shows an order.
///
/// # Errors
/// A problem of the database, or `internal` when what is stored cannot be read.
pub async fn show<C: ConnectionTrait>(
    db: &C,
    app: &App,
    caller: &Caller,
    row: &service_order::Model,
) -> Result<OrderView, Problem> {
    let state: OrderState = wire::decode(&row.state).map_err(Problem::internal)?;
    let details: OrderDetails = wire::decode(&row.details).map_err(Problem::internal)?;
    let template = app.templates.edition(&state.template)?;
    let names = wanted(row, &state).look_up(db).await?;
    let shown = state.steps.values().flat_map(|step| &step.done.photos);
    let held = PhotosHeld::among(db, shown.map(|photo| photo.digest)).await?;
    let counts = media::counts(db, &[state.order]).await?;
    let photos = counts.get(&state.order).copied().unwrap_or_default();
    let open = state.status != Status::Returned;
    let next = next_steps(template, &state.done())
        .into_iter()
        .filter(|_| open);
    Ok(OrderView {
        id: state.order,
        source: row.source.clone(),
        outside_no: row.outside_no.clone(),
        title: template.title.clone(),
        station: names.unit(state.station),
        area_class: state.area_class,
        customer: state.customer,
        cell: state.cell.map(|cell| names.cell(cell)),
        station_area: state.station_area,
        details: details_for(caller, &state, details),
        reported_at: state.reported_at,
        accepted_at: state.accepted_at,
        accepted_by: names.person(PersonId(row.accepted_by)),
        status: state.status,
        owner: state.owner.map(|owner| names.owner(owner)),
        term: state.term,
        assignments: assignments(&state, &names),
        taken_at: state.taken_at.map(|taken| taken.at),
        steps: steps(template, &state, &names, &held),
        next_steps: next
            .map(|step| NextStep {
                code: step.code.clone(),
                title: step.title.clone(),
                hint: step.hint.clone(),
                optional: step.optional,
                closes: step.closes,
            })
            .collect(),
        deadlines: deadlines(template, &state, caller.now),
        photos: PhotoCount {
            promised: photos.promised,
            held: photos.held,
        },
        evidence: evidence(&state),
        records: state.records,
        sureness: state.sureness,
        state_digest: Digest::of(&row.state),
        template: state.template,
    })
}

fn wanted(row: &service_order::Model, state: &OrderState) -> Wanted {
    let mut wanted = Wanted::default();
    wanted.people.insert(row.accepted_by);
    wanted
        .people
        .extend(state.steps.values().map(|step| step.by.0));
    wanted.units.insert(state.station.0);
    wanted.cells.extend(state.cell.map(|cell| cell.0));
    for assignment in &state.assignments {
        wanted.owner(assignment.owner);
    }
    wanted
}

fn assignments(state: &OrderState, names: &Names) -> Vec<AssignmentView> {
    state
        .assignments
        .iter()
        .map(|assignment| AssignmentView {
            term: assignment.term,
            owner: names.owner(assignment.owner),
            rung: assignment.rung,
            reason: assignment.reason.clone(),
            since: assignment.since,
        })
        .collect()
}

fn steps(
    template: &Template,
    state: &OrderState,
    names: &Names,
    held: &PhotosHeld,
) -> Vec<StepView> {
    let view = |title: &Words, code: &StepCode, step: &DoneStep| StepView {
        code: code.clone(),
        title: title.clone(),
        at: step.at.at,
        sureness: step.at.sureness,
        by: names.person(step.by),
        values: step.done.values.clone(),
        photos: step
            .done
            .photos
            .iter()
            .map(|photo| held.view(photo))
            .collect(),
        missing: step.missing.clone(),
        times: step.times,
    };
    template
        .steps
        .iter()
        .filter_map(|spec| {
            let step = state.steps.get(&spec.code)?;
            Some(view(&spec.title, &spec.code, step))
        })
        .collect()
}

fn deadlines(template: &Template, state: &OrderState, now: UnixMillis) -> Vec<DeadlineView> {
    let of = |code: &str| -> Option<&Deadline> {
        state
            .deadlines
            .iter()
            .find(|deadline| deadline.code == code)
    };
    template
        .deadlines
        .iter()
        .filter_map(|rule| {
            let deadline = of(&rule.code)?;
            let over = deadline.due.is_some_and(|due| due <= now);
            let minutes = rule.limit(state.area_class).0 / 60_000;
            Some(DeadlineView {
                code: rule.code.clone(),
                title: rule.title.clone(),
                from: rule.from.clone(),
                to: rule.to.clone(),
                limit_minutes: u32::try_from(minutes).unwrap_or(u32::MAX),
                source: rule.source.clone(),
                due: deadline.due,
                reached_at: deadline.reached.map(|reached| reached.at),
                reached_sureness: deadline.reached.map(|reached| reached.sureness),
                outcome: deadline.outcome,
                late: over && deadline.outcome == DeadlineOutcome::Running,
            })
        })
        .collect()
}

fn evidence(state: &OrderState) -> Vec<EvidenceView> {
    state
        .evidence
        .iter()
        .map(|evidence| EvidenceView {
            journal: evidence.record.journal,
            seq: evidence.record.seq.0,
            reason: evidence.reason.code().to_owned(),
        })
        .collect()
}

/// The details as the caller may see them.
fn details_for(caller: &Caller, state: &OrderState, details: OrderDetails) -> DetailsView {
    let owner = match state.owner {
        Some(Owner::Person(owner)) if state.status != Status::Returned => Some(owner),
        _ => None,
    };
    let (details, phone_masked) = telephone::details_for(caller, state.station, owner, details);
    DetailsView {
        phenomenon: details.phenomenon,
        contact_name: details.contact_name,
        contact_phone: details.contact_phone,
        phone_masked,
        address: details.address,
        account_no: details.account_no,
    }
}
