use super::*;
use crate::territory::{field::Seeded, shape::Shape, split::Size};
use gridcrew_sync_protocol::{ids::PersonId, position::Wgs84, workflow::AreaClass};
use std::collections::BTreeMap;
use uuid::Uuid;

fn at(lon: f64, lat: f64) -> Wgs84 {
    Wgs84::new(lon, lat).unwrap()
}

fn territory(areas: usize) -> Content {
    let corners = [(120.0, 30.0), (120.2, 30.0), (120.2, 30.2), (120.0, 30.2)];
    let corners = corners.map(|(lon, lat)| at(lon, lat)).to_vec();
    let mut random = Seeded::new(4);
    let area = |n: usize| AreaContent {
        code: format!("t{n:02}"),
        name: format!("village {n:02}"),
        position: at(120.0 + 0.2 * random.next(), 30.0 + 0.2 * random.next()),
        feeder: Some(format!("F{}", n % 3)),
        customers: 100,
        area_class: AreaClass::Rural,
        cell: None,
    };
    Content {
        boundary: Shape::new(vec![vec![corners]]).unwrap(),
        station_areas: (0..areas).map(area).collect(),
        cells: Vec::new(),
    }
}

fn wishes(cells: usize) -> SplitWishes {
    SplitWishes {
        size: Size::Cells(cells),
        weight: WeightBy::Customers,
        feeders_together: false,
        together: Vec::new(),
        locked: Vec::new(),
        barriers: Vec::new(),
        seed: 1,
    }
}

fn seen(content: &Content, wishes: &SplitWishes, known: &Known) -> (Content, Preview) {
    look(content.clone(), wishes, known, &|_| ()).unwrap()
}

#[test]
fn a_first_split_names_its_cells_and_moves_nothing() {
    let before = territory(40);
    let (after, preview) = seen(&before, &wishes(4), &Known::default());
    let codes: Vec<&str> = preview.cells.iter().map(|row| row.code.as_str()).collect();
    assert_eq!(codes, ["G01", "G02", "G03", "G04"]);
    assert!(
        preview
            .cells
            .iter()
            .all(|row| row.name.starts_with("village"))
    );
    assert!(preview.moves.is_empty() && preview.managers.is_empty());
    assert!(after.station_areas.iter().all(|area| area.cell.is_some()));
    assert_eq!(after.cells.len(), 4);
    let area: f64 = preview.cells.iter().map(|row| row.area_m2).sum();
    assert!((area / before.boundary.area_m2() - 1.0).abs() < 1e-3);
    assert!(
        preview
            .cells
            .iter()
            .all(|row| (0.0..=1.0).contains(&row.polsby_popper))
    );
    assert_eq!(preview.geojson["features"].as_array().unwrap().len(), 4);
}

#[test]
fn another_split_says_what_moves_and_whose_it_was() {
    let (before, _) = seen(&territory(40), &wishes(4), &Known::default());
    let manager = |n: u128| {
        Some(ManagerAt {
            person: PersonId(Uuid::from_u128(n)),
            name: format!("manager {n}"),
            base: Some(at(120.1, 30.1)),
        })
    };
    let pairs = before.cells.iter().zip(1u128..);
    let known = Known {
        workloads: before
            .station_areas
            .iter()
            .map(|area| (area.code.clone(), Workload { orders: 5, open: 1 }))
            .collect(),
        managers: pairs
            .map(|(cell, n)| (cell.code.clone(), [manager(n), manager(n + 10)]))
            .collect::<BTreeMap<_, _>>(),
        ..Known::default()
    };
    let (same, preview) = seen(&before, &wishes(4), &known);
    assert_eq!(same.station_areas, before.station_areas);
    assert!(preview.moves.is_empty());
    assert!(
        preview
            .cells
            .iter()
            .all(|row| row.longest_way_m.is_some_and(|way| way > 1e3))
    );
    assert_eq!(preview.cells.iter().map(|row| row.orders).sum::<u64>(), 200);

    let (_, preview) = seen(&before, &wishes(5), &known);
    assert!(!preview.moves.is_empty());
    assert_eq!(preview.customers_moved, 100 * preview.moves.len() as u64);
    assert_eq!(preview.open_orders_moved, preview.moves.len() as u64);
    let lost: u64 = preview
        .managers
        .iter()
        .map(|move_| move_.station_areas_lost)
        .sum();
    // Each area that moves leaves an A and a B.
    assert_eq!(lost, 2 * preview.moves.len() as u64);
}

#[test]
fn locked_cells_stay_and_what_is_not_there_is_refused() {
    let (before, _) = seen(&territory(40), &wishes(4), &Known::default());
    let locked = SplitWishes {
        locked: vec!["G02".to_owned()],
        seed: 7,
        ..wishes(5)
    };
    let (after, preview) = seen(&before, &locked, &Known::default());
    let row = preview.cells.iter().find(|row| row.code == "G02").unwrap();
    assert!(row.locked);
    let members = |content: &Content| -> Vec<String> {
        let areas = content.station_areas.iter();
        let inside = areas.filter(|area| area.cell.as_deref() == Some("G02"));
        inside.map(|area| area.code.clone()).collect()
    };
    assert_eq!(members(&after), members(&before));
    let refused = |wishes: SplitWishes| {
        let error = look(before.clone(), &wishes, &Known::default(), &|_| ()).unwrap_err();
        error.code().as_str()
    };
    let locked = vec!["G99".to_owned()];
    assert_eq!(
        refused(SplitWishes {
            locked,
            ..wishes(4)
        }),
        "request.invalid"
    );
    let together = vec![vec!["t01".to_owned(), "nowhere".to_owned()]];
    assert_eq!(
        refused(SplitWishes {
            together,
            ..wishes(4)
        }),
        "request.invalid"
    );
    assert_eq!(refused(wishes(1_000)), "territory.cannot_split");
}

#[test]
fn weights_are_customers_orders_or_half_of_each() {
    let mut content = territory(30);
    content.station_areas[0].customers = 500;
    let busy = content.station_areas[1].code.clone();
    let known = Known {
        workloads: [(
            busy,
            Workload {
                orders: 60,
                open: 0,
            },
        )]
        .into(),
        ..Known::default()
    };
    let total = |weight: WeightBy| {
        let (_, preview) = seen(
            &content,
            &SplitWishes {
                weight,
                ..wishes(2)
            },
            &known,
        );
        preview.cells.iter().map(|row| row.weight).sum::<u64>()
    };
    assert_eq!(total(WeightBy::Customers), 3_400);
    assert_eq!(total(WeightBy::Orders), 60);
    assert_eq!(total(WeightBy::Mix), 3_400);
}
