//! Gridcrew's server: splits a territory into cells with A and B managers, routes orders to
//! them, takes in their journals and photos, and keeps the trace that anyone can check.
//!
//! One folder a capability: [`people`] (who may do and see what), [`orders`] (intake, life
//! cycle), [`dispatch`] (whose order is it, and what if nobody takes it), [`territory`]
//! (whose ground is it), [`media`] (photos), [`trace`] (the ledger that everything is
//! written to). Under them stand the [`store`], the [`edge`] to HTTP, [`clock`], [`keys`] and the
//! [`editions`] of rule sets; [`http`] and [`serve`] put it all together.

pub mod app;
pub mod clock;
pub mod config;
pub mod demo;
pub mod dispatch;
pub mod duty;
pub mod edge;
pub mod editions;
pub mod http;
pub mod keys;
pub mod media;
pub mod orders;
pub mod people;
pub mod serve;
pub mod store;
pub mod sync;
pub mod territory;
pub mod trace;
