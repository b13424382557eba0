//! A whole decision as dispatch makes it, without the database around it: the cell with its
//! explanation, A and B, and everyone on the ladder with his distance and why not he.

use gridcrew_server::{
    dispatch::{
        ladder::{Decision, Home, PersonFacts, Situation, decide},
        limits::Limits,
        place::{Account, Known, Placed, place},
    },
    duty::stand_in::StandIns,
    territory::{
        roles::{CellRole, CellRoles, Managers, RoleTerm},
        snapshot::{
            AreaInCell, CellRecord, Outline, SnapshotCell, StationRecord, TerritorySnapshot,
        },
    },
};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId, PersonId, StationAreaId},
    position::Wgs84,
    time::UnixMillis,
    workflow::AreaClass,
};
use std::{collections::HashMap, sync::Arc, time::Instant};
use uuid::Uuid;

/// People of a station: managers in two teams, and a clerk.
const PEOPLE: u128 = 12;
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

/// The snapshot with what a decision needs besides.
pub(crate) struct Town {
    pub(crate) map: Arc<TerritorySnapshot>,
    /// In the order of their ids: the scope of who asks is all of them.
    stations: Vec<OrgId>,
    people: HashMap<OrgId, Vec<PersonFacts>>,
}

pub(crate) fn station_id(number: usize) -> OrgId {
    OrgId(Uuid::from_u128((1 << 64) + number as u128))
}

pub(crate) fn cell_id(number: usize) -> CellId {
    CellId(Uuid::from_u128(number as u128))
}

fn person_id(station: usize, number: u128) -> PersonId {
    PersonId(Uuid::from_u128((2 << 64) + station as u128 * 100 + number))
}

/// A station of such cells, with as many station areas in each as `areas` says.
pub(crate) fn station(
    number: usize,
    cells: Vec<(usize, Vec<[f64; 2]>)>,
    areas: impl Fn(usize) -> usize,
) -> StationRecord {
    let cells = cells.into_iter().map(|(id, ring)| {
        let points = ring.iter().map(|p| Wgs84::new(p[0], p[1]).unwrap());
        let position = Wgs84::new(ring[0][0], ring[0][1]).unwrap();
        CellRecord {
            id: cell_id(id),
            code: format!("C{:02}", id % 100),
            name: format!("网格 {id}"),
            outline: Outline::of_rings([[points]]),
            roles: roles(number, id),
            station_areas: (0..areas(id))
                .map(|n| AreaInCell {
                    id: StationAreaId(Uuid::from_u128((id * 1_000 + n) as u128)),
                    position,
                    class: AreaClass::Rural,
                })
                .collect(),
        }
    });
    StationRecord::of_cells(station_id(number), 1, cells.collect())
}

fn roles(station: usize, cell: usize) -> CellRoles {
    let first = cell as u128 % (PEOPLE - 2);
    let term = |role, number| RoleTerm {
        person: person_id(station, number),
        role,
        from: UnixMillis(0),
        until: None,
    };
    CellRoles::new(vec![term(CellRole::A, first), term(CellRole::B, first + 1)]).unwrap()
}

impl Town {
    pub(crate) fn new(map: Arc<TerritorySnapshot>) -> Self {
        let people = map.stations().enumerate().map(|(number, ground)| {
            let near = ground.cells().next();
            let near = near.map(|cell| cell.outline()[0][0][0]);
            let person = |n: u128| PersonFacts {
                id: person_id(number, n),
                manager: n + 1 < PEOPLE,
                home: Home::Team(OrgId(Uuid::from_u128((3 << 64) + n % 2))),
                base: near
                    .map(|(lon, lat)| Wgs84::new(lon + 0.001 * n as f64, lat + 0.002).unwrap()),
                disabled: false,
                off_duty: n.is_multiple_of(5),
                open_orders: n as u32,
            };
            (ground.station(), (0..PEOPLE).map(person).collect())
        });
        Self {
            people: people.collect(),
            stations: map.stations().map(|ground| ground.station()).collect(),
            map,
        }
    }

    /// Where it belongs, explained.
    pub(crate) fn placed(&self, point: Wgs84) -> (Placed, Option<SnapshotCell<'_>>) {
        let known = Known {
            account: Account::NotGiven,
            point: Some(point),
        };
        let reach = Limits::in_force(NOW).reach_m;
        place(&known, &self.map, reach, &self.stations)
    }

    /// Who gets it, explained.
    pub(crate) fn decision(&self, point: Wgs84) -> Decision {
        let (placed, cell) = self.placed(point);
        let station = placed.station.unwrap_or(self.stations[0]);
        let managers = cell.map_or_else(Managers::default, |cell| cell.managers(NOW));
        decide(&Situation {
            station,
            placed: &placed,
            managers,
            stand_ins: &StandIns::default(),
            origin: Some(point),
            people: &self.people[&station],
            let_go: &[],
            cause: None,
            limits: Limits::in_force(NOW),
        })
    }

    /// The times of single decisions in nanoseconds, the shortest first.
    pub(crate) fn times(&self, points: &[Wgs84]) -> Vec<u64> {
        let mut times: Vec<u64> = points
            .iter()
            .map(|point| {
                let started = Instant::now();
                std::hint::black_box(self.decision(std::hint::black_box(*point)));
                u64::try_from(started.elapsed().as_nanos()).unwrap()
            })
            .collect();
        times.sort_unstable();
        times
    }
}

/// A share of sorted times, in microseconds.
pub(crate) fn at(times: &[u64], share: f64) -> f64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an index"
    )]
    let place = ((times.len() - 1) as f64 * share) as usize;
    times[place] as f64 / 1_000.0
}
