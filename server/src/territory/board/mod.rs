//! The notice board of a cell (DOMAIN A19, section 7 row 28): who is A and B, the cell's
//! telephone, what it serves.
//!
//! The telephone belongs to the cell, not to the person, so it stays when A changes. What a
//! board says has a [`BoardMark`]; the sheet that hangs out there carries the mark of when it
//! was printed, so a board is outdated as soon as its mark is another, and to be taken down when
//! its cell is no more ([`gone`]). [`store`] keeps it, [`page`] shows it to whoever has its
//! address, with [`qr`] on the sheet for the wall.

pub mod gone;
pub mod page;
pub mod qr;
pub mod store;

use gridcrew_sync_protocol::digest::Digest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All that a notice board shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BoardContent {
    /// The station's name.
    pub station: String,
    /// The cell's code.
    pub code: String,
    /// The cell's name.
    pub name: String,
    /// The name of its A, if it has one.
    pub role_a: Option<String>,
    /// The name of its B, if it has one.
    pub role_b: Option<String>,
    /// The cell's telephone.
    pub phone: String,
    /// What it serves, in Chinese.
    pub service_zh: String,
    /// The same in English; may be empty.
    pub service_en: String,
}

/// What tells one content of a board from another: twelve hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct BoardMark(pub String);

impl BoardContent {
    /// The mark of this content.
    #[must_use]
    pub fn mark(&self) -> BoardMark {
        let vacant = String::new();
        let parts = [
            &self.station,
            &self.code,
            &self.name,
            self.role_a.as_ref().unwrap_or(&vacant),
            self.role_b.as_ref().unwrap_or(&vacant),
            &self.phone,
            &self.service_zh,
            &self.service_en,
        ];
        // With its length before it, nothing moves unseen from one part to the next.
        let text = parts.map(|part| format!("{}:{part}", part.len())).concat();
        let digest = Digest::of(text.as_bytes()).to_string();
        BoardMark(digest.chars().take(12).collect())
    }
}

#[cfg(test)]
mod tests;
