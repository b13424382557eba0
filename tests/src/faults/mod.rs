//! Faults done to real processes (RELIABILITY section 2): killed at every system call, every
//! call failing, the power gone, the clock wrong, the network lying.
//!
//! A [`ground`] is a server with one order, its owner's command-line handheld and a
//! [`ledger`] outside of both. A sweep does the same deed again and again, each time with
//! one fault at the next place ([`sweep`], [`strace`]), and at the end the oracle compares:
//! what was confirmed is there, nothing is there twice, nothing was made up, every photo has
//! its file and every file its row, chains verify and folds agree. What it did and found is
//! a [`tally`].

pub mod center;
pub mod cli;
pub mod clocks;
pub mod cluster;
pub mod cuts;
pub mod damage;
pub mod database;
pub mod disk;
pub mod field;
pub mod full;
pub mod ground;
pub mod ledger;
pub mod lossy;
pub mod open;
pub mod power;
pub mod slow;
pub mod starts;
pub mod strace;
pub mod sweep;
pub mod tally;
pub mod tamper;
pub mod wire;
