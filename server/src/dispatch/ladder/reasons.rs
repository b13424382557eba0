//! How owners let go of orders, on which rung the next one is found, and why somebody is
//! passed over: the words of a decision, as they are stored and shown.

use gridcrew_sync_protocol::record::{Rung, StandIn};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How an earlier owner of the order let go of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LetGo {
    /// He declined.
    Declined,
    /// He did not take it in time.
    NotTaken,
    /// He handed it over.
    HandedOver,
    /// He is disabled, or not of the station any more.
    Left,
    /// He is on leave, and somebody stands in for him.
    OnLeave,
    /// He stood in for somebody who is back from leave.
    LeaveOver,
}

impl LetGo {
    /// The stable code; also the reason of the assignment that follows.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Declined => "declined",
            Self::NotTaken => "not_taken",
            Self::HandedOver => "handed_over",
            Self::Left => "owner_left",
            Self::OnLeave => "owner_on_leave",
            Self::LeaveOver => "leave_over",
        }
    }

    /// How who had an order let go of it, by the code of the assignment that followed.
    pub(super) fn of_code(code: &str) -> Self {
        [
            Self::Declined,
            Self::HandedOver,
            Self::Left,
            Self::OnLeave,
            Self::LeaveOver,
        ]
        .into_iter()
        .find(|known| known.code() == code)
        .unwrap_or(Self::NotTaken)
    }

    /// Whether it was because of leave: that is no letting go of the order itself, and keeps
    /// nobody from having it again.
    pub(super) const fn by_leave(self) -> bool {
        matches!(self, Self::OnLeave | Self::LeaveOver)
    }
}

/// A rung of the ladder, as a decision and its explanation name it. The trace says it in the
/// words that every handheld knows ([`LadderRung::traced`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LadderRung {
    /// The A manager of the cell.
    RoleA,
    /// The B manager of the cell.
    RoleB,
    /// The nearest free manager of the same service team.
    Team,
    /// The leader of the crew.
    Crew,
    /// The station's duty desk.
    Station,
    /// Named by a person in a hand-over.
    HandOver,
    /// On duty by a table of the station or the team: at night, at the weekend, on a holiday.
    Duty,
    /// Covers the cell while its A or B is on leave.
    Cover,
}

impl LadderRung {
    /// As the trace says it. Who stands in was named by a person, in a table or a leave, so he
    /// is on the rung of who is named, and what he stands in by is told beside it.
    #[must_use]
    pub const fn traced(self) -> (Rung, Option<StandIn>) {
        match self {
            Self::RoleA => (Rung::RoleA, None),
            Self::RoleB => (Rung::RoleB, None),
            Self::Team => (Rung::Team, None),
            Self::Crew => (Rung::Crew, None),
            Self::Station => (Rung::Station, None),
            Self::HandOver => (Rung::HandOver, None),
            Self::Duty => (Rung::HandOver, Some(StandIn::Duty)),
            Self::Cover => (Rung::HandOver, Some(StandIn::Cover)),
        }
    }
}

/// Why a candidate is not the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PassedOver {
    /// The cell has no one in this role.
    Vacant,
    /// He does not work at the station any more.
    NotOfStation,
    /// He may not sign in.
    Disabled,
    /// He is off duty.
    OffDuty,
    /// He declined this order before.
    Declined,
    /// He did not take this order in time before.
    NotTaken,
    /// He handed this order over before.
    HandedOver,
    /// He has too many open orders to count as free.
    Busy,
    /// As many of this rung as may be asked have been.
    EnoughAsked,
    /// Someone before him can.
    NotNeeded,
}

impl PassedOver {
    /// How having let go keeps from getting the order again. Who had left and is back may.
    pub(super) const fn because(let_go: LetGo) -> Option<Self> {
        match let_go {
            LetGo::Declined => Some(Self::Declined),
            LetGo::NotTaken => Some(Self::NotTaken),
            LetGo::HandedOver => Some(Self::HandedOver),
            LetGo::Left | LetGo::OnLeave | LetGo::LeaveOver => None,
        }
    }
}
