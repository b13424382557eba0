//! Connections that break in the middle of a chunk (RELIABILITY fault 11), and somebody on
//! the way who answers with a certificate of his own (17).

use super::{cli::Cli, ground::Ground, tally::Tally};
use crate::{
    Fallible,
    failure::ensure,
    raw::{RawHandheld, location, offset_of, picture},
    server::said,
    wait,
};
use gridcrew_sync_protocol::{digest::Digest, media::MediaKind};
use std::{process::Stdio, time::Duration};
use tokio::{io::AsyncWriteExt, net::TcpStream, process::Command};

/// How soon somebody listens who was started for it, or a request that was cut is over.
const SOON: Duration = Duration::from_secs(10);

/// Many chunks of uploads are cut in the middle: what is then told to stand is never more
/// than what was sent, and the upload goes on from there to the same photo.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn cut_chunks(ground: &mut Ground, cuts: u32) -> Fallible<Tally> {
    let mut tally = Tally::of("wire-cut-chunk");
    let owner = ground.scene.owner(ground.order).await?;
    let mut hand = RawHandheld::enrol(&ground.scene.township, owner).await?;
    hand.push_on(&[hand.opening()]).await?;
    let server = ground.scene.server.address()?;
    let mut number = 60_000_000;
    while tally.points < cuts {
        let photo = picture(number)?;
        number += 1;
        let (digest, length) = (Digest::of(&photo), photo.len() as u64);
        ground.ledger.attempt(&digest.to_string(), Some(digest));
        hand.push_on(&[hand.arrived(ground.order, &[&photo])])
            .await?;
        let mut stood = 0;
        // Each cut goes a little further than the one before.
        for reach in (1..length).step_by(97) {
            let (upload, offset) = stands(&hand, digest, length).await?;
            ensure(offset >= stood, || format!("{offset} after {stood}"))?;
            if offset > reach.max(stood) {
                tally.wrong(format!("{offset} bytes stand of {reach} that were sent"));
            }
            stood = offset;
            let end = reach.max(offset + 1).min(length - 1);
            let part = photo
                .get(usize::try_from(offset)?..usize::try_from(end)?)
                .unwrap_or_default();
            let token = hand.client.token().unwrap_or_default();
            let head = format!(
                "PATCH /api/v1{upload} HTTP/1.1\r\nHost: {server}\r\nAuthorization: Bearer {token}\r\n\
                 Tus-Resumable: 1.0.0\r\nUpload-Offset: {offset}\r\n\
                 Content-Type: application/offset+octet-stream\r\nContent-Length: {}\r\n\r\n",
                length - offset
            );
            let mut stream = TcpStream::connect(server).await?;
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(part).await?;
            if tally.points.is_multiple_of(2) {
                stream.set_zero_linger()?;
            }
            drop(stream);
            tally.points += 1;
            tally.hits += 1;
        }
        hand.upload_until_held(&photo).await?;
        ground.ledger.received(&digest.to_string());
        tally.confirm(true);
    }
    ground.judge(&mut tally).await?;
    Ok(tally)
}

/// Where an upload goes on and what of it stands, once the request that was cut is over.
async fn stands(hand: &RawHandheld, digest: Digest, length: u64) -> Fallible<(String, u64)> {
    wait::until("the upload is free", SOON, || async move {
        let begun = hand
            .begin_upload(digest, digest, MediaKind::Original, length)
            .await?;
        if begun.status == 423 {
            return Ok(None);
        }
        Ok(Some((location(&begun)?, offset_of(&begun)?)))
    })
    .await
}

/// Somebody on the way answers in the server's place with a certificate of his own: the
/// handheld tells him nothing, and says that it is the certificate.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn intercepted(ground: &Ground) -> Fallible<Tally> {
    let mut tally = Tally::of("wire-intercepted");
    let folder = ground.scene.folder.path();
    for name in ["IP:127.0.0.1", "DNS:gridcrew.example"] {
        let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
        let names = format!("subjectAltName={name}");
        let made = Command::new("openssl")
            .args([
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            ])
            .args(["-subj", "/CN=gridcrew", "-addext", &names, "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .stdin(Stdio::null())
            .output()
            .await?;
        ensure(made.status.success(), || said(&made))?;
        let port = std::net::TcpListener::bind("127.0.0.1:0")?
            .local_addr()?
            .port();
        let address = format!("127.0.0.1:{port}");
        let between = Command::new("openssl")
            .args(["s_server", "-quiet", "-www", "-accept", &address, "-key"])
            .arg(&key)
            .arg("-cert")
            .arg(&certificate)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        wait::until("somebody listens", SOON, || async {
            Ok(TcpStream::connect(&address).await.ok().map(drop))
        })
        .await?;
        let cli = Cli::on(&folder.join(format!("intercepted-{port}")))?;
        let url = format!("https://{address}");
        let enrol = ["enrol", "--server", &url, "--code", "AAAA-BBBB"];
        let ran = cli.run(&enrol).await?;
        tally.points += 1;
        tally.hits += 1;
        if ran.done() || !ran.err.contains("ertificate") {
            tally.wrong(format!("{name}: {}", ran.err.trim()));
        } else {
            tally.refused += 1;
        }
        drop(between);
    }
    Ok(tally)
}
