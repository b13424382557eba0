//! A storm day on real data.

pub mod ground;
pub mod ledger;
pub mod photos;
pub mod requests;
