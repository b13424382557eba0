//! Whose ground is it: boundary, station areas, cells, their managers, and the search.
//!
//! The way through: [`exchange`] reads a file of any format into features, [`import`] reads
//! these with a stated datum into drafts, mends small flaws and says which; [`fit`] sees
//! whether the datum can be true, [`taking`] adds what stays as it is ([`sheet`] does the
//! same for spreadsheets of station areas and accounts), and [`giving`] hands out only what is
//! taken in again; [`draft`] puts them together and checks them; [`split`] makes
//! cells from station areas, and [`preview`] shows them with their figures and what they
//! would move before anything is stored; [`edit`] changes present cells, one at a time; [`tiling`] proves that cells neither overlap nor leave gaps (I12). What is
//! accepted is stored, and every server process builds a [`snapshot`] from it: immutable,
//! searched by [`locate`], and swapped whole by the [`index`] when something changes.
//! [`changes`] says what a version changed, [`undo`] works out the territory without that, and
//! [`checks`] say what is wrong with it. [`assign`] says what naming an A or a B does to the
//! terms before, [`pairing`] proposes who that could be; [`account`] says how account numbers
//! are written, [`board`] what hangs out there on a cell's notice board.
//!
//! So far everything is rules: no database, no HTTP, no clock. Around them stand [`store`]
//! (each change one transaction), [`storing`] (what was brought in is stored, or only looked at,
//! by the same steps), [`load`] and [`refresh`] (how every process gets its
//! snapshot within a second of a change) and [`routes`].

pub mod account;
pub mod assign;
pub mod board;
pub mod changes;
pub mod checks;
pub mod command;
pub mod content;
pub mod draft;
pub mod edit;
pub mod exchange;
pub mod exchange_command;
pub mod export;
#[cfg(test)]
mod field;
pub mod fit;
#[cfg(test)]
pub(crate) mod fixture;
pub mod giving;
mod grid;
pub mod import;
pub mod index;
pub mod load;
pub mod locate;
pub mod marks;
pub mod naming;
pub mod pairing;
mod planar;
pub mod preview;
pub mod problem;
pub mod refresh;
pub mod repair;
pub mod roles;
pub mod routes;
pub mod rows;
pub mod shape;
pub mod sheet;
pub mod snapshot;
pub mod split;
pub mod store;
pub mod storing;
pub mod taking;
mod tiles;
pub mod tiling;
pub mod under_way;
pub mod undo;

#[cfg(test)]
mod real_data_tests;
