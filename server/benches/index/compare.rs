//! Everything in one run, turn about: own decisions, bare trees, PostGIS.

use super::{
    Bars,
    decision::{Town, at, cell_id, station},
    field::{Field, Seeded},
    postgis::PostGis,
    rivals::Rivals,
};
use gridcrew_server::{
    dispatch::{explain::sentence, route::Explanation},
    territory::snapshot::TerritorySnapshot,
};
use gridcrew_sync_protocol::position::Wgs84;
use std::{hint::black_box, sync::Arc, time::Instant};
use tokio::runtime::Runtime;

const CORNER: [f64; 2] = [110.0, 34.0];
const STEP: f64 = 0.01;
const SIDE: usize = 317;
const ROUNDS: usize = 7;
const POINTS: usize = 20_000;
/// Questions a round that go to PostGIS one by one.
const SINGLY: usize = 2_000;

/// What must be reached.
const A_SECOND_INSIDE: f64 = 400_000.0;
const TIMES_ONE_BY_ONE: f64 = 60.0;
const TIMES_IN_ONE_STATEMENT: f64 = 10.0;

/// Which points are asked about.
#[derive(Clone, Copy)]
enum Kind {
    Inside,
    /// One in twenty outside.
    Mixed,
    /// Up to 4 km outside all cells.
    Outside,
}

pub(crate) fn run(bars: &mut Bars, runtime: &Runtime) {
    let field = Field {
        corner: CORNER,
        step: STEP,
        parts: 6,
        lakes: 0,
        seed: 1,
    };
    let cells: Vec<Vec<[f64; 2]>> = (0..SIDE * SIDE)
        .filter_map(|number| field.cell(number % SIDE, number / SIDE))
        .collect();
    let started = Instant::now();
    let town = Town::new(Arc::new(laid_out(&cells)));
    println!(
        "{} cells of {} points in {} stations laid out in {:.0?}",
        town.map.cells().len(),
        cells[0].len(),
        town.map.stations().len(),
        started.elapsed()
    );
    let flat: Vec<Vec<[f64; 2]>> = cells
        .iter()
        .map(|cell| cell.iter().map(|p| flat(*p)).collect())
        .collect();
    let rivals = Rivals::new(&flat);
    let mut postgis = runtime.block_on(PostGis::over(&flat));
    if postgis.is_none() {
        bars.hold("PostGIS is there: GRIDCREW_BENCH_POSTGIS names it", false);
    }
    for (kind, what) in [
        (Kind::Inside, "inside a cell"),
        (Kind::Mixed, "one in twenty outside all cells"),
        (Kind::Outside, "up to 4 km outside all cells"),
    ] {
        println!("\npoints {what}");
        let mut random = Seeded::new(7);
        let mut speeds = Speeds::default();
        for round in 0..=ROUNDS {
            let points: Vec<[f64; 2]> = (0..POINTS).map(|_| kind.point(&mut random)).collect();
            // The first round warms up.
            let kept = if round == 0 {
                &mut Speeds::default()
            } else {
                &mut speeds
            };
            kept.round(&town, &rivals, postgis.as_mut(), runtime, &points);
        }
        speeds.report(bars, kind);
    }
    let points = Kind::Mixed.points(200_000);
    let times = town.times(&points);
    if let Some(postgis) = postgis {
        runtime.block_on(postgis.finish());
    }
    println!(
        "\nwhole decisions, one by one: p50 {:.2} us, p99 {:.2} us, p99.9 {:.2} us",
        at(&times, 0.5),
        at(&times, 0.99),
        at(&times, 0.999)
    );
}

/// Stations of 4 by 4 cells.
fn laid_out(cells: &[Vec<[f64; 2]>]) -> TerritorySnapshot {
    let across = SIDE.div_ceil(4);
    let mut stations: Vec<Vec<(usize, Vec<[f64; 2]>)>> = vec![Vec::new(); across * across];
    for (number, cell) in cells.iter().enumerate() {
        let (column, row) = (number % SIDE, number / SIDE);
        stations[row / 4 * across + column / 4].push((number, cell.clone()));
    }
    let stations = stations.into_iter().enumerate();
    let records = stations.map(|(number, cells)| station(number, cells, |_| 12));
    TerritorySnapshot::build(1, records.collect()).unwrap()
}

/// Plane metres, true at the middle latitude of the cells.
fn flat(p: [f64; 2]) -> [f64; 2] {
    let middle: f64 = CORNER[1] + STEP * SIDE as f64 / 2.0;
    [
        p[0] * 111_320.0 * middle.to_radians().cos(),
        p[1] * 110_950.0,
    ]
}

impl Kind {
    fn point(self, random: &mut Seeded) -> [f64; 2] {
        let span = STEP * SIDE as f64;
        let outside = match self {
            Self::Inside => false,
            Self::Mixed => random.next() < 0.05,
            Self::Outside => true,
        };
        let mut point = [0, 1].map(|axis| CORNER[axis] + span * (0.001 + 0.998 * random.next()));
        if outside {
            // Beyond one of the four sides, by more than its crookedness.
            let off = span * (0.0005 + 0.012 * random.next());
            let (axis, side) = if random.next() < 0.5 { (0, 1) } else { (1, 0) };
            point[axis] = if random.next() < 0.5 {
                CORNER[axis] - off
            } else {
                CORNER[axis] + span + off
            };
            point[side] = CORNER[side] + span * random.next();
        }
        point
    }

    fn points(self, count: usize) -> Vec<Wgs84> {
        let mut random = Seeded::new(11);
        let points = (0..count).map(|_| self.point(&mut random));
        points.map(|p| Wgs84::new(p[0], p[1]).unwrap()).collect()
    }
}

/// Seconds that each way took for one question, round by round, and how many answers differ.
#[derive(Default)]
struct Speeds {
    placed: Vec<f64>,
    decided: Vec<f64>,
    stored: Vec<f64>,
    rstar_contains: Vec<f64>,
    rstar_nearest: Vec<f64>,
    packed_contains: Vec<f64>,
    packed_nearest: Vec<f64>,
    one_by_one: Vec<f64>,
    in_one_statement: Vec<f64>,
    asked: usize,
    rstar_differs: usize,
    packed_differs: usize,
    postgis_asked: usize,
    postgis_differs: usize,
}

impl Speeds {
    fn round(
        &mut self,
        town: &Town,
        rivals: &Rivals,
        postgis: Option<&mut PostGis>,
        runtime: &Runtime,
        points: &[[f64; 2]],
    ) {
        let places: Vec<Wgs84> = points
            .iter()
            .map(|p| Wgs84::new(p[0], p[1]).unwrap())
            .collect();
        let flats: Vec<[f64; 2]> = points.iter().map(|p| flat(*p)).collect();
        self.placed.push(each(&places, |p| town.placed(*p)));
        self.decided.push(each(&places, |p| town.decision(*p)));
        self.stored.push(each(&places, |p| {
            let decision = town.decision(*p);
            let explanation = Explanation {
                sentence: sentence(&decision),
                decision,
            };
            serde_json::to_string(&explanation)
        }));
        let contains = each(&flats, |p| rivals.rstar_contains(*p));
        self.rstar_contains.push(contains);
        self.rstar_nearest
            .push(each(&flats, |p| rivals.rstar_nearest(*p)));
        self.packed_contains
            .push(each(&flats, |p| rivals.packed_contains(*p)));
        self.packed_nearest
            .push(each(&flats, |p| rivals.packed_nearest(*p)));

        let own: Vec<_> = places.iter().map(|p| town.placed(*p).0.cell).collect();
        let differ = |other: &dyn Fn([f64; 2]) -> Option<usize>| {
            let pairs = own.iter().zip(&flats);
            pairs
                .filter(|(own, p)| **own != other(**p).map(cell_id))
                .count()
        };
        self.asked += points.len();
        self.rstar_differs += differ(&|p| rivals.rstar_nearest(p));
        self.packed_differs += differ(&|p| rivals.packed_nearest(p));
        if let Some(postgis) = postgis {
            let (seconds, answers) = runtime.block_on(postgis.one_by_one(&flats[..SINGLY]));
            self.one_by_one.push(seconds);
            let whole = runtime.block_on(postgis.in_one_statement(&flats));
            self.in_one_statement.push(whole.0);
            let answers = answers.iter().zip(&own).chain(whole.1.iter().zip(&own));
            for (theirs, own) in answers {
                self.postgis_asked += 1;
                self.postgis_differs += usize::from(theirs.map(cell_id) != *own);
            }
        }
    }

    fn report(&self, bars: &mut Bars, kind: Kind) {
        let row = |what: &str, seconds: &[f64]| {
            if seconds.is_empty() {
                return f64::NAN;
            }
            let a_second = 1.0 / median(seconds);
            println!("  {what:<52} {a_second:>10.0} a second");
            a_second
        };
        let placed = row("own: the cell, explained", &self.placed);
        let decided = row("own: whole decision, everyone explained", &self.decided);
        row("own: the same as stored, sentence and JSON", &self.stored);
        row("rstar, contains", &self.rstar_contains);
        row("rstar, nearest", &self.rstar_nearest);
        row("packed static tree, contains", &self.packed_contains);
        row("packed static tree, nearest", &self.packed_nearest);
        let singly = row("PostGIS, one connection", &self.one_by_one);
        let whole = row("PostGIS, inside one statement", &self.in_one_statement);
        let (to_singly, to_whole) = (placed / singly, placed / whole);
        println!(
            "  of {} answers {} differ from rstar, {} from the packed tree; of {} {} from PostGIS",
            self.asked,
            self.rstar_differs,
            self.packed_differs,
            self.postgis_asked,
            self.postgis_differs
        );
        println!(
            "  with the whole ladder, which PostGIS is not asked for: {:.0} times PostGIS over one \
             connection, {:.1} times inside one statement",
            decided / singly,
            decided / whole
        );
        let text = format!("{to_singly:.0} times PostGIS over one connection (at least 60)");
        if self.one_by_one.is_empty() {
            return;
        }
        match kind {
            Kind::Outside => println!("     {text}, {to_whole:.1} times inside one statement"),
            _ => {
                bars.hold(&text, to_singly >= TIMES_ONE_BY_ONE);
                let text = format!("{to_whole:.1} times inside one statement (at least 10)");
                bars.hold(&text, to_whole >= TIMES_IN_ONE_STATEMENT);
            }
        }
        if matches!(kind, Kind::Inside) {
            let text = format!("{decided:.0} whole decisions a second (at least 400,000)");
            bars.hold(&text, decided >= A_SECOND_INSIDE);
            let agree = self.rstar_differs + self.packed_differs + self.postgis_differs == 0;
            bars.hold("inside a cell all answers agree", agree);
        }
    }
}

/// Seconds a question, one after the other on this thread.
fn each<P, A>(points: &[P], ask: impl Fn(&P) -> A) -> f64 {
    let started = Instant::now();
    for point in points {
        black_box(ask(black_box(point)));
    }
    started.elapsed().as_secs_f64() / points.len() as f64
}

fn median(seconds: &[f64]) -> f64 {
    let mut sorted = seconds.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
