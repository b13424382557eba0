//! A wipe that a station orders: heard by the handheld, carried out, confirmed.

use gridcrew_mobile_core::{Budget, Ended, Error, Handheld};
use gridcrew_tests::{
    Fallible,
    failure::ensure,
    postgres::{Engine, TestDatabase},
    scene::Scene,
};
use serde_json::json;
use std::fs;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wipe_when_safe_waits_for_the_records_and_is_confirmed() -> Fallible<()> {
    wipe(Engine::Sqlite, "when_safe", false).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_handheld_hears_of_its_wipe_too() -> Fallible<()> {
    wipe(Engine::Postgres, "at_once", true).await
}

async fn wipe(engine: Engine, form: &str, revoked: bool) -> Fallible<()> {
    let Some(database) = TestDatabase::fresh(engine).await? else {
        return Ok(());
    };
    let scene = Scene::set(database).await?;
    let order = scene.order("one").await?;
    let owner = scene.owner(order).await?;
    let folder = scene.folder.path().join("handheld");
    let url = scene.server.url()?;
    let handheld = scene.township.handheld(owner, &url, &folder).await?;
    let report = handheld.sync(Budget::seconds(30)).await?;
    ensure(report.ended == Ended::Done, || format!("{report:?}"))?;
    let status = handheld.status()?;
    let Some(journal) = status.journal else {
        return ensure(false, || format!("{status:?}"));
    };
    handheld.note(order, "the last words", None)?;
    let staff = &scene.township.staff;
    if revoked {
        let path = format!("/handhelds/{journal}/revoke");
        staff.post(&path, &json!({})).await?.done()?;
    }
    let path = format!("/handhelds/{journal}/wipe");
    staff.post(&path, &json!({ "form": form })).await?.done()?;

    let wiped = handheld.sync(Budget::seconds(30)).await;
    ensure(matches!(wiped, Err(Error::Wiped)), || format!("{wiped:?}"))?;
    let again = handheld.note(order, "x", None);
    ensure(matches!(again, Err(Error::Wiped)), || format!("{again:?}"))?;
    drop(handheld);
    let left: Vec<String> = fs::read_dir(&folder)?
        .filter_map(|item| Some(item.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|name| !name.ends_with(".lock"))
        .collect();
    ensure(left.is_empty(), || format!("{left:?}"))?;

    let books = scene.books().await?;
    let confirmed = books
        .count("SELECT count(*) FROM handheld_wipe WHERE done_at IS NOT NULL")
        .await?;
    let audited = books
        .count("SELECT count(*) FROM audit_log WHERE action = 'handheld.wiped'")
        .await?;
    let kept = match revoked {
        true => books.count("SELECT count(*) FROM set_aside_batch").await?,
        false => {
            let entries = books.entries().await?;
            let own = entries.iter().filter(|row| row.id.journal == journal);
            i64::try_from(own.count())?
        }
    };
    books.close().await?;
    ensure((confirmed, audited) == (1, 1) && kept > 0, || {
        format!("confirmed {confirmed}, audited {audited}, kept {kept}")
    })?;
    // The same device may be given to somebody.
    let handheld = Handheld::open(&folder)?;
    ensure(handheld.status()?.person.is_none(), || {
        "somebody is here".to_owned()
    })?;
    let code = scene.township.enrolment_code(owner).await?;
    handheld.enrol(&url, &code, "again").await?;
    let report = handheld.sync(Budget::seconds(30)).await?;
    ensure(report.ended == Ended::Done, || format!("{report:?}"))
}
