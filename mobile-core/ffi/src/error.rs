//! Why something was not done.

use crate::{locking::LockState, orders::Words, trace::Reason};
use gridcrew_mobile_core::{Error, missing_words};
use gridcrew_sync_protocol::{code::Code, workflow};
use std::{any::Any, fmt};

/// Why something was not done. Of a call that records, nothing was recorded. Each variant
/// is something else for a host to do; the refusal in it has the stable code and the words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, uniffi::Error)]
pub enum HandheldError {
    /// Nothing can be done before the handheld is enrolled: ask for a code.
    #[error("{why}")]
    NotEnrolled {
        /// Code and words.
        why: Refusal,
    },
    /// It is enrolled for another person or another server: use another folder.
    #[error("{why}")]
    AlreadyEnrolled {
        /// Code and words.
        why: Refusal,
    },
    /// No such order here, or more than one: sync, or look again.
    #[error("{why}")]
    NotFound {
        /// Code and words.
        why: Refusal,
    },
    /// The order does not allow it: it is not the person's, closed, or its workflow has no
    /// such step or reason.
    #[error("{why}")]
    NotAllowed {
        /// Code and words.
        why: Refusal,
    },
    /// The step is not complete.
    #[error("{why}")]
    Incomplete {
        /// Code and words.
        why: Refusal,
        /// Everything that is missing.
        missing: Vec<MissingPart>,
    },
    /// A value that was given is none: an id, a place, a picture, a text.
    #[error("{why}")]
    Invalid {
        /// Code and words.
        why: Refusal,
    },
    /// The server refused.
    #[error("{why}")]
    Refused {
        /// Code and words.
        why: Refusal,
    },
    /// The server could not be reached: try again when there is a network.
    #[error("{why}")]
    Unreachable {
        /// Code and words.
        why: Refusal,
    },
    /// Another sync, enrolment or login of this handheld is running.
    #[error("{why}")]
    Busy {
        /// Code and words.
        why: Refusal,
    },
    /// It is locked: ask for the PIN, or sync.
    #[error("{why}")]
    Locked {
        /// Code and words.
        why: Refusal,
        /// What opens it.
        lock: LockState,
    },
    /// The server ordered that everything here be removed, and it was: let go of this object
    /// and open the folder again.
    #[error("{why}")]
    Wiped {
        /// Code and words.
        why: Refusal,
    },
    /// The key of the data could not be had, or is not the right one: nothing was touched.
    #[error("{why}")]
    Key {
        /// Code and words.
        why: Refusal,
    },
    /// The disk is full.
    #[error("{why}")]
    StorageFull {
        /// Code and words.
        why: Refusal,
    },
    /// The store cannot be read or written, or is a newer program's.
    #[error("{why}")]
    Storage {
        /// Code and words.
        why: Refusal,
    },
    /// A fault of this library, to be reported; the handheld goes on.
    #[error("{why}")]
    Internal {
        /// Code and words.
        why: Refusal,
    },
}

/// Code and words of an error, for the screen and for reports.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Refusal {
    /// The stable code, such as `record.incomplete`.
    pub code: String,
    /// In words.
    pub words: Words,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.words.en)
    }
}

/// Something that a step still needs.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct MissingPart {
    /// What.
    pub part: Missing,
    /// In words.
    pub words: Words,
}

/// What a step still needs.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Missing {
    /// A required field is empty.
    Field {
        /// The field.
        field: String,
    },
    /// A field holds something that it does not take.
    WrongValue {
        /// The field.
        field: String,
    },
    /// A field that the step does not have.
    UnknownField {
        /// The field.
        field: String,
    },
    /// A slot has too few photos.
    Photos {
        /// The slot.
        slot: String,
        /// How many it has.
        have: u32,
        /// How many it needs.
        need: u32,
    },
    /// A slot has too many photos, or the step has no such slot.
    TooManyPhotos {
        /// The slot.
        slot: String,
    },
    /// A step that comes before has not been done.
    StepBefore {
        /// The step.
        step: String,
    },
}

impl From<&workflow::Missing> for MissingPart {
    fn from(missing: &workflow::Missing) -> Self {
        use workflow::Missing as Core;
        let part = match missing {
            Core::Field(field) => Missing::Field {
                field: field.to_string(),
            },
            Core::WrongValue(field) => Missing::WrongValue {
                field: field.to_string(),
            },
            Core::UnknownField(field) => Missing::UnknownField {
                field: field.to_string(),
            },
            Core::Photos { slot, have, need } => Missing::Photos {
                slot: slot.to_string(),
                have: *have,
                need: *need,
            },
            Core::TooManyPhotos(slot) => Missing::TooManyPhotos {
                slot: slot.to_string(),
            },
            Core::StepBefore(step) => Missing::StepBefore {
                step: step.to_string(),
            },
        };
        let words = missing_words(missing).into();
        Self { part, words }
    }
}

/// Code and words of an error, whichever it is.
#[uniffi::export]
#[must_use]
pub fn refusal_of(error: HandheldError) -> Refusal {
    error.why()
}

/// What a stable code for which something does not count or was not taken means, and what to
/// do.
#[uniffi::export]
#[must_use]
pub fn reason_of(code: String) -> Reason {
    gridcrew_mobile_core::reason(&code).into()
}

impl From<Error> for HandheldError {
    fn from(error: Error) -> Self {
        let why = Refusal {
            code: error.code().to_string(),
            words: error.words().into(),
        };
        match &error {
            Error::NotEnrolled => Self::NotEnrolled { why },
            Error::AlreadyEnrolled(_) => Self::AlreadyEnrolled { why },
            Error::UnknownOrder(_) | Error::AmbiguousOrder { .. } => Self::NotFound { why },
            Error::NotOwner
            | Error::Closed
            | Error::UnknownStep { .. }
            | Error::UnknownReason { .. }
            | Error::NoTemplate => Self::NotAllowed { why },
            Error::Incomplete(missing) => Self::Incomplete {
                why,
                missing: missing.iter().map(Into::into).collect(),
            },
            Error::Invalid(_) | Error::NoPicture(_) | Error::PictureTooLarge { .. } => {
                Self::Invalid { why }
            }
            Error::Refused { .. } => Self::Refused { why },
            Error::Unreachable(_) => Self::Unreachable { why },
            Error::SyncRunning => Self::Busy { why },
            Error::Locked(lock) => Self::Locked {
                why,
                lock: (*lock).into(),
            },
            Error::WrongPin(wait) => Self::Locked {
                why,
                lock: LockState::PinWanted { wait_ms: wait.0 },
            },
            Error::Wiped => Self::Wiped { why },
            Error::KeyMissing | Error::WrongKey | Error::NoCipher | Error::KeyStore(_) => {
                Self::Key { why }
            }
            Error::DiskFull(_) => Self::StorageFull { why },
            // A kind of error that is new here concerns the device.
            _ => Self::Storage { why },
        }
    }
}

impl HandheldError {
    /// Code and words, whichever it is.
    pub(crate) fn why(self) -> Refusal {
        use HandheldError as E;
        match self {
            E::NotEnrolled { why }
            | E::AlreadyEnrolled { why }
            | E::NotFound { why }
            | E::NotAllowed { why }
            | E::Incomplete { why, .. }
            | E::Invalid { why }
            | E::Refused { why }
            | E::Unreachable { why }
            | E::Busy { why }
            | E::Locked { why, .. }
            | E::Wiped { why }
            | E::Key { why }
            | E::StorageFull { why }
            | E::Storage { why }
            | E::Internal { why } => why,
        }
    }

    /// A value that is none.
    pub(crate) fn invalid(what: String) -> Self {
        Error::Invalid(what).into()
    }

    /// The library panicked.
    pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Self {
        let said = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no more is known");
        Self::internal(said)
    }

    /// A fault of the library.
    pub(crate) fn internal(said: &str) -> Self {
        let why = Refusal {
            code: Code::Internal.to_string(),
            words: Words {
                zh: format!("程序内部错误，请报告此问题：{said}"),
                en: format!("a fault of the program, please report it: {said}"),
            },
        };
        Self::Internal { why }
    }
}
