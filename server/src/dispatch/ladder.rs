//! Who answers: A, then B, then who covers the cell while one of them is on leave, then the
//! nearest free manager of the same service team, then the crew, then the station's desk
//! (I11). While somebody is on duty by a table, at night or on a holiday, he comes before all
//! of them: that of the cell's team or crew, then that of the station.
//!
//! Every rung is written down with everyone on it, so that the stored decision shows who was
//! considered, how far away they were, and why each was passed over. The desk is always the
//! last candidate and always can: an order never is without an owner. Of a team and of the
//! crews only so many are asked, one after the other, so that an order does not wander.

mod reasons;

pub use reasons::{LadderRung, LetGo, PassedOver};

use super::{limits::Limits, place::Placed};
use crate::duty::stand_in::{OnDuty, StandIns};
use crate::territory::roles::Managers;
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId, PersonId, StationAreaId},
    order::OrderState,
    position::{LocalPlane, Metres, Wgs84},
    record::Owner,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use utoipa::ToSchema;

/// What dispatch knows of a person of the station.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonFacts {
    /// Who.
    pub id: PersonId,
    /// He is a manager, not staff at a desk.
    pub manager: bool,
    /// Where in the station he belongs.
    pub home: Home,
    /// Where he starts from.
    pub base: Option<Wgs84>,
    /// He may not sign in.
    pub disabled: bool,
    /// He is listed as off duty.
    pub off_duty: bool,
    /// How many open orders he owns.
    pub open_orders: u32,
}

/// Where in a station a person belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// To the station itself.
    Station,
    /// To a service team.
    Team(OrgId),
    /// To a crew. The organisation names no crew leaders: who belongs to a crew answers for it.
    Crew(OrgId),
}

/// Someone who was considered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Candidate {
    /// Who; nobody where a role is vacant.
    pub who: Option<Owner>,
    /// On which rung.
    pub rung: LadderRung,
    /// How far his base is from the place, where both are known.
    pub distance_m: Option<Metres>,
    /// Why he is not the owner; none for the owner.
    pub passed_over: Option<PassedOver>,
}

impl Candidate {
    fn person(&self) -> Option<PersonId> {
        match self.who? {
            Owner::Person(person) => Some(person),
            Owner::Desk(_) => None,
        }
    }
}

/// A decision with its explanation, as it is stored (I11).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Decision {
    /// The one owner.
    pub owner: Owner,
    /// On which rung he was found.
    pub rung: LadderRung,
    /// Stable code of the reason: where the order belongs for the first owner, how the
    /// owner before let go for every other.
    #[schema(value_type = String)]
    pub reason: Cow<'static, str>,
    /// Where the order belongs.
    pub placed: Placed,
    /// Everyone considered, rung by rung; exactly one is not passed over.
    pub candidates: Vec<Candidate>,
    /// The edition of the limits of dispatch.
    pub limits_version: u32,
    /// The shift by which the owner is on duty, if that is why he is the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duty: Option<OnDuty>,
}

impl Decision {
    /// The cell by which the order was routed.
    #[must_use]
    pub fn cell(&self) -> Option<CellId> {
        self.placed.cell
    }

    /// The station area by which it was routed.
    #[must_use]
    pub fn station_area(&self) -> Option<StationAreaId> {
        self.placed.station_area
    }
}

/// All that a decision depends on.
#[derive(Clone, Debug)]
pub struct Situation<'a> {
    /// The station that the order belongs to.
    pub station: OrgId,
    /// Where the order belongs.
    pub placed: &'a Placed,
    /// A and B of that cell now.
    pub managers: Managers,
    /// Who is on duty by the tables of the station, and who covers the cell.
    pub stand_ins: &'a StandIns,
    /// What distances are measured from.
    pub origin: Option<Wgs84>,
    /// The managers and the staff of the station, in any order.
    pub people: &'a [PersonFacts],
    /// Who has let go of the order, and how.
    pub let_go: &'a [(PersonId, LetGo)],
    /// How the present owner lets go; none for the first decision.
    pub cause: Option<LetGo>,
    /// The limits in force.
    pub limits: &'a Limits,
}

/// Decides who owns the order: who is the first on the ladder that nothing keeps from it.
#[must_use]
pub fn decide(situation: &Situation<'_>) -> Decision {
    let mut candidates = situation.ladder();
    let chosen = candidates
        .iter()
        .position(|candidate| candidate.passed_over.is_none());
    let desk = Owner::Desk(situation.station);
    let (mut owner, mut rung) = (desk, LadderRung::Station);
    if let Some(chosen) = chosen {
        owner = candidates[chosen].who.unwrap_or(desk);
        rung = candidates[chosen].rung;
        for later in &mut candidates[chosen + 1..] {
            later.passed_over.get_or_insert(PassedOver::NotNeeded);
        }
    }
    let reason = situation
        .cause
        .map_or(situation.placed.reason.code(), LetGo::code);
    let duty = situation
        .shift_of(owner)
        .filter(|_| rung == LadderRung::Duty);
    Decision {
        owner,
        rung,
        reason: Cow::Borrowed(reason),
        placed: situation.placed.clone(),
        candidates,
        limits_version: situation.limits.version,
        duty: duty.cloned(),
    }
}

/// The decision that follows when the owner names his successor.
#[must_use]
pub fn handed_to(to: PersonId, situation: &Situation<'_>) -> Decision {
    let distance = situation
        .person(to)
        .and_then(|person| person.distance(situation.origin.map(LocalPlane::around)));
    Decision {
        owner: Owner::Person(to),
        rung: LadderRung::HandOver,
        reason: Cow::Borrowed(situation.cause.unwrap_or(LetGo::HandedOver).code()),
        placed: situation.placed.clone(),
        candidates: vec![Candidate {
            who: Some(Owner::Person(to)),
            rung: LadderRung::HandOver,
            distance_m: distance,
            passed_over: None,
        }],
        limits_version: situation.limits.version,
        duty: None,
    }
}

/// Who has let go of an order already, by its assignments. Who gave it to a stand-in while he
/// was on leave, or gave it back after, has not.
#[must_use]
pub fn let_go_so_far(state: &OrderState) -> Vec<(PersonId, LetGo)> {
    state
        .assignments
        .windows(2)
        .filter_map(|pair| match pair[0].owner {
            Owner::Person(person) => Some((person, LetGo::of_code(&pair[1].reason))),
            Owner::Desk(_) => None,
        })
        .filter(|(_, how)| !how.by_leave())
        .collect()
}

impl Situation<'_> {
    /// Everyone on every rung, with why each cannot; `passed_over` is none for those who can.
    fn ladder(&self) -> Vec<Candidate> {
        let mut ladder = Vec::with_capacity(self.people.len() + 3);
        let from = self.origin.map(LocalPlane::around);
        for shift in self.shifts() {
            self.stand_in(&mut ladder, shift.person, LadderRung::Duty, from);
        }
        if self.placed.cell.is_some() {
            ladder.push(self.role(self.managers.a, LadderRung::RoleA, from));
            ladder.push(self.role(self.managers.b, LadderRung::RoleB, from));
            for cover in &self.stand_ins.covers {
                self.stand_in(&mut ladder, *cover, LadderRung::Cover, from);
            }
            let (named, home) = (ladder.len(), self.home());
            let of_team = |person: &PersonFacts| person.manager && home == Some(person.home);
            if home.is_some() {
                self.rest(&mut ladder, named, LadderRung::Team, from, of_team);
            }
            self.rest(&mut ladder, named, LadderRung::Crew, from, |person| {
                matches!(person.home, Home::Crew(_)) && !of_team(person)
            });
        }
        ladder.push(Candidate {
            who: Some(Owner::Desk(self.station)),
            rung: LadderRung::Station,
            distance_m: None,
            passed_over: None,
        });
        ladder
    }

    /// The shifts that run and are for this order: of the cell's team or crew, then of the
    /// station.
    fn shifts(&self) -> impl Iterator<Item = &OnDuty> {
        let home = match self.home().filter(|_| self.placed.cell.is_some()) {
            Some(Home::Team(unit) | Home::Crew(unit)) => Some(unit),
            _ => None,
        };
        let duty = &self.stand_ins.duty;
        let of = move |unit: OrgId| duty.iter().filter(move |shift| shift.unit == unit);
        home.into_iter().flat_map(of).chain(of(self.station))
    }

    /// The shift by which somebody is on duty for this order.
    fn shift_of(&self, owner: Owner) -> Option<&OnDuty> {
        self.shifts()
            .find(|shift| owner == Owner::Person(shift.person))
    }

    /// Somebody who stands in, unless he is on the ladder already.
    fn stand_in(
        &self,
        ladder: &mut Vec<Candidate>,
        who: PersonId,
        rung: LadderRung,
        from: Option<LocalPlane>,
    ) {
        if !ladder
            .iter()
            .any(|earlier| earlier.who == Some(Owner::Person(who)))
        {
            ladder.push(self.role(Some(who), rung, from));
        }
    }

    /// The team of A, else of B; a crew that has no teams is one.
    fn home(&self) -> Option<Home> {
        [self.managers.a, self.managers.b]
            .iter()
            .filter_map(|id| self.person((*id)?))
            .map(|person| person.home)
            .find(|home| *home != Home::Station)
    }

    fn role(
        &self,
        holder: Option<PersonId>,
        rung: LadderRung,
        from: Option<LocalPlane>,
    ) -> Candidate {
        let person = holder.and_then(|id| self.person(id));
        let passed_over = match (holder, person) {
            (None, _) => Some(PassedOver::Vacant),
            (Some(_), None) => Some(PassedOver::NotOfStation),
            (Some(_), Some(person)) => self.keeps_from(person),
        };
        Candidate {
            who: holder.map(Owner::Person),
            rung,
            distance_m: person.and_then(|person| person.distance(from)),
            passed_over,
        }
    }

    /// Those of the team or of the crews, the nearest first; who has no base comes last. Left
    /// out is who is `named` above them: the first so many of the ladder, which are few (who is
    /// on duty, A, B, who covers), however many people the station has. Only so many are asked.
    fn rest(
        &self,
        ladder: &mut Vec<Candidate>,
        named: usize,
        rung: LadderRung,
        from: Option<LocalPlane>,
        on: impl Fn(&PersonFacts) -> bool,
    ) {
        let above = ladder.len();
        for person in self.people.iter().filter(|person| on(person)) {
            let who = Some(Owner::Person(person.id));
            if ladder.iter().take(named).any(|earlier| earlier.who == who) {
                continue;
            }
            let busy =
                rung == LadderRung::Team && person.open_orders >= self.limits.busy_at_open_orders;
            ladder.push(Candidate {
                who,
                rung,
                distance_m: person.distance(from),
                passed_over: self.keeps_from(person).or(busy.then_some(PassedOver::Busy)),
            });
        }
        let rest = &mut ladder[above..];
        rest.sort_unstable_by(|one, other| {
            let metres =
                |candidate: &Candidate| candidate.distance_m.map_or(f64::INFINITY, |d| d.0);
            metres(one)
                .total_cmp(&metres(other))
                .then_with(|| one.person().cmp(&other.person()))
        });
        let most = match rung {
            LadderRung::Team => self.limits.most_of_team,
            _ => self.limits.most_of_crews,
        };
        let let_go = |candidate: &&Candidate| {
            let person = candidate.person();
            person.is_some_and(|person| self.let_go(person).is_some())
        };
        let asked = rest.iter().filter(let_go).count();
        if asked >= usize::try_from(most).unwrap_or(usize::MAX) {
            for candidate in rest {
                candidate.passed_over.get_or_insert(PassedOver::EnoughAsked);
            }
        }
    }

    /// What keeps a person from owning this order, whatever his rung.
    fn keeps_from(&self, person: &PersonFacts) -> Option<PassedOver> {
        if person.disabled {
            Some(PassedOver::Disabled)
        } else if person.off_duty {
            Some(PassedOver::OffDuty)
        } else {
            self.let_go(person.id).and_then(PassedOver::because)
        }
    }

    /// How a person let go of this order last, if he did.
    fn let_go(&self, person: PersonId) -> Option<LetGo> {
        let mut newest_first = self.let_go.iter().rev();
        newest_first
            .find(|(id, _)| *id == person)
            .map(|(_, how)| *how)
    }

    fn person(&self, id: PersonId) -> Option<&PersonFacts> {
        self.people.iter().find(|person| person.id == id)
    }
}

impl PersonFacts {
    /// How far the base is from the origin of a plane, where both are known.
    fn distance(&self, from: Option<LocalPlane>) -> Option<Metres> {
        Some(from?.to_point(self.base?))
    }
}

#[cfg(test)]
#[path = "ladder_tests.rs"]
mod tests;
