//! Versions that count from a later day: made, listed, put in force at their moment, cancelled.
//!
//! A plan is worked out from a version of the territory and holds all that it shall say
//! ([`making`]). When its moment has come, whichever process looks first puts it in force, under
//! the station's lock, so that it happens once ([`in_force`]). A plan whose base is no more is
//! neither dropped nor put in force: it is stale, with the reason, until people base it anew on
//! what is there, or cancel it. Who only wants to know how plans stand reads their [`heads`]:
//! what a plan says is the whole territory.

mod heads;
mod in_force;
mod making;

pub use heads::{Plan, edits_of, plan_of, plans};
pub(super) use in_force::base_is_gone;
pub use in_force::{next_plan, put_in_force};
pub use making::{cancel_plan, plan, rebase_plan};

use super::{How, Proposal};
use crate::{
    edge::Problem,
    territory::{content::Content, rows::territory_plan},
};
use gridcrew_sync_protocol::ids::CellId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use territory_plan::Column;
use utoipa::ToSchema;

/// Most plans of one list, and most that come into force in one look.
const MOST: u64 = 200;

/// How a planned version stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanState {
    /// It waits for its moment.
    Planned,
    /// The territory changed meanwhile, or it could not be put in force: it waits for people.
    Stale,
    /// It came into force.
    InForce,
    /// It was cancelled.
    Cancelled,
}

impl PlanState {
    const ALL: [Self; 4] = [Self::Planned, Self::Stale, Self::InForce, Self::Cancelled];

    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Stale => "stale",
            Self::InForce => "in_force",
            Self::Cancelled => "cancelled",
        }
    }

    fn stored(text: &str) -> Result<Self, Problem> {
        Self::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| Problem::internal(format!("no state {text:?} of a plan")))
    }
}

/// A version that is to be planned.
#[derive(Clone, Debug)]
pub struct Planned {
    /// What it shall say, and from when.
    pub proposal: Proposal,
    /// How it comes about.
    pub how: How,
    /// The edits by which it can be worked out anew, as JSON; empty when there are none.
    pub edits: String,
}

/// All that a plan says, as it is stored.
#[derive(Serialize, Deserialize)]
struct Stored {
    content: Content,
    revived: BTreeMap<String, CellId>,
    heirs: BTreeMap<String, String>,
}

impl Stored {
    fn text(content: &Content, how: &How) -> Result<String, Problem> {
        let stored = Self {
            content: content.clone(),
            revived: how.revived.clone(),
            heirs: how.heirs.clone(),
        };
        serde_json::to_string(&stored).map_err(Problem::internal)
    }
}
