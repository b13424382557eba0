//! What stands at the door, once for each process: the token key, the bounded queue for
//! passwords, and the memory of who tried too often.

use super::{password::Passwords, throttle::Throttle, tokens::AccessTokens};
use crate::keys::ServerKeys;

/// What stands at the door.
#[derive(Debug)]
pub struct Gate {
    /// Access tokens.
    pub tokens: AccessTokens,
    /// Hashing and checking passwords.
    pub passwords: Passwords,
    /// Who tried too often.
    pub throttle: Throttle,
}

impl Gate {
    /// With the server's keys.
    #[must_use]
    pub fn new(keys: &ServerKeys) -> Self {
        Self {
            tokens: AccessTokens::new(&keys.token),
            passwords: Passwords::default(),
            throttle: Throttle::default(),
        }
    }
}
