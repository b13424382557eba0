//! The generated Python, used for real: `tests/independent/handheld_host.py` drives a
//! handheld through it against a real server, as an app would in Kotlin or Swift.

use gridcrew_mobile_bindgen::{Language, generate};
// Named, so that the library is built with this test: Python loads it.
use gridcrew_mobile as _;
use gridcrew_sync_protocol::{
    journal::Entry,
    record::{Event, Record},
};
use gridcrew_tests::{
    Failure, Fallible,
    failure::ensure,
    postgres::{Engine, TestDatabase},
    raw::picture,
    scene::Scene,
    server::{program, said},
};
use serde_json::Value;
use std::{fs, path::Path, process::Stdio, time::Duration};
use tokio::{process::Command, time::timeout};

/// How long the whole story may take.
const LONGEST: Duration = Duration::from_secs(180);
const HOST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/independent/handheld_host.py");

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
    let running = command
        .env("PYTHONPATH", &python)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = timeout(LONGEST, running)
        .await
        .map_err(|_| Failure::new("the host does not come to an end"))??;
    ensure(output.status.success(), || said(&output))?;
    let told: Value = serde_json::from_slice(&output.stdout)?;
    ensure(
        told["lanes"]
            == serde_json::json!(["DIAGNOSTICS", "FEED", "ORIGINALS", "PREVIEWS", "RECORDS"]),
        || told.to_string(),
    )?;
    ensure(told["syncs_cut"].as_u64() > Some(3), || told.to_string())?;
    kept_once(&scene, &told).await
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
