//! Secrets that people read out and type: Crockford's base 32, which has no letters that
//! look alike, in groups.

use crate::clock::Randomness;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Draws `groups` groups of four characters, 20 bits each, such as `7KQM-03XD`.
#[must_use]
pub fn draw(groups: usize, randomness: &dyn Randomness) -> String {
    let mut bytes = vec![0; groups * 4];
    randomness.fill(&mut bytes);
    bytes
        .chunks(4)
        .map(|group| {
            group
                .iter()
                .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
                .collect()
        })
        .collect::<Vec<String>>()
        .join("-")
}

/// What was meant, however it was typed: without hyphens and spaces, in capitals, the letters
/// that look like digits read as these.
#[must_use]
pub fn heard(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '-' | ' '))
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemRandomness;

    #[test]
    fn a_drawn_secret_is_heard_however_it_is_typed() {
        let drawn = draw(3, &SystemRandomness);
        assert_eq!(drawn.len(), 14);
        let bare = drawn.replace('-', "");
        assert_eq!(heard(&drawn), bare);
        assert_eq!(heard(&bare.to_lowercase()), bare);
        assert_eq!(heard("o1-i0 Ll"), "011011");
        assert_ne!(drawn, draw(3, &SystemRandomness));
    }
}
