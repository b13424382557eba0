//! What a cut costs: one photo of many chunks, cut once in the middle, twenty times over.

use super::making::Stage;
use gridcrew_mobile_core::{Budget, Handheld, PhotoInput, StepInput};
use gridcrew_sync_protocol::{arrival::NOT_THERE_REASON, ids::OrderId, record::Value};
use gridcrew_tests::{
    Failure, Fallible,
    bars::Bars,
    failure::ensure,
    link::{Lane, Link, Quality, Trace},
    scene::{CORNER, SIDE},
    township::{id_of, order},
};
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{collections::BTreeMap, fs, path::Path, time::Duration};

/// Photos, each cut once.
const CUTS: u64 = 20;
/// Bytes of a chunk: what a cut may cost at most.
const CHUNK: u64 = 256 * 1024;

/// Cuts the link in the middle of one large photo after the other.
pub async fn cuts(stage: &Stage, bars: &mut Bars) -> Fallible<()> {
    let mut random = ChaCha8Rng::seed_from_u64(20);
    let quality = Quality {
        up: Trace::steady(2),
        ..Quality::good()
    };
    let scene = &stage.scene;
    let link = Link::to(scene.server.address()?, quality, 5).await?;
    let folder = scene.folder.path().join("cuts");
    let mut handheld: Option<Handheld> = None;
    let (mut worst, mut whole) = (0, 0);
    for number in 0..=CUTS {
        let wish = order(
            scene.township.station,
            "95598",
            &format!("cut{number}"),
            Some((CORNER[0] + SIDE * 0.05, CORNER[1] + SIDE * 0.5)),
            "x",
        );
        let made = scene.township.intake(&wish).await?.done()?;
        let order = id_of(&made, "id")?;
        let working = match &handheld {
            Some(handheld) => handheld.clone(),
            None => {
                let owner = scene.owner(order).await?;
                let new = scene.township.handheld(owner, &link.url(), &folder).await?;
                handheld.insert(new).clone()
            }
        };
        working.sync(Budget::default()).await?;
        let bytes = photograph(&working, order, &folder, number, &mut random)?;
        // The first goes whole: what the requests themselves take is no repetition.
        let at = (number > 0).then(|| random.random_range(bytes / 8..bytes * 7 / 8));
        let (up, requests) = upload(&working, &link, at).await?;
        let surplus = up.saturating_sub(bytes);
        if number == 0 {
            whole = surplus;
            println!(
                "a photo of {bytes} bytes and its preview: {up} bytes up, {requests} requests"
            );
        } else {
            worst = worst.max(surplus.saturating_sub(whole));
        }
    }
    println!("{CUTS} cuts, each in the middle of a photo: at most {worst} bytes were sent again");
    // The requests that find the way again are part of what a cut costs.
    bars.hold("a cut costs at most a chunk", worst <= CHUNK + 8 * 1024);
    Ok(())
}

/// Syncs to the end, with one cut when so many bytes of photos have gone; gives the bytes and
/// requests of photos.
async fn upload(handheld: &Handheld, link: &Link, cut_at: Option<u64>) -> Fallible<(u64, u64)> {
    let media = |link: &Link| link.passed().get(&Lane::Media).copied().unwrap_or_default();
    let before = media(link);
    let working = handheld.clone();
    let syncing = tokio::spawn(async move { working.sync(Budget::default()).await });
    let mut tick = tokio::time::interval(Duration::from_millis(1));
    let mut left = cut_at;
    while !syncing.is_finished() {
        tick.tick().await;
        if left.is_some_and(|at| media(link).up.saturating_sub(before.up) >= at) {
            left = None;
            link.cut();
            link.mend();
            handheld.network_changed();
        }
    }
    let report = syncing.await??;
    ensure(left.is_none(), || "the link was not cut".to_owned())?;
    ensure(report.photos_waiting == 0 && report.succeeded(), || {
        format!("{report:?}")
    })?;
    let after = media(link);
    Ok((after.up - before.up, after.requests - before.requests))
}

/// Records an arrival with a photo of two to three MB; gives its bytes and its preview's.
fn photograph(
    handheld: &Handheld,
    order: OrderId,
    folder: &Path,
    number: u64,
    random: &mut ChaCha8Rng,
) -> Fallible<u64> {
    let path = folder.join(format!("../large-{number}.jpg"));
    let mut grain = vec![0_u8; 1_600 * 1_200 * 3];
    random.fill_bytes(&mut grain);
    let pixels = image::RgbImage::from_raw(1_600, 1_200, grain);
    let pixels = pixels.ok_or_else(|| Failure::new("no picture"))?;
    let mut out = fs::File::create(&path)?;
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 90);
    pixels.write_with_encoder(encoder)?;
    let before = previews(folder)?;
    handheld.take(order, Some(20), None)?;
    let step = |step: &str, values: Vec<(&str, Value)>, photos| StepInput {
        step: step.to_owned(),
        values: values
            .into_iter()
            .map(|(field, value)| (field.into(), value))
            .collect::<BTreeMap<_, _>>(),
        photos,
    };
    let phoned = vec![
        ("reached", Value::Flag(true)),
        ("eta_minutes", Value::Whole(20)),
    ];
    handheld.step(order, step("phone_customer", phoned, Vec::new()), None)?;
    let arrived = vec![
        ("told_how", Value::Text("in_person".to_owned())),
        (NOT_THERE_REASON, Value::Text("没有卫星信号".to_owned())),
    ];
    let photo = PhotoInput {
        slot: "site".to_owned(),
        path: path.clone(),
    };
    handheld.step(order, step("arrived", arrived, vec![photo]), None)?;
    Ok(fs::metadata(path)?.len() + previews(folder)?.saturating_sub(before))
}

/// Bytes of all previews.
fn previews(folder: &Path) -> Fallible<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder.join("previews"))? {
        bytes += entry?.metadata()?.len();
    }
    Ok(bytes)
}
