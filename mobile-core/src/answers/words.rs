//! Words to be searched: how a customer's are written down when the feed brings him, and
//! how a query is read, so that both are in one form however they were typed (DOMAIN
//! section 7, row 32).
//!
//! A customer's words are lines: account number, meter number, name, address, and the
//! syllables of name and address. Syllables are parted by spaces, and each is a list of ways
//! to write one character, parted by commas: the character itself and its readings, all of
//! them where it has several (`曾,ceng,zeng 国,guo 平,ping`).

use gridcrew_sync_protocol::feed::Customer;
use pinyin::ToPinyinMulti;

/// Longest query that is looked at, in characters; what comes after is left out.
const LONGEST: usize = 40;

/// A text in the form in which texts are compared: full-width forms as plain ones, small
/// letters, and one space where there is any.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        let c = match c {
            '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
            c if c.is_whitespace() || c.is_control() => ' ',
            c => c,
        };
        if c == ' ' && (plain.is_empty() || plain.ends_with(' ')) {
            continue;
        }
        plain.extend(c.to_lowercase().map(|c| if c == 'ü' { 'v' } else { c }));
    }
    plain.truncate(plain.trim_end().len());
    plain
}

/// The words of a query.
pub(crate) fn query(text: &str) -> Vec<String> {
    let text: String = text.chars().take(LONGEST).collect();
    plain(&text)
        .split(' ')
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// What is written down of a customer for searching.
pub(crate) fn of(customer: &Customer) -> String {
    let texts = [
        &customer.account_no,
        &customer.meter_no,
        &customer.name,
        &customer.address,
    ]
    .map(|text| plain(text));
    let [_, _, name, address] = &texts;
    let sounds = [syllables(name), syllables(address)];
    [texts.join("\n"), sounds.join("\n")].join("\n")
}

/// The syllables of a text in plain form.
fn syllables(text: &str) -> String {
    let mut line = String::with_capacity(4 * text.len());
    for c in text.chars().filter(|c| !matches!(c, ' ' | ',')) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push(c);
        let mut readings: Vec<String> = c
            .to_pinyin_multi()
            .into_iter()
            .flatten()
            .map(|reading| plain(reading.plain()))
            .collect();
        readings.sort_unstable();
        readings.dedup();
        for reading in readings {
            line.push(',');
            line.push_str(&reading);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_a_text_is_typed_it_is_compared_in_one_form() {
        assert_eq!(plain("\u{3000}ＡＢ－１２\t 3 "), "ab-12 3");
        assert_eq!(plain("LÜ"), "lv");
        assert_eq!(query("  王　建国 "), ["王", "建国"]);
        assert!(query(" \n ").is_empty());
        assert_eq!(query(&"长".repeat(1_000)).concat().chars().count(), LONGEST);
    }

    #[test]
    fn a_character_with_several_readings_has_them_all() {
        assert_eq!(syllables("曾国"), "曾,ceng,zeng 国,guo");
        assert!(syllables("吕").contains(",lv"));
        // Beyond the first plane of Unicode, and no character at all: as they are.
        assert_eq!(
            syllables("𠮷a,1"),
            "𠮷,ji a 1".replace(",ji", readings_of('𠮷'))
        );
    }

    fn readings_of(c: char) -> &'static str {
        if c.to_pinyin_multi().is_some() {
            ",ji"
        } else {
            ""
        }
    }
}
