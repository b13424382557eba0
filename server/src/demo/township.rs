//! A township from a seed: the model station of DOMAIN 6.2, with places that exist nowhere.

use super::names;
use gridcrew_sync_protocol::workflow::AreaClass;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::f64::consts::TAU;

/// The middle of the township, WGS-84 degrees: farmland on the Huai river plain.
const MIDDLE: (f64, f64) = (116.62, 32.86);
/// Metres of one degree of latitude, near enough for inventing places.
const DEGREE: f64 = 111_000.0;
/// Mean radius of the territory in metres.
const RADIUS: f64 = 5_600.0;
/// Station areas of the model station.
const AREAS: usize = 200;
/// Feeders of the model station.
const FEEDERS: usize = 6;
/// Managers, and cells.
pub(super) const MANAGERS: usize = 16;
/// Managers of one service team.
pub(super) const TEAM: usize = 4;

/// A longitude and a latitude in WGS-84 degrees.
pub(super) type LonLat = (f64, f64);

/// All that the demonstration township is made of.
#[derive(Debug)]
pub(super) struct Township {
    /// The boundary's ring, closed.
    pub(super) boundary: Vec<LonLat>,
    /// The station areas.
    pub(super) areas: Vec<Area>,
    /// The managers' names and bases.
    pub(super) managers: Vec<(String, LonLat)>,
}

/// A station area.
#[derive(Debug)]
pub(super) struct Area {
    pub(super) code: String,
    pub(super) name: String,
    pub(super) feeder: String,
    pub(super) at: LonLat,
    pub(super) class: AreaClass,
    pub(super) customers: Vec<Customer>,
}

/// A customer.
#[derive(Debug)]
pub(super) struct Customer {
    pub(super) account_no: String,
    pub(super) name: String,
    pub(super) phone: String,
    pub(super) address: String,
    pub(super) meter_no: String,
    pub(super) at: LonLat,
}

impl Township {
    /// The township of `seed`: the same seed, the same township.
    pub(super) fn generate(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let outline = Outline::generate(&mut random);
        let areas = (0..AREAS).map(|n| area(n, &outline, &mut random)).collect();
        let managers = (0..MANAGERS)
            .map(|n| {
                let angle = TAU * (n as f64 + 0.5) / MANAGERS as f64;
                (names::person(&mut random), outline.place(angle, 0.45))
            })
            .collect();
        Self {
            boundary: outline.ring(),
            areas,
            managers,
        }
    }
}

/// The outline: a circle bent by three waves.
struct Outline {
    waves: [(f64, f64); 3],
}

impl Outline {
    fn generate(random: &mut impl Rng) -> Self {
        let waves = std::array::from_fn(|_| {
            (
                random.random_range(0.03..0.12),
                random.random_range(0.0..TAU),
            )
        });
        Self { waves }
    }

    fn radius(&self, angle: f64) -> f64 {
        let bend: f64 = (2..)
            .zip(&self.waves)
            .map(|(turns, (height, phase))| height * (f64::from(turns) * angle + phase).sin())
            .sum();
        RADIUS * (1.0 + bend)
    }

    /// The place in direction `angle`, at `share` of the way from the middle to the edge.
    fn place(&self, angle: f64, share: f64) -> LonLat {
        let metres = self.radius(angle) * share;
        let lat = MIDDLE.1 + metres * angle.sin() / DEGREE;
        let lon = MIDDLE.0 + metres * angle.cos() / (DEGREE * MIDDLE.1.to_radians().cos());
        (round(lon), round(lat))
    }

    fn ring(&self) -> Vec<LonLat> {
        let mut ring: Vec<LonLat> = (0..72)
            .map(|n| self.place(TAU * f64::from(n) / 72.0, 1.0))
            .collect();
        ring.extend(ring.first().copied());
        ring
    }
}

/// Seven decimals: a centimetre.
fn round(degrees: f64) -> f64 {
    (degrees * 1e7).round() / 1e7
}

/// Station areas follow the feeders, which leave the middle like spokes and bend.
fn area(n: usize, outline: &Outline, random: &mut impl Rng) -> Area {
    let spoke = n % FEEDERS;
    let share =
        ((n / FEEDERS) as f64 + random.random_range(0.2..0.8)) / (AREAS / FEEDERS + 1) as f64;
    let angle =
        TAU * (spoke as f64 + 0.25 * share + random.random_range(-0.32..0.32)) / FEEDERS as f64;
    let share = share.sqrt() * 0.95;
    let at = outline.place(angle, share);
    let village = names::village(n % 100);
    let code = format!("T{:03}", n + 1);
    let class = match share {
        s if s < 0.2 => AreaClass::Urban,
        s if s > 0.9 => AreaClass::Remote,
        _ => AreaClass::Rural,
    };
    let count: usize = random.random_range(50..150);
    let customers = (0..count)
        .map(|k| Customer {
            account_no: format!("3408{:06}{k:03}", n + 1),
            name: names::person(random),
            phone: format!("1990000{:04}", random.random_range(0..10_000)),
            address: format!("{village}村{}组{}号", k / 20 + 1, k % 20 + 1),
            meter_no: format!("34{:05}{k:03}", (n + 1) * 7_919 % 100_000),
            at: (
                round(at.0 + random.random_range(-0.0015..0.0015)),
                round(at.1 + random.random_range(-0.0013..0.0013)),
            ),
        })
        .collect();
    Area {
        name: format!("{village}{}号台区", n / 100 + 1),
        feeder: format!("F{:02}", spoke + 1),
        code,
        at,
        class,
        customers,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_same_seed_gives_the_same_township_and_codes_are_unique() {
        let (one, two) = (Township::generate(7), Township::generate(7));
        assert_eq!(format!("{one:?}"), format!("{two:?}"));
        assert_ne!(format!("{one:?}"), format!("{:?}", Township::generate(8)));
        let accounts: BTreeSet<&str> = one
            .areas
            .iter()
            .flat_map(|area| &area.customers)
            .map(|c| c.account_no.as_str())
            .collect();
        assert_eq!(
            accounts.len(),
            one.areas
                .iter()
                .map(|area| area.customers.len())
                .sum::<usize>()
        );
        assert!(accounts.len() > 15_000);
        assert!(accounts.iter().all(|account| account.len() == 13));
    }
}
