//! Bad input gives a clear problem with a code, and nothing is lost or half done: after
//! each refusal the database holds exactly what it held before.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signer, SigningKey};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::PersonId,
    journal::{Batch, Entry, Item, Opened},
    media::{MAX_ORIGINAL_BYTES, MediaKind},
    push::PushOutcome,
    record::{Event, Taken},
    wire,
};
use gridcrew_tests::{
    Failure, Fallible, both_databases,
    client::Reply,
    failure::ensure,
    postgres::TestDatabase,
    raw::{RawHandheld, clock_says, location, offset_of, picture},
    scene::{CORNER, SIDE, Scene},
    server::{peak_memory_kib, resident_memory_kib},
    township::{order, row_of_areas, square, territory, text_of},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    fs,
    io::{Cursor, Write},
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use zip::{ZipWriter, write::SimpleFileOptions};

both_databases! {
    territories_that_cannot_be,
    territories_that_are_too_much,
    files_and_sheets_that_cannot_be,
    files_and_sheets_that_swell,
    orders_that_cannot_be,
    journals_that_were_changed,
    journals_with_gaps_and_forks,
    a_clock_years_off_is_taken_and_flagged,
    photos_that_are_not_what_they_claim,
    tokens_that_do_not_count,
    bodies_that_cannot_be_read,
}

/// The tables that no refused request may change. The log of who did what is not one of
/// them: a refusal may well be noted.
const TABLES: [&str; 16] = [
    "org_unit",
    "person",
    "handheld",
    "territory",
    "cell",
    "cell_role",
    "station_area",
    "customer",
    "service_order",
    "order_person",
    "routing_decision",
    "entry",
    "batch",
    "set_aside_batch",
    "photo_promise",
    "media_object",
];

/// How much each table holds.
async fn held(scene: &Scene) -> Fallible<Vec<i64>> {
    let books = scene.books().await?;
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push(
            books
                .count(&format!("SELECT count(*) FROM {table}"))
                .await?,
        );
    }
    books.close().await?;
    Ok(counts)
}

/// Demands that nothing came and nothing went.
async fn unchanged(scene: &Scene, before: &[i64], after: &str) -> Fallible<()> {
    let now = held(scene).await?;
    ensure(now == before, || {
        format!("{after} changed something: {before:?} to {now:?}")
    })
}

/// A closed ring of [lon, lat].
type Ring = Vec<[f64; 2]>;

/// A GeoJSON feature collection of cells: code, ring, station areas.
fn cells(cells: &[(&str, Ring, Vec<String>)]) -> Value {
    let features: Vec<Value> = cells
        .iter()
        .map(|(code, ring, areas)| {
            json!({
                "type": "Feature",
                "geometry": { "type": "Polygon", "coordinates": [ring] },
                "properties": { "code": code, "name": code, "station_areas": areas },
            })
        })
        .collect();
    json!({ "type": "FeatureCollection", "features": features })
}

fn rectangle(west: f64, east: f64) -> Ring {
    let [x, y] = CORNER;
    let (west, east, top) = (x + SIDE * west, x + SIDE * east, y + SIDE);
    vec![[west, y], [east, y], [east, top], [west, top], [west, y]]
}

async fn territories_that_cannot_be(database: TestDatabase) -> Fallible<()> {
    let scene = Scene::set(database).await?;
    let before = held(&scene).await?;
    let path = format!("/stations/{}/territory", scene.township.station);
    let (ground, areas) = (square(CORNER, SIDE), row_of_areas(CORNER, SIDE, 12));
    let codes = |range: std::ops::Range<usize>| -> Vec<String> {
        areas[range].iter().map(|area| area.code.clone()).collect()
    };
    let good = territory("WGS-84", &ground, &areas);
    let with = |member: &str, value: Value| {
        let mut changed = good.clone();
        changed[member] = value;
        changed
    };
    let mut untyped = good.clone();
    untyped.as_object_mut().map(|body| body.remove("datum"));
    let half = SIDE * 0.5;
    let [x, y] = CORNER;
    let bow = vec![
        [x, y],
        [x + half, y + SIDE],
        [x + half, y],
        [x, y + SIDE],
        [x, y],
    ];
    let halves =
        |left: Ring, right: Ring| cells(&[("W", left, codes(0..6)), ("E", right, codes(6..12))]);
    let cases = [
        (
            "an unknown datum",
            with("datum", json!("EPSG:3857")),
            "position.datum_unknown",
        ),
        ("no datum", untyped, "position.datum_missing"),
        (
            "a cell that crosses itself",
            with("cells", halves(bow, rectangle(0.5, 1.0))),
            "territory.self_crossing",
        ),
        (
            "cells that overlap",
            with("cells", halves(rectangle(0.0, 0.6), rectangle(0.5, 1.0))),
            "territory.cells_overlap",
        ),
        (
            "a gap between cells",
            with("cells", halves(rectangle(0.0, 0.4), rectangle(0.5, 1.0))),
            "territory.gap",
        ),
        (
            "a cell without station areas",
            with(
                "cells",
                cells(&[
                    ("W", rectangle(0.0, 0.5), codes(0..12)),
                    ("E", rectangle(0.5, 1.0), Vec::new()),
                ]),
            ),
            "territory.cell_without_station_area",
        ),
    ];
    for (what, body, code) in cases {
        let reply = scene.township.staff.post(&path, &body).await?;
        reply
            .refused(422, code)
            .map_err(|failure| failure.during(what))?;
        unchanged(&scene, &before, what).await?;
    }
    Ok(())
}

/// Posts a file to an operation of the station.
async fn send(scene: &Scene, path: &str, bytes: Vec<u8>) -> Fallible<Reply> {
    let path = format!("/stations/{}{path}", scene.township.station);
    let staff = &scene.township.staff;
    let request = staff
        .request(Method::POST, &path)
        .header("content-type", "application/octet-stream");
    staff.send(&path, request.body(bytes)).await
}

/// Runs something, and says how long it took and by how much the server's peak memory grew
/// over what it held before.
#[expect(clippy::print_stdout, reason = "a figure is for who runs the test")]
async fn measured<T>(
    scene: &Scene,
    what: &str,
    work: impl Future<Output = Fallible<T>>,
) -> Fallible<T> {
    let process = scene.server.process()?;
    // 5: the peak counts from now on (proc(5)).
    fs::write(format!("/proc/{process}/clear_refs"), "5")?;
    let before = resident_memory_kib(&process.to_string()).unwrap_or(0);
    let began = Instant::now();
    let done = work.await?;
    let took = began.elapsed();
    let peak = peak_memory_kib(&process.to_string()).unwrap_or(0);
    let grown = peak.saturating_sub(before) / 1024;
    println!("{what}: {} ms, {grown} MiB more", took.as_millis());
    ensure(took < Duration::from_secs(20), || {
        format!("{what}: {took:?}")
    })?;
    ensure(grown < 400, || format!("{what}: {grown} MiB more"))?;
    Ok(done)
}

/// A ring of so many points, as text with few digits: the most that fit into a body.
fn round_ring(points: u32) -> String {
    let points: Vec<String> = (0..points)
        .map(|n| {
            let turn = f64::from(n) / f64::from(points) * std::f64::consts::TAU;
            format!(
                "[{:.5},{:.5}]",
                116.6 + 0.2 * turn.cos(),
                32.8 + 0.2 * turn.sin()
            )
        })
        .collect();
    format!("[{},{}]", points.join(","), points[0])
}

async fn territories_that_are_too_much(database: TestDatabase) -> Fallible<()> {
    let scene = Scene::set(database).await?;
    let before = held(&scene).await?;
    let station = scene.township.station;
    let staff = &scene.township.staff;
    let path = format!("/stations/{station}/territory");
    let areas = row_of_areas(CORNER, SIDE, 10);
    let good = territory("WGS-84", &square(CORNER, SIDE), &areas);

    // 500,000 vertices, in a body that is small enough.
    let text = good.to_string();
    let ring = format!(
        "{{\"type\":\"Polygon\",\"coordinates\":[{}]}}",
        round_ring(390_000)
    );
    let swollen = text.replace(&good["boundary"].to_string(), &ring);
    ensure(swollen.len() > text.len(), || {
        "no boundary to replace".to_owned()
    })?;
    let large = || async {
        let request = staff
            .request(Method::POST, &path)
            .header("content-type", "application/json");
        staff.send(&path, request.body(swollen.clone())).await
    };
    let reply = measured(&scene, "390,000 vertices as JSON", large()).await?;
    reply.refused(422, "territory.too_large")?;
    unchanged(&scene, &before, "a territory of 390,000 vertices").await?;
    let ring = round_ring(500_000);
    let file = format!(
        "{{\"type\":\"Feature\",\"properties\":{{\"kind\":\"boundary\"}},\"geometry\":\
         {{\"type\":\"Polygon\",\"coordinates\":[{ring}]}}}}"
    );
    let query = "/territory/file?format=geojson&datum=WGS-84&reason=x";
    let large = send(&scene, query, file.into_bytes());
    let reply = measured(&scene, "500,000 vertices as a file", large).await?;
    reply.refused(422, "territory.too_large")?;
    unchanged(&scene, &before, "a file of 500,000 vertices").await?;

    // 200 MB: refused by its announced length, before it is sent.
    let large = announced(&scene, &path, 200 * 1024 * 1024);
    let answer = measured(&scene, "200 MB announced", large).await?;
    ensure(answer.starts_with("HTTP/1.1 413"), || answer.clone())?;
    let path = format!("/stations/{station}{query}");
    let large = announced(&scene, &path, 200 * 1024 * 1024);
    let answer = measured(&scene, "200 MB announced as a file", large).await?;
    ensure(answer.starts_with("HTTP/1.1 413"), || answer.clone())?;
    unchanged(&scene, &before, "200 MB").await?;

    // A thousand cells for ten station areas: asked for, and given.
    let path = format!("/stations/{station}/territory");
    let mut bare = good.clone();
    bare.as_object_mut().map(|body| body.remove("cells"));
    let many: Vec<_> = (0..1_000)
        .map(|n| {
            let share = |n: i32| f64::from(n) / 1_000.0;
            let own = areas.get(n as usize).map(|area| area.code.clone());
            (format!("c{n}"), rectangle(share(n), share(n + 1)), own)
        })
        .collect();
    let many: Vec<(&str, Ring, Vec<String>)> = many
        .iter()
        .map(|(code, ring, own)| (code.as_str(), ring.clone(), own.iter().cloned().collect()))
        .collect();
    let mut body = good.clone();
    body["cells"] = cells(&many);
    let reply = measured(
        &scene,
        "1,000 cells for 10 station areas",
        staff.post(&path, &body),
    );
    reply
        .await?
        .refused(422, "territory.cell_without_station_area")?;
    unchanged(&scene, &before, "a thousand cells for ten station areas").await?;
    let wish = json!({ "cells": 1_000, "accept": true });
    let split = format!("{path}/split");
    let reply = measured(
        &scene,
        "a split into 1,000 cells",
        staff.post(&split, &wish),
    );
    reply.await?.refused(422, "territory.cannot_split")?;
    unchanged(&scene, &before, "a split into a thousand cells").await
}

/// Announces a body, sends none of it, and waits for what the server says.
async fn announced(scene: &Scene, path: &str, length: usize) -> Fallible<String> {
    let server = scene.server.address()?;
    let token = scene.township.staff.token().unwrap_or_default();
    let head = format!(
        "POST /api/v1{path} HTTP/1.1\r\nHost: {server}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(head.as_bytes()).await?;
    let mut answer = vec![0; 4_096];
    let count = timeout(Duration::from_secs(10), stream.read(&mut answer)).await??;
    answer.truncate(count);
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

async fn files_and_sheets_that_cannot_be(database: TestDatabase) -> Fallible<()> {
    let scene = Scene::set(database).await?;
    let before = held(&scene).await?;
    let staff = &scene.township.staff;
    let station = scene.township.station;
    let path = format!("/stations/{station}/territory/file?format=geojson");
    let whole = staff.get(&path).await?;
    let whole = String::from_utf8_lossy(&whole.bytes).into_owned();
    let altered = |change: &dyn Fn(&mut Value)| -> Fallible<Vec<u8>> {
        let mut json: Value = serde_json::from_str(&whole)?;
        change(&mut json);
        Ok(json.to_string().into_bytes())
    };
    let areas = |json: &mut Value, change: &dyn Fn(&mut Value)| {
        for feature in json["features"].as_array_mut().into_iter().flatten() {
            if feature["properties"]["kind"] == "station_area" {
                change(&mut feature["geometry"]["coordinates"]);
            }
        }
    };
    let query = "/territory/file?format=geojson&reason=x";
    let cases = [
        (
            "NaN",
            whole.replacen("116.", "NaN", 1).into_bytes(),
            "territory.malformed",
        ),
        (
            "a longitude of 200",
            altered(&|json| areas(json, &|at| at[0] = json!(200)))?,
            "position.out_of_range",
        ),
        (
            "swapped coordinates",
            altered(&|json| areas(json, &|at| *at = json!([at[1], at[0]])))?,
            "position.out_of_range",
        ),
        (
            "swapped coordinates in the west, where they are in range",
            altered(&|json| areas(json, &|at| *at = json!([38.5, 77.2])))?,
            "position.out_of_range",
        ),
        (
            "GCJ-02 that is said to be WGS-84",
            {
                let path = format!("{path}&datum=GCJ-02");
                let shifted = staff.get(&path).await?;
                let text = String::from_utf8_lossy(&shifted.bytes).into_owned();
                text.replace("\"GCJ-02\"", "\"WGS-84\"").into_bytes()
            },
            "territory.datum_doubtful",
        ),
        (
            "text in GBK",
            b"{\"type\":\"FeatureCollection\",\"name\":\"\xb6\xa1\xbc\xaf\",\"features\":[]}"
                .to_vec(),
            "file.encoding",
        ),
    ];
    for (what, body, code) in cases {
        let reply = send(&scene, query, body).await?;
        reply
            .refused(422, code)
            .map_err(|failure| failure.during(what))?;
        unchanged(&scene, &before, what).await?;
    }
    let sheet = "/customers/sheet?format=csv";
    let gbk = b"\xbb\xa7\xba\xc5,\xbb\xa7\xc3\xfb,\xcc\xa8\xc7\xf8\xb1\xe0\xba\xc5\n1,\xb6\xa1,t\n";
    let reply = send(&scene, sheet, gbk.to_vec()).await?;
    reply.refused(422, "file.encoding")?;
    ensure(reply.said().contains("户号"), || reply.said())?;
    let reply = send(&scene, sheet, b"1,2\n3,4\n".to_vec()).await?;
    reply.refused(422, "sheet.columns")?;
    let reply = send(
        &scene,
        "/customers/sheet?format=xlsx",
        b"\xd0\xcf\x11\xe0".to_vec(),
    )
    .await?;
    reply.refused(422, "file.unreadable")?;
    unchanged(&scene, &before, "sheets that cannot be read").await?;
    // Rows that are refused are listed, and the good ones beside them are not taken.
    let code = text_of(
        &staff
            .get(&format!("/stations/{station}/territory"))
            .await?
            .done()?["features"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|feature| feature["properties"]["kind"] == "station_area")
            .cloned()
            .unwrap_or_default()["properties"],
        "code",
    )?;
    let rows = format!("户号,台区编号\n1,{code}\n2,nowhere\n");
    let done = send(&scene, sheet, rows.into_bytes()).await?.done()?;
    ensure(done["outcome"] == "nothing_stored", || done.to_string())?;
    ensure(done["refused"][0]["row"] == 3, || done.to_string())?;
    unchanged(&scene, &before, "a sheet with a refused row").await
}

async fn files_and_sheets_that_swell(database: TestDatabase) -> Fallible<()> {
    let scene = Scene::set(database).await?;
    let before = held(&scene).await?;
    let archive = |name: &str, bytes: &[u8]| -> Fallible<Vec<u8>> {
        let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default();
        zip.start_file("xl/workbook.xml", options)?;
        zip.write_all(b"<w><sheet name=\"a\" r:id=\"1\"/></w>")?;
        zip.start_file("xl/_rels/workbook.xml.rels", options)?;
        zip.write_all(b"<r><Relationship Id=\"1\" Target=\"sheet.xml\"/></r>")?;
        zip.start_file(name, options)?;
        zip.write_all(bytes)?;
        Ok(zip.finish()?.into_inner())
    };
    let sheet = "/customers/sheet?format=xlsx";
    let bomb = archive("xl/sheet.xml", &vec![b' '; 90 * 1024 * 1024])?;
    let reply = measured(
        &scene,
        "90 MB of spaces in a workbook",
        send(&scene, sheet, bomb),
    )
    .await?;
    reply.refused(422, "file.too_large")?;
    let bomb = archive("boundary.shp", &vec![0; 90 * 1024 * 1024])?;
    let file = "/territory/file?format=shapefile&reason=x";
    let reply = measured(
        &scene,
        "90 MB of zeros as a shapefile",
        send(&scene, file, bomb),
    )
    .await?;
    reply.refused(422, "file.too_large")?;

    let mut xml = "<worksheet><sheetData><row r=\"1\"><c t=\"str\"><v>户号</v></c>\
        <c t=\"str\"><v>台区编号</v></c></row>"
        .to_owned();
    for row in 2..1_000_002 {
        xml += &format!("<row r=\"{row}\"><c r=\"A{row}\" s=\"1\"/></row>");
    }
    xml += "</sheetData></worksheet>";
    let empty = archive("xl/sheet.xml", xml.as_bytes())?;
    let reply = measured(&scene, "a million empty rows", send(&scene, sheet, empty)).await?;
    let done = reply.done()?;
    ensure(
        (&done["rows"], &done["outcome"]) == (&json!(0), &json!("unchanged")),
        || done.to_string(),
    )?;

    let mut csv = "户号,台区编号\n".to_owned();
    for row in 0..49_000 {
        csv += &format!("{row},nowhere{row}\n");
    }
    let sheet = "/customers/sheet?format=csv";
    let refused = send(&scene, sheet, csv.into_bytes());
    let done = measured(&scene, "49,000 refused rows", refused)
        .await?
        .done()?;
    ensure(done["refused_rows"] == 49_000, || done["notes"].to_string())?;
    unchanged(&scene, &before, "what swells").await
}

async fn orders_that_cannot_be(database: TestDatabase) -> Fallible<()> {
    let scene = Scene::set(database).await?;
    let station = scene.township.station;
    let good = order(
        station,
        "95598",
        "1",
        Some((CORNER[0], CORNER[1])),
        "no light",
    );
    scene.township.intake(&good).await?.done()?;
    let before = held(&scene).await?;
    let with = |member: &str, value: Value| {
        let mut changed = good.clone();
        changed["outside_no"] = json!("2");
        changed[member] = value;
        changed
    };
    let place = |place: Value| with("position", place);
    let cases = [
        (
            "an unknown datum",
            place(json!({ "datum": "EPSG:4326", "lon": 116.6, "lat": 32.8 })),
            (422, "position.datum_unknown"),
        ),
        (
            "no datum",
            place(json!({ "lon": 116.6, "lat": 32.8 })),
            (422, "position.datum_missing"),
        ),
        (
            "a latitude of 132",
            place(json!({ "datum": "WGS-84", "lon": 16.6, "lat": 132.8 })),
            (422, "position.out_of_range"),
        ),
        (
            "no such workflow",
            with("template", json!("x")),
            (422, "order.unknown_template"),
        ),
        (
            "an unknown member",
            with("colour", json!("red")),
            (400, "request.malformed"),
        ),
        (
            "a number for a text",
            with("phenomenon", json!(7)),
            (400, "request.malformed"),
        ),
        (
            "the same number with other content",
            {
                let mut other = good.clone();
                other["phenomenon"] = json!("sparks");
                other
            },
            (409, "order.conflict"),
        ),
    ];
    for (what, body, (status, code)) in cases {
        let reply = scene.township.intake(&body).await?;
        reply
            .refused(status, code)
            .map_err(|failure| failure.during(what))?;
        unchanged(&scene, &before, what).await?;
    }
    Ok(())
}

async fn journals_that_were_changed(database: TestDatabase) -> Fallible<()> {
    let scene = Scene::set(database).await?;
    let (order, mut handheld) = scene.order_with_handheld("journal").await?;
    handheld.push_on(&[handheld.taken(order)]).await?;
    let stranger = RawHandheld::enrol(&scene.township, scene.cells[0].2).await?;
    let before = held(&scene).await?;
    let good = handheld.batch(&[handheld.note(order, "one"), handheld.note(order, "two")]);
    let changed = |change: &dyn Fn(&mut Batch)| {
        let mut batch = good.clone();
        change(&mut batch);
        batch
    };
    let signed = |batch: Batch, key: &SigningKey| {
        Batch::sign(batch.journal, batch.first, batch.before, batch.items, key)
    };
    let forged = Entry::Record(gridcrew_sync_protocol::record::Record {
        actor: PersonId(rand_id()),
        ..handheld.record(order, Event::Taken(Taken { eta_minutes: None }))
    });
    let mut wrong_link = good.clone();
    wrong_link.before = Digest::of(b"another");
    let second_opening = Entry::Opened(Opened {
        person: handheld.person,
        continues: None,
    });
    let cases = [
        (
            "a changed entry",
            changed(&|batch| batch.items[0] = Item::Bytes(handheld.note(order, "1").into())),
            (422, "journal.bad_signature"),
        ),
        (
            "entries in another order",
            changed(&|batch| batch.items.swap(0, 1)),
            (422, "journal.bad_signature"),
        ),
        (
            "a wrong hash before the batch",
            wrong_link.clone(),
            (422, "journal.bad_signature"),
        ),
        (
            "a wrong hash before the batch, signed",
            signed(wrong_link, &handheld.key),
            (409, "journal.bad_link"),
        ),
        (
            "a wrong signature",
            signed(good.clone(), &SigningKey::from_bytes(&[9; 32])),
            (422, "journal.bad_signature"),
        ),
        (
            "an entry of another person",
            handheld.batch(&[forged.to_bytes()]),
            (422, "journal.other_person"),
        ),
        (
            "a second opening",
            handheld.batch(&[second_opening.to_bytes()]),
            (422, "journal.bad_opening"),
        ),
        (
            "no entry at all",
            handheld.batch(&[]),
            (422, "journal.malformed"),
        ),
    ];
    for (what, batch, (status, code)) in cases {
        let reply = handheld.push(&batch).await?;
        reply
            .refused(status, code)
            .map_err(|failure| failure.during(what))?;
        unchanged(&scene, &before, what).await?;
    }
    let reply = stranger.push(&good).await?;
    reply.refused(403, "journal.not_yours")?;
    let reply = handheld
        .post_packed("/sync/push", b"no Zstandard frame".to_vec())
        .await?;
    reply.refused(422, "journal.malformed")?;
    unchanged(&scene, &before, "a journal of another handheld").await?;
    // After all that the journal goes on as if nothing had been.
    handheld.push_on(&[handheld.note(order, "one")]).await?;
    Ok(())
}

async fn journals_with_gaps_and_forks(database: TestDatabase) -> Fallible<()> {
    let scene = Scene::set(database).await?;
    let (order, mut handheld) = scene.order_with_handheld("journal").await?;
    let receipt = handheld.push_on(&[handheld.taken(order)]).await?;
    let before = held(&scene).await?;
    let clone = handheld.clone();
    let mut ahead = handheld.clone();
    ahead.went_on(&handheld.batch(&[handheld.note(order, "never sent")]));
    let outcome = ahead
        .outcome(&ahead.batch(&[ahead.note(order, "after a gap")]))
        .await?;
    let PushOutcome::Gap {
        receipt: Some(asks),
    } = outcome
    else {
        return Err(Failure::new(format!("no gap: {outcome:?}")));
    };
    ensure(
        (asks.held, asks.link) == (receipt.held, receipt.link),
        || format!("{asks:?}"),
    )?;
    unchanged(&scene, &before, "a journal with a gap").await?;

    handheld.push_on(&[handheld.note(order, "the one")]).await?;
    let before = held(&scene).await?;
    let outcome = clone
        .outcome(&clone.batch(&[clone.note(order, "the other")]))
        .await?;
    let PushOutcome::Fork { common, link, .. } = outcome else {
        return Err(Failure::new(format!("no fork: {outcome:?}")));
    };
    ensure((common, link) == (receipt.held, receipt.link), || {
        format!("{common:?}")
    })?;
    // The branch is kept, apart; nothing else changed.
    let after = held(&scene).await?;
    let changes: Vec<_> = TABLES
        .iter()
        .zip(before.iter().zip(&after))
        .filter(|(_, (before, after))| before != after)
        .collect();
    ensure(changes == [(&"set_aside_batch", (&0, &1))], || {
        format!("{changes:?}")
    })?;
    // The same branch once more is kept once.
    clone
        .outcome(&clone.batch(&[clone.note(order, "the other")]))
        .await?;
    ensure(held(&scene).await? == after, || {
        "the branch is kept twice".to_owned()
    })?;
    handheld.push_on(&[handheld.note(order, "on")]).await?;
    Ok(())
}

async fn a_clock_years_off_is_taken_and_flagged(database: TestDatabase) -> Fallible<()> {
    let scene = Scene::set(database).await?;
    for (year, wall) in [(1998, 900_000_000_000), (2093, 3_900_000_000_000)] {
        let (order, mut handheld) = scene.order_with_handheld(&format!("clock-{year}")).await?;
        let mut record = handheld.record(order, Event::Taken(Taken { eta_minutes: None }));
        record.time = clock_says(wall);
        handheld
            .push_on(&[Entry::Record(record).to_bytes()])
            .await?;
        let shown = scene
            .township
            .staff
            .get(&format!("/orders/{order}"))
            .await?
            .done()?;
        let text = shown.to_string();
        ensure(text.contains("\"unsure\""), || {
            format!("{year} is not flagged: {text}")
        })?;
        ensure(!text.contains("\"outcome\":\"met\""), || {
            format!("{year} met a deadline: {text}")
        })?;
    }
    Ok(())
}

async fn photos_that_are_not_what_they_claim(database: TestDatabase) -> Fallible<()> {
    let scene = Scene::set(database).await?;
    let (order, mut handheld) = scene.order_with_handheld("photo").await?;
    let photo = picture(1)?;
    let text = b"This is a text and no picture. ".repeat(20);
    let bomb = pixel_bomb();
    let promised: Vec<&[u8]> = vec![&photo, &text, &bomb];
    handheld
        .push_on(&[handheld.arrived(order, &promised)])
        .await?;
    let before = held(&scene).await?;

    let unpromised = picture(2)?;
    let (digest, length) = (Digest::of(&unpromised), unpromised.len() as u64);
    let reply = handheld
        .begin_upload(digest, digest, MediaKind::Original, length)
        .await?;
    reply.refused(409, "media.not_promised")?;
    let digest = Digest::of(&photo);
    let too_large = MAX_ORIGINAL_BYTES + 1;
    let reply = handheld
        .begin_upload(digest, digest, MediaKind::Original, too_large)
        .await?;
    reply.refused(413, "media.too_large")?;
    unchanged(&scene, &before, "an upload larger than allowed").await?;

    let mut other = photo.clone();
    let middle = other.len() / 2;
    other[middle] ^= 1;
    for (what, claimed, bytes, (status, code)) in [
        (
            "other bytes",
            &photo,
            &other,
            (422, "media.digest_mismatch"),
        ),
        ("no picture", &text, &text, (422, "media.no_picture")),
        (
            "a picture of too many pixels",
            &bomb,
            &bomb,
            (422, "media.too_many_pixels"),
        ),
    ] {
        let (digest, length) = (Digest::of(claimed), claimed.len() as u64);
        let begun = handheld
            .begin_upload(digest, digest, MediaKind::Original, length)
            .await?;
        let upload = location(&begun)?;
        let reply = handheld
            .send_bytes(&upload, offset_of(&begun)?, bytes)
            .await?;
        reply
            .refused(status, code)
            .map_err(|failure| failure.during(what))?;
        unchanged(&scene, &before, what).await?;
        let fetched = scene
            .township
            .staff
            .get(&format!("/media/photos/{digest}"))
            .await?;
        fetched
            .refused(404, "not_found")
            .map_err(|failure| failure.during(what))?;
    }
    // The right bytes are welcome afterwards.
    handheld.upload(&photo).await?;
    let fetched = scene
        .township
        .staff
        .get(&format!("/media/photos/{digest}"))
        .await?;
    ensure(fetched.bytes == photo, || fetched.said())
}

/// The head of a PNG of 60,000 by 60,000 pixels, and hardly anything after it.
fn pixel_bomb() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    png.extend(60_000u32.to_be_bytes());
    png.extend(60_000u32.to_be_bytes());
    png.extend([8, 2, 0, 0, 0]);
    let crc = crc32(&png[12..]);
    png.extend(crc.to_be_bytes());
    png.extend(b"\0\0\0\0IDAT\x35\xaf\x06\x1e\0\0\0\0IEND\xae\x42\x60\x82");
    png
}

/// The checksum of PNG's chunks (ISO 3309).
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0xedb8_8320
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

async fn tokens_that_do_not_count(database: TestDatabase) -> Fallible<()> {
    let scene = Scene::set(database).await?;
    let (order, handheld) = scene.order_with_handheld("token").await?;
    let before = held(&scene).await?;
    let staff = &scene.township.staff;
    let token = staff.token().unwrap_or_default().to_owned();
    let body = order_body(&scene);
    let key = fs::read(scene.server.data().join("keys").join("token.key"))?;
    let key: [u8; 32] = key
        .try_into()
        .map_err(|_| Failure::new("no key of 32 bytes"))?;
    let expired = altered(&token, &key, |claims| {
        claims["exp"] = json!(1_600_000_000);
        claims["iat"] = json!(1_599_999_000);
        claims["nbf"] = json!(1_599_999_000);
    })?;
    let text_for_time = altered(&token, &key, |claims| claims["exp"] = json!("9999999999"))?;
    let stranger = altered(&token, &[3; 32], |_| {})?;
    for (what, token, code) in [
        ("an expired token", expired.as_str(), "auth.expired"),
        (
            "a text where a time belongs",
            &text_for_time,
            "auth.required",
        ),
        ("a token of a strange key", &stranger, "auth.required"),
        ("no token of ours", "abc.def.ghi", "auth.required"),
    ] {
        let reply = staff.with_token(token).post("/orders", &body).await?;
        reply
            .refused(401, code)
            .map_err(|failure| failure.during(what))?;
        unchanged(&scene, &before, what).await?;
    }
    staff
        .nobody()
        .post("/orders", &body)
        .await?
        .refused(401, "auth.required")?;
    // A refresh token is exchanged once; after its successor was used, the old one ends
    // the session. Records do not suffer: the handheld enrols anew.
    // The token alone, copied from the handheld, is worth nothing.
    let refresh = |token: &str| handheld.renewal(token);
    let first = handheld.tokens.refresh_token.clone();
    let nobody = staff.nobody();
    nobody
        .post("/auth/refresh", &json!({ "refresh_token": first }))
        .await?
        .refused(401, "auth.required")?;
    let second = nobody
        .post("/auth/refresh", &refresh(&first))
        .await?
        .done()?;
    let second = second["refresh_token"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let third = nobody
        .post("/auth/refresh", &refresh(&second))
        .await?
        .done()?;
    nobody
        .post("/auth/refresh", &refresh(&first))
        .await?
        .refused(401, "auth.replayed")?;
    let third = third["access_token"].as_str().unwrap_or_default();
    let ended = RawHandheld {
        client: nobody.with_token(third),
        ..handheld
    };
    let reply = ended
        .push(&ended.batch(&[ended.note(order, "after the end")]))
        .await?;
    reply.refused(401, "auth.replayed")?;
    unchanged(&scene, &before, "a replayed refresh token").await
}

fn order_body(scene: &Scene) -> Value {
    order(scene.township.station, "95598", "9", None, "no light")
}

/// The same token with other claims, signed with `key`.
fn altered(token: &str, key: &[u8; 32], change: impl FnOnce(&mut Value)) -> Fallible<String> {
    let mut parts = token.split('.');
    let (Some(head), Some(claims)) = (parts.next(), parts.next()) else {
        return Err(Failure::new("no token"));
    };
    let mut claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?;
    change(&mut claims);
    let text = format!("{head}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let signature = SigningKey::from_bytes(key).sign(text.as_bytes());
    Ok(format!(
        "{text}.{}",
        URL_SAFE_NO_PAD.encode(signature.to_bytes())
    ))
}

async fn bodies_that_cannot_be_read(database: TestDatabase) -> Fallible<()> {
    let scene = Scene::set(database).await?;
    let (order, handheld) = scene.order_with_handheld("body").await?;
    let before = held(&scene).await?;
    let staff = &scene.township.staff;
    let post = |kind: &str, body: Vec<u8>| {
        let request = staff
            .request(Method::POST, "/orders")
            .header("content-type", kind);
        staff.send("/orders", request.body(body))
    };
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    post("application/json", b"{ \"source\": ".to_vec())
        .await?
        .refused(400, "request.malformed")?;
    post("application/json", deep.into_bytes())
        .await?
        .refused(400, "request.malformed")?;
    post("application/json", b"[]".to_vec())
        .await?
        .refused(400, "request.malformed")?;
    post("text/plain", order_body(&scene).to_string().into_bytes())
        .await?
        .refused(415, "request.media_type")?;
    post("application/json", vec![b' '; 2_000_000])
        .await?
        .refused(413, "request.too_large")?;
    unchanged(&scene, &before, "JSON of the wrong shape").await?;

    // A small frame that becomes 64 MiB.
    let bomb = wire::pack(&handheld.note(order, &"x".repeat(64 * 1024 * 1024)));
    handheld
        .post_packed("/sync/push", bomb)
        .await?
        .refused(413, "request.too_large")?;
    unchanged(&scene, &before, "a frame that swells").await?;

    let answer = never_ending(&scene).await?;
    ensure(answer.starts_with("HTTP/1.1 408"), || answer.clone())?;
    ensure(answer.contains("request.timeout"), || answer.clone())?;
    unchanged(&scene, &before, "a body that never ends").await
}

/// Announces more than it sends, and waits for what the server says.
async fn never_ending(scene: &Scene) -> Fallible<String> {
    let server = scene.server.address()?;
    let token = scene.township.staff.token().unwrap_or_default();
    let head = format!(
        "POST /api/v1/orders HTTP/1.1\r\nHost: {server}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{ \"source\": "
    );
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    let mut part = [0; 4_096];
    timeout(Duration::from_secs(30), async {
        loop {
            let count = stream.read(&mut part).await?;
            answer.extend(&part[..count]);
            let text = String::from_utf8_lossy(&answer);
            if count == 0 || text.contains("request.timeout") {
                return Ok::<_, Failure>(());
            }
        }
    })
    .await??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn rand_id() -> uuid::Uuid {
    uuid::Uuid::from_bytes(rand::random())
}
