//! Finding looks that are near another without comparing with all of them. A look has four
//! bands of 16 bits. Two looks that differ in at most seven bits have a band in which they
//! differ in one bit at most, or each of the four would differ in two. So whoever looks up
//! each band of a look, as it is and with each of its bits turned, meets every look that
//! near, and of a hundred thousand others some hundred.

use gridcrew_sync_protocol::claims::Look;

/// Bits of a band.
const BITS: u32 = 16;
/// Bands of a look.
pub(super) const BANDS: usize = 4;
/// In how many bits looks may differ that are surely met.
#[cfg(test)]
const MOST: u32 = 7;

/// The bands of a look, each with its place among the four.
pub(super) fn of(look: Look) -> [i32; BANDS] {
    [0u64, 1, 2, 3].map(|place| {
        let bits = (look.0 >> (place * u64::from(BITS))) & 0xffff;
        // At most 2^18.
        i32::try_from((place << BITS) | bits).unwrap_or(i32::MAX)
    })
}

/// All bands under which a look that is near may stand.
pub(super) fn near(look: Look) -> impl Iterator<Item = i32> {
    of(look).into_iter().flat_map(|band| {
        let turned = (0..BITS).map(move |bit| band ^ (1 << bit));
        std::iter::once(band).chain(turned)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn looks_that_are_near_always_meet(
            look in any::<u64>(),
            turned in prop::collection::btree_set(0u32..64, 0..=MOST as usize),
        ) {
            let other = turned.iter().fold(look, |look, bit| look ^ (1 << bit));
            prop_assert_eq!(Look(look).differs(Look(other)), turned.len() as u32);
            let met = near(Look(look)).any(|band| of(Look(other)).contains(&band));
            prop_assert!(met);
        }
    }

    #[test]
    fn bands_of_different_places_never_meet() {
        let bands = of(Look(0));
        assert_eq!(bands, [0, 1 << 16, 2 << 16, 3 << 16]);
        assert_eq!(near(Look(u64::MAX)).count(), BANDS * 17);
        let far = Look(0x0003_0003_0003_0003);
        assert!(near(Look(0)).all(|band| !of(far).contains(&band)));
    }
}
