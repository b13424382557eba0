//! Searching the person's customers.
//!
//! Every word of a query must fit; a customer ranks by how his words fit, exact numbers and
//! names first, addresses last. A word fits a line of syllables when it can be read off it
//! from some syllable on: of each syllable the whole of one of its ways to be written, its
//! first letter, its first two when those are `zh`, `ch` or `sh`, and of the last one any
//! beginning. So `wjg`, `wangjg`, `王jg`, `wangjianguo` and `wang ji` all find 王建国.

use super::words;
use crate::{error::Error, store::scope};
use gridcrew_sync_protocol::{feed::Customer, ids::CustomerId};
use rusqlite::Connection;
use std::collections::BTreeSet;

/// What of a customer a word fits, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fits {
    /// The whole account or meter number.
    WholeNumber,
    /// The whole name.
    WholeName,
    /// The beginning of the account or meter number.
    NumberBegins,
    /// The beginning of the name.
    NameBegins,
    /// The name by its sound, from its beginning.
    NameSounds,
    /// A part of the name.
    NamePart,
    /// A part of the name by its sound.
    NamePartSounds,
    /// A part of the account or meter number, such as its end.
    NumberPart,
    /// A part of the address.
    Address,
    /// A part of the address by its sound.
    AddressSounds,
}

/// A customer that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct CustomerHit {
    /// The customer.
    pub customer: Customer,
    /// What of him the least fitting word of the query fits.
    pub fits: Fits,
}

/// The `limit` best of the customers here that fit a query.
pub(crate) fn customers(
    db: &Connection,
    text: &str,
    limit: usize,
) -> Result<Vec<CustomerHit>, Error> {
    let query = words::query(text);
    if query.is_empty() {
        return Ok(Vec::new());
    }
    let mut found: Vec<(Rank, CustomerId)> = Vec::new();
    scope::each_searched(db, |id, words| {
        if let Some(rank) = rank(&query, words) {
            found.push((rank, id));
        }
    })?;
    found.sort_unstable();
    found.truncate(limit);
    let mut hits = Vec::with_capacity(found.len());
    for (rank, id) in found {
        if let Some(customer) = scope::customer(db, id)? {
            let fits = rank.worst;
            hits.push(CustomerHit { customer, fits });
        }
    }
    Ok(hits)
}

/// How well a customer fits a query; the least is the best. Equal ones go by account number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    worst: Fits,
    best: Fits,
    account: String,
}

/// How the words of a customer fit a query; nothing when one word of it does not.
fn rank(query: &[String], words: &str) -> Option<Rank> {
    let mut lines = words.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let customer = Lines {
        numbers: [line(), line()],
        name: line(),
        address: line(),
        name_sounds: line(),
        address_sounds: line(),
    };
    let fits: Option<Vec<Fits>> = query.iter().map(|word| customer.fits(word)).collect();
    let fits = fits?;
    Some(Rank {
        worst: *fits.iter().max()?,
        best: *fits.iter().min()?,
        account: customer.numbers[0].to_owned(),
    })
}

struct Lines<'a> {
    numbers: [&'a str; 2],
    name: &'a str,
    address: &'a str,
    name_sounds: &'a str,
    address_sounds: &'a str,
}

impl Lines<'_> {
    fn fits(&self, word: &str) -> Option<Fits> {
        let number = |fits: fn(&str, &str) -> bool| self.numbers.iter().any(|no| fits(no, word));
        if number(|no, word| no == word) {
            return Some(Fits::WholeNumber);
        }
        if self.name == word {
            return Some(Fits::WholeName);
        }
        if number(|no, word| no.starts_with(word)) {
            return Some(Fits::NumberBegins);
        }
        if self.name.starts_with(word) {
            return Some(Fits::NameBegins);
        }
        let by_sound = sounds(self.name_sounds, word);
        if by_sound == Some(Heard::Begins) {
            return Some(Fits::NameSounds);
        }
        if self.name.contains(word) {
            return Some(Fits::NamePart);
        }
        if by_sound.is_some() {
            return Some(Fits::NamePartSounds);
        }
        if number(|no, word| no.contains(word)) {
            return Some(Fits::NumberPart);
        }
        if self.address.contains(word) {
            return Some(Fits::Address);
        }
        sounds(self.address_sounds, word).map(|_| Fits::AddressSounds)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Begins,
    Within,
}

/// Whether `word` can be read off a line of syllables, and whether from the first one.
fn sounds(line: &str, word: &str) -> Option<Heard> {
    if read_off(line, word) {
        return Some(Heard::Begins);
    }
    let starts = line.match_indices(' ').map(|(at, _)| at + 1);
    let mut rest = starts.filter_map(|at| line.get(at..));
    rest.any(|rest| read_off(rest, word))
        .then_some(Heard::Within)
}

/// Whether `word` can be read off the beginning of a line of syllables. It goes syllable by
/// syllable with all places up to which the word can be read off those before: however many
/// ways lead to a place, it goes on from there once.
fn read_off(line: &str, word: &str) -> bool {
    let mut places = BTreeSet::from([0]);
    for syllable in line.split(' ') {
        let mut next = BTreeSet::new();
        for place in places {
            let Some(left) = word.get(place..) else {
                continue;
            };
            for way in syllable.split(',') {
                let common = way
                    .bytes()
                    .zip(left.bytes())
                    .take_while(|(a, b)| a == b)
                    .count();
                if common == left.len() {
                    return true;
                }
                let initial = match way.as_bytes() {
                    [b'z' | b'c' | b's', b'h', ..] => 2,
                    [b'a'..=b'z', ..] => 1,
                    _ => 0,
                };
                let lengths = (1..=common)
                    .filter(|length| *length == way.len() || (1..=initial).contains(length));
                next.extend(lengths.map(|length| place + length));
            }
        }
        if next.is_empty() {
            return false;
        }
        places = next;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use gridcrew_sync_protocol::ids::{CellId, StationAreaId};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn customer(account_no: &str, meter_no: &str, name: &str, address: &str) -> Customer {
        Customer {
            id: CustomerId(Uuid::nil()),
            account_no: account_no.to_owned(),
            meter_no: meter_no.to_owned(),
            name: name.to_owned(),
            address: address.to_owned(),
            station_area: StationAreaId(Uuid::nil()),
            cell: CellId(Uuid::nil()),
            position: None,
        }
    }

    fn fits(customer: &Customer, text: &str) -> Option<Fits> {
        rank(&words::query(text), &words::of(customer)).map(|rank| rank.worst)
    }

    #[test]
    fn a_customer_is_found_by_whatever_is_known_of_him() {
        let wang = customer("3408000001012", "34100877", "王建国", "柳家庄村3组12号");
        let table = [
            ("3408000001012", Some(Fits::WholeNumber)),
            ("３４０８０００００１０１２", Some(Fits::WholeNumber)),
            ("34100877", Some(Fits::WholeNumber)),
            ("340800", Some(Fits::NumberBegins)),
            ("1012", Some(Fits::NumberPart)),
            ("0877", Some(Fits::NumberPart)),
            ("王建国", Some(Fits::WholeName)),
            ("王", Some(Fits::NameBegins)),
            ("建国", Some(Fits::NamePart)),
            ("wjg", Some(Fits::NameSounds)),
            ("WJG", Some(Fits::NameSounds)),
            ("wangjianguo", Some(Fits::NameSounds)),
            ("wangjg", Some(Fits::NameSounds)),
            ("wjguo", Some(Fits::NameSounds)),
            ("wangjia", Some(Fits::NameSounds)),
            ("王jg", Some(Fits::NameSounds)),
            ("jg", Some(Fits::NamePartSounds)),
            ("柳家庄", Some(Fits::Address)),
            ("ljz", Some(Fits::AddressSounds)),
            ("liujiazhuang", Some(Fits::AddressSounds)),
            ("ljzhc3z", Some(Fits::AddressSounds)),
            ("3组12号", Some(Fits::Address)),
            ("王 柳家庄", Some(Fits::Address)),
            ("wjg 0877", Some(Fits::NumberPart)),
            ("wangjuan", None),
            ("wg", None),
            ("王 石桥", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(fits(&wang, text), expected, "{text}");
        }
    }

    #[test]
    fn every_reading_of_a_name_finds_it() {
        let zeng = customer("1", "", "曾单", "");
        for text in [
            "zd", "cd", "zs", "cs", "zengshan", "cengdan", "zengs", "zdan",
        ] {
            assert_eq!(fits(&zeng, text), Some(Fits::NameSounds), "{text}");
        }
        let lv = customer("1", "", "吕强", "");
        for text in ["lvqiang", "lüq", "lq"] {
            assert_eq!(fits(&lv, text), Some(Fits::NameSounds), "{text}");
        }
        let zhang = customer("1", "", "张三", "");
        for text in ["zs", "zhs", "zhangsan", "zhsan"] {
            assert_eq!(fits(&zhang, text), Some(Fits::NameSounds), "{text}");
        }
    }

    #[test]
    fn syllables_that_can_be_read_off_in_many_ways_take_no_longer() {
        // 和 is he, hu and huo: three ways to read off each of them, and none to end with q.
        let many = customer("1", "", &"和".repeat(40), "");
        assert_eq!(fits(&many, &"h".repeat(40)), Some(Fits::NameSounds));
        assert_eq!(fits(&many, &("h".repeat(39) + "q")), None);
        let lengths = "hehuohu".repeat(5);
        assert_eq!(fits(&many, &lengths), Some(Fits::NameSounds));
    }

    /// Reading off as it is described, way by way.
    fn reads(syllables: &[String], word: &str) -> bool {
        let Some((first, rest)) = syllables.split_first() else {
            return word.is_empty();
        };
        word.is_empty()
            || first.split(',').any(|way| {
                let short = match way.get(..2) {
                    Some("zh" | "ch" | "sh") => 2,
                    _ => 1,
                };
                let begins = !way.is_empty() && way.starts_with(word);
                let lengths = (1..=short).chain([way.len()]);
                let mut taken = lengths.filter_map(|length| way.get(..length));
                begins
                    || taken.any(|taken| {
                        let left = word.strip_prefix(taken).filter(|_| !taken.is_empty());
                        left.is_some_and(|left| !left.is_empty() && reads(rest, left))
                    })
            })
    }

    proptest! {
        #[test]
        fn what_can_be_read_off_is_what_any_way_reads(
            syllables in prop::collection::vec("[hzs]{1,3}(,[hzs]{1,3}){0,2}", 1..6),
            word in "[hzs]{1,8}",
        ) {
            prop_assert_eq!(read_off(&syllables.join(" "), &word), reads(&syllables, &word));
        }

        #[test]
        fn whatever_is_typed_is_no_reason_to_stop_and_a_name_finds_itself(
            name in "[\\p{Han}a-z]{1,8}",
            text in "\\PC{0,60}",
        ) {
            let one = customer("12", "", &name, "");
            let _ = fits(&one, &text);
            prop_assert_eq!(fits(&one, &name), Some(Fits::WholeName));
        }
    }
}
