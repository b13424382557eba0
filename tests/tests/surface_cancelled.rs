//! What is async on the handheld may be let go of at any await: enrolment and sync, of a
//! handheld and of a device of several people, and setting a forgotten PIN anew are dropped
//! at their first poll, their second, and so on, and each time everything that was recorded
//! is there, the next call is not kept out, and what follows comes to its end.

use gridcrew_mobile::{
    device::Device as DeviceSurface, handheld::Handheld as Surface, input::SyncBudget,
    standing::SyncEnd,
};
use gridcrew_mobile_core::{
    Budget, Device, Handheld, Settings, Status, Unlocked,
    clock::{SystemClock, SystemRandom},
};
use gridcrew_sync_protocol::ids::OrderId;
use gridcrew_tests::{
    Failure, Fallible,
    failure::ensure,
    postgres::{Engine, TestDatabase},
    raw::picture,
    scene::Scene,
    township::{PASSWORD, text_of},
};
use serde_json::json;
use std::{fs, future::poll_fn, path::Path, pin::pin, sync::Arc, task::Poll};

/// More polls than any of these calls ever took.
const MOST_POLLS: usize = 2_000;

/// Polls a future so many times at most and drops it then; its output, if it came.
async fn polled<T>(times: usize, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut polls = 0;
    poll_fn(|context| {
        polls += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polls >= times => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

async fn scene() -> Fallible<Option<(Scene, OrderId, String)>> {
    let Some(database) = TestDatabase::fresh(Engine::Sqlite).await? else {
        return Ok(None);
    };
    let scene = Scene::set(database).await?;
    let order = scene.order("cancelled").await?;
    let owner = scene.owner(order).await?;
    let code = scene.township.enrolment_code(owner).await?;
    Ok(Some((scene, order, code)))
}

fn photo(folder: &Path, number: usize) -> Fallible<gridcrew_mobile_core::StepInput> {
    let path = folder.join("photo.jpg");
    fs::write(&path, picture(u32::try_from(number)?)?)?;
    Ok(gridcrew_mobile_core::StepInput {
        step: "arrived".to_owned(),
        values: [
            ("told_how", "phone"),
            ("not_there_reason", "no fix in the valley"),
        ]
        .map(|(code, text)| {
            let text = gridcrew_sync_protocol::record::Value::Text(text.to_owned());
            (code.into(), text)
        })
        .into(),
        photos: vec![gridcrew_mobile_core::PhotoInput {
            slot: "site".to_owned(),
            path,
        }],
    })
}

fn recorded(status: &Status) -> u64 {
    status.records_waiting + status.records_held
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn enrolment_is_dropped_at_every_poll() -> Fallible<()> {
    let Some((scene, order, code)) = scene().await? else {
        return Ok(());
    };
    let url = scene.server.url()?;
    let handheld = Handheld::open(&scene.folder.path().join("handheld"))?;
    let mut polls = 1;
    while polled(polls, handheld.enrol(&url, &code, "test"))
        .await
        .transpose()?
        .is_none()
    {
        polls += 1;
        ensure(polls < MOST_POLLS, || "never enrolled".into())?;
    }
    ensure(polls > 1, || "never let go of".into())?;
    let report = handheld.sync(Budget::seconds(60)).await?;
    ensure(report.succeeded(), || format!("{report:?}"))?;
    handheld.take(order, None, None)?;
    let report = handheld.sync(Budget::seconds(60)).await?;
    ensure(report.succeeded() && report.records_waiting == 0, || {
        format!("{report:?}")
    })?;
    // However often it was let go of: one journal, opened once.
    let books = scene.books().await?;
    let journals = books.count("SELECT count(*) FROM handheld").await?;
    books.close().await?;
    ensure(journals == 1, || format!("{journals} journals"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_is_dropped_at_every_poll() -> Fallible<()> {
    let Some((scene, order, code)) = scene().await? else {
        return Ok(());
    };
    let handheld = Handheld::open(&scene.folder.path().join("handheld"))?;
    handheld.enrol(&scene.server.url()?, &code, "test").await?;
    let mut polls = 1;
    while polled(polls, handheld.sync(Budget::seconds(60)))
        .await
        .transpose()?
        .is_none()
    {
        polls += 1;
        ensure(polls < MOST_POLLS, || "the first sync never ends".into())?;
    }
    let mut polls = 0;
    loop {
        polls += 1;
        ensure(polls < MOST_POLLS, || "the sync never ends".into())?;
        handheld.note(order, &format!("note {polls}"), None)?;
        handheld.step(order, photo(scene.folder.path(), polls)?, None)?;
        let before = handheld.status()?;
        let ended = polled(polls, handheld.sync(Budget::seconds(60))).await;
        let after = handheld.status()?;
        ensure(recorded(&before) == recorded(&after), || {
            format!("poll {polls}: {before:?}, then {after:?}")
        })?;
        let whole = ended.is_some();
        let report = match ended {
            Some(report) => report?,
            None => handheld.sync(Budget::seconds(60)).await?,
        };
        ensure(
            report.succeeded() && handheld.status()?.strip.all_held,
            || format!("poll {polls}: {report:?}"),
        )?;
        if whole {
            break;
        }
    }
    ensure(polls > 5, || format!("only {polls} polls"))?;
    let card = handheld.show(order)?;
    ensure(card.agrees == Some(true), || "the folds differ".into())?;
    let books = scene.books().await?;
    let promises = books.promises().await?;
    books.close().await?;
    let held = promises.iter().filter(|promise| promise.held).count();
    ensure(held == polls && promises.len() == polls, || {
        format!(
            "{held} of {} photos came, {polls} were taken",
            promises.len()
        )
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_surface_lets_go_of_a_call_and_takes_the_next() -> Fallible<()> {
    let Some((scene, order, code)) = scene().await? else {
        return Ok(());
    };
    let folder = scene.folder.path().join("handheld").display().to_string();
    let handheld = Surface::open(folder, None).map_err(Failure::from)?;
    let url = scene.server.url()?;
    let budget = SyncBudget {
        seconds: Some(60),
        bytes: None,
        metered: false,
        battery_saver: false,
    };
    // Let go of at its only await, with the work under way on the library's own threads.
    let dropped = polled(1, handheld.enrol(url.clone(), code.clone(), "test".into())).await;
    ensure(dropped.is_none(), || format!("{dropped:?}"))?;
    handheld.enrol(url, code, "test".into()).await?;
    for _ in 0..20 {
        let dropped = polled(1, handheld.sync(budget)).await;
        ensure(dropped.is_none(), || format!("{dropped:?}"))?;
        let report = handheld.sync(budget).await?;
        ensure(report.ended == SyncEnd::Done, || format!("{report:?}"))?;
        handheld.note(order.to_string(), "on".into(), None)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_s_calls_are_dropped_at_every_poll() -> Fallible<()> {
    let Some((scene, order, code)) = scene().await? else {
        return Ok(());
    };
    let url = scene.server.url()?;
    let root = scene.folder.path().join("device");
    let clock = Arc::new(SystemClock::new());
    let settings = Settings::default();
    let device = Device::open(&root, None, clock, Arc::new(SystemRandom), settings)?;
    let mut polls = 1;
    let person = loop {
        let enrolled = polled(polls, device.enrol(&url, &code, "test", "135790")).await;
        if let Some(person) = enrolled.transpose()? {
            break person;
        }
        polls += 1;
        ensure(polls < MOST_POLLS, || "never enrolled".into())?;
    };
    ensure(polls > 1, || "never let go of".into())?;
    let folders = fs::read_dir(root.join("persons"))?.count();
    let people = device.people()?.len();
    ensure((folders, people) == (1, 1), || {
        format!("{folders} folders, {people} people")
    })?;
    let handheld = device.handheld(person)?;
    handheld.unlock("135790")?;
    ensure(
        handheld.sync(Budget::seconds(60)).await?.succeeded(),
        || "no first sync".into(),
    )?;

    let mut polls = 0;
    loop {
        polls += 1;
        ensure(polls < MOST_POLLS, || "the sync never ends".into())?;
        handheld.note(order, &format!("note {polls}"), None)?;
        let before = recorded(&handheld.status()?);
        let ended = polled(polls, device.sync(Budget::seconds(60))).await;
        let after = recorded(&handheld.status()?);
        ensure(before == after, || format!("{before}, then {after}"))?;
        let whole = ended.is_some();
        let reports = match ended {
            Some(reports) => reports?,
            None => device.sync(Budget::seconds(60)).await?,
        };
        for (_, report) in reports {
            ensure(report?.succeeded(), || format!("poll {polls}"))?;
        }
        if whole {
            break;
        }
    }
    ensure(polls > 2, || format!("only {polls} polls"))?;
    forgotten_pin(&scene, &handheld).await
}

/// Each time that setting a forgotten PIN anew is let go of, one of the two opens.
async fn forgotten_pin(scene: &Scene, handheld: &Handheld) -> Fallible<()> {
    let person = handheld.status()?.person;
    let person = person.ok_or_else(|| Failure::new("nobody is here"))?;
    let path = format!("/people/{person}");
    let administrator = &scene.township.administrator;
    let login = text_of(&administrator.get(&path).await?.done()?, "login")?;
    let wish = json!({ "password": PASSWORD });
    let path = format!("{path}/password");
    administrator.post(&path, &wish).await?.done()?;
    let mut polls = 1;
    loop {
        let set = polled(polls, handheld.reset_pin(&login, PASSWORD, "246802")).await;
        handheld.lock();
        let opens = |pin| Ok::<_, Failure>(handheld.unlock(pin)? == Unlocked::Open);
        if set.transpose()?.is_some() {
            return ensure(polls > 1 && opens("246802")?, || {
                format!("not the new PIN after {polls} polls")
            });
        }
        ensure(opens("135790")? || opens("246802")?, || {
            "neither PIN opens".into()
        })?;
        polls += 1;
        ensure(polls < MOST_POLLS, || "never set".into())?;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_surface_of_a_device_lets_go_of_a_call_and_takes_the_next() -> Fallible<()> {
    let Some((scene, _, code)) = scene().await? else {
        return Ok(());
    };
    let folder = scene.folder.path().join("device").display().to_string();
    let device = DeviceSurface::open(folder, None, None).map_err(Failure::from)?;
    let url = scene.server.url()?;
    let budget = SyncBudget {
        seconds: Some(60),
        bytes: None,
        metered: false,
        battery_saver: false,
    };
    let enrol = || device.enrol(url.clone(), code.clone(), "test".into(), "135790".into());
    let dropped = polled(1, enrol()).await;
    ensure(dropped.is_none(), || format!("{dropped:?}"))?;
    let person = enrol().await?;
    for _ in 0..20 {
        let dropped = polled(1, device.sync(budget)).await;
        ensure(dropped.is_none(), || format!("{dropped:?}"))?;
        // One sync at a time runs on a device, whoever's it is.
        let report = device.handheld(person.clone())?.sync(budget).await?;
        ensure(report.ended == SyncEnd::Done, || format!("{report:?}"))?;
    }
    Ok(())
}
