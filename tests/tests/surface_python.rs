//! The generated Python, used for real against a real server, as an app would in Kotlin or
//! Swift: `tests/independent/handheld_host.py` drives a handheld through it,
//! `tests/independent/device_host.py` a device of two people.
//!
//! With `GRIDCREW_MOBILE_LIBRARY` naming a library that was built with `sqlcipher`, and
//! `GRIDCREW_MOBILE_SEALED` set, the device's data is sealed by a keystore in Python; else
//! the test sees that a keystore is refused.

use gridcrew_mobile_bindgen::{Language, generate};
// Named, so that the library is built with this test: Python loads it.
use gridcrew_mobile as _;
use gridcrew_sync_protocol::{
    ids::PersonId,
    journal::Entry,
    record::{Event, Record},
};
use gridcrew_tests::{
    Failure, Fallible,
    failure::ensure,
    postgres::{Engine, TestDatabase},
    raw::picture,
    scene::{CORNER, SIDE, Scene},
    server::{program, said},
    township::{PASSWORD, text_of},
};
use serde_json::{Value, json};
use std::{env, fs, path::Path, process::Stdio, time::Duration};
use tokio::{process::Command, time::timeout};

/// How long the whole story may take.
const LONGEST: Duration = Duration::from_secs(180);
const HOST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/independent/handheld_host.py");
const DEVICE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/independent/device_host.py");

/// Generates the Python into `folder`, with the library beside it.
fn bindings(folder: &Path) -> Fallible<()> {
    let library = program("libgridcrew_mobile.so", "GRIDCREW_MOBILE_LIBRARY")?;
    generate(&library, Language::Python, folder)?;
    fs::copy(&library, folder.join("libgridcrew_mobile.so"))?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_in_python_works_an_order_that_is_handed_over_meanwhile() -> Fallible<()> {
    let Some(database) = TestDatabase::fresh(Engine::Sqlite).await? else {
        return Ok(());
    };
    let scene = Scene::set(database).await?;
    let order = scene.order("python-1").await?;
    let owner = scene.owner(order).await?;
    let other = scene
        .cells
        .iter()
        .flat_map(|(_, a, b)| [*a, *b])
        .find(|person| *person != owner)
        .ok_or_else(|| Failure::new("no colleague"))?;
    let python = scene.folder.path().join("python");
    bindings(&python)?;
    let mut command = Command::new("python3");
    command
        .arg(HOST)
        .arg(scene.folder.path().join("handheld"))
        .arg(scene.server.url()?)
        .arg(scene.township.enrolment_code(owner).await?)
        .args([order.to_string(), other.to_string()])
        .arg(scene.township.staff.token().unwrap_or_default());
    for number in 1..=2 {
        let path = scene.folder.path().join(format!("{number}.jpg"));
        fs::write(&path, picture(number)?)?;
        command.arg(path);
    }
    let told = run(command, &python).await?;
    ensure(
        told["lanes"]
            == serde_json::json!(["DIAGNOSTICS", "FEED", "ORIGINALS", "PREVIEWS", "RECORDS"]),
        || told.to_string(),
    )?;
    ensure(told["syncs_cut"].as_u64() > Some(3), || told.to_string())?;
    kept_once(&scene, &told).await
}

/// Runs a host to its end; gives what it told.
async fn run(mut command: Command, python: &Path) -> Fallible<Value> {
    let running = command
        .env("PYTHONPATH", python)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(LONGEST, running)
        .await
        .map_err(|_| Failure::new("the host does not come to an end"))??;
    ensure(output.status.success(), || said(&output))?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_in_python_runs_a_device_of_two_people() -> Fallible<()> {
    let Some(database) = TestDatabase::fresh(Engine::Sqlite).await? else {
        return Ok(());
    };
    let scene = Scene::set(database).await?;
    import(&scene).await?;
    let orders = [
        scene.order("device-1").await?,
        scene.order("device-2").await?,
    ];
    let owner = scene.owner(orders[0]).await?;
    let mut a_and_b = scene.cells.iter().flat_map(|(_, a, b)| [*a, *b]);
    let second = a_and_b
        .rfind(|person| *person != owner)
        .ok_or_else(|| Failure::new("no colleague"))?;
    let mut people = Vec::new();
    for person in [owner, second] {
        let login = login_of(&scene, person).await?;
        let path = format!("/people/{person}/password");
        let wish = json!({ "password": PASSWORD });
        let administrator = &scene.township.administrator;
        administrator.post(&path, &wish).await?.done()?;
        people.push(json!({
            "id": person, "login": login, "password": PASSWORD,
            "code": scene.township.enrolment_code(person).await?,
        }));
    }
    let folder = scene.folder.path();
    let photo = folder.join("1.jpg");
    fs::write(&photo, picture(1)?)?;
    let data = folder.join("data");
    fs::create_dir(&data)?;
    let sealed = env::var_os("GRIDCREW_MOBILE_SEALED").is_some();
    let world = json!({
        "folder": data, "server": scene.server.url()?, "people": people, "orders": orders,
        "token": scene.township.staff.token().unwrap_or_default(), "picture": photo,
        "corner": CORNER, "side": SIDE, "sealed": sealed,
    });
    let python = folder.join("python");
    bindings(&python)?;
    let mut command = Command::new("python3");
    command.arg(DEVICE).arg(world.to_string());
    let told = run(command, &python).await?;
    let wanted = json!({ "sealed": sealed, "left": second });
    ensure(told == wanted, || told.to_string())?;

    // What the first recorded was sent in the second's shift, before the first was wiped.
    let books = scene.books().await?;
    let promises = books.promises().await?;
    let wiped = books
        .count("SELECT count(*) FROM handheld_wipe WHERE done_at IS NOT NULL")
        .await?;
    books.close().await?;
    ensure(wiped == 1 && promises.len() == 2, || {
        format!("{wiped} wiped, {} photos promised", promises.len())
    })?;
    ensure(promises.iter().all(|promise| promise.held), || {
        "a photo was lost".to_owned()
    })
}

/// Customers of the western cell, where the orders are.
async fn import(scene: &Scene) -> Fallible<()> {
    let customers: Vec<Value> = (0..9)
        .map(|n| {
            let name = ["王建国", "曾秀英", "李长顺"][n % 3];
            json!({
                "account_no": format!("3408{n:09}"),
                "meter_no": format!("77{n:06}"),
                "name": name,
                "phone": "13800138000",
                "address": format!("柳家庄村{n}号"),
                "station_area": "T000",
                "position": {
                    "lon": CORNER[0] + SIDE * 0.01, "lat": CORNER[1] + SIDE * 0.5,
                    "datum": "WGS-84",
                },
            })
        })
        .collect();
    let path = format!("/stations/{}/customers", scene.township.station);
    let body = json!({ "customers": customers });
    scene.township.staff.post(&path, &body).await?.done()?;
    Ok(())
}

/// What a person signs in with.
async fn login_of(scene: &Scene, person: PersonId) -> Fallible<String> {
    let administrator = &scene.township.administrator;
    let path = format!("/people/{person}");
    text_of(&administrator.get(&path).await?.done()?, "login")
}

/// What the host recorded is with the server, each once, and both photos are.
async fn kept_once(scene: &Scene, told: &Value) -> Fallible<()> {
    let books = scene.books().await?;
    let entries = books.entries().await?;
    let promises = books.promises().await?;
    books.close().await?;
    let mut noted: Vec<String> = entries
        .iter()
        .filter_map(|row| match &row.entry {
            Entry::Record(Record {
                event: Event::Noted(noted),
                ..
            }) => Some(noted.text.clone()),
            _ => None,
        })
        .collect();
    let mut wanted: Vec<String> = serde_json::from_value(told["noted"].clone())?;
    noted.sort_unstable();
    wanted.sort_unstable();
    ensure(noted == wanted, || {
        format!("the server has {noted:?}, recorded was {wanted:?}")
    })?;
    let held = promises.iter().filter(|promise| promise.held).count();
    ensure(promises.len() == 2 && held == 2, || {
        format!("{held} of {} photos came", promises.len())
    })
}
