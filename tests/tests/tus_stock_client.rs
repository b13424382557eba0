//! A stock tus client that nobody here wrote uploads a photo: tuspy, from PyPI.
//!
//! `GRIDCREW_TEST_TUSPY` names the Python of an environment that has it; without it the
//! test says aloud that it was skipped.

use gridcrew_sync_protocol::{digest::Digest, media::MediaKind};
use gridcrew_tests::{
    Failure, Fallible,
    failure::ensure,
    postgres::{Engine, TestDatabase, skipped},
    raw::picture,
    scene::Scene,
    server::said,
};
use std::{env, fs, process::Stdio, time::Duration};
use tokio::{process::Command, time::timeout};

/// How long an upload of a few thousand bytes may take.
const LONGEST: Duration = Duration::from_secs(60);

/// Uploads a file in small chunks: once from its beginning, once stopped half-way and gone
/// on with by another client that knows only the address.
const SCRIPT: &str = r#"
import sys
from tusclient import client

url, token, path, digest, kind, stop = sys.argv[1:7]
headers = {"Authorization": "Bearer " + token}
metadata = {"digest": digest, "photo": digest, "kind": kind}

def uploader(**more):
    return client.TusClient(url, headers=headers).uploader(
        path, chunk_size=1000, metadata=metadata, retries=2, retry_delay=1, **more)

first = uploader()
if int(stop):
    first.upload(stop_at=int(stop))
    second = uploader(url=first.url)
    assert second.offset == first.offset, (second.offset, first.offset)
    second.upload()
else:
    first.upload()
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tuspy_uploads_whole_and_goes_on_where_it_stopped() -> Fallible<()> {
    let Some(python) = env::var_os("GRIDCREW_TEST_TUSPY") else {
        skipped("tuspy, because GRIDCREW_TEST_TUSPY is not set");
        return Ok(());
    };
    let Some(database) = TestDatabase::fresh(Engine::Sqlite).await? else {
        return Ok(());
    };
    let scene = Scene::set(database).await?;
    let (order, mut handheld) = scene.order_with_handheld("tus").await?;
    let photos = [picture(1)?, picture(2)?];
    let promises: Vec<&[u8]> = photos.iter().map(Vec::as_slice).collect();
    handheld
        .push_on(&[handheld.arrived(order, &promises)])
        .await?;
    for (photo, stop) in photos.iter().zip(["0", "1500"]) {
        ensure(photo.len() > 1500, || "too small to stop half-way".into())?;
        let path = scene.folder.path().join("photo.jpg");
        fs::write(&path, photo)?;
        let digest = Digest::of(photo);
        let uploading = Command::new(&python)
            .args([
                "-c",
                SCRIPT,
                &format!("{}/api/v1/media/uploads", scene.server.url()?),
            ])
            .arg(handheld.client.token().unwrap_or_default())
            .arg(&path)
            .args([&digest.to_string(), MediaKind::Original.as_str(), stop])
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = timeout(LONGEST, uploading)
            .await
            .map_err(|_| Failure::new("the client does not come to an end"))??;
        ensure(output.status.success(), || said(&output))?;
        let reply = scene
            .township
            .staff
            .get(&format!("/media/photos/{digest}"))
            .await?;
        ensure(reply.status == 200 && reply.bytes == *photo, || {
            reply.said()
        })?;
    }
    Ok(())
}
