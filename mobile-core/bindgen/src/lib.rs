//! Makes Kotlin, Swift and Python of the handheld's library.
//!
//! The library carries a description of what it exports; [`generate`] reads it from the
//! built file and writes the three. A crate of its own, so that neither the library nor
//! what uses it is built again with the generator's needs.

use std::{fmt, path::Path};
use uniffi_bindgen::bindings::{GenerateOptions, TargetLanguage};

/// The generator's settings: what the package and the modules are called.
const SETTINGS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/bindings.toml");

/// A language that bindings are made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Kotlin, for Android.
    Kotlin,
    /// Swift, for iOS.
    Swift,
    /// Python, for tests and tools.
    Python,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Kotlin, Self::Swift, Self::Python];

    /// Its name, as a folder is called.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Kotlin => "kotlin",
            Self::Swift => "swift",
            Self::Python => "python",
        }
    }

    const fn target(self) -> TargetLanguage {
        match self {
            Self::Kotlin => TargetLanguage::Kotlin,
            Self::Swift => TargetLanguage::Swift,
            Self::Python => TargetLanguage::Python,
        }
    }
}

/// Why no bindings were made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotGenerated(String);

impl fmt::Display for NotGenerated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no bindings: {}", self.0)
    }
}

impl std::error::Error for NotGenerated {}

/// Writes the bindings of a built library into `out`.
///
/// # Errors
/// When the library cannot be read or `out` cannot be written.
pub fn generate(library: &Path, language: Language, out: &Path) -> Result<(), NotGenerated> {
    let text = |path: &Path| {
        let text = path.to_str().map(str::to_owned);
        text.ok_or_else(|| NotGenerated(format!("{} is not UTF-8", path.display())))
    };
    let options = GenerateOptions {
        languages: vec![language.target()],
        source: text(library)?.into(),
        out_dir: text(out)?.into(),
        config_override: Some(SETTINGS.into()),
        format: false,
        crate_filter: None,
        metadata_no_deps: true,
    };
    uniffi_bindgen::bindings::generate(options).map_err(|error| NotGenerated(format!("{error:#}")))
}
