use super::*;
use actix_web::{FromRequest, test::TestRequest};
use std::sync::mpsc;

fn desk(places: usize, bytes: usize, patience: Duration) -> &'static Desk {
    Box::leak(Box::new(Desk {
        places: Semaphore::new(places),
        bytes: Semaphore::new(bytes),
        patience,
        whole: Duration::from_secs(60),
    }))
}

async fn send(desk: &'static Desk, bytes: usize) -> Result<Sent, Problem> {
    let request = TestRequest::default().set_payload(vec![b'x'; bytes]);
    let (request, mut payload) = request.to_http_parts();
    let payload = web::Payload::from_request(&request, &mut payload).await;
    desk.sent(&request, payload.unwrap(), 1_000).await
}

#[actix_web::test]
async fn who_finds_no_place_in_time_is_told_to_come_again() {
    let desk = desk(1, 0, Duration::from_millis(1));
    let place = desk.place().await.unwrap();
    let refused = desk.place().await.err().unwrap();
    assert_eq!(refused.code, Code::Unavailable);
    assert_eq!(refused.retry_after, Some(COME_AGAIN));
    drop(place);
    assert!(desk.place().await.is_ok());
}

#[actix_web::test]
async fn who_sends_takes_no_place_and_only_the_room_of_what_has_come() {
    let desk = desk(1, 1_500, Duration::from_secs(60));
    let place = desk.place().await.unwrap();
    let first = send(desk, 900).await.unwrap();
    assert_eq!(first.bytes.len(), 900);
    let refused = send(desk, 700).await.err().unwrap();
    assert_eq!(
        (refused.code, refused.retry_after),
        (Code::Unavailable, Some(COME_AGAIN))
    );
    // Who is refused leaves nothing behind.
    assert_eq!(desk.bytes.available_permits(), 600);
    let second = send(desk, 600).await.unwrap();
    drop((first, second, place));
    assert_eq!(desk.bytes.available_permits(), 1_500);
    let refused = send(desk, 1_001).await.err().unwrap();
    assert_eq!(refused.code, Code::RequestTooLarge);
    assert_eq!(desk.bytes.available_permits(), 1_500);
}

#[actix_web::test]
async fn work_keeps_its_place_when_the_client_has_left() {
    let desk = desk(1, 0, Duration::from_secs(60));
    let place = desk.place().await.unwrap();
    let (began, begun) = tokio::sync::oneshot::channel();
    let (end, ended) = mpsc::channel::<()>();
    let work = place.work(move || {
        began.send(()).unwrap();
        ended.recv().map_err(Problem::internal)
    });
    // The client leaves while the work goes on.
    tokio::select! {
        _ = work => panic!("the work cannot have ended"),
        begun = begun => begun.unwrap(),
    }
    assert_eq!(desk.places.available_permits(), 0);
    end.send(()).unwrap();
    assert!(desk.place().await.is_ok(), "the work has ended");
}
