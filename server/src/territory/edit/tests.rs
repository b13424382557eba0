use super::*;
use crate::territory::{
    content::{AreaContent, CellContent},
    field::Seeded,
    fixture::{self, square},
    import::MAX_OUTLINE_POINTS,
    preview::{Known, SplitWishes, WeightBy, look},
};
use gridcrew_sync_protocol::{code::Code, workflow::AreaClass};
use proptest::prelude::*;

/// The two cells, with the points at which they meet the boundary.
fn two_cells() -> Content {
    let mut content = fixture::two_cells();
    plane::around(&mut content).unwrap();
    content
}

fn at(x: f64, y: f64) -> Wgs84 {
    Wgs84::new(120.0 + x / 100.0, 30.0 + y / 100.0).unwrap()
}

fn line(points: &[(f64, f64)]) -> Vec<Wgs84> {
    points.iter().map(|(x, y)| at(*x, *y)).collect()
}

fn polygon(points: &[(f64, f64)]) -> Shape {
    Shape::new(vec![vec![line(points)]]).unwrap()
}

fn named(code: &str) -> Called {
    Called {
        code: Some(code.to_owned()),
        name: None,
    }
}

fn texts(codes: &[&str]) -> Vec<String> {
    codes.iter().map(|code| (*code).to_owned()).collect()
}

/// Which station areas each cell has.
fn members(content: &Content) -> BTreeMap<&str, Vec<&str>> {
    let mut members: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for cell in &content.cells {
        members.entry(&cell.code).or_default();
    }
    for area in &content.station_areas {
        let cell = area.cell.as_deref().unwrap_or("none");
        members.entry(cell).or_default().push(&area.code);
    }
    members
}

fn told(content: &Content) -> String {
    let cells = members(content).into_iter();
    let cells = cells.map(|(cell, areas)| format!("{cell}:{}", areas.join("+")));
    cells.collect::<Vec<_>>().join(" ")
}

/// Does one edit; what comes out tiles the same ground.
fn done(content: &Content, edit: Edit) -> Edited {
    let edited = apply(content.clone(), &[edit]).unwrap();
    tiled(content, &edited.content);
    edited
}

fn refused(content: &Content, edit: Edit) -> EditError {
    apply(content.clone(), &[edit]).unwrap_err().1
}

fn tiled(before: &Content, after: &Content) {
    let shapes: Vec<&Shape> = after.cells.iter().map(|cell| &cell.outline).collect();
    let report = tiling::check(&after.boundary, &shapes);
    assert!(report.tiles(), "{:?}", report.problems);
    assert_eq!(report.difference, 0.0);
    let (old, new) = (before.boundary.area_m2(), after.boundary.area_m2());
    // A cut moves a border by up to 0.01 mm, so the ground of a small territory by 1e-9 of it.
    assert!((old / new - 1.0).abs() < 1e-8, "{old} became {new}");
    let codes: BTreeSet<&str> = after.cells.iter().map(|cell| cell.code.as_str()).collect();
    assert_eq!(codes.len(), after.cells.len(), "each code once");
    for area in &after.station_areas {
        let cell = area.cell.as_deref().unwrap();
        assert!(codes.contains(cell), "{} is in {cell}", area.code);
    }
    assert_eq!(before.station_areas.len(), after.station_areas.len());
}

#[test]
fn a_drawn_cell_takes_ground_and_station_areas_from_those_that_had_them() {
    let before = two_cells();
    let drawn = Edit::Draw {
        outline: polygon(&[(1.0, 0.5), (3.0, 0.5), (3.0, 1.5), (1.0, 1.5)]),
        called: Called::default(),
    };
    let edited = done(&before, drawn);
    assert_eq!(told(&edited.content), "E:t4 G01:t2+t3 W:t1");
    // Named after its largest station area, and heir of whom it took most from.
    assert_eq!(edited.content.cells[2].name, "village t3");
    assert_eq!(
        edited.heirs,
        BTreeMap::from([("G01".to_owned(), "E".to_owned())])
    );
    let area = edited.content.cells[2].outline.area_m2();
    assert!((area / square(1.0, 0.5, 3.0, 1.5).area_m2() - 1.0).abs() < 1e-6);
    assert_eq!(edited.remarks, []);
}

#[test]
fn what_is_drawn_beyond_the_territory_is_left_out_and_nothing_inside_is_refused() {
    let before = two_cells();
    let draw = |outline| Edit::Draw {
        outline,
        called: named("N"),
    };
    let over = polygon(&[(-1.0, 0.5), (1.0, 0.5), (1.0, 3.0), (-1.0, 3.0)]);
    let edited = done(&before, draw(over));
    assert_eq!(told(&edited.content), "E:t3+t4 N:t1 W:t2");
    assert!(matches!(edited.remarks[..], [Remark::BeyondTerritory { area_m2 }] if area_m2 > 1e6));

    let away = polygon(&[(10.0, 0.5), (11.0, 0.5), (11.0, 3.0)]);
    assert_eq!(
        refused(&before, draw(away)),
        EditError::Outside { swapped: false }
    );
    let ring = [(30.005, 120.005), (30.005, 120.015), (30.015, 120.015)];
    let ring = ring.map(|(lat, lon)| (lat, lon));
    // A place with longitude and latitude swapped is refused before, unless both can be either.
    assert!(Wgs84::new(ring[0].0, ring[0].1).is_err());
}

#[test]
fn a_place_that_would_fit_with_longitude_and_latitude_swapped_is_named() {
    // Far in the west of the country both can be either.
    let moved = |p: Wgs84| Wgs84::new(p.lon() - 40.0, p.lat()).unwrap();
    let shift = |shape: &Shape| {
        let rings = shape.polygons().iter().map(|rings| {
            let ring = |ring: &Vec<Wgs84>| ring.iter().map(|p| moved(*p)).collect();
            rings.iter().map(ring).collect()
        });
        Shape::new(rings.collect()).unwrap()
    };
    let mut west = two_cells();
    west.boundary = shift(&west.boundary);
    for cell in &mut west.cells {
        cell.outline = shift(&cell.outline);
    }
    for area in &mut west.station_areas {
        area.position = moved(area.position);
    }
    let ring = [(80.005, 30.005), (80.015, 30.005), (80.015, 30.015)];
    let ring = ring.map(|(lon, lat)| Wgs84::new(lat, lon).unwrap());
    let outline = Shape::new(vec![vec![ring.to_vec()]]).unwrap();
    let called = Called::default();
    let error = refused(&west, Edit::Draw { outline, called });
    assert_eq!(error, EditError::Outside { swapped: true });
    assert!(error.to_string().contains("swapped"));
    assert_eq!(error.code(), Code::TerritoryOutsideBoundary);
}

#[test]
fn a_cell_never_loses_its_last_station_area_or_all_its_ground() {
    let before = two_cells();
    let whole_west = Edit::Draw {
        outline: square(0.0, 0.0, 2.0, 2.0),
        called: named("N"),
    };
    let error = refused(&before, whole_west);
    assert_eq!(error.code(), Code::TerritoryCellWithoutStationArea);
    let empty = Edit::Draw {
        outline: square(0.0, 0.0, 0.2, 0.2),
        called: named("N"),
    };
    assert_eq!(
        refused(&before, empty),
        EditError::LosesAreas {
            cell: "N".to_owned()
        }
    );
    let all = Edit::Move {
        station_areas: texts(&["t1", "t2"]),
        to: "E".to_owned(),
    };
    assert_eq!(
        refused(&before, all),
        EditError::LosesGround {
            cell: "W".to_owned()
        }
    );
}

#[test]
fn ground_that_is_cut_off_goes_to_a_neighbour_unless_a_station_area_stands_on_it() {
    // A band from north to south through W leaves a strip in the west without a station area.
    let band = Edit::Draw {
        outline: square(0.2, -1.0, 1.0, 3.0),
        called: named("N"),
    };
    let edited = done(&two_cells(), band);
    assert_eq!(told(&edited.content), "E:t3+t4 N:t1 W:t2");
    let cut = edited.remarks.iter().any(
        |remark| matches!(remark, Remark::CutOff { from, to, .. } if from == "W" && to == "N"),
    );
    assert!(cut, "{:?}", edited.remarks);
    // One between both station areas leaves W in two pieces, which is told.
    let mut between = two_cells();
    between.station_areas.push(AreaContent {
        code: "t5".to_owned(),
        position: at(1.0, 1.0),
        cell: Some("W".to_owned()),
        ..between.station_areas[0].clone()
    });
    let band = Edit::Draw {
        outline: square(0.8, -1.0, 1.2, 3.0),
        called: named("N"),
    };
    let edited = done(&between, band);
    assert_eq!(told(&edited.content), "E:t3+t4 N:t5 W:t1+t2");
    let pieces = Remark::InPieces {
        cell: "W".to_owned(),
        pieces: 2,
    };
    assert!(edited.remarks.contains(&pieces), "{:?}", edited.remarks);
}

#[test]
fn a_border_moves_by_a_new_outline_or_a_new_line() {
    let before = two_cells();
    let outline = Edit::Outline {
        cell: "W".to_owned(),
        outline: square(0.0, 0.0, 3.0, 2.0),
    };
    let wider = done(&before, outline);
    assert_eq!(told(&wider.content), "E:t4 W:t1+t2+t3");
    let back = Edit::Border {
        cells: ["W".to_owned(), "E".to_owned()],
        line: line(&[(1.0, -1.0), (1.2, 1.0), (1.0, 3.0)]),
    };
    let narrow = done(&wider.content, back);
    assert_eq!(told(&narrow.content), "E:t2+t3+t4 W:t1");
    assert!(narrow.heirs.is_empty());
    let outline = Edit::Outline {
        cell: "W".to_owned(),
        outline: square(0.0, 0.0, 2.0, 2.0),
    };
    let again = done(&narrow.content, outline);
    assert_eq!(told(&again.content), told(&before));
    let area = again.content.cells[0].outline.area_m2();
    assert!((area / before.cells[0].outline.area_m2() - 1.0).abs() < 1e-8);
}

#[test]
fn lines_that_part_nothing_or_cross_themselves_are_refused_and_touched_borders_are_none() {
    let before = two_cells();
    let border = |points: &[(f64, f64)]| Edit::Border {
        cells: ["W".to_owned(), "E".to_owned()],
        line: line(points),
    };
    let short = refused(&before, border(&[(1.0, 0.5), (1.0, 1.5)]));
    assert!(matches!(short, EditError::DoesNotPart { .. }), "{short:?}");
    let looped = [(-1.0, 0.5), (3.0, 0.5), (3.0, 1.5), (1.0, 1.5), (1.0, -1.0)];
    assert_eq!(
        refused(&before, border(&looped)),
        EditError::LineCrossesItself
    );
    let nowhere = refused(&before, border(&[(9.0, 0.0), (9.0, 2.0)]));
    assert_eq!(nowhere, EditError::Outside { swapped: false });
    assert_eq!(
        refused(&before, border(&[(1.0, 1.0), (1.0, 1.0)])),
        EditError::ShortLine
    );
    let same = Edit::Border {
        cells: ["W".to_owned(), "W".to_owned()],
        line: line(&[(1.0, -1.0), (1.0, 3.0)]),
    };
    assert_eq!(refused(&before, same), EditError::FewCells);
}

#[test]
fn a_cell_is_split_along_a_line_and_the_larger_part_goes_on() {
    let along = Edit::SplitAlong {
        cell: "E".to_owned(),
        line: line(&[(3.0, -1.0), (3.1, 1.0), (2.9, 3.0)]),
        called: named("N"),
    };
    let edited = done(&two_cells(), along);
    assert_eq!(told(&edited.content), "E:t4 N:t3 W:t1+t2");
    assert_eq!(edited.heirs["N"], "E");
    let taken = Edit::SplitAlong {
        cell: "E".to_owned(),
        line: line(&[(3.0, -1.0), (3.0, 3.0)]),
        called: named("W"),
    };
    assert_eq!(
        refused(&two_cells(), taken).code(),
        Code::TerritoryCodeTwice
    );
}

#[test]
fn cells_are_merged_and_those_that_do_not_touch_are_not() {
    let merge = |cells: &[&str], into: Option<&str>| Edit::Merge {
        cells: texts(cells),
        into: into.map(str::to_owned),
    };
    let before = two_cells();
    let edited = done(&before, merge(&["W", "E"], None));
    assert_eq!(
        told(&edited.content),
        "E:t1+t2+t3+t4",
        "the one with most customers goes on"
    );
    let edited = done(&before, merge(&["W", "E"], Some("W")));
    assert_eq!(told(&edited.content), "W:t1+t2+t3+t4");
    assert_eq!(
        refused(&before, merge(&["W", "W"], None)),
        EditError::FewCells
    );
    let stranger = refused(&before, merge(&["W", "X"], None));
    assert_eq!(stranger, EditError::UnknownCell("X".to_owned()));

    let mut three = before;
    three.boundary = square(0.0, 0.0, 6.0, 2.0);
    three.cells.push(CellContent {
        code: "F".to_owned(),
        name: "cell F".to_owned(),
        outline: square(4.0, 0.0, 6.0, 2.0),
    });
    three.station_areas.push(AreaContent {
        code: "t5".to_owned(),
        position: at(5.0, 1.0),
        cell: Some("F".to_owned()),
        ..three.station_areas[0].clone()
    });
    plane::around(&mut three).unwrap();
    let apart = refused(&three, merge(&["W", "F"], None));
    assert!(matches!(apart, EditError::NotNeighbours { .. }));
    let all = done(&three, merge(&["F", "W", "E"], Some("F")));
    assert_eq!(all.content.cells.len(), 1);
}

#[test]
fn station_areas_take_their_ground_along() {
    let move_ = |areas: &[&str], to: &str| Edit::Move {
        station_areas: texts(areas),
        to: to.to_owned(),
    };
    let before = two_cells();
    let edited = done(&before, move_(&["t2"], "E"));
    assert_eq!(told(&edited.content), "E:t2+t3+t4 W:t1");
    let (west, east) = (
        &edited.content.cells[0].outline,
        &edited.content.cells[1].outline,
    );
    assert!(east.contains(at(1.5, 1.0)) && !west.contains(at(1.5, 1.0)));
    // Midway between t1 at 0.5 and t2 at 1.5.
    let area = west.area_m2() / square(0.0, 0.0, 1.0, 2.0).area_m2();
    assert!((area - 1.0).abs() < 1e-6, "{area}");
    let there = refused(&before, move_(&["t3"], "E"));
    assert!(matches!(there, EditError::ThereAlready { .. }));
    let unknown = refused(&before, move_(&["t9"], "E"));
    assert_eq!(unknown, EditError::UnknownArea("t9".to_owned()));

    let mut twins = before.clone();
    twins.station_areas[1].position = twins.station_areas[0].position;
    let torn = refused(&twins, move_(&["t1"], "E"));
    assert!(matches!(torn, EditError::StandTogether { .. }));
    // One that stands in another cell has no ground in its own: it goes alone.
    let mut astray = before;
    astray.station_areas[1].position = at(3.0, 0.5);
    let edited = done(&astray, move_(&["t2"], "E"));
    assert_eq!(told(&edited.content), "E:t2+t3+t4 W:t1");
    assert_eq!(edited.content.cells[0].outline, astray.cells[0].outline);
}

#[test]
fn edits_of_one_version_build_on_each_other_and_a_bad_one_names_itself() {
    let first = Edit::SplitAlong {
        cell: "E".to_owned(),
        line: line(&[(3.0, -1.0), (3.0, 3.0)]),
        called: named("N"),
    };
    let second = Edit::Rename {
        cell: "N".to_owned(),
        name: "by the river".to_owned(),
    };
    let third = Edit::Merge {
        cells: texts(&["W", "N"]),
        into: None,
    };
    let edits = [first, second, third];
    let edited = apply(two_cells(), &edits).unwrap();
    tiled(&two_cells(), &edited.content);
    assert_eq!(told(&edited.content), "E:t4 W:t1+t2+t3");
    assert_eq!(edited.said.len(), 3);
    let gone = Edit::Rename {
        cell: "N".to_owned(),
        name: "again".to_owned(),
    };
    let edits: Vec<Edit> = edits.into_iter().chain([gone]).collect();
    let (number, error) = apply(two_cells(), &edits).unwrap_err();
    assert_eq!((number, error), (4, EditError::UnknownCell("N".to_owned())));
    assert_eq!(apply(two_cells(), &[]).unwrap_err().1, EditError::HowMany);
}

#[test]
fn cells_that_do_not_tile_are_not_edited() {
    let rename = Edit::Rename {
        cell: "W".to_owned(),
        name: "west".to_owned(),
    };
    let mut gap = two_cells();
    gap.cells[1].outline = square(2.1, 0.0, 4.0, 2.0);
    assert_eq!(refused(&gap, rename.clone()), EditError::NotTiled);
    let mut none = two_cells();
    none.cells.clear();
    assert_eq!(refused(&none, rename), EditError::NoCells);
}

/// A territory of generated station areas, split into so many cells.
fn generated(areas: usize, cells: usize, seed: u64) -> Content {
    let mut random = Seeded::new(seed);
    let mut spot = || {
        let (x, y) = (random.next(), random.next());
        at(0.05 + 9.9 * x, 0.05 + 9.9 * y)
    };
    let area = |n: usize, position| AreaContent {
        code: format!("t{n:03}"),
        name: format!("village {n}"),
        position,
        feeder: None,
        customers: 50 + u32::try_from(n % 7).unwrap() * 30,
        area_class: AreaClass::Rural,
        cell: None,
    };
    let crooked = [
        (0.0, 0.0),
        (4.0, -0.3),
        (10.0, 0.0),
        (10.4, 5.0),
        (10.0, 10.0),
        (6.0, 10.2),
        (0.0, 10.0),
        (-0.3, 6.0),
    ];
    let content = Content {
        boundary: polygon(&crooked),
        station_areas: (0..areas).map(|n| area(n, spot())).collect(),
        cells: Vec::new(),
    };
    let wishes = SplitWishes {
        size: Size::Cells(cells),
        weight: WeightBy::Customers,
        feeders_together: false,
        together: Vec::new(),
        locked: Vec::new(),
        barriers: Vec::new(),
        seed,
    };
    look(content, &wishes, &Known::default(), &|_| ())
        .unwrap()
        .0
}

/// An edit that may or may not be possible.
fn some_edit(random: &mut Seeded, content: &Content) -> Edit {
    let mut pick = |count: usize| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "below count"
        )]
        let number = (random.next() * count as f64) as usize;
        number.min(count.saturating_sub(1))
    };
    let cell = |n: usize| content.cells[n].code.clone();
    let kind = pick(7);
    let (one, other) = (pick(content.cells.len()), pick(content.cells.len()));
    let areas: Vec<String> = (0..=pick(3))
        .map(|_| {
            content.station_areas[pick(content.station_areas.len())]
                .code
                .clone()
        })
        .collect();
    let seed = pick(1000) as u64;
    let mut spot = || (random.next() * 12.0 - 1.0, random.next() * 12.0 - 1.0);
    let centre = spot();
    let size = 0.4 + 3.0 * (spot().0 + 1.0) / 12.0;
    let blob: Vec<(f64, f64)> = (0..11)
        .map(|n| {
            let angle = f64::from(n) * std::f64::consts::TAU / 11.0;
            let r = size * (0.6 + 0.4 * (spot().0 + 1.0) / 12.0);
            (centre.0 + r * angle.cos(), centre.1 + r * angle.sin())
        })
        .collect();
    let across: Vec<(f64, f64)> = {
        let (y, z) = (spot().1, spot().1);
        let bend = |x: f64, y: f64| (x, y + spot_shift(x));
        let points = (-2..=12)
            .map(f64::from)
            .map(|x| bend(x, y + (z - y) * x / 12.0));
        let points: Vec<(f64, f64)> = points.collect();
        if kind % 2 == 0 {
            points
        } else {
            points.into_iter().map(|(x, y)| (y, x)).collect()
        }
    };
    match kind {
        0 => Edit::Draw {
            outline: polygon(&blob),
            called: Called::default(),
        },
        1 => Edit::Outline {
            cell: cell(one),
            outline: polygon(&blob),
        },
        2 => Edit::Border {
            cells: [cell(one), cell(other)],
            line: line(&across),
        },
        3 => Edit::SplitAlong {
            cell: cell(one),
            line: line(&across),
            called: Called::default(),
        },
        4 => Edit::SplitInto {
            cell: cell(one),
            size: Size::Cells(2),
            seed,
        },
        5 => Edit::Merge {
            cells: vec![cell(one), cell(other)],
            into: None,
        },
        _ => Edit::Move {
            station_areas: areas,
            to: cell(one),
        },
    }
}

/// A bend that follows from the place.
fn spot_shift(x: f64) -> f64 {
    0.4 * (x * 1.7).sin()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_sequence_of_edits_keeps_the_tiling_and_never_a_fault(seed in 0u64..1_000_000) {
        let mut random = Seeded::new(seed);
        let first = generated(24, 5, seed);
        let mut content = first.clone();
        let mut succeeded = 0;
        for _ in 0..12 {
            let edit = some_edit(&mut random, &content);
            let before: BTreeMap<String, Shape> = content
                .cells
                .iter()
                .map(|cell| (cell.code.clone(), cell.outline.clone()))
                .collect();
            match apply(content.clone(), std::slice::from_ref(&edit)) {
                Ok(edited) => {
                    tiled(&first, &edited.content);
                    for cell in &edited.content.cells {
                        let known = before.contains_key(&cell.code);
                        prop_assert!(known || edited.heirs.contains_key(&cell.code));
                    }
                    content = edited.content;
                    succeeded += 1;
                }
                Err((_, error)) => {
                    prop_assert_ne!(error.code(), Code::Internal, "{:?}: {}", edit, error);
                }
            }
        }
        prop_assert!(succeeded > 0);
    }
}

#[test]
fn an_outline_of_as_many_points_as_may_be_is_drawn_in_little_time() {
    let before = generated(200, 16, 7);
    let points = i32::try_from(MAX_OUTLINE_POINTS).unwrap() - 1;
    let ring: Vec<(f64, f64)> = (0..points)
        .map(|n| {
            let angle = f64::from(n) * std::f64::consts::TAU / f64::from(points);
            let r = 1.0 + 0.02 * (angle * 900.0).sin();
            (5.0 + r * angle.cos(), 5.0 + r * angle.sin())
        })
        .collect();
    let draw = Edit::Draw {
        outline: polygon(&ring),
        called: Called::default(),
    };
    let edited = done(&before, draw);
    assert!(edited.content.cells.len() >= 2);
}

#[test]
fn a_code_that_the_same_edits_took_away_is_not_given_to_another_cell() {
    let before = two_cells();
    let merge = |other: &str| Edit::Merge {
        cells: texts(&["W", other]),
        into: Some("W".to_owned()),
    };
    let draw = |called| Edit::Draw {
        outline: polygon(&[(1.0, 0.5), (3.0, 0.5), (3.0, 1.5), (1.0, 1.5)]),
        called,
    };
    let refused = apply(before.clone(), &[merge("E"), draw(named("E"))]).unwrap_err();
    assert_eq!(refused, (2, EditError::CodeTaken("E".to_owned())));
    let numbered = done(&before, draw(Called::default())).content;
    let edited = apply(numbered, &[merge("G01"), draw(Called::default())]).unwrap();
    let new: Vec<&str> = edited.heirs.keys().map(String::as_str).collect();
    assert_eq!(new, ["G02"]);
}
