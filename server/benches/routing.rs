//! Finding the cell of a point, measured.
//!
//! First the time: a full search with its explanation among 100,489 cells of 25 points,
//! against a bare nearest search of `rstar` over the same outlines in plane metres, turn
//! about in one run, so that their ratio does not depend on the machine. Then the truth:
//! 100,000 points at each of three latitudes, against geodesics to every cell that could
//! be meant. It prints, and ends with an error if a bar is missed.

#![expect(
    clippy::print_stdout,
    reason = "a program that prints what it measured"
)]
#![expect(clippy::unwrap_used, reason = "made from a seed, and has been run")]

use gridcrew_server::territory::{
    roles::CellRoles,
    shape::Shape,
    snapshot::{CellRecord, Outline, StationRecord, TerritorySnapshot},
};
use gridcrew_sync_protocol::{
    ids::{CellId, OrgId},
    position::Wgs84,
};
use rstar::{AABB, PointDistance, RTree, RTreeObject};
use std::{hint::black_box, process::ExitCode, time::Instant};
use uuid::Uuid;

#[path = "../src/territory/field.rs"]
mod field;

const STEP: f64 = 0.01;
const ROUNDS: usize = 20;
const POINTS: usize = 20_000;
const TRUTH: usize = 100_000;

fn main() -> ExitCode {
    let fast = time();
    let true_everywhere = [18.0, 35.0, 53.0]
        .map(truth)
        .iter()
        .all(|differences| *differences == 0);
    if fast && true_everywhere {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn snapshot(cells: &[field::Cell]) -> TerritorySnapshot {
    let records = cells.iter().enumerate().map(|(number, cell)| {
        let ring = cell
            .iter()
            .map(|p| Wgs84::new(p[0], p[1]).unwrap())
            .collect();
        CellRecord {
            id: CellId(Uuid::from_u128(number as u128)),
            code: number.to_string(),
            name: number.to_string(),
            outline: Outline::from(&Shape::new(vec![vec![ring]]).unwrap()),
            roles: CellRoles::default(),
            station_areas: Vec::new(),
        }
    });
    let station = StationRecord::of_cells(OrgId(Uuid::nil()), 1, records.collect());
    TerritorySnapshot::build(1, vec![station]).unwrap()
}

fn time() -> bool {
    let (corner, side) = ([110.0, 34.0], 317);
    let cells = field::cells(side, corner, STEP, 0, 1);
    let started = Instant::now();
    let map = snapshot(&cells);
    println!(
        "{} cells of 25 points laid out in {:.0?}",
        map.cells().len(),
        started.elapsed()
    );

    let middle = corner[1] + STEP * side as f64 / 2.0;
    let scale = [111_320.0 * middle.to_radians().cos(), 110_950.0];
    let flat = |p: [f64; 2]| [p[0] * scale[0], p[1] * scale[1]];
    let bare = RTree::bulk_load(
        cells
            .iter()
            .map(|cell| Bare::new(cell.iter().map(|p| flat(*p)).collect()))
            .collect(),
    );

    let mut random = field::Seeded::new(7);
    let mut all: Vec<u64> = Vec::with_capacity(ROUNDS * POINTS);
    let mut ratios = Vec::new();
    let (mut bare_ns, mut full_ns) = (0.0, 0.0);
    for round in 0..=ROUNDS {
        // One point in twenty lies up to 4 km outside all cells.
        let points: Vec<[f64; 2]> = (0..POINTS)
            .map(|_| {
                let span = STEP * side as f64;
                [0, 1].map(|axis| corner[axis] + span * (random.next() * 1.025 - 0.0125))
            })
            .collect();
        let places: Vec<Wgs84> = points
            .iter()
            .map(|p| Wgs84::new(p[0], p[1]).unwrap())
            .collect();
        let started = Instant::now();
        for point in &points {
            black_box(bare.nearest_neighbor(black_box(&flat(*point))));
        }
        let bare_time = started.elapsed().as_secs_f64();
        let started = Instant::now();
        for place in &places {
            black_box(map.locate(black_box(*place)));
        }
        let full_time = started.elapsed().as_secs_f64();
        // The first round warms up.
        if round > 0 {
            ratios.push(full_time / bare_time);
            bare_ns += bare_time * 1e9;
            full_ns += full_time * 1e9;
            for place in &places {
                let started = Instant::now();
                black_box(map.locate(black_box(*place)));
                all.push(u64::try_from(started.elapsed().as_nanos()).unwrap());
            }
        }
    }
    ratios.sort_unstable_by(f64::total_cmp);
    all.sort_unstable();
    let count = (ROUNDS * POINTS) as f64;
    let at = |share: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index"
        )]
        let place = (all.len() as f64 * share) as usize;
        all[place] as f64 / 1000.0
    };
    let ratio = ratios[ratios.len() / 2];
    println!(
        "bare nearest search        {:8.0} ns a point",
        bare_ns / count
    );
    println!(
        "full search, explained     {:8.0} ns a point",
        full_ns / count
    );
    println!("ratio, median of {ROUNDS} rounds {ratio:8.2}    (bar: at most 1.5)");
    println!(
        "full search p50 {:.2} us, p99 {:.2} us (bar: under 20 us)",
        at(0.5),
        at(0.99)
    );
    ratio <= 1.5 && at(0.99) < 20.0
}

/// How many of the points the fast search decides otherwise than the slow one.
fn truth(lat: f64) -> usize {
    let (corner, side) = ([109.0, lat], 60);
    let cells = field::cells(side, corner, 0.012, 12, 3);
    let map = snapshot(&cells);
    let slow = field::Slow::new(&cells);
    let mut random = field::Seeded::new(11);
    let points: Vec<[f64; 2]> = (0..TRUTH)
        .map(|_| {
            let span = 0.012 * side as f64;
            [0, 1].map(|axis| corner[axis] + span * (random.next() * 1.2 - 0.1))
        })
        .collect();
    let started = Instant::now();
    let check = |points: &[[f64; 2]]| {
        let (mut outside, mut differences) = (0, 0);
        for point in points {
            let expected = slow.locate(*point);
            let answer = map.locate(Wgs84::new(point[0], point[1]).unwrap());
            let id = |n: usize| CellId(Uuid::from_u128(n as u128));
            outside += usize::from(expected.is_some_and(|(_, distance)| distance > 0.0));
            if answer.located.cell() != expected.map(|(n, _)| id(n)) {
                println!("  at {point:?}: {answer:?}, but {expected:?}");
                differences += 1;
            }
        }
        (outside, differences)
    };
    let (one, other) = points.split_at(TRUTH / 2);
    let (a, b) = std::thread::scope(|scope| {
        let first = scope.spawn(|| check(one));
        (check(other), first.join().unwrap())
    });
    println!(
        "latitude {lat}: {TRUTH} points among {} cells, {} of them outside all, \
         {} differences from geodesics to every cell ({:.0?})",
        cells.len(),
        a.0 + b.0,
        a.1 + b.1,
        started.elapsed()
    );
    a.1 + b.1
}

/// An outline in plane metres, as `rstar` searches it by itself.
struct Bare {
    envelope: AABB<[f64; 2]>,
    ring: Vec<[f64; 2]>,
}

impl Bare {
    fn new(ring: Vec<[f64; 2]>) -> Self {
        Self {
            envelope: AABB::from_points(&ring),
            ring,
        }
    }
}

impl RTreeObject for Bare {
    type Envelope = AABB<[f64; 2]>;

    fn envelope(&self) -> Self::Envelope {
        self.envelope
    }
}

impl PointDistance for Bare {
    fn distance_2(&self, point: &[f64; 2]) -> f64 {
        let mut inside = false;
        let mut least = f64::INFINITY;
        let mut a = [self.ring[0][0] - point[0], self.ring[0][1] - point[1]];
        for corner in &self.ring[1..] {
            let b = [corner[0] - point[0], corner[1] - point[1]];
            let step = [b[0] - a[0], b[1] - a[1]];
            if (a[1] > 0.0) != (b[1] > 0.0) && ((a[0] * b[1] - a[1] * b[0] > 0.0) == (b[1] > 0.0)) {
                inside = !inside;
            }
            let length = step[0] * step[0] + step[1] * step[1];
            let along = (-(a[0] * step[0] + a[1] * step[1]) / length).clamp(0.0, 1.0);
            let foot = [a[0] + along * step[0], a[1] + along * step[1]];
            least = least.min(foot[0] * foot[0] + foot[1] * foot[1]);
            a = b;
        }
        if inside { 0.0 } else { least }
    }
}
