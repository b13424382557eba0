//! In which encoding text came. Nothing is guessed: what is not UTF-8 must say what it is,
//! and who sends it is told what it would read as.

use encoding_rs::GB18030;
use serde::Deserialize;
use std::fmt;
use utoipa::ToSchema;

/// An encoding of text that can be stated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema, clap::ValueEnum)]
pub enum Encoding {
    /// UTF-8.
    #[serde(rename = "UTF-8")]
    #[value(name = "UTF-8")]
    Utf8,
    /// GBK and all that it grew into (GB 18030).
    #[serde(rename = "GBK")]
    #[value(name = "GBK")]
    Gbk,
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf8 => "UTF-8",
            Self::Gbk => "GBK",
        })
    }
}

impl Encoding {
    /// By one of its usual names, as in a `.cpg` file.
    pub(in crate::territory) fn by_name(name: &str) -> Option<Self> {
        let plain: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_uppercase())
            .collect();
        match plain.as_str() {
            "UTF8" | "65001" | "CP65001" => Some(Self::Utf8),
            "GBK" | "GB2312" | "GB18030" | "936" | "CP936" | "54936" | "ANSI936" | "OEM936" => {
                Some(Self::Gbk)
            }
            _ => None,
        }
    }

    /// The text, unless some of it is not in this encoding.
    pub(in crate::territory) fn decode(self, bytes: &[u8]) -> Option<String> {
        match self {
            Self::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
            Self::Gbk => GB18030
                .decode_without_bom_handling_and_without_replacement(bytes)
                .map(std::borrow::Cow::into_owned),
        }
    }
}

/// What bytes that are not UTF-8 would read as in GBK, at most 40 characters of it.
pub(in crate::territory) fn as_gbk(bytes: &[u8]) -> Option<String> {
    let text = Encoding::Gbk.decode(bytes)?;
    let shown: String = text.chars().filter(|c| !c.is_control()).take(40).collect();
    Some(shown.trim().to_owned())
}
