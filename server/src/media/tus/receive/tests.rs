use super::*;
use crate::media::tests::{Lane, jpeg};
use futures_util::stream;

fn body(
    chunks: Vec<Result<Bytes, PayloadError>>,
) -> impl Stream<Item = Result<Bytes, PayloadError>> + Unpin {
    stream::iter(chunks)
}

fn chunk<S>(body: S) -> Chunk<S> {
    Chunk {
        body,
        skip: 0,
        checksum: None,
    }
}

async fn stands(lane: &Lane, upload: &Upload) -> u64 {
    let turn = lane.app().photos.turns.take(upload.id).await.unwrap();
    match completion::stand(lane.app(), upload, turn).await.unwrap().0 {
        Standing::At(offset) => offset,
        Standing::Held => upload.claim.length,
    }
}

#[actix_web::test]
async fn what_came_before_a_cut_counts() {
    let (lane, photo) = (Lane::new().await, jpeg(31));
    let upload = lane.begin(lane.promised(&photo).await).await;
    let turn = lane.app().photos.turns.take(upload.id).await.unwrap();
    let cut = body(vec![
        Ok(Bytes::copy_from_slice(&photo[..100])),
        Ok(Bytes::copy_from_slice(&photo[100..350])),
        Err(PayloadError::Incomplete(None)),
    ]);
    let ended = receive(lane.app(), &upload, turn, chunk(cut)).await;
    assert_eq!(ended.unwrap_err().code, Code::RequestMalformed);
    assert_eq!(stands(&lane, &upload).await, 350);
    let turn = lane.app().photos.turns.take(upload.id).await.unwrap();
    let rest = body(vec![Ok(Bytes::copy_from_slice(&photo[350..]))]);
    let offset = receive(lane.app(), &upload, turn, chunk(rest))
        .await
        .unwrap();
    assert_eq!(offset, photo.len() as u64);
    assert!(lane.app().photos.has(upload.claim.digest, offset));
}

#[actix_web::test]
async fn a_newer_request_ends_one_that_hangs_and_sees_what_it_brought() {
    let (lane, photo) = (Lane::new().await, jpeg(32));
    let upload = lane.begin(lane.promised(&photo).await).await;
    let turn = lane.app().photos.turns.take(upload.id).await.unwrap();
    let hanging = body(vec![Ok(Bytes::copy_from_slice(&photo[..800]))]).chain(stream::pending());
    let older = receive(lane.app(), &upload, turn, chunk(hanging));
    let (older, offset) = tokio::join!(older, stands(&lane, &upload));
    assert_eq!(older.unwrap_err().code, Code::MediaBusy);
    // The newer one may have come before the first byte was taken.
    assert!(offset == 800 || offset == 0, "{offset}");
    assert_eq!(stands(&lane, &upload).await, offset);
}

#[actix_web::test]
async fn a_body_that_goes_on_is_not_read_to_its_end() {
    let (lane, photo) = (Lane::new().await, jpeg(33));
    let upload = lane.begin(lane.promised(&photo).await).await;
    let turn = lane.app().photos.turns.take(upload.id).await.unwrap();
    let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[0; 4096])));
    let ended = receive(lane.app(), &upload, turn, chunk(endless)).await;
    assert_eq!(ended.unwrap_err().code, Code::MediaTooLarge);
    let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[0; 4096])));
    assert_eq!(
        skip(10_000, endless).await.unwrap_err().code,
        Code::MediaTooLarge
    );
}
