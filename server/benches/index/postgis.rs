//! The same question put to PostGIS: `ST_Contains`, and where no cell contains the point the
//! nearest, of equally near ones that with the lowest id.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use std::{fmt::Write, time::Instant};

/// The variable that names a database server with PostGIS.
const SERVER: &str = "GRIDCREW_BENCH_POSTGIS";

/// The cell of a point: the branch behind is not walked when the first has an answer. Of the
/// nearest four those that are equally near are told apart by id: ordering by both at once would
/// keep PostGIS from its index.
fn find(point: &str) -> String {
    format!(
        "(SELECT cell.id FROM cell WHERE ST_Contains(cell.geom, {point}) \
          ORDER BY cell.id LIMIT 1) \
         UNION ALL \
         (SELECT near.id FROM \
           (SELECT cell.id, cell.geom <-> {point} AS far FROM cell \
            ORDER BY cell.geom <-> {point} LIMIT 4) near \
          ORDER BY far, id LIMIT 1) LIMIT 1"
    )
}

/// A connection to a database of its own, with the cells in it.
pub(crate) struct PostGis {
    connection: PgConnection,
    server: String,
    name: String,
}

impl PostGis {
    /// With these cells in plane metres; `None`, said aloud, when there is no server.
    pub(crate) async fn over(cells: &[Vec<[f64; 2]>]) -> Option<Self> {
        let Ok(server) = std::env::var(SERVER) else {
            println!("without PostGIS: {SERVER} names no server");
            return None;
        };
        let name = format!("bench_index_{}", std::process::id());
        let mut first = PgConnection::connect(&server).await.unwrap();
        for statement in [
            format!("DROP DATABASE IF EXISTS {name}"),
            format!("CREATE DATABASE {name}"),
        ] {
            first.execute(AssertSqlSafe(statement)).await.unwrap();
        }
        let (address, _) = server.rsplit_once('/').unwrap();
        let address = format!("{address}/{name}");
        let mut connection = PgConnection::connect(&address).await.unwrap();
        for statement in [
            "CREATE EXTENSION postgis",
            "SET jit = off",
            "CREATE TABLE cell (id integer PRIMARY KEY, geom geometry NOT NULL)",
            "CREATE TABLE point (id integer PRIMARY KEY, geom geometry NOT NULL)",
        ] {
            connection.execute(statement).await.unwrap();
        }
        for (chunk, first) in cells.chunks(500).zip((0..).step_by(500)) {
            let mut insert = "INSERT INTO cell VALUES ".to_owned();
            for (number, cell) in chunk.iter().enumerate() {
                let comma = if number > 0 { "," } else { "" };
                let points = cell.iter().map(|p| format!("{} {}", p[0], p[1]));
                let points: Vec<String> = points.collect();
                let (id, points) = (first + number, points.join(","));
                write!(insert, "{comma}({id},'POLYGON(({points}))')").unwrap();
            }
            connection.execute(AssertSqlSafe(insert)).await.unwrap();
        }
        for statement in [
            "CREATE INDEX ON cell USING gist (geom)",
            "VACUUM (ANALYZE, FREEZE) cell",
        ] {
            connection.execute(statement).await.unwrap();
        }
        let version: String = sqlx::query("SELECT postgis_full_version()")
            .fetch_one(&mut connection)
            .await
            .unwrap()
            .get(0);
        let version: String = version.chars().take(40).collect();
        println!("PostGIS with {} cells: {version}", cells.len());
        Some(Self {
            connection,
            server,
            name,
        })
    }

    /// Drops the database.
    pub(crate) async fn finish(self) {
        self.connection.close().await.unwrap();
        let mut last = PgConnection::connect(&self.server).await.unwrap();
        let drop = format!("DROP DATABASE {}", self.name);
        last.execute(AssertSqlSafe(drop)).await.unwrap();
    }

    /// One prepared question a round trip: seconds for each, and the answers.
    pub(crate) async fn one_by_one(&mut self, points: &[[f64; 2]]) -> (f64, Vec<Option<usize>>) {
        let query = find("ST_Point($1, $2)");
        let mut answers = Vec::with_capacity(points.len());
        let started = Instant::now();
        for point in points {
            let row = sqlx::query(AssertSqlSafe(query.as_str()))
                .bind(point[0])
                .bind(point[1])
                .fetch_optional(&mut self.connection)
                .await
                .unwrap();
            answers.push(row.map(|row| row.get::<i32, _>(0) as usize));
        }
        let seconds = started.elapsed().as_secs_f64() / points.len() as f64;
        (seconds, answers)
    }

    /// All in one statement that gives every answer: seconds for each, and the answers.
    pub(crate) async fn in_one_statement(
        &mut self,
        points: &[[f64; 2]],
    ) -> (f64, Vec<Option<usize>>) {
        self.connection.execute("TRUNCATE point").await.unwrap();
        for (chunk, first) in points.chunks(1_000).zip((0..).step_by(1_000)) {
            let rows = chunk
                .iter()
                .enumerate()
                .map(|(number, p)| format!("({},ST_Point({},{}))", first + number, p[0], p[1]));
            let rows: Vec<String> = rows.collect();
            let insert = format!("INSERT INTO point VALUES {}", rows.join(","));
            self.connection
                .execute(AssertSqlSafe(insert))
                .await
                .unwrap();
        }
        self.connection.execute("ANALYZE point").await.unwrap();
        let query = format!(
            "SELECT point.id, ({}) FROM point ORDER BY point.id",
            find("point.geom")
        );
        let started = Instant::now();
        let rows = sqlx::query(AssertSqlSafe(query))
            .fetch_all(&mut self.connection)
            .await
            .unwrap();
        let seconds = started.elapsed().as_secs_f64() / points.len() as f64;
        let answers = rows.iter().map(|row| {
            let cell: Option<i32> = row.get(1);
            cell.map(|cell| cell as usize)
        });
        (seconds, answers.collect())
    }
}
