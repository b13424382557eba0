//! Fields that people type: trimmed and bounded, so that every value in the tables can be
//! shown as it is.

use crate::edge::Problem;
use gridcrew_sync_protocol::{
    code::Code,
    position::{PositionInput, Wgs84},
};

/// Most characters of a name or code.
pub const MAX_NAME: usize = 100;
/// Most characters of a login.
pub const MAX_LOGIN: usize = 64;

/// A name: 1 to [`MAX_NAME`] characters, none of them control characters.
///
/// # Errors
/// `request.invalid`
pub fn name(what: &str, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let length = text.chars().count();
    if (1..=MAX_NAME).contains(&length) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        let detail =
            format!("{what} has 1 to {MAX_NAME} characters, none of them control characters.");
        Err(Problem::new(Code::RequestInvalid, detail))
    }
}

/// A login as it is stored and compared: lower case; 2 to [`MAX_LOGIN`] letters, digits, and
/// `.`, `_`, `-`, `@`.
///
/// # Errors
/// `request.invalid`
pub fn login(text: &str) -> Result<String, Problem> {
    let text = folded_login(text);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    if (2..=MAX_LOGIN).contains(&text.chars().count()) && text.chars().all(plain) {
        Ok(text)
    } else {
        let detail =
            format!("A login has 2 to {MAX_LOGIN} letters, digits, dots, hyphens, _ or @.");
        Err(Problem::new(Code::RequestInvalid, detail))
    }
}

/// Whether a text may be looked for among stored ones: none of those has control characters,
/// and PostgreSQL refuses a query that names the first of them.
#[must_use]
pub fn is_findable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

/// What a login is looked up by.
#[must_use]
pub fn folded_login(text: &str) -> String {
    text.trim().to_lowercase()
}

/// A base, brought to WGS-84.
///
/// # Errors
/// `position.*`
pub fn base(position: &PositionInput) -> Result<Wgs84, Problem> {
    Ok(position.check()?.to_wgs84())
}
