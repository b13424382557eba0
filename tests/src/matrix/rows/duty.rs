//! Leave, duty tables, bases, and the cells without a present A or B.

use super::STATUS_ONLY;
use crate::matrix::{
    ask::Ask,
    row::{Kind, Reads, Row, Target, Verdict, Who},
    world::{Caller, Role, World},
};
use gridcrew_sync_protocol::ids::OrgId;
use serde_json::json;

const ASKS: Who = Who::Roles(&[Role::Manager, Role::Station]);
const DECIDES: Who = Who::Roles(&[Role::Station]);
const READS: Who = Who::Roles(&[Role::Manager, Role::Station, Role::Center]);
const MANAGES: Who = Who::Roles(&[Role::Station, Role::Administrator]);

pub(super) fn rows() -> Vec<Row> {
    let mut rows = reading();
    rows.extend(leaves());
    rows.extend(writing());
    rows
}

fn reading() -> Vec<Row> {
    vec![
        Row::reading(
            "list_leaves",
            ASKS,
            Kind::Nothing,
            |_, _, _| Ask::plain(),
            |_, _, _| Verdict::Done(200),
            Reads::List {
                items: "leaves",
                next: "after",
                queries: &[("", "", World::all_leaves)],
            },
        ),
        Row::reading(
            "read_leave",
            ASKS,
            Kind::Leave,
            |_, _, target| Ask::about(&target.key),
            leave_if_seen,
            STATUS_ONLY,
        ),
        Row::reading(
            "read_duty_table",
            READS,
            Kind::Unit,
            |_, _, target| Ask::about(&target.key),
            |world, caller, target| Verdict::done_if(has_table(world, caller, target), 200),
            STATUS_ONLY,
        ),
        Row::reading(
            "read_duty_gaps",
            READS,
            Kind::Ground,
            |_, _, target| Ask::about(&target.key),
            |world, caller, target| Verdict::done_if(world.sees_station(caller, target.id()), 200),
            STATUS_ONLY,
        ),
    ]
}

fn leave_if_seen(world: &World, caller: &Caller, target: &Target) -> Verdict {
    Verdict::done_if(world.sees_leave(caller, target.id()), 200)
}

/// Whether it is a station, team or crew in reach.
fn has_table(world: &World, caller: &Caller, target: &Target) -> bool {
    let unit: OrgId = target.id();
    world.station_of(unit).is_some() && world.sees_unit(caller, unit)
}

/// It is visible, but stands otherwise.
fn refused_if(visible: bool, code: &'static str) -> Verdict {
    if visible {
        Verdict::Refused(409, code)
    } else {
        Verdict::NOT_FOUND
    }
}

fn leaves() -> Vec<Row> {
    vec![
        Row::writing(
            "ask_leave",
            ASKS,
            Kind::Nothing,
            |world, caller, _| Ask::plain().json(world.new_leave(caller.person)),
            |_, _, _| Verdict::Done(201),
        )
        .learning(|world, _, _, made| world.note_leave(made).map(drop)),
        Row::writing(
            "approve_leave",
            DECIDES,
            Kind::Leave,
            |_, _, target| Ask::about(&target.key).json(json!({})),
            // Each has an A or B beside him who is there.
            leave_if_seen,
        )
        .spending(),
        Row::writing(
            "refuse_leave",
            DECIDES,
            Kind::Leave,
            |_, _, target| Ask::about(&target.key).json(json!({ "reason": "a storm" })),
            leave_if_seen,
        )
        .spending(),
        Row::writing(
            "withdraw_leave",
            ASKS,
            Kind::Leave,
            |_, _, target| Ask::about(&target.key),
            leave_if_seen,
        )
        .spending(),
        Row::writing(
            "end_leave",
            ASKS,
            Kind::Leave,
            |_, _, target| Ask::about(&target.key).json(json!({})),
            |world, caller, target| {
                refused_if(world.sees_leave(caller, target.id()), "leave.decided")
            },
        ),
        Row::writing(
            "state_leave",
            ASKS,
            Kind::Leave,
            |_, _, target| Ask::about(&target.key).json(json!({ "text": "it was so" })),
            |world, caller, target| {
                refused_if(world.sees_leave(caller, target.id()), "leave.decided")
            },
        ),
    ]
}

fn writing() -> Vec<Row> {
    vec![
        Row::writing(
            "set_base",
            MANAGES,
            Kind::Person,
            |_, _, target| {
                let base = json!({ "datum": "WGS-84", "lon": 116.6, "lat": 33.0 });
                Ask::about(&target.key).json(json!({ "base": base }))
            },
            |world, caller, target| Verdict::done_if(world.sees_person(caller, target.id()), 200),
        ),
        Row::writing(
            "replace_duty_table",
            DECIDES,
            Kind::Unit,
            |_, _, target| {
                // Of a version that never is: whoever may write is told so.
                let table = json!({
                    "name": "nights", "from": "2026-01-01", "to": "2026-01-02",
                    "windows": [{ "kind": "night", "start": "18:00", "end": "08:00" }],
                });
                Ask::about(&target.key).json(json!({ "of_version": -1, "table": table }))
            },
            |world, caller, target| refused_if(has_table(world, caller, target), "conflict"),
        ),
        Row::writing(
            "remove_duty_table",
            DECIDES,
            Kind::Unit,
            |_, _, target| Ask::about(&target.key),
            // Nobody has one here.
            |_, _, _| Verdict::NOT_FOUND,
        ),
    ]
}
