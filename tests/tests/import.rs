//! A handheld that never comes back to a network: what it could not send is exported, the
//! handheld is wiped, and the file is imported from a hand.

use gridcrew_mobile_core::{Budget, Ended, Handheld, PhotoInput, StepInput};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::OrderId,
    record::{Event, Value},
    workflow::FieldCode,
};
use gridcrew_tests::{
    Fallible,
    failure::ensure,
    postgres::{Engine, TestDatabase},
    raw::picture,
    scene::Scene,
    server::said,
};
use std::{collections::BTreeMap, fs, path::Path};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_exported_is_imported_once_however_often_and_its_trace_verifies() -> Fallible<()> {
    let Some(database) = TestDatabase::fresh(Engine::Sqlite).await? else {
        return Ok(());
    };
    let scene = Scene::set(database).await?;
    let order = scene.order("far").await?;
    let owner = scene.owner(order).await?;
    let folder = scene.folder.path().join("handheld");
    let url = scene.server.url()?;
    let handheld = scene.township.handheld(owner, &url, &folder).await?;
    let report = handheld.sync(Budget::seconds(30)).await?;
    ensure(report.ended == Ended::Done, || format!("{report:?}"))?;
    handheld.take(order, None, None)?;
    let report = handheld.sync(Budget::seconds(30)).await?;
    ensure(report.ended == Ended::Done, || format!("{report:?}"))?;

    // Far from any network.
    for number in 0..600 {
        handheld.note(order, &format!("note {number}"), None)?;
    }
    let photo = arrive(&handheld, order, scene.folder.path())?;
    let file = scene.folder.path().join("unsent.gridcrew");
    let exported = handheld.export_unsynced(&file)?;
    ensure(
        (exported.records, exported.batches, exported.photos) == (601, 2, 1),
        || format!("{exported:?}"),
    )?;
    drop(handheld);
    fs::remove_dir_all(&folder)?;

    let path = file.to_string_lossy().into_owned();
    let first = said(&scene.server.run(&["import", &path]).await?);
    ensure(
        first.contains("601 entries new") && first.contains("1 photos held, 0 missing"),
        || first.clone(),
    )?;
    let again = said(&scene.server.run(&["import", &path]).await?);
    ensure(again.contains("(0 entries new)"), || again.clone())?;
    let notes = notes(&scene, order).await?;
    ensure(notes == 600, || format!("{notes} notes"))?;
    let reply = scene
        .township
        .staff
        .get(&format!("/media/photos/{photo}"))
        .await?;
    ensure(
        reply.status == 200 && Digest::of(&reply.bytes) == photo,
        || reply.said(),
    )?;

    let export = scene.folder.path().join("export");
    let export = export.to_string_lossy().into_owned();
    scene
        .server
        .run(&["trace export", "--all", "--to", &export])
        .await?;
    let (whole, words) = scene
        .server
        .run_bare(&["trace", "verify", &export, "--strict"])
        .await?;
    ensure(whole, || words)?;
    scene.server.run(&["rebuild", "--check"]).await?;
    a_changed_file_is_refused(&scene, order, &file).await
}

/// Whatever byte is changed, nothing of it becomes a record.
async fn a_changed_file_is_refused(scene: &Scene, order: OrderId, file: &Path) -> Fallible<()> {
    let whole = fs::read(file)?;
    let before = notes(scene, order).await?;
    for at in [3, 40, 200, 5_000, whole.len() / 2, whole.len() - 3] {
        let mut changed = whole.clone();
        if let Some(byte) = changed.get_mut(at) {
            *byte ^= 0x10;
        }
        let path = scene.folder.path().join("changed.gridcrew");
        fs::write(&path, &changed)?;
        let path = path.to_string_lossy().into_owned();
        let seen = scene.server.run(&["import", &path]).await.is_err();
        // What the file says of itself is not signed; all else is.
        ensure(seen || at < 200, || format!("byte {at} was changed unseen"))?;
    }
    let cut = scene.folder.path().join("cut.gridcrew");
    fs::write(&cut, whole.get(..whole.len() - 9).unwrap_or_default())?;
    let cut = scene.server.run(&["import", &cut.to_string_lossy()]).await;
    ensure(cut.is_err(), || "a cut file counts as whole".to_owned())?;
    let after = notes(scene, order).await?;
    ensure(after == before, || format!("{before} notes, then {after}"))
}

async fn notes(scene: &Scene, order: OrderId) -> Fallible<usize> {
    use gridcrew_sync_protocol::journal::Entry;
    let books = scene.books().await?;
    let entries = books.entries().await?;
    books.close().await?;
    let of_order = entries.iter().filter(|row| match &row.entry {
        Entry::Record(record) => record.order == order && matches!(record.event, Event::Noted(_)),
        _ => false,
    });
    Ok(of_order.count())
}

/// Records the arrival at an order with a photo.
fn arrive(handheld: &Handheld, order: OrderId, folder: &Path) -> Fallible<Digest> {
    let photo = picture(1)?;
    let path = folder.join("1.jpg");
    fs::write(&path, &photo)?;
    let text = |text: &str| Value::Text(text.to_owned());
    let input = StepInput {
        step: "arrived".to_owned(),
        values: BTreeMap::from([
            (FieldCode::from("told_how"), text("in_person")),
            (
                FieldCode::from("not_there_reason"),
                text("no fix in the valley"),
            ),
        ]),
        photos: vec![PhotoInput {
            slot: "site".to_owned(),
            path,
        }],
    };
    handheld.step(order, input, None)?;
    Ok(Digest::of(&photo))
}
