use super::*;
use crate::dispatch::place::PlaceReason;
use gridcrew_sync_protocol::{
    record::{Rung, StandIn},
    time::UnixMillis,
};
use proptest::prelude::*;
use uuid::Uuid;

fn person_id(n: u8) -> PersonId {
    PersonId(Uuid::from_u128(u128::from(n)))
}

fn org(n: u8) -> OrgId {
    OrgId(Uuid::from_u128(1_000 + u128::from(n)))
}

const STATION: u8 = 0;
const CREW: u8 = 1;
const TEAM: u8 = 2;

/// A person of the team, with his base `n` thousandths of a degree east of the origin.
fn member(n: u8) -> PersonFacts {
    PersonFacts {
        id: person_id(n),
        manager: true,
        home: Home::Team(org(TEAM)),
        base: Wgs84::new(104.0 + f64::from(n) / 1_000.0, 30.0).ok(),
        disabled: false,
        off_duty: false,
        open_orders: 0,
    }
}

fn placed(cell: Option<u8>) -> Placed {
    Placed {
        station: Some(org(STATION)),
        cell: cell.map(|n| CellId(Uuid::from_u128(u128::from(n)))),
        cell_code: cell.map(|n| format!("C{n}").into()),
        station_area: None,
        territory_version: 3,
        reason: cell.map_or(PlaceReason::NoPlace, |_| PlaceReason::InsideCell),
        distance_m: None,
        account_unknown: false,
        cells: smallvec::SmallVec::new(),
    }
}

struct Scene {
    placed: Placed,
    people: Vec<PersonFacts>,
    let_go: Vec<(PersonId, LetGo)>,
    stand_ins: StandIns,
}

impl Scene {
    /// Members 1 to 4 of one team; 1 is A, 2 is B; 5 is of a crew.
    /// 0 works at the team's desk.
    fn new() -> Self {
        let mut people: Vec<_> = [4, 3, 2, 1].map(member).into();
        people.push(PersonFacts {
            home: Home::Crew(org(CREW)),
            ..member(5)
        });
        people.push(PersonFacts {
            manager: false,
            ..member(0)
        });
        Self {
            placed: placed(Some(1)),
            people,
            let_go: vec![],
            stand_ins: StandIns::default(),
        }
    }

    fn change(&mut self, n: u8, change: impl Fn(&mut PersonFacts)) {
        let id = person_id(n);
        self.people
            .iter_mut()
            .filter(|p| p.id == id)
            .for_each(change);
    }

    fn decide(&self) -> Decision {
        decide(&Situation {
            station: org(STATION),
            placed: &self.placed,
            managers: Managers {
                a: Some(person_id(1)),
                b: Some(person_id(2)),
            },
            stand_ins: &self.stand_ins,
            origin: Wgs84::new(104.0, 30.0).ok(),
            people: &self.people,
            let_go: &self.let_go,
            cause: self.let_go.last().map(|(_, how)| *how),
            limits: Limits::in_force(UnixMillis(0)),
        })
    }

    /// Who owns it, after each owner in turn does not take it.
    fn whole_ladder(&mut self) -> Vec<(Owner, LadderRung)> {
        let mut owners = vec![];
        loop {
            let decision = self.decide();
            owners.push((decision.owner, decision.rung));
            match decision.owner {
                Owner::Person(person) => self.let_go.push((person, LetGo::NotTaken)),
                Owner::Desk(_) => return owners,
            }
        }
    }
}

#[test]
fn the_ladder_goes_from_a_to_b_to_the_nearest_of_the_team_to_the_crew_to_the_desk() {
    let person = |n| Owner::Person(person_id(n));
    assert_eq!(
        Scene::new().whole_ladder(),
        [
            (person(1), LadderRung::RoleA),
            (person(2), LadderRung::RoleB),
            (person(3), LadderRung::Team),
            (person(4), LadderRung::Team),
            (person(5), LadderRung::Crew),
            (Owner::Desk(org(STATION)), LadderRung::Station),
        ]
    );
}

#[test]
fn a_who_is_off_duty_and_b_who_is_disabled_are_passed_over_with_the_reason() {
    let mut scene = Scene::new();
    scene.change(1, |a| a.off_duty = true);
    scene.change(2, |b| b.disabled = true);
    let decision = scene.decide();
    assert_eq!(decision.owner, Owner::Person(person_id(3)));
    let reasons: Vec<_> = decision.candidates.iter().map(|c| c.passed_over).collect();
    assert_eq!(
        reasons,
        [
            Some(PassedOver::OffDuty),
            Some(PassedOver::Disabled),
            None,
            Some(PassedOver::NotNeeded),
            Some(PassedOver::NotNeeded),
            Some(PassedOver::NotNeeded),
        ]
    );
    assert_eq!(decision.reason, "inside_cell");
}

#[test]
fn a_team_member_with_many_open_orders_is_not_free_but_a_is_asked_all_the_same() {
    let mut scene = Scene::new();
    scene.change(1, |a| a.open_orders = 50);
    assert_eq!(scene.decide().owner, Owner::Person(person_id(1)));
    scene.let_go = vec![
        (person_id(1), LetGo::Declined),
        (person_id(2), LetGo::NotTaken),
    ];
    scene.change(3, |busy| busy.open_orders = 3);
    let decision = scene.decide();
    assert_eq!(decision.owner, Owner::Person(person_id(4)));
    assert_eq!(decision.candidates[2].passed_over, Some(PassedOver::Busy));
    assert_eq!(decision.reason, "not_taken");
}

#[test]
fn who_left_the_station_is_no_owner() {
    let mut scene = Scene::new();
    scene.people.retain(|person| person.id != person_id(1));
    let decision = scene.decide();
    assert_eq!(decision.owner, Owner::Person(person_id(2)));
    let a = &decision.candidates[0];
    assert_eq!(a.passed_over, Some(PassedOver::NotOfStation));
}

#[test]
fn an_order_without_a_cell_goes_to_the_desk_and_says_why() {
    let mut scene = Scene::new();
    scene.placed = placed(None);
    let decision = scene.decide();
    assert_eq!(decision.owner, Owner::Desk(org(STATION)));
    assert_eq!(decision.reason, "no_place");
    assert_eq!(decision.candidates.len(), 1);
}

#[test]
fn only_so_many_of_a_team_are_asked_before_the_order_goes_on() {
    let mut scene = Scene::new();
    scene.people.extend([6, 7, 8, 9].map(member));
    let rungs: Vec<_> = scene.whole_ladder().iter().map(|(_, rung)| *rung).collect();
    let team = rungs.iter().filter(|rung| **rung == LadderRung::Team);
    assert_eq!(team.count(), 3);
    assert_eq!(rungs.last(), Some(&LadderRung::Station));
    let last = scene.decide();
    let enough = Some(PassedOver::EnoughAsked);
    assert!(last.candidates.iter().any(|c| c.passed_over == enough));
}

prop_compose! {
    fn people()(facts in prop::collection::btree_map(
        0u8..12,
        (0u8..5, any::<bool>(), any::<bool>(), 0u32..6, any::<bool>()),
        0..10,
    )) -> Vec<PersonFacts> {
        facts
            .into_iter()
            .map(|(n, (home, disabled, off_duty, open_orders, based))| PersonFacts {
                manager: n % 5 != 0,
                home: match home {
                    0 => Home::Station,
                    1 => Home::Crew(org(CREW)),
                    team => Home::Team(org(team)),
                },
                base: member(n).base.filter(|_| based),
                disabled,
                off_duty,
                open_orders,
                ..member(n)
            })
            .collect()
    }
}

fn let_go() -> impl Strategy<Value = Vec<(PersonId, LetGo)>> {
    let how = prop_oneof![
        Just(LetGo::Declined),
        Just(LetGo::NotTaken),
        Just(LetGo::HandedOver)
    ];
    prop::collection::vec(((0u8..12).prop_map(person_id), how), 0..6)
}

fn shift(n: u8, unit: u8) -> OnDuty {
    OnDuty {
        person: person_id(n),
        unit: org(unit),
        table: "nights".to_owned(),
        kind: crate::duty::table::DutyKind::Night,
        from_at: UnixMillis(0),
        until_at: UnixMillis(10),
    }
}

#[test]
fn who_is_on_duty_comes_before_a_and_b_that_of_the_team_before_that_of_the_station() {
    let mut scene = Scene::new();
    scene.stand_ins.duty = vec![shift(3, STATION), shift(4, TEAM), shift(5, CREW)];
    let decision = scene.decide();
    assert_eq!(decision.owner, Owner::Person(person_id(4)));
    assert_eq!(
        (decision.rung, decision.duty),
        (LadderRung::Duty, Some(shift(4, TEAM)))
    );
    scene.change(4, |person| person.off_duty = true);
    let decision = scene.decide();
    assert_eq!(decision.owner, Owner::Person(person_id(3)));
    assert_eq!(
        decision.candidates[0].passed_over,
        Some(PassedOver::OffDuty)
    );
    // Another crew's table is not for this cell; A is next.
    scene.change(3, |person| person.disabled = true);
    let decision = scene.decide();
    assert_eq!((decision.rung, decision.duty), (LadderRung::RoleA, None));
    // An order in no cell is the station's alone.
    scene.change(3, |person| person.disabled = false);
    scene.change(4, |person| person.off_duty = false);
    scene.placed = placed(None);
    assert_eq!(scene.decide().owner, Owner::Person(person_id(3)));
}

#[test]
fn who_covers_comes_after_a_and_b_and_before_the_team() {
    let mut scene = Scene::new();
    scene.stand_ins.covers = vec![person_id(4)];
    assert_eq!(scene.decide().rung, LadderRung::RoleA);
    scene.change(1, |person| person.off_duty = true);
    assert_eq!(scene.decide().rung, LadderRung::RoleB);
    scene.change(2, |person| person.off_duty = true);
    let decision = scene.decide();
    assert_eq!(
        (decision.owner, decision.rung),
        (Owner::Person(person_id(4)), LadderRung::Cover)
    );
}

/// Nobody of the team of A, else of B, nor of a crew is forgotten, and nobody else is on their
/// rungs.
fn all_of_team_and_crews_stand(
    situation: &Situation<'_>,
    decision: &Decision,
) -> Result<(), TestCaseError> {
    let home_of = |who: Option<PersonId>| {
        let person = situation
            .people
            .iter()
            .find(|person| Some(person.id) == who)?;
        (person.home != Home::Station).then_some(person.home)
    };
    let home = home_of(situation.managers.a).or(home_of(situation.managers.b));
    for person in situation.people {
        let of_team = person.manager && home == Some(person.home);
        let of_crew = matches!(person.home, Home::Crew(_));
        let who = Some(Owner::Person(person.id));
        let rung = decision.candidates.iter().find(|one| one.who == who);
        match rung.map(|one| one.rung) {
            Some(LadderRung::Team) => prop_assert!(of_team),
            Some(LadderRung::Crew) => prop_assert!(of_crew && !of_team),
            Some(_) => {}
            None => prop_assert!(!of_team && !of_crew),
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn there_is_one_owner_who_can_and_everyone_else_has_a_reason(
        people in people(),
        let_go in let_go(),
        a in prop::option::of(0u8..12),
        b in prop::option::of(0u8..12),
        cell in prop::option::of(0u8..3),
        turn in any::<prop::sample::Index>(),
        duty in prop::collection::vec((0u8..12, 0u8..5), 0..4),
        covers in prop::collection::vec(0u8..12, 0..3),
    ) {
        let placed = placed(cell);
        let stand_ins = StandIns {
            duty: duty.into_iter().map(|(who, unit)| shift(who, unit)).collect(),
            covers: covers.into_iter().map(person_id).collect(),
        };
        let situation = Situation {
            station: org(STATION),
            placed: &placed,
            managers: Managers { a: a.map(person_id), b: b.filter(|b| Some(*b) != a).map(person_id) },
            stand_ins: &stand_ins,
            origin: Wgs84::new(104.0, 30.0).ok(),
            people: &people,
            let_go: &let_go,
            cause: let_go.last().map(|(_, how)| *how),
            limits: Limits::in_force(UnixMillis(0)),
        };
        let decision = decide(&situation);
        let chosen: Vec<_> =
            decision.candidates.iter().filter(|c| c.passed_over.is_none()).collect();
        prop_assert_eq!(chosen.len(), 1);
        prop_assert_eq!(chosen[0].who, Some(decision.owner));
        prop_assert_eq!(chosen[0].rung, decision.rung);
        if let Owner::Person(owner) = decision.owner {
            let person = people.iter().find(|person| person.id == owner).unwrap();
            prop_assert!(!person.disabled && !person.off_duty);
            prop_assert!(let_go.iter().all(|(id, _)| *id != owner));
        }
        // A and B are named even when they are on duty above.
        let on_duty: Vec<_> = decision.candidates.iter()
            .filter(|c| c.rung == LadderRung::Duty).map(|c| c.who).collect();
        let named_again = |c: &&Candidate| {
            matches!(c.rung, LadderRung::RoleA | LadderRung::RoleB) && on_duty.contains(&c.who)
        };
        let mut names: Vec<_> = decision.candidates.iter()
            .filter(|c| !named_again(c)).filter_map(|c| c.who).map(|w| format!("{w:?}")).collect();
        names.sort();
        let all = names.len();
        names.dedup();
        prop_assert_eq!(names.len(), all, "someone stands twice");
        if cell.is_some() {
            all_of_team_and_crews_stand(&situation, &decision)?;
        }

        let mut turned = people.clone();
        if !turned.is_empty() {
            let by = turn.index(turned.len());
            turned.rotate_left(by);
        }
        let again = decide(&Situation { people: &turned, ..situation });
        prop_assert_eq!(again, decision);
    }
}

#[test]
fn the_trace_names_rungs_that_every_handheld_knows_and_what_stands_in_beside_them() {
    let traced = [LadderRung::Duty, LadderRung::Cover, LadderRung::RoleB].map(LadderRung::traced);
    assert_eq!(
        traced,
        [
            (Rung::HandOver, Some(StandIn::Duty)),
            (Rung::HandOver, Some(StandIn::Cover)),
            (Rung::RoleB, None),
        ]
    );
}
