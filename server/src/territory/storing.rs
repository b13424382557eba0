//! What was brought in is stored, or only looked at, by the same steps.
//!
//! Over HTTP and on the command line a territory, station areas or accounts come in by one
//! way: what is known around is asked ([`around`]), then the version ([`version`]) or the
//! accounts ([`accounts`]) are stored in one transaction, in somebody's name. Who only looks
//! goes the same way to its end, and then nothing of it stays: so a look that finds nothing
//! wrong is one whose taking would have succeeded at that moment.

use super::{
    sheet::accounts::Known,
    store::{self, Accepted, How, Imported, NewCustomer, Proposal},
    taking::{Around, Parts},
};
use crate::{
    app::App,
    edge::Problem,
    people::{
        Caller,
        audit::{self, Outcome, Who},
        caller::still_stands,
    },
    store::Store,
};
use futures_util::future::BoxFuture;
use gridcrew_sync_protocol::ids::OrgId;
use sea_orm::DatabaseTransaction;

/// Whether what was brought in stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taking {
    /// It is stored.
    ForGood,
    /// It is only looked at.
    Look,
}

impl Taking {
    /// What a request says that may only look.
    #[must_use]
    pub const fn unless(only_look: bool) -> Self {
        if only_look { Self::Look } else { Self::ForGood }
    }

    async fn run<T, F>(self, store: &Store, work: F) -> Result<T, Problem>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t DatabaseTransaction) -> BoxFuture<'t, Result<T, Problem>>
            + Send
            + 'static,
    {
        match self {
            Self::ForGood => store.write(work).await,
            Self::Look => store.rehearse(work).await,
        }
    }
}

/// In whose name something is stored.
#[derive(Clone, Debug)]
pub struct Hand {
    who: Who,
    /// Who has a session, which must still stand when it is stored.
    caller: Option<Caller>,
}

impl From<Caller> for Hand {
    fn from(caller: Caller) -> Self {
        Self {
            who: Who::from(&caller),
            caller: Some(caller),
        }
    }
}

impl Hand {
    /// Somebody on the command line of the server.
    #[must_use]
    pub const fn on_the_command_line(who: Who) -> Self {
        Self { who, caller: None }
    }

    /// Sees that he still may, and writes down what he did.
    async fn note(
        self,
        tx: &DatabaseTransaction,
        app: &App,
        action: &'static str,
        station: OrgId,
    ) -> Result<(), Problem> {
        if let Some(caller) = &self.caller {
            still_stands(tx, caller).await?;
        }
        audit::record(tx, app, self.who, action, station, Outcome::Done).await
    }
}

/// What is known around a territory that is taken in. `confirmed`: somebody said that the datum
/// is right, so nothing has to be known.
///
/// # Errors
/// A problem of the database.
pub async fn around(
    app: &App,
    station: OrgId,
    parts: &Parts,
    confirmed: bool,
) -> Result<Around, Problem> {
    let neighbours = match (&parts.boundary, confirmed) {
        (Some(boundary), false) => {
            let bounds = boundary.value.bounds();
            store::neighbours(app.store.read(), station, bounds).await?
        }
        _ => Vec::new(),
    };
    Ok(Around {
        neighbours,
        confirmed,
    })
}

/// What is known of accounts with these numbers, all of one moment.
///
/// # Errors
/// A problem of the database.
pub async fn known(app: &App, station: OrgId, numbers: Vec<String>) -> Result<Known, Problem> {
    app.store
        .snapshot(move |tx| {
            Box::pin(async move { store::known_accounts(tx, station, &numbers).await })
        })
        .await
}

/// A version of a territory.
///
/// # Errors
/// As [`store::accept_as`]; of who has a session also that it ended meanwhile.
pub async fn version(
    app: &App,
    hand: Hand,
    proposal: Proposal,
    how: How,
    taking: Taking,
) -> Result<Accepted, Problem> {
    let state = app.clone();
    let work = taking.run(&app.store, move |tx| {
        Box::pin(async move {
            let station = proposal.station;
            let accepted = store::accept_as(tx, &state, proposal, &how).await?;
            hand.note(tx, &state, "territory.changed", station).await?;
            Ok(accepted)
        })
    });
    work.await
}

/// Accounts. `compared`: what they were compared with, if they were, and from which they have
/// what was not given.
///
/// # Errors
/// As [`store::still_known`] and [`store::import_customers`]; of who has a session also that
/// it ended meanwhile.
pub async fn accounts(
    app: &App,
    hand: Hand,
    station: OrgId,
    (accounts, compared): (Vec<NewCustomer>, Option<Known>),
    taking: Taking,
) -> Result<Imported, Problem> {
    let state = app.clone();
    let work = taking.run(&app.store, move |tx| {
        Box::pin(async move {
            if let Some(known) = compared {
                store::still_known(tx, station, &accounts, &known).await?;
            }
            let done = store::import_customers(tx, &state, station, accounts).await?;
            hand.note(tx, &state, "customers.imported", station).await?;
            Ok(done)
        })
    });
    work.await
}
