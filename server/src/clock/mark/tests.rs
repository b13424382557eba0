//! Starting again after the machine's clock was changed.

use super::*;
use crate::{people::fixture::Fixture, serve};

const DAY: i64 = 24 * 60 * 60 * 1000;

#[test]
fn a_clock_behind_the_mark_is_refused_and_one_a_little_behind_waits_for_itself() {
    let marked = Some(UnixMillis(10 * DAY));
    let check = |wall: i64| check(marked, UnixMillis(wall));
    assert_eq!(check(11 * DAY), Ok(UnixMillis(10 * DAY)));
    assert_eq!(check(10 * DAY - TOLERANCE.0), Ok(UnixMillis(10 * DAY)));
    let refused = check(8 * DAY).unwrap_err();
    assert!(refused.to_string().contains("1970-01-09T00:00:00Z"));
    assert!(refused.to_string().contains("1970-01-11T00:00:00Z"));
    assert_eq!(super::check(None, UnixMillis(5)), Ok(UnixMillis(5)));
}

async fn goes_on_only_when_told(fixture: Fixture) {
    let app = &fixture.app;
    let marker = Marker::default();
    marker.mark(app).await.unwrap();
    // The fixture's clock is ahead of this machine's.
    assert_eq!(latest(&app.store).await.unwrap(), Some(app.now()));
    let config = app.config.as_ref().clone();
    let refused = serve::open(config.clone()).await.unwrap_err();
    assert!(matches!(refused, serve::StartError::Clock(_)), "{refused}");
    let wall = UnixMillis(app.now().0 - 4_000 * DAY);
    accept(&app.store, wall).await.unwrap();
    assert_eq!(latest(&app.store).await.unwrap(), Some(wall));
    let lives = server_clock::Entity::find().all(app.store.read()).await;
    assert_eq!(lives.unwrap().len(), 2, "what was told ahead stays");
    serve::open(config).await.unwrap();
}

#[actix_web::test]
async fn a_server_whose_clock_went_back_starts_only_when_somebody_says_so() {
    goes_on_only_when_told(Fixture::new().await).await;
}

#[actix_web::test]
async fn the_same_on_postgres() {
    if let Some(fixture) = Fixture::on_postgres().await {
        goes_on_only_when_told(fixture).await;
    }
}

#[actix_web::test]
async fn an_idle_server_marks_nothing_and_a_mark_never_goes_back() {
    let fixture = Fixture::new().await;
    let (app, marker) = (&fixture.app, Marker::default());
    marker.mark(app).await.unwrap();
    let first = latest(&app.store).await.unwrap();
    fixture.pass(Millis(5_000));
    marker.mark(app).await.unwrap();
    let idle = latest(&app.store).await.unwrap();
    assert_eq!(idle, first, "nothing was written");
    fixture.pass(AT_LEAST_EVERY);
    marker.mark(app).await.unwrap();
    let later = latest(&app.store).await.unwrap();
    assert!(later > first);
    fixture.pass(Millis(-DAY));
    let written = app.store.write(|_| Box::pin(async { Ok(()) })).await;
    written.unwrap();
    marker.mark(app).await.unwrap();
    assert_eq!(latest(&app.store).await.unwrap(), later);
}
