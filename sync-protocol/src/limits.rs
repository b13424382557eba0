//! The limits by which places and photos are believed, as data in one place.
//!
//! [`Limits::DOMAIN`] is what both ends use. A handheld computes by them when it records, a
//! reader of the trace computes again: the same figures must stand on both sides, so they
//! are part of the protocol and not of an edition of a workflow.

use crate::time::Millis;

/// Limits of places and photos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A fix older than this does not say where a record was made (DOMAIN 7, row 3: 60 s).
    pub oldest_fix: Millis,
    /// Nor does one whose 68 % circle is wider than this, in metres (row 3: 200 m).
    pub worst_accuracy_m: u32,
    /// Nobody travels faster, in decimetres a second (row 3: 40 m/s).
    pub fastest_dm_s: u32,
    /// Who is within this many metres of the place, and the accuracy of his fix, is there
    /// (row 4: 200 m).
    pub reach_m: u32,
    /// As many metres more when only the transformer's place is known (row 4: 300 m).
    pub transformer_reach_m: u32,
    /// Two pictures whose looks differ in at most this many of 64 bits are alike (row 19: 6).
    pub alike_bits: u32,
    /// A picture that was taken longer than this before its step is older than the step
    /// (proposal: 30 min; DOMAIN names no figure).
    pub oldest_photo: Millis,
    /// How far the clocks of a camera, of satellites and of a record may differ before it is
    /// a contradiction (proposal: 5 min, as for a wall clock that is off).
    pub clock_slack: Millis,
}

impl Limits {
    /// The limits of DOMAIN section 7.
    pub const DOMAIN: Self = Self {
        oldest_fix: Millis(60_000),
        worst_accuracy_m: 200,
        fastest_dm_s: 400,
        reach_m: 200,
        transformer_reach_m: 300,
        alike_bits: 6,
        oldest_photo: Millis(30 * 60_000),
        clock_slack: Millis(5 * 60_000),
    };
}
