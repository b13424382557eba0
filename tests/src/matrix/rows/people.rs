//! Signing in, the organisation, people, handhelds, the log, duty.

use super::{EVERYONE, STATUS_ONLY, same, within};
use crate::{
    client::Reply,
    failure::Fallible,
    matrix::{
        ask::Ask,
        founding::word,
        row::{Kind, Reads, Row, Target, Verdict, Who},
        world::{Caller, Person, Role, Unit, UnitKind, World},
    },
    township::{PASSWORD, id_of},
};
use gridcrew_sync_protocol::ids::{JournalId, OrgId, PersonId};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use uuid::Uuid;

const READS_PEOPLE: Who = Who::Roles(&[Role::Station, Role::Center, Role::Administrator]);
const MANAGES_PEOPLE: Who = Who::Roles(&[Role::Administrator]);
const MANAGES_HANDHELDS: Who = Who::Roles(&[Role::Station, Role::Administrator]);
const MANAGES_DUTY: Who = Who::Roles(&[Role::Station]);
const ITEMS: &str = "items";
const AFTER: &str = "after";

pub(super) fn rows() -> Vec<Row> {
    let mut rows = account();
    rows.extend(organisation());
    rows.extend(people());
    rows.extend(handhelds_and_duty());
    rows
}

fn account() -> Vec<Row> {
    let list = |queries| Reads::List {
        items: ITEMS,
        next: AFTER,
        queries,
    };
    vec![
        Row::reading(
            "health",
            Who::Anybody,
            Kind::Nothing,
            plain,
            always_200,
            STATUS_ONLY,
        ),
        Row::by_hand("login", Who::Anybody, |_, _, _| {
            Ask::plain().json(json!({ "login": "nobody", "password": PASSWORD }))
        }),
        Row::by_hand("refresh", Who::Anybody, |_, _, _| {
            Ask::plain().json(json!({ "refresh_token": "none" }))
        }),
        Row::by_hand("enrol_handheld", Who::Anybody, |_, _, _| {
            Ask::plain().json(json!({
                "code": "", "public_key": "", "proof": "", "device_name": "",
            }))
        }),
        Row::by_hand("ask_wipe_order", Who::Anybody, |_, _, _| {
            Ask::about(&Uuid::nil().to_string()).json(json!({ "done": false, "proof": "" }))
        }),
        Row::by_hand("logout", Who::Roles(EVERYONE), plain),
        Row::by_hand("change_my_password", Who::Roles(EVERYONE), |_, _, _| {
            Ask::plain().json(json!({ "current": PASSWORD, "new": PASSWORD }))
        }),
        Row::reading(
            "read_me",
            Who::Roles(EVERYONE),
            Kind::Nothing,
            plain,
            always_200,
            Reads::One(me),
        ),
        Row::reading(
            "list_my_sessions",
            Who::Roles(EVERYONE),
            Kind::Nothing,
            plain,
            always_200,
            list(&[("", "", World::all_sessions)]),
        ),
        Row::writing(
            "end_my_session",
            Who::Roles(EVERYONE),
            Kind::Session,
            about,
            |world, caller, target| {
                Verdict::done_if(world.all_sessions(caller).contains(&target.id()), 204)
            },
        )
        .spending()
        .learning(|world, _, target, _| {
            let ended: Uuid = target.id();
            world.sessions.retain(|(_, session)| *session != ended);
            Ok(())
        }),
    ]
}

fn me(world: &World, caller: &Caller, _: &Target, reply: &Reply) -> Fallible<()> {
    let me: Value = serde_json::from_slice(&reply.bytes)?;
    let person: PersonId = id_of(&me["person"], "id")?;
    same("person", &person, &caller.person)?;
    let stations: BTreeSet<Uuid> = serde_json::from_value(me["stations"].clone())?;
    same("stations", &stations, &world.all_stations(caller))?;
    let station: Option<OrgId> = serde_json::from_value(me["station"].clone())?;
    same("station", &station, &world.station_of(caller.unit))?;
    let units: usize = serde_json::from_value(me["units"].clone())?;
    same("units", &units, &world.all_units(caller).len())?;
    let handheld: Option<JournalId> = serde_json::from_value(me["handheld"].clone())?;
    let own = caller.hand.as_ref().map(|hand| hand.raw.journal);
    same("handheld", &handheld, &own)
}

fn organisation() -> Vec<Row> {
    vec![
        Row::reading(
            "list_org_units",
            READS_PEOPLE,
            Kind::Nothing,
            plain,
            always_200,
            Reads::List {
                items: ITEMS,
                next: AFTER,
                queries: &[("", "", World::all_units)],
            },
        ),
        Row::writing(
            "add_org_unit",
            MANAGES_PEOPLE,
            Kind::Unit,
            |world, _, target| {
                let kind = child_of(world, target).unwrap_or(UnitKind::Team);
                Ask::plain().json(json!({
                    "parent": target.key, "kind": word(kind), "name": "new", "code": "new",
                }))
            },
            |world, caller, target| {
                let visible = world.sees_unit(caller, target.id());
                match child_of(world, target) {
                    None if visible => Verdict::Refused(422, "request.invalid"),
                    _ => Verdict::done_if(visible, 201),
                }
            },
        )
        .learning(|world, _, target, made| {
            let kind = child_of(world, target).unwrap_or(UnitKind::Team);
            world.units.push(Unit {
                id: id_of(made, "id")?,
                parent: Some(target.id()),
                kind,
            });
            Ok(())
        }),
    ]
}

/// What can be added below a unit, of all that can the least.
fn child_of(world: &World, target: &Target) -> Option<UnitKind> {
    match world.unit(target.id())?.kind {
        UnitKind::Center => Some(UnitKind::Station),
        UnitKind::Station => Some(UnitKind::Team),
        UnitKind::Crew | UnitKind::Team => None,
    }
}

fn people() -> Vec<Row> {
    vec![
        Row::reading(
            "list_people",
            READS_PEOPLE,
            Kind::Nothing,
            plain,
            always_200,
            Reads::List {
                items: ITEMS,
                next: AFTER,
                queries: &[
                    ("", "", World::all_people),
                    ("role", "administrator", |world, caller| {
                        let known = world.people.iter();
                        known
                            .filter(|person| person.role == Role::Administrator)
                            .filter(|person| world.sees_person(caller, person.id))
                            .map(|person| person.id.into())
                            .collect()
                    }),
                ],
            },
        ),
        Row::reading(
            "read_person",
            READS_PEOPLE,
            Kind::Person,
            about,
            |world, caller, target| Verdict::done_if(world.sees_person(caller, target.id()), 200),
            Reads::One(person),
        ),
        Row::writing(
            "add_person",
            MANAGES_PEOPLE,
            Kind::Unit,
            |world, _, target| {
                let login = format!("p{}", world.number());
                Ask::plain().json(json!({
                    "org": target.key, "name": "new", "login": login,
                    "role": role_at(world, target).name(),
                }))
            },
            |world, caller, target| Verdict::done_if(world.sees_unit(caller, target.id()), 201),
        )
        .learning(|world, _, target, made| {
            let role = role_at(world, target);
            world.people.push(Person {
                id: id_of(made, "id")?,
                unit: target.id(),
                role,
                disabled: false,
            });
            Ok(())
        }),
        Row::writing(
            "change_person",
            MANAGES_PEOPLE,
            Kind::Person,
            |_, _, target| {
                Ask::about(&target.key).json(json!({ "name": "other", "disabled": false }))
            },
            |world, caller, target| Verdict::done_if(world.sees_person(caller, target.id()), 200),
        )
        .spending()
        .comparing(person),
        Row::writing(
            "reset_password",
            MANAGES_PEOPLE,
            Kind::Person,
            |_, _, target| Ask::about(&target.key).json(json!({ "password": PASSWORD })),
            |world, caller, target| Verdict::done_if(world.sees_person(caller, target.id()), 204),
        )
        .spending(),
        Row::reading(
            "read_audit",
            MANAGES_PEOPLE,
            Kind::Nothing,
            |_, _, _| Ask::plain().query("limit", 200),
            always_200,
            Reads::One(log),
        ),
    ]
}

fn role_at(world: &World, target: &Target) -> Role {
    match world.unit(target.id()).map(|unit| unit.kind) {
        Some(UnitKind::Center) => Role::Center,
        _ => Role::Manager,
    }
}

fn person(world: &World, _: &Caller, target: &Target, reply: &Reply) -> Fallible<()> {
    let shown: Value = serde_json::from_slice(&reply.bytes)?;
    let (id, org): (PersonId, OrgId) = (id_of(&shown, "id")?, id_of(&shown, "org")?);
    same("id", &id, &target.id())?;
    same(
        "unit",
        &Some(org),
        &world.person(id).map(|person| person.unit),
    )?;
    let text = shown.to_string();
    same("a password", &text.contains("password"), &false)
}

/// Each line is by someone of the administrator's units, or was written at one of his
/// stations; and what his own people did is there.
fn log(world: &World, caller: &Caller, _: &Target, reply: &Reply) -> Fallible<()> {
    let page: Value = serde_json::from_slice(&reply.bytes)?;
    let (people, stations) = (world.all_people(caller), world.all_stations(caller));
    let unit = world.unit(caller.unit);
    let at_the_top = unit.is_some_and(|unit| unit.parent.is_none());
    let lines = page[ITEMS].as_array().into_iter().flatten();
    let mut strange = BTreeSet::new();
    let mut count = 0;
    for line in lines {
        count += 1;
        let by: Option<Uuid> = serde_json::from_value(line["person"].clone())?;
        let at: Option<Uuid> = serde_json::from_value(line["station"].clone())?;
        let of_his = by.is_some_and(|by| people.contains(&by));
        // What strangers tried is of no unit; it is read at the top.
        if at_the_top && by.is_none() && at.is_none() {
            continue;
        }
        if !of_his && !at.is_some_and(|at| stations.contains(&at)) {
            strange.insert(line.to_string());
        }
    }
    same("an empty log", &(count == 0), &false)?;
    within("lines of the log", &strange, &BTreeSet::new())
}

fn handhelds_and_duty() -> Vec<Row> {
    vec![
        Row::writing(
            "issue_enrolment_code",
            MANAGES_HANDHELDS,
            Kind::Person,
            about,
            |world, caller, target| {
                let visible = world.sees_person(caller, target.id());
                match world.person(target.id()).map(|person| person.role) {
                    Some(role) if visible && role != Role::Manager => {
                        Verdict::Refused(422, "request.invalid")
                    }
                    _ => Verdict::done_if(visible, 201),
                }
            },
        ),
        Row::reading(
            "list_handhelds",
            MANAGES_HANDHELDS,
            Kind::Nothing,
            plain,
            always_200,
            Reads::List {
                items: ITEMS,
                next: AFTER,
                queries: &[("", "", World::all_devices)],
            },
        ),
        Row::reading(
            "list_set_aside",
            READS_PEOPLE,
            Kind::Device,
            about,
            |world, caller, target| Verdict::done_if(world.sees_device(caller, target.id()), 200),
            Reads::One(of_the_handheld),
        ),
        Row::reading(
            "show_diagnostics",
            READS_PEOPLE,
            Kind::Device,
            about,
            |world, caller, target| Verdict::done_if(world.sees_device(caller, target.id()), 200),
            Reads::One(of_the_handheld),
        ),
        Row::writing(
            "revoke_handheld",
            MANAGES_HANDHELDS,
            Kind::Device,
            about,
            |world, caller, target| Verdict::done_if(world.sees_device(caller, target.id()), 200),
        )
        .spending()
        .learning(|world, _, target, _| {
            let device = world.device(target.id()).map(|device| device.person);
            world.sessions.retain(|(person, _)| Some(*person) != device);
            Ok(())
        }),
        Row::writing(
            "wipe_handheld",
            MANAGES_HANDHELDS,
            Kind::Device,
            |_, _, target| Ask::about(&target.key).json(json!({ "form": "at_once" })),
            |world, caller, target| Verdict::done_if(world.sees_device(caller, target.id()), 200),
        )
        .spending(),
        Row::writing(
            "take_wipe_back",
            MANAGES_HANDHELDS,
            Kind::Device,
            about,
            |world, caller, target| Verdict::done_if(world.sees_device(caller, target.id()), 204),
        ),
        Row::writing(
            "set_off_duty",
            MANAGES_DUTY,
            Kind::Person,
            |_, _, target| Ask::about(&target.key).json(json!({ "reason": "on leave" })),
            |world, caller, target| Verdict::done_if(world.sees_person(caller, target.id()), 200),
        )
        .spending()
        // Each such absence is a leave.
        .learning(|world, _, _, made| {
            for id in made["leaves"].as_array().into_iter().flatten() {
                let leave =
                    json!({ "id": id, "person": made["person"], "station": made["station"] });
                world.note_leave(&leave)?;
            }
            Ok(())
        }),
        Row::writing(
            "set_on_duty",
            MANAGES_DUTY,
            Kind::Person,
            about,
            |world, caller, target| {
                let own = target.id::<PersonId>() == caller.person;
                match world.sees_person(caller, target.id()) {
                    true if own => Verdict::Refused(403, "leave.own"),
                    visible => Verdict::done_if(visible, 204),
                }
            },
        ),
    ]
}

/// It is told of the handheld that was asked for.
fn of_the_handheld(_: &World, _: &Caller, target: &Target, reply: &Reply) -> Fallible<()> {
    let shown: Value = serde_json::from_slice(&reply.bytes)?;
    let device: JournalId = id_of(&shown, "handheld")?;
    same("handheld", &device, &target.id())
}

fn plain(_: &World, _: &Caller, _: &Target) -> Ask {
    Ask::plain()
}

fn about(_: &World, _: &Caller, target: &Target) -> Ask {
    Ask::about(&target.key)
}

fn always_200(_: &World, _: &Caller, _: &Target) -> Verdict {
    Verdict::Done(200)
}
