//! Who guesses too often has to wait, and no one else (RELIABILITY T17).
//!
//! Each attempt counts when it begins, so that many at once are many, and is forgiven when
//! it succeeds. What counts is
//!
//! - the login from one address: after [`PAIR_FREE`] attempts the wait doubles,
//! - the address, whatever the login: leniently, as a whole station may share one,
//! - the login from all addresses together, with a short wait.
//!
//! An address from which the login succeeded before is exempt from the last two: strangers
//! cannot lock a person out of the place where he works, and nowhere for good. An attempt
//! that is refused here does not count. Which address a request has says
//! [`origin`](crate::edge::origin). The memory is bounded and each process has its own.

use crate::edge::Problem;
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    time::{Millis, UnixMillis},
};
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
};

/// Attempts at one login from one address before it has to wait.
pub const PAIR_FREE: u32 = 5;
/// Attempts from one address.
pub const ADDRESS_FREE: u32 = 50;
/// Attempts at one login.
pub const LOGIN_FREE: u32 = 20;
/// Longest wait for a pair or an address.
const LONGEST: Millis = Millis(5 * 60 * 1000);
/// Longest wait for a login that strangers try.
const LONGEST_LOGIN: Millis = Millis(30 * 1000);
/// Attempts are forgotten after so long without one.
const FORGET: Millis = Millis(15 * 60 * 1000);
/// A place where a login succeeded is remembered for so long.
const REMEMBER: Millis = Millis(30 * 24 * 60 * 60 * 1000);
/// Most entries.
const CAPACITY: usize = 65_536;

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// A login and its password.
    Login(&'a str),
    /// An enrolment code.
    EnrolmentCode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Pair(Digest, IpAddr),
    Address(IpAddr),
    Login(Digest),
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    attempts: u32,
    last: UnixMillis,
    free_again: UnixMillis,
    succeeded: Option<UnixMillis>,
}

/// Remembers attempts.
#[derive(Debug, Default)]
pub struct Throttle {
    entries: Mutex<HashMap<Key, Entry>>,
}

impl Throttle {
    /// Begins an attempt.
    ///
    /// # Errors
    /// `too_many_requests` with the seconds to wait.
    pub fn begin(&self, target: Target<'_>, from: IpAddr, now: UnixMillis) -> Result<(), Problem> {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = keys(target, from, &entries, now);
        let wait = keys
            .iter()
            .filter_map(|key| entries.get(key))
            .map(|entry| entry.free_again.since(now).0)
            .max()
            .unwrap_or(0);
        if wait > 0 {
            let seconds = u32::try_from(wait.saturating_add(999) / 1000).unwrap_or(u32::MAX);
            return Err(Problem {
                retry_after: Some(seconds),
                ..Problem::new(Code::TooManyRequests, "Too many attempts. Wait a little.")
            });
        }
        make_room(&mut entries, now);
        for key in keys {
            let entry = entries.entry(key).or_default();
            if now.since(entry.last) > FORGET {
                entry.attempts = 0;
            }
            entry.attempts = entry.attempts.saturating_add(1);
            entry.last = now;
            entry.free_again = now.plus(wait_after(key, entry.attempts));
        }
        Ok(())
    }

    /// The attempt succeeded, or was never looked at: it is forgiven.
    pub fn forgive(&self, target: Target<'_>, from: IpAddr, now: UnixMillis, succeeded: bool) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys(target, from, &entries, now) {
            if let Some(entry) = entries.get_mut(&key) {
                entry.attempts = entry.attempts.saturating_sub(1);
                if succeeded && matches!(key, Key::Pair(..)) {
                    entry.attempts = 0;
                    entry.succeeded = Some(now);
                }
                entry.free_again = entry.last.plus(wait_after(key, entry.attempts));
            }
        }
    }
}

/// Under which keys an attempt counts.
fn keys(
    target: Target<'_>,
    from: IpAddr,
    entries: &HashMap<Key, Entry>,
    now: UnixMillis,
) -> Vec<Key> {
    let from = network(from);
    let Target::Login(login) = target else {
        return vec![Key::Address(from)];
    };
    let login = Digest::of(login.as_bytes());
    let pair = Key::Pair(login, from);
    if entries.get(&pair).is_some_and(|entry| entry.at_home(now)) {
        vec![pair]
    } else {
        vec![pair, Key::Address(from), Key::Login(login)]
    }
}

impl Entry {
    fn at_home(&self, now: UnixMillis) -> bool {
        self.succeeded.is_some_and(|at| now.since(at) < REMEMBER)
    }

    fn idle(&self, now: UnixMillis) -> bool {
        now.since(self.last) > FORGET && !self.at_home(now)
    }
}

/// How long to wait after so many attempts: one second, doubled with each.
fn wait_after(key: Key, attempts: u32) -> Millis {
    let (free, longest) = match key {
        Key::Pair(..) => (PAIR_FREE, LONGEST),
        Key::Address(_) => (ADDRESS_FREE, LONGEST),
        Key::Login(_) => (LOGIN_FREE, LONGEST_LOGIN),
    };
    match attempts.checked_sub(free) {
        None => Millis(0),
        Some(over) => longest.min(Millis(
            1000_i64.checked_shl(over.min(20)).unwrap_or(i64::MAX),
        )),
    }
}

/// The address, or for IPv6 the network of 64 bits that one customer gets.
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(six) => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        four => four,
    }
}

/// Drops what is forgotten, and when that is not enough the oldest quarter: strangers
/// first, then places where someone succeeded.
fn make_room(entries: &mut HashMap<Key, Entry>, now: UnixMillis) {
    if entries.len() + 3 <= CAPACITY {
        return;
    }
    entries.retain(|_, entry| !entry.idle(now));
    if entries.len() > CAPACITY / 4 * 3 {
        let mut ages: Vec<(bool, UnixMillis, Key)> = entries
            .iter()
            .map(|(key, entry)| (entry.at_home(now), entry.last, *key))
            .collect();
        ages.sort_unstable_by_key(|(at_home, last, _)| (*at_home, *last));
        for (_, _, key) in &ages[..ages.len() - CAPACITY / 4 * 3] {
            entries.remove(key);
        }
    }
}

#[cfg(test)]
mod tests;
