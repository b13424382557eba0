//! Asking the server whether this handheld is to be wiped, and telling it when it was.

use super::http::Http;
use crate::{
    engine::{Ended, Reply},
    error::Error,
    handheld::Inner,
    wipe::Wipe,
};
use gridcrew_sync_protocol::{
    ids::JournalId,
    wipe::{WipeAnswer, WipeAsk},
};
use std::sync::Arc;

/// Tells the server of a wipe that it has not heard of yet.
///
/// # Errors
/// [`Error::Wiped`] when there was one: there is nothing here to be synced.
pub(super) async fn tell(inner: &Arc<Inner>) -> Result<(), Error> {
    let (begun, wiped) = inner.with(|local| (Wipe::begun(&local.folder), local.wiped));
    let begun = begun?;
    if let Some(wipe) = &begun {
        confirm(inner, wipe).await?;
    }
    if wiped || begun.is_some() {
        return Err(Error::Wiped);
    }
    Ok(())
}

/// Makes room for a new enrolment in a folder that was wiped and opened again.
///
/// # Errors
/// [`Error::Wiped`] when it was not opened again, or a disk that fails.
pub(super) async fn begin_anew(inner: &Arc<Inner>) -> Result<(), Error> {
    match tell(inner).await {
        Err(Error::Wiped) => {}
        told => return told,
    }
    inner.with(|local| {
        if local.wiped {
            return Err(Error::Wiped);
        }
        // Whether the server heard of it or not: what comes now is not to be removed.
        match Wipe::begun(&local.folder)? {
            Some(_) => Wipe::confirmed(&local.folder),
            None => Ok(()),
        }
    })
}

/// After a sync that reached the server: asks, and does as it says.
///
/// # Errors
/// [`Error::Wiped`] when everything is removed, or a disk that fails.
pub(super) async fn ask(inner: &Arc<Inner>, ended: Ended) -> Result<(), Error> {
    if !matches!(ended, Ended::Done | Ended::Blocked) {
        return Ok(());
    }
    let Some((server, journal, question)) = inner.with(|local| local.wipe_question())? else {
        return Ok(());
    };
    let Some(answer) = exchange(&server, journal, &question).await? else {
        return Ok(());
    };
    let Some(order) = answer.order else {
        return Ok(());
    };
    let obeyed = Arc::clone(inner);
    let wiped = tokio::task::spawn_blocking(move || obeyed.with(|local| local.obey(&order)))
        .await
        .map_err(|error| Error::Storage(format!("wiping broke off: {error}")))??;
    match wiped {
        None => Ok(()),
        Some(wipe) => {
            confirm(inner, &wipe).await?;
            Err(Error::Wiped)
        }
    }
}

async fn confirm(inner: &Arc<Inner>, wipe: &Wipe) -> Result<(), Error> {
    let heard = exchange(&wipe.server_url, wipe.journal, &wipe.confirmation).await?;
    match heard {
        Some(_) => inner.with(|local| Wipe::confirmed(&local.folder)),
        None => Ok(()),
    }
}

/// The server's answer; nothing when what came is not one.
async fn exchange(
    server: &str,
    journal: JournalId,
    ask: &WipeAsk,
) -> Result<Option<WipeAnswer>, Error> {
    let answer = Http::new(server)?.wipe_order(journal, ask).await;
    Ok(match answer.reply {
        Reply::Http(http) if http.status == 200 && http.media_type == "application/json" => {
            serde_json::from_slice(&http.body).ok()
        }
        _ => None,
    })
}
