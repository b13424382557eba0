//! Whose ground is it: boundary, station areas, cells, their managers, and the search.
//!
//! The way through: [`import`] reads GeoJSON with a stated datum into drafts, mends small
//! flaws and says which; [`split`] makes the first cells from station areas when there are
//! none yet; [`tiling`] proves that cells neither overlap nor leave gaps (I12). What is
//! accepted is stored, and every server process builds a [`snapshot`] from it: immutable,
//! searched by [`locate`], and swapped whole by the [`index`] when something changes.
//!
//! Everything here is rules: no database, no HTTP, no clock.

#[cfg(test)]
mod field;
mod grid;
pub mod index;
pub mod locate;
mod partition;
mod planar;
pub mod roles;
pub mod shape;
pub mod snapshot;
pub mod split;
mod tiles;
pub mod tiling;
