//! A storm day on real data: 913 requests of a hurricane in one day, 40 cells, 40 handhelds
//! that are offline most of the time, a server that is killed three times.
//!
//! 1. [`requests`] reads the file, [`ground`] makes a territory of the whole quarter.
//! 2. [`setup`] founds the township, makes its managers and enrols their handhelds; [`day`]
//!    lets the orders come in and kills the server on the way.
//! 3. Each handheld is a [`worker`] behind a link that the [`weather`] cuts and mends; two
//!    of them are processes of their own that are killed in the middle of a write
//!    ([`child`]). They use the real [`photos`].
//! 4. A [`ledger`] outside of everything notes what was attempted and what was confirmed.
//! 5. When the storm is over the [`account`] is drawn up from what the server holds, and
//!    the [`figures`] are printed. The program that runs it all is `storm-day`.

pub mod account;
pub mod child;
pub mod day;
pub mod figures;
pub mod ground;
pub mod ledger;
pub mod photos;
pub mod requests;
pub mod setup;
pub mod weather;
pub mod worker;
