//! Positions that say what they mean (invariant I9).
//!
//! A coordinate without its datum is worth little in China: the same two numbers read as
//! GCJ-02 instead of WGS-84 lie 38 to 680 m apart, enough to give an order to the wrong
//! cell. So a position comes in over the wire as [`PositionInput`], becomes a
//! [`TypedPosition`] (checked, datum known), and inside the program is always [`Wgs84`].
//! Distances are [`Metres`] on the ellipsoid: [`distance_m`] for two points,
//! [`LocalPlane`] for many distances from one point.
//!
//! `datum` holds the datums and the conversions, `point` the checked wire form,
//! `distance` the metres.

mod datum;
mod distance;
mod point;

pub use datum::{Bd09, Cgcs2000, Datum, Gcj02, Wgs84, in_shifted_area};
pub use distance::{LocalPlane, Metres, PathHit, distance_m};
pub use point::{PositionError, PositionInput, TypedPosition};

#[cfg(test)]
mod tests;
