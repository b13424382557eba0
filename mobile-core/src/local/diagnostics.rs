//! Putting together how this handheld stands, for its station.

use super::Local;
use crate::{
    error::Error,
    store::{facts, journal, orders, photos, schema},
};
use gridcrew_sync_protocol::diagnostics::Diagnostics;

/// What calls itself so in the user agent, too.
const PROGRAM: &str = concat!("gridcrew-handheld/", env!("CARGO_PKG_VERSION"));

impl Local {
    /// How this handheld stands, if that is not what the server was told last.
    pub(super) fn news(&self) -> Result<Option<Box<Diagnostics>>, Error> {
        let present = self.diagnostics()?;
        let told = facts::diagnosed(self.store.read())?;
        let news = told.is_none_or(|told| present.differs_from(&told));
        Ok(news.then(|| Box::new(present)))
    }

    fn diagnostics(&self) -> Result<Diagnostics, Error> {
        let db = self.store.read();
        let records = journal::counts(db)?;
        let photos = photos::counts(db)?;
        let evidence = self
            .clock
            .now()
            .evidence(crate::store::identity::anchor(db)?, None);
        let diagnostics = Diagnostics {
            time: evidence,
            program: PROGRAM.to_owned(),
            store_version: schema::version(db)?,
            records_waiting: records.queued,
            waiting_since: journal::waiting_since(db)?,
            records_parked: records.parked,
            photos_waiting: photos.originals_waiting,
            photos_refused: photos.refused,
            photos_damaged: photos.damaged,
            free_bytes: self.space().free,
            disagreeing: orders::disagreeing(db)?,
            findings: facts::findings(db)?,
        };
        Ok(diagnostics.within_limits())
    }
}
