//! How a test or the storm says what went wrong: in words, with the place in the code.

use std::{fmt, panic::Location};

/// What a step of a test gives.
pub type Fallible<T> = Result<T, Failure>;

/// Something that went wrong, and where it was noticed.
///
/// Made of any error by `?`. It is no error itself, so that the conversion can be general.
pub struct Failure {
    what: String,
    place: &'static Location<'static>,
}

impl Failure {
    /// A failure in words.
    #[track_caller]
    pub fn new(what: impl Into<String>) -> Self {
        Self {
            what: what.into(),
            place: Location::caller(),
        }
    }

    /// The same failure with what was being done in front.
    #[must_use]
    pub fn during(mut self, doing: &str) -> Self {
        self.what = format!("{doing}: {}", self.what);
        self
    }
}

impl<E: std::error::Error> From<E> for Failure {
    #[track_caller]
    fn from(error: E) -> Self {
        let mut what = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            what = format!("{what}: {inner}");
            cause = inner.source();
        }
        Self::new(what)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.place)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Fails with the words when the condition is not so.
///
/// # Errors
/// The words, as a [`Failure`].
#[track_caller]
pub fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Fallible<()> {
    if holds {
        Ok(())
    } else {
        Err(Failure::new(otherwise()))
    }
}
