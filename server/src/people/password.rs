//! Passwords: argon2id, beside the work and not in it.
//!
//! One hash costs 19 MiB and about 30 ms (RELIABILITY F11), so no more than [`AT_ONCE`] run
//! at a time, on threads of their own, and no more than [`WAITING`] wait; who comes then is
//! told to come again (T19). Checking the password of a login that does not exist costs the
//! same and ends the same (T18). What a password must be follows ASVS 5.0, 6.2: long, not
//! too long, and none of those that everyone tries; no rules on its composition.

use crate::{clock::Randomness, edge::Problem};
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use gridcrew_sync_protocol::code::Code;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

mod guessable;

/// Hashes at one time: one for each core of a small machine.
pub const AT_ONCE: usize = 2;
/// How many may wait for their turn: about a second of work.
pub const WAITING: usize = 64;
/// Fewest bytes of a password.
pub const MIN_BYTES: usize = 12;
/// Most bytes of a password.
pub const MAX_BYTES: usize = 1024;
/// What a login that does not exist is checked with.
const NO_SALT: [u8; 16] = [0; 16];

/// A password's hash in PHC form.
#[derive(Clone, PartialEq, Eq)]
pub struct Hashed(pub(super) String);

impl std::fmt::Debug for Hashed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hashed(..)")
    }
}

/// The queue in which passwords are hashed and checked.
#[derive(Debug)]
pub struct Passwords {
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            working: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(WAITING)),
        }
    }
}

impl Passwords {
    /// Hashes a new password after checking that it may be one.
    ///
    /// # Errors
    /// `request.invalid` when it may not; `too_many_requests` when too many wait.
    pub async fn hash(
        &self,
        login: &str,
        password: String,
        randomness: &dyn Randomness,
    ) -> Result<Hashed, Problem> {
        check(login, &password)?;
        let mut salt = [0; 16];
        randomness.fill(&mut salt);
        self.run(move || {
            let hash = argon2()?
                .hash_password_with_salt(password.as_bytes(), &salt)
                .map_err(Problem::internal)?;
            Ok(Hashed(hash.to_string()))
        })
        .await
    }

    /// Whether the password fits the stored hash. Without one it never does, and takes as
    /// long.
    ///
    /// # Errors
    /// `request.invalid` when it is too long to be one; `too_many_requests`.
    pub async fn fits(&self, password: String, stored: Option<String>) -> Result<bool, Problem> {
        if password.len() > MAX_BYTES {
            return Err(wrong_length());
        }
        self.run(move || {
            let argon2 = argon2()?;
            let Some(stored) = stored else {
                argon2
                    .hash_password_with_salt(password.as_bytes(), &NO_SALT)
                    .map_err(Problem::internal)?;
                return Ok(false);
            };
            let stored = PasswordHash::new(&stored).map_err(Problem::internal)?;
            Ok(argon2.verify_password(password.as_bytes(), &stored).is_ok())
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = self.turn().await?;
        tokio::task::spawn_blocking(move || {
            // Given back when the work is done, not when its caller has gone.
            let _turn = turn;
            work()
        })
        .await
        .map_err(Problem::internal)?
    }

    async fn turn(&self) -> Result<OwnedSemaphorePermit, Problem> {
        let place = self.waiting.try_acquire().map_err(|_| Problem {
            retry_after: Some(2),
            ..Problem::new(Code::TooManyRequests, "Too many sign-ins at once.")
        })?;
        let turn = Arc::clone(&self.working).acquire_owned().await;
        drop(place);
        turn.map_err(Problem::internal)
    }
}

/// Argon2id as OWASP's least: 19 MiB, two passes, one lane.
fn argon2() -> Result<Argon2<'static>, Problem> {
    let params = Params::new(19_456, 2, 1, None).map_err(Problem::internal)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn wrong_length() -> Problem {
    Problem::new(
        Code::RequestInvalid,
        format!("A password has {MIN_BYTES} to {MAX_BYTES} bytes."),
    )
}

/// Whether this may be the password of this login.
fn check(login: &str, password: &str) -> Result<(), Problem> {
    if !(MIN_BYTES..=MAX_BYTES).contains(&password.len()) {
        return Err(wrong_length());
    }
    let folded = password.to_lowercase();
    if guessable::is_guessable(&folded) {
        let detail = "This password is among those that everyone tries first. Take another.";
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    if login.chars().count() >= 4 && folded.contains(&login.to_lowercase()) {
        let detail = "A password must not hold the login.";
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
