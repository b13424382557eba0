//! How much text a workbook may bring.

use super::super::MAX_TEXT;
use crate::territory::problem::Problem;
use std::sync::Arc;

/// Most bytes of text that are kept of a workbook.
const MAX_KEPT: usize = 64 * 1024 * 1024;
/// What a text takes beside its bytes.
const EACH: usize = 16;

/// Counts the text that is kept of a workbook.
pub(super) struct Kept {
    left: usize,
}

impl Kept {
    pub(super) const fn new() -> Self {
        Self { left: MAX_KEPT }
    }

    /// A text as it is kept: without space around it, and cut to what a cell may hold.
    pub(super) fn text(&mut self, text: &str) -> Result<Arc<str>, Problem> {
        let text = text.trim();
        let end = text.char_indices().nth(MAX_TEXT);
        let text = end.map_or(text, |(end, _)| &text[..end]);
        self.left = self
            .left
            .checked_sub(text.len() + EACH)
            .ok_or_else(|| Problem::Unpacked {
                what: "the workbook".to_owned(),
                limit: format!("{} MiB of text", MAX_KEPT / 1024 / 1024),
            })?;
        Ok(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_and_counted() {
        let mut kept = Kept::new();
        let long = format!("  {}  ", "字".repeat(MAX_TEXT + 1));
        assert_eq!(kept.text(&long).unwrap().chars().count(), MAX_TEXT);
        assert_eq!(&*kept.text(" a ").unwrap(), "a");
        let texts = MAX_KEPT / (3 * MAX_TEXT + EACH);
        for _ in 1..texts {
            kept.text(&long).unwrap();
        }
        let refused = kept.text(&long).unwrap_err();
        assert_eq!(refused.code().as_str(), "file.too_large");
    }
}
