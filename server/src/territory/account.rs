//! Account numbers: written in one way wherever they are taken in or looked for, so that the
//! same account is found however it was typed.

/// An account number without the space around it, in ASCII digits.
#[must_use]
pub fn account_no(given: &str) -> String {
    ascii_digits(given.trim())
}

/// Full-width digits, as Chinese keyboards give them, as ASCII (DOMAIN section 7, row 32).
#[must_use]
pub fn ascii_digits(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\u{ff10}'..='\u{ff19}' => char::from_digit(u32::from(c) - 0xff10, 10).unwrap_or(c),
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn however_an_account_number_is_typed_it_is_written_in_one_way() {
        // The space around the second is full-width too.
        for typed in [
            "0123456789",
            "\u{3000}０１２３４５６７８９ ",
            "01２３45６７89",
        ] {
            assert_eq!(account_no(typed), "0123456789");
        }
        assert_eq!(account_no("A-７"), "A-7");
    }
}
