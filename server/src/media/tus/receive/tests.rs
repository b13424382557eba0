use super::*;
use crate::media::{
    completion::Standing,
    tests::{Lane, jpeg},
};
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

async fn standing(lane: &Lane, upload: &Upload) -> Standing {
    let turn = lane.app().photos.turns.take(upload.id).await.unwrap();
    completion::stand(lane.app(), upload, turn).await.unwrap()
}

async fn stands(lane: &Lane, upload: &Upload) -> u64 {
    standing(lane, upload).await.offset(upload)
}

async fn part(lane: &Lane, upload: &Upload) -> Part {
    match standing(lane, upload).await {
        Standing::Open(part) => part,
        Standing::Held => panic!("it is held"),
    }
}

#[actix_web::test]
async fn what_came_before_a_cut_counts() {
    let (lane, photo) = (Lane::new().await, jpeg(31));
    let upload = lane.begin(lane.promised(&photo).await).await;
    let open = part(&lane, &upload).await;
    let cut = body(vec![
        Ok(Bytes::copy_from_slice(&photo[..100])),
        Ok(Bytes::copy_from_slice(&photo[100..350])),
        Err(PayloadError::Incomplete(None)),
    ]);
    let ended = receive(lane.app(), &upload, open, chunk(cut)).await;
    assert_eq!(ended.unwrap_err().code, Code::RequestMalformed);
    assert_eq!(stands(&lane, &upload).await, 350);
    let open = part(&lane, &upload).await;
    let rest = body(vec![Ok(Bytes::copy_from_slice(&photo[350..]))]);
    let offset = receive(lane.app(), &upload, open, chunk(rest))
        .await
        .unwrap();
    assert_eq!(offset, photo.len() as u64);
    assert!(lane.app().photos.has(upload.claim.digest, offset));
}

#[actix_web::test]
async fn a_newer_request_ends_one_that_hangs_and_sees_what_it_brought() {
    let (lane, photo) = (Lane::new().await, jpeg(32));
    let upload = lane.begin(lane.promised(&photo).await).await;
    let open = part(&lane, &upload).await;
    let (reached, hangs) = tokio::sync::oneshot::channel();
    let hang = stream::once(async move {
        reached.send(()).unwrap();
        std::future::pending().await
    });
    let first = body(vec![Ok(Bytes::copy_from_slice(&photo[..800]))]);
    let older = receive(
        lane.app(),
        &upload,
        open,
        chunk(Box::pin(first.chain(hang))),
    );
    let newer = async {
        hangs.await.unwrap();
        stands(&lane, &upload).await
    };
    let (older, offset) = tokio::join!(older, newer);
    assert_eq!(older.unwrap_err().code, Code::MediaBusy);
    assert_eq!(offset, 800);
}

#[actix_web::test]
async fn a_body_that_goes_on_is_not_read_to_its_end() {
    let (lane, photo) = (Lane::new().await, jpeg(33));
    let upload = lane.begin(lane.promised(&photo).await).await;
    let open = part(&lane, &upload).await;
    let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[0; 4096])));
    let ended = receive(lane.app(), &upload, open, chunk(endless)).await;
    assert_eq!(ended.unwrap_err().code, Code::MediaTooLarge);
    let endless = stream::repeat_with(|| Ok(Bytes::from_static(&[0; 4096])));
    assert_eq!(
        skip(10_000, endless).await.unwrap_err().code,
        Code::MediaTooLarge
    );
}
