//! Everything in Gridcrew that reads bytes from outside, each behind one function that takes
//! any bytes: what `tests/fuzz` calls with millions of inputs, and `tests/fuzz_seeds.rs` with
//! the seeds alone.
//!
//! Refusing is always right; panicking, hanging and growing never are. Where a law can be
//! stated, it is asserted: what was read is written and read again as the same, a fold does
//! not depend on the order of arrival, a preview is no larger than allowed. Each function
//! gives whether the bytes were taken for what they claim to be, so that a seed that is no
//! longer taken, and with it a target that fuzzes nothing, shows.
//!
//! [`wire`] holds what is in the protocol's own form, [`files`] pictures and exports,
//! [`exchange`] files of other programs, [`texts`] what is JSON, TOML or headers. [`seeds`] makes
//! the seeds.

pub mod exchange;
pub mod files;
pub mod seeds;
pub mod texts;
pub mod wire;

/// A function that reads any bytes.
pub type Target = fn(&[u8]) -> bool;

/// Every target by its name, which is also that of its folder of seeds and of its binary in
/// `tests/fuzz`.
pub const TARGETS: &[(&str, Target)] = &[
    ("exif", files::exif),
    ("feed", wire::feed),
    ("fold", wire::fold),
    ("intake", texts::intake),
    ("journal", wire::journal),
    ("layers", exchange::layers),
    ("manifests", wire::manifests),
    ("pictures", files::pictures),
    ("replies", wire::replies),
    ("sheets", exchange::sheets),
    ("template", texts::template),
    ("territory", texts::territory),
    ("trace", files::trace),
    ("tus", texts::tus),
];
