//! What a sweep counts, and the line that it prints.

use std::{fmt, time::Instant};

/// What a sweep did and found.
#[derive(Debug)]
pub struct Tally {
    /// Its name.
    pub name: String,
    /// Points tried.
    pub points: u32,
    /// At how many of them the fault happened.
    pub hits: u32,
    /// How many operations were confirmed in spite of it.
    pub confirmed: u32,
    /// How many were refused aloud because of it.
    pub refused: u32,
    /// Written, but not confirmed: what is sent again must not become two.
    pub unconfirmed: u32,
    /// Confirmed, and not there: none may be.
    pub lost: u32,
    /// There more than once: none may be.
    pub doubled: u32,
    /// Whatever else may not be, in words.
    pub wrong: Vec<String>,
    began: Instant,
}

impl Tally {
    /// Nothing counted yet.
    #[must_use]
    pub fn of(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            points: 0,
            hits: 0,
            confirmed: 0,
            refused: 0,
            unconfirmed: 0,
            lost: 0,
            doubled: 0,
            wrong: Vec::new(),
            began: Instant::now(),
        }
    }

    /// Notes whether an operation was confirmed.
    pub fn confirm(&mut self, confirmed: bool) {
        self.confirmed += u32::from(confirmed);
    }

    /// Notes something that may not be.
    pub fn wrong(&mut self, what: impl Into<String>) {
        self.wrong.push(what.into());
    }

    /// Whether something was tried and everything was as it must be.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.points > 0 && self.lost == 0 && self.doubled == 0 && self.wrong.is_empty()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:<34} {:>5} points {:>5} hit {:>5} confirmed {:>4} refused {:>4} written-unconfirmed \
             {:>3} lost {:>3} doubled {:>6.1} s  {}",
            self.name,
            self.points,
            self.hits,
            self.confirmed,
            self.refused,
            self.unconfirmed,
            self.lost,
            self.doubled,
            self.began.elapsed().as_secs_f64(),
            if self.is_clean() { "ok" } else { "WRONG" },
        )?;
        self.wrong
            .iter()
            .try_for_each(|what| write!(f, "\n    wrong: {what}"))
    }
}
