//! Clients that no one here wrote: tuspy (for the Python at `GRIDCREW_TEST_TUSPY`, or any)
//! and tus-js-client (for Node, by its `NODE_PATH`), where they are installed.

use super::{Lane, jpeg, lane::metadata};
use crate::{
    media::{tus::UPLOADS, uploads::Claim},
    serve,
};
use std::{fs, process::Stdio};
use tokio::process::Command;

const TUSPY: &str = "
import sys
from tusclient import client
address, token, chunk, file, *pairs = sys.argv[1:]
metadata = dict(pair.split('=') for pair in pairs)
tus = client.TusClient(address, headers={'Authorization': 'Bearer ' + token})
tus.uploader(file, chunk_size=int(chunk), metadata=metadata, upload_checksum=True).upload()
";

const TUS_JS: &str = "
const tus = require('tus-js-client');
const fs = require('fs');
const [address, token, chunk, file, ...pairs] = process.argv.slice(2);
const options = {
  endpoint: address,
  headers: { Authorization: 'Bearer ' + token },
  chunkSize: Number(chunk),
  uploadSize: fs.statSync(file).size,
  metadata: Object.fromEntries(pairs.map((pair) => pair.split('='))),
  retryDelays: [0, 100],
  uploadDataDuringCreation: Number(chunk) % 2 === 1,
  onError: (error) => { console.error(String(error)); process.exit(1); },
};
new tus.Upload(fs.createReadStream(file), options).start();
";

/// Uploads with a client that takes address, token, chunk size, file and metadata.
async fn upload_with(program: &str, script: &str, name: &str, module: &[&str]) {
    let installed = Command::new(program)
        .args(module)
        .stderr(Stdio::null())
        .status()
        .await;
    if !installed.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: {name} is not installed");
        return;
    }
    let lane = Lane::new().await;
    let running = serve::start(lane.app().clone()).await.unwrap();
    let (address, handle) = (running.address, running.handle.clone());
    let server = actix_web::rt::spawn(running.wait());
    let folder = tempfile::tempdir().unwrap();
    let code = folder.path().join("client.cjs");
    fs::write(&code, script).unwrap();
    for (seed, chunk) in [(41, 5_000), (42, 1_000_001), (43, 4_001)] {
        let photo = jpeg(seed);
        let claim: Claim = lane.promised(&photo).await;
        let file = folder.path().join("photo.jpg");
        fs::write(&file, &photo).unwrap();
        let pair = |key: &str, value: &str| format!("{key}={value}");
        let digest = claim.digest.to_string();
        assert!(metadata(claim).contains("kind "));
        let output = Command::new(program)
            .arg(&code)
            .arg(format!("http://{address}{UPLOADS}"))
            .args([&lane.token, &chunk.to_string()])
            .arg(&file)
            .args([
                pair("digest", &digest),
                pair("photo", &digest),
                pair("kind", "original"),
            ])
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        assert!(
            lane.app().photos.has(claim.digest, claim.length),
            "{name}: {said}"
        );
    }
    handle.stop(true).await;
    server.await.unwrap().unwrap();
}

#[actix_web::test]
async fn tuspy_uploads_as_it_is() {
    let python = std::env::var("GRIDCREW_TEST_TUSPY").unwrap_or_else(|_| "python3".to_owned());
    upload_with(&python, TUSPY, "tuspy", &["-c", "import tusclient"]).await;
}

#[actix_web::test]
async fn tus_js_client_uploads_as_it_is() {
    upload_with(
        "node",
        TUS_JS,
        "tus-js-client",
        &["-e", "require('tus-js-client')"],
    )
    .await;
}
