//! The host of the sync engine.

use crate::{
    engine::{Budget, SyncReport},
    error::Error,
    handheld::Inner,
};
use std::sync::Arc;

pub(crate) async fn enrol(
    _inner: &Arc<Inner>,
    _server_url: &str,
    _code: &str,
    _device_name: &str,
) -> Result<String, Error> {
    Err(Error::Unreachable("not built yet".into()))
}

pub(crate) async fn sync(_inner: &Arc<Inner>, _budget: Budget) -> Result<SyncReport, Error> {
    Err(Error::Unreachable("not built yet".into()))
}
