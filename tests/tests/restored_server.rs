//! A server that was restored from a backup (RELIABILITY fault 27): the old copy of the
//! database and of the photos is put back. It gets a new epoch, the handhelds notice, offer
//! again what they still hold, and everything they made comes back.

use gridcrew_mobile_core::{Budget, Ended, Handheld, PhotoInput, StepInput};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{OrderId, PersonId},
    journal::Entry,
    record::{Event, Value},
    workflow::FieldCode,
};
use gridcrew_tests::{
    Fallible,
    failure::ensure,
    postgres::{Engine, TestDatabase},
    raw::picture,
    scene::Scene,
    wait,
};
use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_handhelds_made_comes_back() -> Fallible<()> {
    let Some(database) = TestDatabase::fresh(Engine::Sqlite).await? else {
        return Ok(());
    };
    let mut scene = Scene::set(database).await?;
    let old = scene.order("old").await?;
    let new = scene.order("new").await?;
    let owner = scene.owner(old).await?;
    let folder = scene.folder.path().join("handheld");
    let handheld = scene
        .township
        .handheld(owner, &scene.server.url()?, &folder)
        .await?;
    sync(&handheld).await?;
    handheld.take(old, None, None)?;
    sync(&handheld).await?;
    let epoch = handheld.status()?.epoch;

    scene.server.kill().await?;
    let backup = scene.folder.path().join("backup");
    copy(scene.server.data(), &backup)?;
    scene.server.start().await?;

    handheld.take(new, None, None)?;
    let mut photos = Vec::new();
    for (order, number) in [(old, 1), (new, 2)] {
        photos.push(arrive(&handheld, order, number, scene.folder.path())?);
    }
    sync(&handheld).await?;
    let made = handheld.status()?.head;
    // Another handheld of the same person comes after the backup: it will not be known.
    let url = scene.server.url()?;
    let folder = scene.folder.path().join("late");
    let late = scene.township.handheld(owner, &url, &folder).await?;
    sync(&late).await?;
    late.note(new, "from the late one", None)?;
    sync(&late).await?;
    late.note(new, "after its last sync", None)?;
    ensure(handheld.status()?.strip.all_held, || {
        "something waits".to_owned()
    })?;
    // The height that tells a restored database from a younger one is marked now and then.
    let books = scene.books().await?;
    let announced = books.count("SELECT sum(position) FROM feed_head").await?;
    let unannounced = books.count("SELECT writes FROM unannounced").await?;
    let height = announced + unannounced;
    books.close().await?;
    let mark = scene.server.data().join("height");
    wait::until("the height is marked", Duration::from_secs(20), || async {
        let marked = fs::read_to_string(&mark).unwrap_or_default();
        Ok((marked.trim() == height.to_string()).then_some(()))
    })
    .await?;

    scene.server.kill().await?;
    put_back(&backup, scene.server.data())?;
    scene.server.start().await?;

    sync(&handheld).await?;
    let status = handheld.status()?;
    ensure(status.epoch != epoch, || {
        "the epoch is the old one".to_owned()
    })?;
    ensure(status.strip.all_held && status.head == made, || {
        format!("{status:?}")
    })?;
    let books = scene.books().await?;
    let journal = status.journal;
    let entries = books.entries().await?;
    let back = entries
        .iter()
        .filter(|row| Some(row.id.journal) == journal)
        .count();
    ensure(back as u64 == made.0, || {
        format!("{back} of {} entries are back", made.0)
    })?;
    for photo in photos {
        let reply = scene
            .township
            .staff
            .get(&format!("/media/photos/{photo}"))
            .await?;
        ensure(
            reply.status == 200 && Digest::of(&reply.bytes) == photo,
            || reply.said(),
        )?;
    }
    books.close().await?;
    comes_back_with_a_new_code(&scene, owner, new, &late).await?;
    scene.server.run(&["rebuild", "--check"]).await?;
    Ok(())
}

/// A handheld that was enrolled after the backup is a stranger to the restored server. With
/// a new code it comes back, and brings everything that it ever recorded, each record once.
async fn comes_back_with_a_new_code(
    scene: &Scene,
    owner: PersonId,
    order: OrderId,
    late: &Handheld,
) -> Fallible<()> {
    let report = late.sync(Budget::seconds(30)).await?;
    ensure(report.ended == Ended::Blocked, || format!("{report:?}"))?;
    let township = scene.township.signed_in_anew(&scene.server.url()?).await?;
    let code = township.enrolment_code(owner).await?;
    late.enrol(&scene.server.url()?, &code, "late").await?;
    sync(late).await?;
    let books = scene.books().await?;
    let entries = books.entries().await?;
    books.close().await?;
    let mut notes: Vec<String> = entries
        .iter()
        .filter_map(|row| match &row.entry {
            Entry::Record(record) if record.order == order => Some(&record.event),
            _ => None,
        })
        .filter_map(|event| match event {
            Event::Noted(noted) => Some(noted.text.clone()),
            _ => None,
        })
        .collect();
    notes.sort();
    ensure(
        notes == ["after its last sync", "from the late one"],
        || format!("{notes:?}"),
    )
}

async fn sync(handheld: &Handheld) -> Fallible<()> {
    let report = handheld.sync(Budget::seconds(30)).await?;
    ensure(report.ended == Ended::Done, || format!("{report:?}"))
}

/// Records the arrival at an order with a photo of its own.
fn arrive(handheld: &Handheld, order: OrderId, number: u32, folder: &Path) -> Fallible<Digest> {
    let photo = picture(number)?;
    let path = folder.join(format!("{number}.jpg"));
    fs::write(&path, &photo)?;
    let told = Value::Text("in_person".to_owned());
    let no_fix = Value::Text("no satellites in the valley".to_owned());
    let input = StepInput {
        step: "arrived".to_owned(),
        values: BTreeMap::from([
            (FieldCode::from("told_how"), told),
            (FieldCode::from("not_there_reason"), no_fix),
        ]),
        photos: vec![PhotoInput {
            slot: "site".to_owned(),
            path,
        }],
    };
    handheld.step(order, input, None)?;
    Ok(Digest::of(&photo))
}

fn is_log(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "log")
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name() else {
            continue;
        };
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else if !is_log(&path) {
            fs::copy(&path, to.join(name))?;
        }
    }
    Ok(())
}

/// Puts the database and the photos of a backup in the place of the present ones; the keys
/// and the mark of the height stay, as when a disk of data is restored beside them.
fn put_back(backup: &Path, data: &Path) -> io::Result<()> {
    let stays = |path: &PathBuf| {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        name == "height" || name == "keys" || is_log(path)
    };
    for entry in fs::read_dir(data)? {
        let path = entry?.path();
        if stays(&path) {
            continue;
        }
        if path.is_dir() {
            fs::remove_dir_all(&path)?;
        } else {
            fs::remove_file(&path)?;
        }
    }
    for entry in fs::read_dir(backup)? {
        let path = entry?.path();
        let Some(name) = path.file_name().filter(|_| !stays(&path)) else {
            continue;
        };
        if path.is_dir() {
            copy(&path, &data.join(name))?;
        } else {
            fs::copy(&path, data.join(name))?;
        }
    }
    Ok(())
}
