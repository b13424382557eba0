//! The part of the surface that answers without a network.

use super::Handheld;
use crate::{
    answers::{
        place::{self, CellHere, OrderNear},
        search::{self, CustomerHit},
    },
    error::Error,
};
use gridcrew_sync_protocol::position::TypedPosition;

impl Handheld {
    /// Which of the person's cells answers for a place, whose it is, and how far it is when
    /// the place lies in none of them; `None` when no cell is here.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn cell_at(&self, place: TypedPosition) -> Result<Option<CellHere>, Error> {
        let point = place.to_wgs84();
        self.inner
            .with_content(|local| place::cell_at(local.store.read(), point))
    }

    /// The person's open orders by their distance from a place, the nearest first.
    ///
    /// # Errors
    /// [`Error::NotEnrolled`], or a store that cannot be read.
    pub fn orders_near(&self, place: TypedPosition) -> Result<Vec<OrderNear>, Error> {
        let point = place.to_wgs84();
        self.inner
            .with_content(|local| place::orders_by_distance(local.store.read(), point))
    }

    /// The `limit` customers here that fit `text` best: name, address, both by pinyin or its
    /// initials, account number, meter number. Several words must all fit.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub fn search(&self, text: &str, limit: usize) -> Result<Vec<CustomerHit>, Error> {
        self.inner
            .with_content(|local| search::customers(local.store.read(), text, limit))
    }
}
