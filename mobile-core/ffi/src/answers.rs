//! Answers without a network: which cell is this and whose, which of my orders are near,
//! which of my customers is meant.

use crate::{
    card::{CellName, Customer},
    error::HandheldError,
    handheld::{Handheld, guarded},
    trace::Position,
};
use gridcrew_mobile_core::{self as core, Fits};

/// The cell that answers for a place.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct CellHere {
    /// The cell.
    pub cell: CellName,
    /// Its A manager; none while the role is vacant.
    pub role_a: Option<NamedPerson>,
    /// Its B manager; none while the role is vacant.
    pub role_b: Option<NamedPerson>,
    /// How far the place is from it, metres; 0 inside and on the border. Another's cell is
    /// not known here: outside of all of the person's own, the nearest of them is told.
    pub distance_m: f64,
    /// Other cells of the person are as near: it lies on a border.
    pub shared: bool,
}

/// Somebody by id, and by name where that is known here.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct NamedPerson {
    /// His id.
    pub person: String,
    /// His name; empty when it is not known here.
    pub name: String,
}

/// An open order of the person's with its distance.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct OrderNear {
    /// The order's id.
    pub order: String,
    /// How far it is, metres; none when nobody knows its place.
    pub distance_m: Option<f64>,
    /// What is wrong, in the caller's words.
    pub phenomenon: String,
    /// The address in words.
    pub address: String,
}

/// A customer that was found.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct CustomerHit {
    /// The customer.
    pub customer: Customer,
    /// What of him the least fitting word fits.
    pub fits: CustomerFits,
}

/// What of a customer a word fits, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum CustomerFits {
    /// The whole account or meter number.
    WholeNumber,
    /// The whole name.
    WholeName,
    /// The beginning of the account or meter number.
    NumberBegins,
    /// The beginning of the name.
    NameBegins,
    /// The name by pinyin or its initials, from its beginning.
    NameSounds,
    /// A part of the name.
    NamePart,
    /// A part of the name by pinyin or its initials.
    NamePartSounds,
    /// A part of the account or meter number, such as its end.
    NumberPart,
    /// A part of the address.
    Address,
    /// A part of the address by pinyin or its initials.
    AddressSounds,
}

#[uniffi::export]
impl Handheld {
    /// Which of the person's cells answers for a place, whose it is, and how far it is when
    /// the place lies in none of them; none when no cell is here.
    ///
    /// # Errors
    /// [`HandheldError::Invalid`], [`HandheldError::Locked`], or a store that cannot be read.
    pub fn cell_at(&self, at: Position) -> Result<Option<CellHere>, HandheldError> {
        guarded(|| Ok(self.engine.cell_at(at.checked()?)?.map(Into::into)))
    }

    /// The person's open orders by their distance from a place, the nearest first; those of
    /// which nobody knows the place come last.
    ///
    /// # Errors
    /// [`HandheldError::Invalid`], [`HandheldError::Locked`],
    /// [`HandheldError::NotEnrolled`], or a store that cannot be read.
    pub fn orders_near(&self, at: Position) -> Result<Vec<OrderNear>, HandheldError> {
        guarded(|| {
            let near = self.engine.orders_near(at.checked()?)?;
            Ok(near.into_iter().map(Into::into).collect())
        })
    }

    /// The customers here that fit a text, at most `limit`, the best first: by name or
    /// address in Chinese, pinyin or its initials, by account or meter number. Several words
    /// must all fit.
    ///
    /// # Errors
    /// [`HandheldError::Locked`], or a store that cannot be read.
    pub fn search(&self, text: String, limit: u32) -> Result<Vec<CustomerHit>, HandheldError> {
        guarded(|| {
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            let hits = self.engine.search(&text, limit)?;
            Ok(hits.into_iter().map(Into::into).collect())
        })
    }
}

impl From<core::CellHere> for CellHere {
    fn from(here: core::CellHere) -> Self {
        Self {
            cell: here.cell.into(),
            role_a: here.role_a.map(Into::into),
            role_b: here.role_b.map(Into::into),
            distance_m: here.distance.0,
            shared: here.shared,
        }
    }
}

impl From<core::Named> for NamedPerson {
    fn from(named: core::Named) -> Self {
        Self {
            person: named.person.to_string(),
            name: named.name,
        }
    }
}

impl From<core::OrderNear> for OrderNear {
    fn from(near: core::OrderNear) -> Self {
        Self {
            order: near.order.to_string(),
            distance_m: near.distance.map(|distance| distance.0),
            phenomenon: near.phenomenon,
            address: near.address,
        }
    }
}

impl From<core::CustomerHit> for CustomerHit {
    fn from(hit: core::CustomerHit) -> Self {
        Self {
            customer: hit.customer.into(),
            fits: match hit.fits {
                Fits::WholeNumber => CustomerFits::WholeNumber,
                Fits::WholeName => CustomerFits::WholeName,
                Fits::NumberBegins => CustomerFits::NumberBegins,
                Fits::NameBegins => CustomerFits::NameBegins,
                Fits::NameSounds => CustomerFits::NameSounds,
                Fits::NamePart => CustomerFits::NamePart,
                Fits::NamePartSounds => CustomerFits::NamePartSounds,
                Fits::NumberPart => CustomerFits::NumberPart,
                Fits::Address => CustomerFits::Address,
                Fits::AddressSounds => CustomerFits::AddressSounds,
            },
        }
    }
}
