//! Which station area an account belongs to, for all accounts of a station: 12 bytes each.
//!
//! Account numbers are digits nearly always; up to 18 of them fit into a number, exactly.
//! Others are held as they are written.

/// The most digits that are packed.
const DIGITS: usize = 18;

/// See the module. Values are places in the station's list of station areas.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    /// Packed numbers, in order.
    packed: Box<[u64]>,
    /// The station area of each of them.
    areas: Box<[u32]>,
    /// Other account numbers, in order.
    others: Box<[(Box<str>, u32)]>,
}

impl Accounts {
    /// Of account numbers as [`crate::territory::account`] writes them.
    pub(super) fn of(mut accounts: Vec<(String, u32)>) -> Self {
        let mut packed: Vec<(u64, u32)> = Vec::with_capacity(accounts.len());
        accounts.retain(|(number, area)| match pack(number) {
            Some(key) => {
                packed.push((key, *area));
                false
            }
            None => true,
        });
        packed.sort_unstable();
        accounts.sort_unstable();
        Self {
            packed: packed.iter().map(|(key, _)| *key).collect(),
            areas: packed.iter().map(|(_, area)| *area).collect(),
            others: accounts
                .into_iter()
                .map(|(number, area)| (number.into(), area))
                .collect(),
        }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.packed.len() + self.others.len()
    }

    /// The place of the station area of an account.
    pub(super) fn area_of(&self, number: &str) -> Option<usize> {
        let place = match pack(number) {
            Some(key) => {
                let place = self.packed.binary_search(&key).ok()?;
                self.areas[place]
            }
            None => {
                let place = self
                    .others
                    .binary_search_by(|(held, _)| (**held).cmp(number));
                self.others[place.ok()?].1
            }
        };
        Some(place as usize)
    }
}

/// A number of at most 18 digits behind a 1, so that zeros in front count.
fn pack(number: &str) -> Option<u64> {
    if number.is_empty() || number.len() > DIGITS {
        return None;
    }
    number.bytes().try_fold(1u64, |packed, byte| {
        let digit = byte.wrapping_sub(b'0');
        (digit < 10).then(|| packed * 10 + u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_account_leads_to_its_station_area_and_no_other_number_does() {
        let numbers = [
            "0123456789",
            "123456789",
            "00123456789",
            "999999999999999999",
            "000000000000000000",
            "0",
            "1234567890123456789",
            "A-7",
            "",
        ];
        let accounts = Accounts::of(
            numbers
                .iter()
                .zip(0..)
                .map(|(number, area)| ((*number).to_owned(), area))
                .collect(),
        );
        assert_eq!(accounts.len(), numbers.len());
        for (area, number) in numbers.iter().enumerate() {
            assert_eq!(accounts.area_of(number), Some(area), "{number:?}");
        }
        for unknown in ["1", "01", "12345678901234567890", "A-8", "a-7", "１"] {
            assert_eq!(accounts.area_of(unknown), None, "{unknown:?}");
        }
    }
}
