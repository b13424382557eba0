//! Where every schedule begins: a founded server, and handhelds that are enrolled and know
//! their scope. Made once for a process, by the same code that the schedules run through.

use super::{
    disk::Remains,
    hardware::TrueTime,
    run::Scratch,
    server::{Founded, Kind},
    world::World,
};
use crate::{Fallible, failure::ensure};
use gridcrew_sync_protocol::ids::PersonId;
use image::{ImageFormat, Rgb, RgbImage};
use std::{fs, io::Cursor, path::PathBuf};

/// How many pictures there are to take.
const PICTURES: u64 = 40;
/// Every so many pictures one is long, so that it goes in several pieces.
const LONG_EVERY: u64 = 10;
/// How long.
const LONG: usize = 300 * 1024;

/// The beginning.
pub struct Origin {
    /// The server.
    pub(super) server: Founded,
    /// Each installation: its device, its person and its data folder.
    pub(super) seats: Vec<(usize, PersonId, Remains)>,
    /// When it is, true time.
    pub(super) time: i64,
    /// Pictures to be taken.
    pub(super) pictures: Vec<PathBuf>,
    _folder: Scratch,
}

impl Origin {
    /// Founds it.
    ///
    /// # Errors
    /// When a folder cannot be written, or a handheld not be enrolled.
    pub fn found(kind: Kind) -> Fallible<Self> {
        let folder = Scratch::new()?;
        let time = TrueTime::default();
        time.pass(1_000);
        let server = Founded::new(kind, &time)?;
        let people = server.cast().people;
        // Three people with a device each; on the first, a second person has a folder too.
        let seats = [(0, 0), (1, 1), (2, 2), (0, 1)]
            .map(|(device, person)| (device, people[person], Remains::default()));
        let mut pictures = Vec::new();
        for number in 0..PICTURES {
            let path = folder.path().join(format!("picture-{number}.jpg"));
            fs::write(&path, picture(number)?)?;
            pictures.push(path);
        }
        let mut origin = Self {
            server,
            seats: seats.to_vec(),
            time: time.millis(),
            pictures,
            _folder: Scratch::new()?,
        };
        let mut world = World::begin(&origin, folder.path(), 0)?;
        for seat in 0..world.seats.len() {
            world.open(seat)?;
            let let_in = world.seats[seat].enrol(world.server.as_mut())?;
            ensure(let_in, || "nobody is revoked yet".to_owned())?;
        }
        world.settle()?;
        for seat in &mut world.seats {
            seat.close();
        }
        for (seat, place) in world.seats.iter().zip(&mut origin.seats) {
            place.2 = Remains::of(&seat.folder)?;
        }
        origin.time = world.time.millis();
        origin.server = world.server.as_founded()?;
        origin._folder = folder;
        Ok(origin)
    }
}

/// A small picture unlike all others; some are followed by much that belongs to no picture.
fn picture(number: u64) -> Fallible<Vec<u8>> {
    let mut chance = super::chance::Chance::of(number);
    let image = RgbImage::from_fn(16, 16, |_, _| {
        let bytes = chance.draw().to_be_bytes();
        Rgb([bytes[0], bytes[1], bytes[2]])
    });
    let mut bytes = Vec::new();
    image.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Jpeg)?;
    if number.is_multiple_of(LONG_EVERY) {
        while bytes.len() < LONG {
            bytes.extend(chance.draw().to_be_bytes());
        }
    }
    Ok(bytes)
}
