use super::*;
use crate::{
    digest::Digest,
    ids::{JournalId, OrderId, OrgId, PersonId},
    journal::Seq,
    record::{Noted, Rung, Taken},
    time::{BootId, Millis, TimeEvidence},
    workflow::{AreaClass, TemplateRef},
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

const TEMPLATE: &str = r#"
code = "t"
version = 1
publisher = "test"
effective_from = 0
title = { zh = "测试", en = "test" }
decline_reasons = []

[[steps]]
code = "arrived"
title = { zh = "到达", en = "arrived" }
counts_from_previous_owner = true

[[steps]]
code = "repair"
title = { zh = "修", en = "repair" }
after = ["arrived"]

[[steps]]
code = "return"
title = { zh = "回单", en = "return" }
after = ["repair"]
closes = true

[[deadlines]]
code = "take"
title = { zh = "接单", en = "take" }
from = "accepted"
to = "taken"
urban_minutes = 3
rural_minutes = 3
remote_minutes = 3
source = "test"

[[deadlines]]
code = "arrive"
title = { zh = "到达", en = "arrive" }
from = "reported"
to = { step = "arrived" }
urban_minutes = 45
rural_minutes = 90
remote_minutes = 120
source = "test"
"#;

const ORDER: OrderId = OrderId(Uuid::from_u128(100));
const A: PersonId = PersonId(Uuid::from_u128(1));
const B: PersonId = PersonId(Uuid::from_u128(2));
const STATION: OrgId = OrgId(Uuid::from_u128(9));

fn template() -> Template {
    Template::from_toml(TEMPLATE).unwrap()
}

fn sourced(
    journal: u128,
    seq: u64,
    actor: PersonId,
    term: u32,
    minute: i64,
    event: Event,
) -> Sourced {
    let time = TimeEvidence::of_server(UnixMillis(minute * 60_000));
    let record = Record {
        order: ORDER,
        actor,
        term: Term(term),
        time,
        fix: None,
        event,
        claims: None,
    };
    Sourced {
        id: EntryId {
            journal: JournalId(Uuid::from_u128(journal)),
            seq: Seq(seq),
        },
        record,
    }
}

fn accepted() -> Sourced {
    let event = Event::Accepted(Accepted {
        source: "95598".into(),
        outside_no: "1".into(),
        template: TemplateRef {
            code: "t".into(),
            version: 1,
        },
        area_class: AreaClass::Rural,
        station: STATION,
        customer: None,
        position: None,
        reported_at: None,
        details: Digest::ZERO,
    });
    sourced(100, 1, A, 0, 0, event)
}

fn assigned(seq: u64, term: u32, owner: PersonId, minute: i64) -> Sourced {
    let event = Event::Assigned(Assigned {
        term: Term(term),
        owner: Owner::Person(owner),
        rung: Rung::RoleA,
        by: None,
        reason: "cell".into(),
        cell: None,
        station_area: None,
        territory_version: 1,
    });
    sourced(100, seq, A, term, minute, event)
}

fn step(journal: u128, seq: u64, by: PersonId, term: u32, minute: i64, code: &str) -> Sourced {
    let done = StepDone {
        step: code.into(),
        values: BTreeMap::new(),
        photos: vec![],
    };
    sourced(journal, seq, by, term, minute, Event::StepDone(done))
}

fn state(records: &[Sourced]) -> OrderState {
    fold(&template(), records).unwrap()
}

#[test]
fn a_worked_order_is_returned_and_its_arrival_is_met_at_ninety_minutes_and_missed_after() {
    let mut records = vec![
        accepted(),
        assigned(2, 1, A, 0),
        sourced(
            1,
            1,
            A,
            1,
            2,
            Event::Taken(Taken {
                eta_minutes: Some(20),
            }),
        ),
        step(1, 2, A, 1, 90, "arrived"),
        step(1, 3, A, 1, 100, "repair"),
    ];
    assert_eq!(state(&records).status, Status::Working);
    records.push(step(1, 4, A, 1, 120, "return"));
    let met = state(&records);
    assert_eq!(met.status, Status::Returned);
    assert_eq!(met.deadlines[1].outcome, DeadlineOutcome::Met);
    records[3] = step(1, 2, A, 1, 91, "arrived");
    assert_eq!(
        state(&records).deadlines[1].outcome,
        DeadlineOutcome::Missed
    );
}

#[test]
fn an_unsure_time_is_never_counted_as_met() {
    let mut arrived = step(1, 1, A, 1, 10, "arrived");
    arrived.record.time = TimeEvidence {
        wall: UnixMillis(600_000),
        boot: BootId([3; 16]),
        uptime: Millis(5),
        gnss: None,
        anchor: None,
    };
    let state = state(&[accepted(), assigned(2, 1, A, 0), arrived]);
    assert_eq!(state.deadlines[1].outcome, DeadlineOutcome::MetUnsure);
    assert_eq!(state.sureness, Sureness::Unsure);
}

#[test]
fn a_previous_owners_arrival_counts_but_he_cannot_close() {
    let records = [
        accepted(),
        assigned(2, 1, A, 0),
        assigned(3, 2, B, 30),
        step(1, 1, A, 1, 40, "arrived"),
        step(1, 2, A, 1, 50, "repair"),
        step(1, 3, A, 1, 60, "return"),
        step(2, 1, B, 2, 70, "repair"),
    ];
    let state = state(&records);
    assert_eq!(state.owner, Some(Owner::Person(B)));
    assert_eq!(state.status, Status::Working);
    assert_eq!(state.steps[&"arrived".into()].by, A);
    assert_eq!(state.steps[&"repair".into()].by, B);
    let reasons: Vec<_> = state.evidence.iter().map(|e| e.reason).collect();
    assert_eq!(reasons, [EvidenceReason::PreviousOwner; 2]);
}

#[test]
fn a_stranger_and_a_handheld_that_plays_the_server_change_nothing() {
    let stranger = PersonId(Uuid::from_u128(66));
    let mut played = assigned(1, 2, stranger, 5);
    played.id.journal = JournalId(Uuid::from_u128(66));
    let records = [
        accepted(),
        assigned(2, 1, A, 0),
        step(66, 2, stranger, 1, 10, "arrived"),
        played,
    ];
    let state = state(&records);
    assert_eq!(state.owner, Some(Owner::Person(A)));
    assert!(state.steps.is_empty());
    let reasons: Vec<_> = state.evidence.iter().map(|e| e.reason).collect();
    assert_eq!(
        reasons,
        [EvidenceReason::NotFromServer, EvidenceReason::NeverAssigned]
    );
}

fn any_record() -> impl Strategy<Value = Sourced> {
    let codes = prop::sample::select(vec!["arrived", "repair", "return", "nowhere"]);
    (1u128..4, 1u64..9, 1u32..4, 0i64..200, codes, 0u8..3).prop_map(
        |(journal, seq, term, minute, code, kind)| {
            let by = PersonId(Uuid::from_u128(journal));
            match kind {
                0 => sourced(
                    journal,
                    seq,
                    by,
                    term,
                    minute,
                    Event::Taken(Taken { eta_minutes: None }),
                ),
                1 => sourced(
                    journal,
                    seq,
                    by,
                    term,
                    minute,
                    Event::Noted(Noted { text: code.into() }),
                ),
                _ => step(journal, seq, by, term, minute, code),
            }
        },
    )
}

proptest! {
    /// I2: same records, same state, whatever the order of arrival and however often sent.
    #[test]
    fn order_of_arrival_and_repetition_do_not_matter(
        records in prop::collection::vec(any_record(), 0..14),
        shuffle in any::<u64>(),
        again in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        // One journal holds one record at one place: keep the first of each.
        let mut seen = BTreeSet::new();
        let mut all: Vec<Sourced> =
            records.into_iter().filter(|record| seen.insert(record.id)).collect();
        all.extend([accepted(), assigned(2, 1, A, 0), assigned(3, 2, B, 60)]);
        let expected = state(&all);
        let mut other = all.clone();
        other.extend(again.iter().map(|index| all[index.index(all.len())].clone()));
        let mut random = shuffle;
        for i in (1..other.len()).rev() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            other.swap(i, (random >> 33) as usize % (i + 1));
        }
        prop_assert_eq!(state(&other), expected);
    }
}

#[test]
fn what_was_taken_at_a_desk_is_not_taken_by_the_next_owner() {
    let taken = Event::Taken(Taken { eta_minutes: None });
    let records = [
        accepted(),
        assigned(2, 1, A, 1),
        sourced(100, 3, A, 1, 2, taken.clone()),
        assigned(4, 2, B, 3),
    ];
    let state = fold(&template(), &records).unwrap();
    assert_eq!(state.status, Status::Routed);
    assert!(state.taken_at.is_none() && state.first_taken_at.is_some());

    let mut again = records.to_vec();
    again.push(sourced(100, 5, B, 2, 4, taken));
    assert_eq!(fold(&template(), &again).unwrap().status, Status::Taken);
}

/// Evidence of a handheld after its battery was pulled: the wall clock is all that is left.
fn unsure(minute: i64, last_heard: i64) -> TimeEvidence {
    let anchor = TimeEvidence::of_server(UnixMillis(last_heard * 60_000)).anchor;
    TimeEvidence {
        wall: UnixMillis(minute * 60_000),
        boot: BootId([9; 16]),
        uptime: Millis(1),
        gnss: None,
        anchor,
    }
}

#[test]
fn a_clock_that_falls_back_does_not_turn_the_order_of_what_one_handheld_recorded() {
    // Heard the server at 0, arrived at 40 by a sure clock; then the battery was changed and
    // the wall clock says 1970.
    let mut records = vec![
        accepted(),
        assigned(2, 1, A, 0),
        step(1, 1, A, 1, 40, "arrived"),
        step(1, 2, A, 1, 0, "repair"),
        step(1, 3, A, 1, 0, "return"),
    ];
    for record in &mut records[3..] {
        record.record.time = unsure(-1_000, 0);
    }
    let state = state(&records);
    assert_eq!(state.evidence, []);
    assert_eq!(state.status, Status::Returned);
    assert_eq!(state.steps.len(), 3);
    for later in ["repair", "return"] {
        let at = state.steps[&later.into()].at;
        assert_eq!(
            at.at,
            UnixMillis(40 * 60_000),
            "{later}: not before the arrival"
        );
        assert_eq!(at.sureness, Sureness::Unsure);
    }
    assert_eq!(state.deadlines[1].outcome, DeadlineOutcome::Met);
}

#[test]
fn a_clock_that_ran_ahead_is_held_by_the_sure_time_that_follows() {
    let mut records = vec![
        accepted(),
        assigned(2, 1, A, 0),
        step(1, 1, A, 1, 0, "arrived"),
        step(1, 2, A, 1, 50, "repair"),
        step(2, 1, B, 1, 60, "return"),
    ];
    records[2].record.time = unsure(1_000_000, 0);
    let state = state(&records);
    let arrived = state.steps[&"arrived".into()].at;
    assert_eq!(
        (arrived.at, arrived.sureness),
        (UnixMillis(50 * 60_000), Sureness::Unsure)
    );
    assert_eq!(state.deadlines[1].outcome, DeadlineOutcome::MetUnsure);
}

#[test]
fn who_works_has_taken_it() {
    let state = state(&[
        accepted(),
        assigned(2, 1, A, 0),
        step(1, 1, A, 1, 2, "arrived"),
    ]);
    assert_eq!(
        state.taken_at.map(|taken| taken.at),
        Some(UnixMillis(120_000))
    );
    assert_eq!(state.deadlines[0].outcome, DeadlineOutcome::Met);
}

#[test]
fn a_late_record_of_a_previous_owner_lowers_the_time_but_replaces_nothing() {
    let filled = |mut record: Sourced, text: &str| {
        if let Event::StepDone(done) = &mut record.record.event {
            let value = crate::record::Value::Text(text.into());
            done.values.insert("by".into(), value);
        }
        record
    };
    let records = [
        accepted(),
        assigned(2, 1, A, 0),
        assigned(3, 2, B, 30),
        filled(step(2, 1, B, 2, 40, "arrived"), "b"),
        filled(step(1, 1, A, 1, 50, "arrived"), "a"),
    ];
    let done = |records: &[Sourced]| state(records).steps[&"arrived".into()].clone();
    let text = |step: &DoneStep| step.done.values[&"by".into()].clone();
    let b = crate::record::Value::Text("b".into());
    assert_eq!((done(&records).by, text(&done(&records))), (B, b.clone()));
    // He was there first, but after his term: the time is his, what was filled in is not.
    let mut earlier = records.to_vec();
    earlier[4] = filled(step(1, 1, A, 1, 35, "arrived"), "a");
    assert_eq!((done(&earlier).by, text(&done(&earlier))), (A, b));
    let state = state(&earlier);
    assert!(state.taken_at.is_some(), "B is at work in his own term");
}

#[test]
fn a_deadline_that_was_not_reached_is_missed_or_lapses_when_the_work_is_closed() {
    let closing = |minute| {
        let records = [
            accepted(),
            assigned(2, 1, A, 0),
            step(1, 1, A, 1, minute, "return"),
        ];
        state(&records).deadlines[1].outcome
    };
    assert_eq!(closing(90), DeadlineOutcome::Lapsed);
    assert_eq!(closing(91), DeadlineOutcome::Missed);
}

#[test]
fn a_promise_counts_from_the_report_and_what_is_asked_of_the_owner_from_its_acceptance() {
    let reported = |at: Option<i64>| {
        let mut accepted = accepted();
        if let Event::Accepted(event) = &mut accepted.record.event {
            event.reported_at = at.map(|minute| UnixMillis(minute * 60_000));
        }
        let state = state(&[accepted, assigned(2, 1, A, 0)]);
        let due = |n: usize| state.deadlines[n].due.map(|due| due.0 / 60_000);
        (due(0), due(1))
    };
    assert_eq!(reported(None), (Some(3), Some(90)));
    assert_eq!(reported(Some(-40)), (Some(3), Some(50)));
    assert_eq!(
        reported(Some(1)),
        (Some(3), Some(90)),
        "never after it came"
    );
}

#[test]
fn what_a_handheld_claims_changes_no_state() {
    let plain = [
        accepted(),
        assigned(2, 1, A, 0),
        step(1, 1, A, 1, 10, "arrived"),
    ];
    let mut claimed = plain.clone();
    claimed[2].record.claims = crate::claims::Claims {
        speed_dm_s: Some(9_999),
        ..Default::default()
    }
    .any();
    assert!(claimed[2].record.claims.is_some());
    let bytes = |records: &[Sourced]| crate::wire::encode(&state(records));
    assert_eq!(bytes(&plain), bytes(&claimed));
}

#[test]
fn by_what_somebody_stands_in_is_not_in_the_state_so_that_all_builds_agree_on_its_digest() {
    let plain = assigned(2, 1, A, 1);
    let mut told = plain.clone();
    if let Event::Assigned(assigned) = &mut told.record.event {
        assigned.by = Some(crate::record::StandIn::Duty);
    }
    let folded = |one: Sourced| fold(&template(), &[accepted(), one]).unwrap();
    assert_ne!(plain.record, told.record);
    assert_eq!(folded(plain), folded(told));
}
