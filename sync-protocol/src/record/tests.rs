//! What builds before this one can read of the records of this one.

use super::*;
use crate::wire;
use uuid::Uuid;

/// The rungs as the first builds know them.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FirstRung {
    RoleA,
    RoleB,
    Team,
    Crew,
    Station,
    HandOver,
}

/// An assignment as the first builds read it.
#[derive(Debug, Deserialize)]
struct FirstAssigned {
    term: Term,
    owner: Owner,
    rung: FirstRung,
    reason: String,
    #[serde(default)]
    cell: Option<CellId>,
    #[serde(default)]
    station_area: Option<StationAreaId>,
    territory_version: i64,
}

fn assigned(rung: Rung, by: Option<StandIn>) -> Assigned {
    Assigned {
        term: Term(2),
        owner: Owner::Person(PersonId(Uuid::from_u128(7))),
        rung,
        by,
        reason: "nearest_cell".to_owned(),
        cell: Some(CellId(Uuid::from_u128(5))),
        station_area: None,
        territory_version: 3,
    }
}

#[test]
fn every_assignment_is_read_by_the_first_builds_with_its_owner() {
    for (rung, first) in [
        (Rung::RoleA, FirstRung::RoleA),
        (Rung::RoleB, FirstRung::RoleB),
        (Rung::Team, FirstRung::Team),
        (Rung::Crew, FirstRung::Crew),
        (Rung::Station, FirstRung::Station),
        (Rung::HandOver, FirstRung::HandOver),
    ] {
        for by in [None, Some(StandIn::Duty), Some(StandIn::Cover)] {
            let told = assigned(rung, by);
            let bytes = wire::encode(&told);
            let read: FirstAssigned = wire::decode(&bytes).unwrap();
            assert_eq!((&read.rung, read.owner), (&first, told.owner));
            assert_eq!((read.term, read.reason), (told.term, told.reason.clone()));
            assert_eq!(
                (read.cell, read.station_area, read.territory_version),
                (told.cell, told.station_area, told.territory_version)
            );
            assert_eq!(wire::decode::<Assigned>(&bytes).unwrap(), told);
        }
    }
}

#[test]
fn what_nobody_stands_in_for_is_encoded_as_ever() {
    let text = |assigned: &Assigned| serde_json::to_string(assigned).unwrap();
    assert!(!text(&assigned(Rung::RoleA, None)).contains("by"));
    assert!(text(&assigned(Rung::HandOver, Some(StandIn::Duty))).contains("\"by\":\"duty\""));
}
