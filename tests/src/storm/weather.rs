//! What the network does to a handheld over the day: most of the time it is not there.

use crate::link::Link;
use gridcrew_mobile_core::Handheld;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{ops::Range, sync::Arc, time::Duration};
use tokio::{sync::watch, time::sleep};

/// Milliseconds without a network.
const AWAY: Range<u64> = 3_000..11_000;
/// Milliseconds with one.
const THERE: Range<u64> = 800..4_000;

/// Cuts and mends `link` until `over` becomes true; then it is mended for good. `handheld`
/// is told when the network comes, as a phone's operating system would.
pub async fn blow(
    link: Arc<Link>,
    handheld: Option<Handheld>,
    seed: u64,
    mut over: watch::Receiver<bool>,
) {
    let mut randomness = ChaCha8Rng::seed_from_u64(seed);
    loop {
        link.cut();
        let away = Duration::from_millis(randomness.random_range(AWAY));
        if passes(&mut over, away).await {
            break;
        }
        link.mend();
        if let Some(handheld) = &handheld {
            handheld.network_changed();
        }
        let there = Duration::from_millis(randomness.random_range(THERE));
        if passes(&mut over, there).await {
            break;
        }
    }
    link.mend();
    if let Some(handheld) = &handheld {
        handheld.network_changed();
    }
}

/// Lets time pass; whether the day is over before it has.
async fn passes(over: &mut watch::Receiver<bool>, time: Duration) -> bool {
    tokio::select! {
        _ = sleep(time) => false,
        _ = over.wait_for(|over| *over) => true,
    }
}
