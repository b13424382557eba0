//! Texts in a CSV that a spreadsheet program would take for a formula.
//!
//! Such a program runs what begins with one of a few signs, quotation marks or not. So a text
//! that begins with one (or with apostrophes and then one) gets an apostrophe more, and loses
//! it again when it is read: whatever goes out comes in as it was.

/// With what a formula may begin: also the full-width signs, which a Chinese Excel takes for
/// the plain ones.
const ARMED: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

fn is_armed(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(ARMED)
}

/// A text that no program runs.
pub(super) fn disarmed(text: &str) -> String {
    if is_armed(text) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

/// The text as it was before [`disarmed`]; one that never was stays as it is.
pub(super) fn unarmed(text: &str) -> &str {
    match text.strip_prefix('\'') {
        Some(rest) if is_armed(rest) => rest,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_disarmed_comes_back(text in "[='+@a＝-]{0,6}") {
            let out = disarmed(&text);
            prop_assert!(!out.starts_with(ARMED));
            prop_assert_eq!(unarmed(&out), text);
        }
    }
}
