//! The server's configuration: command line and environment, checked once at start.

use crate::edge::origin::Network;
use std::{net::SocketAddr, path::PathBuf};

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
