//! Makes the week: a server with the orders of one manager, and his handheld that works
//! them through without a network.

use super::times::Times;
use gridcrew_mobile_core::{Budget, Handheld, PhotoInput, StepInput};
use gridcrew_sync_protocol::{
    arrival::NOT_THERE_REASON,
    ids::OrderId,
    record::Value,
    workflow::{FieldKind, FieldSpec, StepSpec},
};
use gridcrew_tests::{
    Failure, Fallible,
    failure::ensure,
    postgres::{Engine, TestDatabase},
    scene::{CORNER, SIDE, Scene},
    server::Server,
    township::{id_of, order},
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

/// Orders of the week.
const ORDERS: usize = 250;
/// Records that wait in the end.
pub const RECORDS: usize = 10_000;
/// Photos that wait in the end.
pub const PHOTOS: usize = 1_000;

/// A server with orders of one manager, and his handheld.
pub struct Stage {
    pub scene: Scene,
    pub handheld: Handheld,
    orders: Vec<OrderId>,
}

/// How long recording took.
#[derive(Default)]
pub struct Recorded {
    /// Acceptances and remarks.
    pub remarks: Times,
    /// Steps without a photo.
    pub steps: Times,
    /// Steps with photos, for each photo: copied, hashed, previewed, stamped.
    pub photos: Times,
}

impl Stage {
    pub async fn set() -> Fallible<Self> {
        let database = TestDatabase::fresh(Engine::Sqlite)
            .await?
            .ok_or_else(|| Failure::new("no SQLite"))?;
        let scene = Scene::set(database).await?;
        let (lon, lat) = (CORNER[0] + SIDE * 0.05, CORNER[1] + SIDE * 0.5);
        let mut orders = Vec::with_capacity(ORDERS);
        for number in 0..ORDERS {
            let number = format!("w{number}");
            let wish = order(
                scene.township.station,
                "95598",
                &number,
                Some((lon, lat)),
                "x",
            );
            let made = scene.township.intake(&wish).await?.done()?;
            orders.push(id_of(&made, "id")?);
        }
        let first = orders.first().copied();
        let first = first.ok_or_else(|| Failure::new("no order"))?;
        let owner = scene.owner(first).await?;
        let folder = scene.folder.path().join("handheld");
        let handheld = scene
            .township
            .handheld(owner, &scene.server.url()?, &folder)
            .await?;
        handheld.sync(Budget::default()).await?;
        Ok(Self {
            scene,
            handheld,
            orders,
        })
    }

    /// The work of a week, without a network.
    pub fn work(&self) -> Fallible<Recorded> {
        let mut shots = Shots::new(self.scene.folder.path())?;
        let mut recorded = Recorded::default();
        for order in &self.orders {
            let began = Instant::now();
            self.handheld.take(*order, Some(20), None)?;
            recorded.remarks.add(began.elapsed());
            loop {
                let card = self.handheld.show(*order)?;
                let Some(next) = card.next.iter().find(|next| !next.spec.optional) else {
                    break;
                };
                let step = shots.input(&next.spec)?;
                let photos = u32::try_from(step.photos.len())?;
                let began = Instant::now();
                self.handheld.step(*order, step, None)?;
                match photos {
                    0 => recorded.steps.add(began.elapsed()),
                    some => recorded.photos.add(began.elapsed() / some),
                }
            }
        }
        let before = usize::try_from(self.handheld.status()?.records_waiting)?;
        for number in 0..RECORDS.saturating_sub(before) {
            let order = self.orders[number % self.orders.len()];
            let text = format!("第 {number} 次现场记录");
            let began = Instant::now();
            self.handheld.note(order, &text, None)?;
            recorded.remarks.add(began.elapsed());
        }
        let waiting = self.handheld.status()?;
        let (records, photos) = (waiting.records_waiting, waiting.photos.originals_waiting);
        ensure(records == RECORDS as u64 && photos == PHOTOS as u64, || {
            format!("{records} records and {photos} photos wait")
        })?;
        Ok(recorded)
    }

    /// The week is over, and nobody has the handheld open.
    pub fn close(self) -> Week {
        Week { scene: self.scene }
    }
}

/// The handheld with the week's queue, and the server that knows nothing of it.
pub struct Week {
    scene: Scene,
}

impl Week {
    pub fn folder(&self) -> PathBuf {
        self.scene.folder.path().join("handheld")
    }

    /// A copy of the handheld as it came back, and of the server as it was then.
    pub async fn copy(&self, name: &str) -> Fallible<(PathBuf, Server)> {
        let place = |what: &str| self.scene.folder.path().join(format!("{what}-{name}"));
        fs_copy(&self.folder(), &place("handheld"))?;
        fs_copy(self.scene.server.data(), &place("server"))?;
        let mut server = Server::on(&place("server"), None)?;
        server.start().await?;
        Ok((place("handheld"), server))
    }
}

/// Pictures, each its own.
pub struct Shots {
    folder: PathBuf,
    count: usize,
    randomness: ChaCha8Rng,
}

impl Shots {
    pub fn new(folder: &Path) -> Fallible<Self> {
        let folder = folder.join("shots");
        fs::create_dir_all(&folder)?;
        Ok(Self {
            folder,
            count: 0,
            randomness: ChaCha8Rng::seed_from_u64(7),
        })
    }

    /// What a step asks for.
    fn input(&mut self, spec: &StepSpec) -> Fallible<StepInput> {
        let mut values = BTreeMap::new();
        // No satellites here, so who arrives is asked why.
        let filled = |field: &&FieldSpec| !field.optional || field.code.0 == NOT_THERE_REASON;
        for field in spec.fields.iter().filter(filled) {
            let value = match field.kind {
                FieldKind::Flag => Value::Flag(true),
                FieldKind::Whole => Value::Whole(25),
                FieldKind::Decimal => Value::Text("219.5".to_owned()),
                FieldKind::Text => Value::Text("接户线绝缘破损,已更换".to_owned()),
                FieldKind::Choice => {
                    Value::Text(field.choices.first().cloned().unwrap_or_default())
                }
            };
            values.insert(field.code.clone(), value);
        }
        let mut photos = Vec::new();
        for slot in &spec.photos {
            for _ in 0..slot.min.max(1) {
                if self.count < PHOTOS || slot.min > 0 {
                    let path = self.shot()?;
                    let slot = slot.code.0.clone();
                    photos.push(PhotoInput { slot, path });
                }
            }
        }
        Ok(StepInput {
            step: spec.code.0.clone(),
            values,
            photos,
        })
    }

    /// A JPEG as it is taken in the field, of about 300 KB, that was never taken before.
    fn shot(&mut self) -> Fallible<PathBuf> {
        let (width, height) = (1_600, 1_200);
        let mut noise = self.randomness.random::<u32>();
        let pixels = image::RgbImage::from_fn(width, height, |x, y| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = (noise >> 28) as u8;
            image::Rgb([
                (x / 5) as u8 ^ grain,
                (y / 4) as u8,
                (x ^ y) as u8 / 3 + grain,
            ])
        });
        let path = self.folder.join(format!("{}.jpg", self.count));
        self.count += 1;
        let mut out = fs::File::create(&path)?;
        let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut out, 80);
        pixels.write_with_encoder(encoder)?;
        Ok(path)
    }
}

/// A copy of a handheld's folder that nobody has open for writing.
fn fs_copy(from: &Path, to: &Path) -> Fallible<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs_copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
