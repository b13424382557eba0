//! The size of a nation: 30,000 stations of 16 cells of 60 points, 6,000,000 station areas,
//! 300,000 people with bases; made in memory, or written into a database and loaded.

use super::{
    Bars,
    decision::{Town, at, cell_id, station, station_id},
    field::{Field, Seeded},
    memory_now_mb, most_memory_mb,
};
use gridcrew_server::{
    config::{Config, FEED_PAGE_BYTES},
    serve,
    store::Store,
    territory::{
        marks::Marks,
        refresh::{LOOK_EVERY, refresh},
        snapshot::{CellRecord, StationGround, TerritorySnapshot},
        store::raise,
    },
};
use gridcrew_sync_protocol::position::Wgs84;
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use std::{
    fmt::Write,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};
use uuid::Uuid;

const ACROSS: usize = 200;
const STATIONS: usize = 30_000;
/// Cells of a station each way.
const SIDE: usize = 4;
const CORNER: [f64; 2] = [105.0, 29.0];
const STEP: f64 = 0.012;
const QUESTIONS: usize = 200_000;

/// What must be reached.
const LOAD_SECONDS: f64 = 60.0;
const MEMORY_MB: u64 = 2_000;
const P99_US: f64 = 100.0;
const IN_FORCE: Duration = Duration::from_secs(1);

fn field() -> Field {
    Field {
        corner: CORNER,
        step: STEP,
        parts: 15,
        lakes: 0,
        seed: 5,
    }
}

/// The cells of a station with their numbers.
fn cells_of(number: usize) -> Vec<(usize, Vec<[f64; 2]>)> {
    let (column, row) = (number % ACROSS * SIDE, number / ACROSS * SIDE);
    let field = field();
    let cells = (0..SIDE * SIDE).filter_map(|n| {
        let ring = field.cell(column + n % SIDE, row + n / SIDE)?;
        Some((number * SIDE * SIDE + n, ring))
    });
    cells.collect()
}

/// 200 station areas in 16 cells.
fn areas_in(cell: usize) -> usize {
    12 + cell % 2
}

/// Made in memory: decisions and memory without a database.
pub(crate) fn made(bars: &mut Bars) {
    let started = Instant::now();
    let grounds = (0..STATIONS).map(|number| {
        let record = station(number, cells_of(number), areas_in);
        Arc::new(StationGround::build(record).unwrap())
    });
    let map = TerritorySnapshot::of_grounds(1, Marks::default(), grounds.collect()).unwrap();
    println!("generated and laid out in {:.1?}", started.elapsed());
    let memory = most_memory_mb();
    decide(bars, Arc::new(map), memory);
}

/// Holds a snapshot of the nation against its bars.
fn decide(bars: &mut Bars, map: Arc<TerritorySnapshot>, memory: u64) {
    let areas: usize = map.stations().map(StationGround::area_count).sum();
    let accounts: usize = map.stations().map(StationGround::account_count).sum();
    println!(
        "{} stations, {} cells, {areas} station areas, {accounts} accounts: {} MB now",
        map.stations().len(),
        map.cells().len(),
        memory_now_mb()
    );
    bars.hold(
        &format!("{memory} MB at most (under {MEMORY_MB})"),
        memory < MEMORY_MB,
    );
    let started = Instant::now();
    let next = map.with(
        2,
        Marks::default(),
        vec![StationGround::build(station(7, cells_of(7), areas_in)).unwrap()],
    );
    println!("one station changed in memory in {:.0?}", started.elapsed());
    drop(next);
    let town = Town::new(map);
    let mut random = Seeded::new(3);
    let span = [ACROSS, STATIONS / ACROSS].map(|n| (n * SIDE) as f64 * STEP);
    let points: Vec<Wgs84> = (0..QUESTIONS)
        .map(|_| {
            let point =
                [0, 1].map(|axis| CORNER[axis] + span[axis] * (random.next() * 1.01 - 0.005));
            Wgs84::new(point[0], point[1]).unwrap()
        })
        .collect();
    let times = town.times(&points);
    let p99 = at(&times, 0.99);
    println!(
        "whole decisions: p50 {:.2} us, p99 {p99:.2} us, p99.9 {:.2} us, longest {:.1} us",
        at(&times, 0.5),
        at(&times, 0.999),
        at(&times, 1.0)
    );
    bars.hold(&format!("p99 {p99:.2} us (under {P99_US})"), p99 < P99_US);
}

/// Writes the nation into an empty database.
pub(crate) async fn fill(url: &str) {
    let started = Instant::now();
    drop(Store::open(url).await.unwrap());
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    let db = Database::connect(options).await.unwrap();
    let sqlite = url.starts_with("sqlite:");
    if sqlite {
        let quick = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA cache_size=-200000";
        db.execute_unprepared(quick).await.unwrap();
    }
    let mut rows = Rows {
        db,
        sqlite,
        tables: Vec::new(),
    };
    for number in 0..STATIONS {
        rows.station(number);
        if number % 50 == 49 {
            rows.write().await;
        }
        if number % 5_000 == 4_999 {
            println!("{} stations after {:.0?}", number + 1, started.elapsed());
        }
    }
    rows.count().await;
    println!("written in {:.0?}", started.elapsed());
}

/// Rows on their way into the database, one statement a table.
struct Rows {
    db: DatabaseConnection,
    sqlite: bool,
    tables: Vec<(&'static str, String)>,
}

impl Rows {
    fn add(&mut self, into: &'static str, values: &str) {
        let place = self.tables.iter().position(|(table, _)| *table == into);
        let place = place.unwrap_or_else(|| {
            self.tables.push((into, String::new()));
            self.tables.len() - 1
        });
        let rows = &mut self.tables[place].1;
        let comma = if rows.is_empty() { "" } else { "," };
        write!(rows, "{comma}({values})").unwrap();
    }

    fn id(&self, id: Uuid) -> String {
        literal(self.sqlite, id)
    }

    fn station(&mut self, number: usize) {
        let record = station(number, cells_of(number), areas_in);
        let own = self.id(record.id.0);
        let nobody = self.id(Uuid::nil());
        self.add(
            "territory (station_id, version, boundary, effective_from, author, reason, content)",
            &format!("{own}, 1, '[]', 0, {nobody}, 'made', '{{}}'"),
        );
        let parent = if self.sqlite { "NULL" } else { "NULL::uuid" };
        self.add(
            "org_unit (id, parent_id, kind, name, code)",
            &format!("{own}, {parent}, 'station', 'S{number}', '{number}'"),
        );
        for person in 0..10u128 {
            let id = self.id(Uuid::from_u128((2 << 64) + number as u128 * 100 + person));
            let (lon, lat) = (CORNER[0] + person as f64 * 0.001, CORNER[1]);
            self.add(
                "person (id, org_id, name, login, role, base_lon, base_lat, permission_version)",
                &format!("{id}, {own}, 'P', 'p{number}-{person}', 'manager', {lon}, {lat}, 1"),
            );
        }
        for (cell, (_, ring)) in record.cells.iter().zip(cells_of(number)) {
            self.cell(&own, cell, &ring);
        }
    }

    fn cell(&mut self, station: &str, cell: &CellRecord, ring: &[[f64; 2]]) {
        let id = self.id(cell.id.0);
        let nobody = self.id(Uuid::nil());
        let points: Vec<String> = ring
            .iter()
            .map(|p| format!("[{},{}]", p[0], p[1]))
            .collect();
        self.add(
            "cell (id, station_id, code, name, geometry, from_version)",
            &format!(
                "{id}, {station}, '{}', '{}', '[[[{}]]]', 1",
                cell.code,
                cell.name,
                points.join(",")
            ),
        );
        for (term, role) in cell.roles.terms().iter().zip(["A", "B"]) {
            let number = cell.id.0.as_u128() * 2 + u128::from(role == "B");
            let own = self.id(Uuid::from_u128((4 << 64) + number));
            let person = self.id(term.person.0);
            self.add(
                "cell_role (id, station_id, cell_id, role, person_id, valid_from, author)",
                &format!("{own}, {station}, {id}, '{role}', {person}, 0, {nobody}"),
            );
        }
        for area in &cell.station_areas {
            let own = self.id(area.id.0);
            let (lon, lat) = (area.position.lon(), area.position.lat());
            let code = area.id.0.as_u128();
            self.add(
                "station_area (id, station_id, cell_id, code, name, lon, lat, customers, area_class)",
                &format!("{own}, {station}, {id}, '{code}', 'T{code}', {lon}, {lat}, 80, 'rural'"),
            );
        }
    }

    async fn write(&mut self) {
        let mut all = "BEGIN;".to_owned();
        for (into, rows) in self.tables.drain(..) {
            write!(all, "INSERT INTO {into} VALUES {rows};").unwrap();
        }
        all.push_str("COMMIT");
        self.db.execute_unprepared(&all).await.unwrap();
    }

    /// What every process sees that there is something to load by.
    async fn count(&self) {
        let one = "INSERT INTO territory_change (id, change) VALUES (1, 1)";
        self.db.execute_unprepared(one).await.unwrap();
        let tidy = if self.sqlite {
            "PRAGMA wal_checkpoint(TRUNCATE); ANALYZE"
        } else {
            "ANALYZE"
        };
        self.db.execute_unprepared(tidy).await.unwrap();
    }
}

/// Loads the nation as a server does at its start, then one station after a change.
pub(crate) async fn load(bars: &mut Bars, url: &str) {
    let data: PathBuf = std::env::temp_dir().join("gridcrew-bench-index");
    std::fs::create_dir_all(&data).unwrap();
    let config = Config {
        listen: ([127, 0, 0, 1], 0).into(),
        data,
        database: Some(url.to_owned()),
        workers: 2,
        trusted_proxy: Vec::new(),
        feed_page_bytes: FEED_PAGE_BYTES,
        public_url: None,
    };
    let started = Instant::now();
    let app = serve::open(config).await.unwrap();
    let seconds = started.elapsed().as_secs_f64();
    let text =
        format!("a process is open and has loaded after {seconds:.1} s (under {LOAD_SECONDS})");
    bars.hold(&text, seconds < LOAD_SECONDS);
    println!(
        "{} MB now, {} MB at most",
        memory_now_mb(),
        most_memory_mb()
    );

    let mut longest = Duration::ZERO;
    for number in [0, 12_345, STATIONS - 1] {
        let (station, first) = (station_id(number), cell_id(number * SIDE * SIDE));
        let name = format!("renamed after {:.3?}", started.elapsed());
        let own = literal(url.starts_with("sqlite:"), station.0);
        let now = app.now();
        let rename = format!("UPDATE cell SET name = '{name}' WHERE station_id = {own}");
        app.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.execute_unprepared(&rename).await?;
                    raise(tx, station, now).await
                })
            })
            .await
            .unwrap();
        let committed = Instant::now();
        refresh(&app).await.unwrap();
        let took = committed.elapsed();
        let map = app.territory.load();
        assert_eq!(map.cell(first).unwrap().name(), name);
        println!("a change of one station was loaded in {took:.0?}");
        longest = longest.max(took);
    }
    let soon = longest + LOOK_EVERY;
    let text = format!("in force {soon:.0?} after the commit, the wait included (under 1 s)");
    bars.hold(&text, soon < IN_FORCE);
    let memory = most_memory_mb();
    decide(bars, app.territory.load(), memory);
}

/// An id as it is written in SQL.
fn literal(sqlite: bool, id: Uuid) -> String {
    if sqlite {
        format!("x'{}'", id.simple())
    } else {
        format!("'{id}'")
    }
}
