//! The demonstration township: everything a newcomer needs to try Gridcrew, from a seed.
//!
//! [`township`] invents boundary, feeders, station areas, customers and managers as plain
//! data; [`settle`] puts them into an empty database through the same functions that the
//! API uses; [`history`] takes in orders and has some of them worked by handhelds of
//! their own, with photos drawn by [`picture`]. Nobody in it exists.

mod clock;
mod history;
pub mod names;
pub mod notes;
mod picture;
mod settle;
mod township;
mod work;

use crate::{app::App, edge::Problem, people::rows::person};
use clock::ToldClock;
use gridcrew_sync_protocol::time::{Millis, UnixMillis};
use sea_orm::{EntityTrait, PaginatorTrait};
use std::{net::SocketAddr, sync::Arc};

/// The seed of the township that `deploy/run` shows.
pub const SEED: u64 = 20_261_121;

/// How long ago the township was founded: its history lies between then and now.
const AGE: Millis = Millis(5 * 24 * 3_600_000);

/// How to sign in to the township.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// Who that is.
    pub who: String,
    /// The login.
    pub login: String,
    /// The password, drawn for this database.
    pub password: String,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// How to sign in.
    pub sign_ins: Vec<SignIn>,
    /// A code to enrol a handheld with.
    pub enrolment_code: String,
    /// Whose handheld that becomes.
    pub manager: String,
    /// The account number of a customer in that manager's cell.
    pub account_no: String,
    /// How many station areas, customers, cells, orders and photos there are.
    pub counts: [usize; 5],
}

/// Makes the township of `seed` in an empty database; `None` when there are people in it
/// already.
///
/// # Errors
/// A problem of the database or of the disk.
pub async fn make(app: &App, seed: u64) -> Result<Option<Made>, Problem> {
    if person::Entity::find().count(app.store.read()).await? > 0 {
        return Ok(None);
    }
    let township = township::Township::generate(seed);
    let clock = Arc::new(ToldClock::at(UnixMillis(app.now().0.saturating_sub(AGE.0))));
    let then = App {
        clock: clock.clone(),
        ..app.clone()
    };
    let settled = settle::settle(&then, &township).await?;
    let (orders, photos) = history::write(&then, &clock, app.now(), &township, &settled).await?;
    let code = settle::enrolment_code(app, &settled).await?;
    Ok(Some(settled.into_made(&township, code, [orders, photos])))
}

impl Made {
    /// What to tell whoever made it.
    #[must_use]
    pub fn to_text(&self, address: SocketAddr) -> String {
        use std::fmt::Write;
        let [areas, customers, cells, orders, photos] = self.counts;
        let mut text = format!(
            "A township of {areas} station areas, {customers} customers, {cells} cells, {orders} \
             orders and {photos} photos. Nobody in it exists.\n\nAddress  http://{address}/ (API \
             document: http://{address}/docs/)\n\nSign in:\n"
        );
        for SignIn {
            who,
            login,
            password,
        } in &self.sign_ins
        {
            let _ = writeln!(text, "  {login:<10} {password:<26} {who}");
        }
        let _ = write!(
            text,
            "\nEnrol a handheld for {} within 24 hours:\n  gridcrew-handheld enrol --server \
             http://{address} --code {}\n\nA customer in a cell of that manager: account {}",
            self.manager, self.enrolment_code, self.account_no
        );
        text
    }
}
