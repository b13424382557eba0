//! Chance from a seed: the same seed draws the same numbers on every machine.

/// A generator of numbers (`splitmix64`); nothing secret depends on it.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// A generator from a seed.
    #[must_use]
    pub const fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.draw() % end.max(1)
    }

    /// A place in a line of so many.
    pub fn place(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// Whether something happens that happens once in so many times.
    pub fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these, each as likely as its weight says.
    pub fn weighted<T: Copy>(&mut self, of: &[(u64, T)]) -> Option<T> {
        let total = of.iter().map(|(weight, _)| *weight).sum();
        let mut drawn = self.below(total);
        of.iter().find_map(|(weight, value)| {
            if drawn < *weight {
                return Some(*value);
            }
            drawn -= *weight;
            None
        })
    }
}
