//! What the tests of photos stand on, and the tests of the whole way of a photo.

mod foreign;
mod lane;
mod owners;
mod recovery;
mod stamp;
mod uploads;
mod views;

pub(in crate::media) use lane::Lane;
pub(crate) use lane::jpeg;
