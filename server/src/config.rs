//! The server's configuration: command line and environment, checked once at start.

use crate::edge::origin::Network;
use std::{net::SocketAddr, path::PathBuf};

/// Most bytes of a page of the feed, if nothing else is said.
pub const FEED_PAGE_BYTES: u64 = 128 * 1024;

/// How this process runs.
#[derive(Clone, Debug, clap::Args)]
pub struct Config {
    /// Where to listen. Port 0 takes a free one and prints it.
    #[arg(long, env = "GRIDCREW_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Folder for keys, photos and, by default, the database.
    #[arg(long, env = "GRIDCREW_DATA", default_value = "data")]
    pub data: PathBuf,
    /// Database: `sqlite:path` or `postgres://…`; by default `gridcrew.db` in the data folder.
    #[arg(long, env = "GRIDCREW_DATABASE")]
    pub database: Option<String>,
    /// Worker threads for HTTP.
    #[arg(long, env = "GRIDCREW_WORKERS", default_value_t = 2)]
    pub workers: usize,
    /// A proxy, by address or network such as 10.1.0.0/16, that is believed when it says in
    /// `X-Forwarded-For` for whom it asks; may be given several times.
    #[arg(long, env = "GRIDCREW_TRUSTED_PROXY", value_delimiter = ',')]
    pub trusted_proxy: Vec<Network>,
    /// Most bytes of a page of the feed before it is compressed, 16 KiB to 1 MiB: small
    /// enough for a poor link to bring it whole, large enough to compress well. A single thing
    /// that is larger, such as a cell with a long boundary, comes in a page of its own.
    #[arg(long, env = "GRIDCREW_FEED_PAGE_BYTES", default_value_t = FEED_PAGE_BYTES,
        value_parser = clap::value_parser!(u64).range(16_384..=1_048_576))]
    pub feed_page_bytes: u64,
    /// The address under which people reach this server from outside, such as
    /// `https://grid.example.org`: what QR codes on notice boards say. Without it, sheets have
    /// no code.
    #[arg(long, env = "GRIDCREW_PUBLIC_URL", value_parser = public_url)]
    pub public_url: Option<String>,
}

/// An address of a site, without what would follow it.
fn public_url(text: &str) -> Result<String, String> {
    let given = text.trim_end_matches('/');
    let site = given
        .strip_prefix("https://")
        .or_else(|| given.strip_prefix("http://"));
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '/' | '[' | ']');
    match site {
        Some(site) if !site.is_empty() && site.len() <= 200 && site.chars().all(plain) => {
            Ok(given.to_owned())
        }
        _ => Err("give an address such as https://grid.example.org".to_owned()),
    }
}

impl Config {
    /// The database's address.
    #[must_use]
    pub fn database_url(&self) -> String {
        self.database
            .clone()
            .unwrap_or_else(|| format!("sqlite:{}", self.data.join("gridcrew.db").display()))
    }
}
