//! Who sees a customer's whole telephone number (DOMAIN section 7, privacy): staff of the
//! station, and the person who owns an order while it is open. Everyone else sees its end.
//!
//! This is the one rule for whatever shows a number: an order, the feed, a customer.

use super::{Caller, Role};
use gridcrew_sync_protocol::{
    ids::{OrgId, PersonId},
    record::OrderDetails,
};

/// Whether the caller sees whole numbers of a customer of `station`; with an order that is
/// open, `owner` is the person who owns it now.
#[must_use]
pub fn sees_whole(caller: &Caller, station: OrgId, owner: Option<PersonId>) -> bool {
    let staff = caller.role == Role::Station && caller.scope.has_station(station);
    staff || owner == Some(caller.person)
}

/// An order's details as the caller may see them, and whether the number is masked.
///
/// With the number goes the salt: whoever has it and all the rest could try the missing
/// digits against the digest in the trace.
#[must_use]
pub fn details_for(
    caller: &Caller,
    station: OrgId,
    owner: Option<PersonId>,
    details: OrderDetails,
) -> (OrderDetails, bool) {
    if details.contact_phone.is_empty() || sees_whole(caller, station, owner) {
        return (details, false);
    }
    let details = OrderDetails {
        contact_phone: masked(&details.contact_phone),
        salt: Vec::new(),
        ..details
    };
    (details, true)
}

/// A number with only its last four digits left, none when it is short.
#[must_use]
pub fn masked(number: &str) -> String {
    let digits = number.chars().filter(char::is_ascii_alphanumeric).count();
    let hidden = if digits < 8 { digits } else { digits - 4 };
    let mut seen = 0;
    number
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                seen += 1;
                if seen <= hidden { '*' } else { c }
            } else if c.is_ascii() {
                c
            } else {
                '*'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn a_masked_number_keeps_its_end_only() {
        assert_eq!(masked("138 0013 8000"), "*** **** 8000");
        assert_eq!(masked("8000"), "****");
        assert_eq!(masked("12"), "**");
        assert_eq!(masked("分机12"), "****");
    }
}
