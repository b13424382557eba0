//! What becomes of open orders when their owner goes on leave, and when he is back.
//!
//! The moment a leave begins its person is given no more orders: that is the absence
//! ([`crate::duty::absence`]), which every decision reads. What he has open is offered to who
//! stands in: the other of A and B, else who covers the cell ([`offers`]). The stand-in
//! accepts each or leaves it, and the staff of the station decides either way; until then the
//! order stays where it is, and one that nobody can take over now is offered as soon as
//! somebody can ([`offer_left`]). When the person is back, what is not finished comes back,
//! and what nobody answered stays ([`back`]).
//!
//! Any process may act; each moment is taken once ([`crate::duty::leave::moments`]), and what
//! takes many transactions is gone on with by whichever process looks next. An order
//! that cannot be read holds up no other: it is logged and left as it is.

mod back;
mod chain;
mod offers;

use super::route::SERVER;
use crate::{
    app::App,
    duty::leave::moments::{self, Moment},
    edge::Problem,
    trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::{
    code::Code,
    ids::{OrderId, OrgId, PersonId},
};
use std::{collections::BTreeSet, time::Duration};
use uuid::Uuid;

/// How often a process looks for leave that begins or ends.
pub const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often it looks for orders that could not be offered before.
pub const OFFER_EVERY: Duration = Duration::from_secs(60);

/// Acts upon every leave whose moment has come; gives how many that were. One that cannot be
/// acted upon is logged and tried again at the next look: it holds up no other.
///
/// # Errors
/// A problem of the database.
pub async fn look(app: &App) -> Result<usize, Problem> {
    let mut acted = 0;
    for (leave, station) in moments::due(app.store.read(), app.now()).await? {
        match act_upon(app, station, leave).await {
            Ok(Some(moment)) => {
                tracing::info!(%leave, ?moment, "leave");
                acted += 1;
            }
            Ok(None) => {}
            Err(problem) => tracing::warn!(%leave, %problem, "leave not acted upon"),
        }
    }
    Ok(acted)
}

/// Offers what people on leave have open and nobody could be offered before: because nobody
/// stood in, because who did left as well, or because it came to them since.
///
/// # Errors
/// A problem of the database.
pub async fn offer_left(app: &App) -> Result<(), Problem> {
    for (leave, station) in moments::all_lasting(app.store.read(), app.now()).await? {
        if let Err(problem) = offers::offer_all(app, station, leave).await {
            tracing::warn!(%leave, %problem, "not offered");
        }
    }
    Ok(())
}

/// Takes the moment and acts upon it. What many orders are in goes page by page, each in a
/// transaction of its own. Should this process end meanwhile, [`offer_left`] offers the orders
/// of who leaves, and the next look of any process goes on bringing back.
async fn act_upon(app: &App, station: OrgId, id: Uuid) -> Result<Option<Moment>, Problem> {
    let Some(taken) = take(app, station, id).await? else {
        return Ok(None);
    };
    for leave in taken.to_offer {
        if let Err(problem) = offers::offer_all(app, station, leave).await {
            tracing::warn!(%leave, %problem, "not offered yet");
        }
    }
    // One that passed unseen may be the last of several.
    if matches!(taken.moment, Moment::Ends | Moment::Passed) {
        back::bring_back(app, station, id, taken.person).await?;
    }
    Ok(Some(taken.moment))
}

/// A moment that was taken.
struct Taken {
    moment: Moment,
    /// Whose leave it is.
    person: PersonId,
    /// The leaves whose orders are to be offered now.
    to_offer: BTreeSet<Uuid>,
}

/// Takes the moment; with one at which somebody leaves, what was offered to him lapses.
async fn take(app: &App, station: OrgId, id: Uuid) -> Result<Option<Taken>, Problem> {
    let state = app.clone();
    app.store
        .write(move |tx| {
            Box::pin(async move {
                let app = &state;
                let lock = StationLock::take(tx, station).await?;
                let Some((person, moment)) = moments::take(tx, app, &lock, id).await? else {
                    return Ok(None);
                };
                let mut to_offer = BTreeSet::new();
                if moment == Moment::Begins {
                    to_offer = offers::lapse_to(tx, app, &lock, person).await?;
                    to_offer.insert(id);
                }
                Ok(Some(Taken {
                    moment,
                    person,
                    to_offer,
                }))
            })
        })
        .await
}

/// Logs what is wrong with one order, so that the others go on. A full disk is everybody's.
/// Other trouble of the database cannot be told by its code, for an order whose template this
/// build does not know is unavailable, too; it shows when the step is taken back or the
/// transaction ends.
fn skip_if_its_own(order: OrderId, problem: Problem) -> Result<(), Problem> {
    if problem.code == Code::StorageFull {
        return Err(problem);
    }
    tracing::error!(%order, %problem, "stays where it is");
    Ok(())
}

#[cfg(test)]
mod following_tests;
