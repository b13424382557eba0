//! Answers without a network: everything here is computed from what the feed brought.
//!
//! - [`place`]: in which of the person's cells a point lies, whose that is, and which of
//!   his open orders are nearest.
//! - [`search`]: the person's customers by name, address, pinyin, account or meter number,
//!   over the words that [`words`] made of each when the feed brought him.
//! - [`review`]: what a reviewer will look twice at, in words.
//! - [`parked`]: what the server did not count or take, what that means, and what to do.
//!
//! What is next on an order, what is missing and how long is left is the order's card; the
//! prompt card of a step comes with it.
//!
//! The rules are pure; each file opens the store only at its edge.

pub(crate) mod parked;
pub(crate) mod place;
pub(crate) mod review;
pub(crate) mod search;
#[cfg(test)]
mod tests;
pub(crate) mod words;
