//! Asking the server whether this handheld is to be wiped, and telling it when it was.
//!
//! Only what is asked ends with the sync's time or when the host stops it; what the answer
//! says to do is done to its end.

use super::{
    http::Http,
    run::{on_device, sleep_or_never},
};
use crate::{
    engine::{Ended, Reply},
    error::Error,
    handheld::Inner,
    local::Local,
    wipe::Wipe,
};
use gridcrew_sync_protocol::{
    ids::JournalId,
    wipe::{WipeAnswer, WipeAsk},
};
use std::sync::Arc;
use tokio::{sync::watch, time::Instant};

/// How long to wait for an answer.
pub(super) struct Patience {
    /// Until when; `None` for as long as a request may take.
    pub(super) until: Option<Instant>,
    /// Told when the host wants it to end.
    pub(super) stop: watch::Receiver<()>,
}

/// Tells the server of a wipe that it has not heard of yet, once it is done.
///
/// # Errors
/// [`Error::Wiped`] when there was one: there is nothing here to be synced. Why it cannot be
/// done, if it cannot.
pub(super) async fn tell(inner: &Arc<Inner>, patience: &mut Patience) -> Result<(), Error> {
    let finished = on_device(inner, Local::finish_wipe).await??;
    if let Some(wipe) = &finished {
        confirm(inner, wipe, patience).await?;
    }
    if finished.is_some() || inner.with(|local| local.wiped) {
        return Err(Error::Wiped);
    }
    Ok(())
}

/// Makes room for a new enrolment in a folder that was wiped and opened again.
///
/// # Errors
/// [`Error::Wiped`] when it was not opened again, or a disk that fails.
pub(super) async fn begin_anew(inner: &Arc<Inner>) -> Result<(), Error> {
    let mut patience = Patience {
        until: None,
        stop: inner.stop.subscribe(),
    };
    match tell(inner, &mut patience).await {
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
pub(super) async fn ask(
    inner: &Arc<Inner>,
    ended: Ended,
    patience: &mut Patience,
) -> Result<(), Error> {
    if !matches!(ended, Ended::Done | Ended::Blocked) {
        return Ok(());
    }
    let Some((server, journal, question)) = inner.with(|local| local.wipe_question())? else {
        return Ok(());
    };
    let Some(answer) = exchange(&server, journal, &question, patience).await? else {
        return Ok(());
    };
    let Some(order) = answer.order else {
        return Ok(());
    };
    match on_device(inner, move |local| local.obey(&order)).await?? {
        None => Ok(()),
        Some(wipe) => {
            confirm(inner, &wipe, patience).await?;
            Err(Error::Wiped)
        }
    }
}

async fn confirm(inner: &Arc<Inner>, wipe: &Wipe, patience: &mut Patience) -> Result<(), Error> {
    let asked = &wipe.confirmation;
    let heard = exchange(&wipe.server_url, wipe.journal, asked, patience).await?;
    match heard {
        Some(_) => inner.with(|local| Wipe::confirmed(&local.folder)),
        None => Ok(()),
    }
}

/// The server's answer; nothing when what came is not one, or when there is no time left.
async fn exchange(
    server: &str,
    journal: JournalId,
    ask: &WipeAsk,
    patience: &mut Patience,
) -> Result<Option<WipeAnswer>, Error> {
    let http = Http::new(server)?;
    let answer = tokio::select! {
        biased;
        Ok(()) = patience.stop.changed() => return Ok(None),
        () = sleep_or_never(patience.until) => return Ok(None),
        answer = http.wipe_order(journal, ask) => answer,
    };
    Ok(match answer.reply {
        Reply::Http(http) if http.status == 200 && http.media_type == "application/json" => {
            serde_json::from_slice(&http.body).ok()
        }
        _ => None,
    })
}
