use super::*;
use proptest::prelude::*;
use uuid::Uuid;

fn id(n: usize) -> OrgId {
    OrgId(Uuid::from_u128(n as u128))
}

/// A tree grown by the rules only: each step offers a kind and a parent.
fn grown() -> impl Strategy<Value = Vec<Unit>> {
    proptest::collection::vec((0..4usize, any::<prop::sample::Index>()), 1..60).prop_map(|steps| {
        let root = Unit {
            id: id(0),
            parent: None,
            kind: UnitKind::Center,
        };
        let mut units = vec![root];
        for (kind, at) in steps {
            let kind = UnitKind::ALL[kind];
            let parent = *at.get(&units);
            if kind.may_stand_under(Some(parent.kind)) {
                units.push(Unit {
                    id: id(units.len()),
                    parent: Some(parent.id),
                    kind,
                });
            }
        }
        units
    })
}

proptest! {
    #[test]
    fn the_subtree_of_a_unit_is_all_that_have_it_on_their_way_up(units in grown()) {
        let tree: Tree = units.iter().copied().collect();
        for root in &units {
            let expected: Vec<Unit> = units
                .iter()
                .filter(|unit| tree.way_up(unit.id).any(|above| above.id == root.id))
                .copied()
                .collect();
            prop_assert_eq!(tree.subtree(root.id), expected);
        }
    }

    #[test]
    fn below_a_station_everything_belongs_to_it_and_nothing_to_another(units in grown()) {
        let tree: Tree = units.iter().copied().collect();
        for unit in &units {
            let stations: Vec<OrgId> = tree
                .way_up(unit.id)
                .filter(|above| above.kind == UnitKind::Station)
                .map(|above| above.id)
                .collect();
            prop_assert!(stations.len() <= 1);
            prop_assert_eq!(tree.station_of(unit.id), stations.first().copied());
            prop_assert_eq!(stations.is_empty(), unit.kind == UnitKind::Center);
        }
    }

    #[test]
    fn the_reach_of_every_role_holds_its_own_place(units in grown()) {
        let tree: Tree = units.iter().copied().collect();
        for unit in &units {
            for role in Role::ALL.into_iter().filter(|role| unit.kind.may_hold(*role)) {
                let reach = tree.subtree(tree.root_of_reach(role, unit.id));
                prop_assert!(reach.contains(unit));
            }
        }
    }
}

#[test]
fn what_may_stand_under_what_is_what_the_domain_says() {
    use UnitKind::{Center, Crew, Station, Team};
    let allowed: Vec<(UnitKind, Option<UnitKind>)> = UnitKind::ALL
        .into_iter()
        .flat_map(|kind| {
            std::iter::once(None)
                .chain(UnitKind::ALL.map(Some))
                .map(move |parent| (kind, parent))
        })
        .filter(|(kind, parent)| kind.may_stand_under(*parent))
        .collect();
    let expected = [
        (Center, None),
        (Center, Some(Center)),
        (Station, Some(Center)),
        (Crew, Some(Station)),
        (Team, Some(Station)),
    ];
    assert_eq!(allowed, expected);
}

#[test]
fn a_circle_in_the_rows_ends_all_walks() {
    let circle = [(1, 2), (2, 3), (3, 1)].map(|(unit, parent)| Unit {
        id: id(unit),
        parent: Some(id(parent)),
        kind: UnitKind::Center,
    });
    let tree: Tree = circle.into_iter().collect();
    assert_eq!(tree.way_up(id(1)).count(), 3);
    assert_eq!(tree.subtree(id(1)).len(), 3);
    assert_eq!(tree.station_of(id(1)), None);
}
