//! A PIN, as its argon2id hash.

use crate::{clock::Random, error::Error};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};
use std::fmt;
use subtle::ConstantTimeEq;

/// Fewest and most digits.
const DIGITS: std::ops::RangeInclusive<usize> = 6..=12;

/// What a hash costs: the least that OWASP names, about 30 ms and 19 MiB (RELIABILITY F11).
/// Each PIN keeps the cost that it was hashed with.
const COST: Cost = Cost {
    memory_kib: 19_456,
    passes: 2,
    lanes: 1,
};

#[derive(Clone, Copy, Serialize, Deserialize)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// The hash of a PIN.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Pin {
    cost: Cost,
    /// Hexadecimal.
    salt: String,
    /// Hexadecimal.
    hash: String,
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pin(..)")
    }
}

impl Pin {
    /// Hashes a new PIN.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless it is 6 to 12 digits that are not all the same.
    pub(super) fn new(digits: &str, random: &dyn Random) -> Result<Self, Error> {
        let bytes = digits.as_bytes();
        let is_pin = DIGITS.contains(&bytes.len())
            && bytes.iter().all(u8::is_ascii_digit)
            && bytes.iter().any(|byte| Some(byte) != bytes.first());
        if !is_pin {
            let rule = "a PIN is 6 to 12 digits that are not all the same";
            return Err(Error::Invalid(rule.to_owned()));
        }
        let mut salt = [0; 16];
        random.fill(&mut salt);
        let salt = hex::encode(salt);
        let hash = hash(digits, &salt, COST)?;
        Ok(Self {
            cost: COST,
            salt,
            hash,
        })
    }

    /// Whether `given` is the PIN.
    pub(super) fn is(&self, given: &str) -> Result<bool, Error> {
        let hash = hash(given, &self.salt, self.cost)?;
        Ok(hash.as_bytes().ct_eq(self.hash.as_bytes()).into())
    }
}

fn hash(digits: &str, salt: &str, cost: Cost) -> Result<String, Error> {
    let failed = |error: argon2::Error| Error::Storage(format!("the PIN's hash: {error}"));
    let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(failed)?;
    let mut out = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(digits.as_bytes(), salt.as_bytes(), &mut out)
        .map_err(failed)?;
    Ok(hex::encode(out))
}
