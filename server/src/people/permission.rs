//! What each role may do at all. Deny by default: a permission lists the roles that have
//! it, and the table stands in one place.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use utoipa::ToSchema;

/// What a person is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A station-area manager: works orders in the cells where he is A or B.
    Manager,
    /// Staff of a township supply station: takes in orders, assigns cells and people.
    Station,
    /// Staff of a management center: sees the stations below it and their traces.
    Center,
    /// Keeps the organisation, people and handhelds; sees no orders and no customers
    /// (separation of administrators, RELIABILITY 3.5).
    Administrator,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] = [
        Self::Manager,
        Self::Station,
        Self::Center,
        Self::Administrator,
    ];

    /// As it is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Manager => "manager",
            Self::Station => "station",
            Self::Center => "center",
            Self::Administrator => "administrator",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no such role")]
pub struct NoSuchRole;

impl FromStr for Role {
    type Err = NoSuchRole;
    fn from_str(text: &str) -> Result<Self, NoSuchRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.as_str() == text)
            .ok_or(NoSuchRole)
    }
}

/// Something that can be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permission {
    /// See and end one's own sessions.
    OwnAccount,
    /// See the organisation tree and the people in scope.
    ReadPeople,
    /// Add units, add, change, move and disable people.
    ManagePeople,
    /// See who saw and did what within his scope.
    ReadAudit,
    /// Give out enrolment codes, see and revoke handhelds.
    ManageHandhelds,
    /// See boundary, cells, A and B, station areas.
    ReadTerritory,
    /// Import and split a territory, assign A and B.
    ManageTerritory,
    /// Ask for leave, see one's own.
    AskLeave,
    /// Decide on leave, name covers, keep duty tables.
    ManageDuty,
    /// See duty tables, and which cells are without a present A or B.
    ReadDuty,
    /// Export accounts, with whole telephone numbers.
    ExportCustomers,
    /// Take in orders.
    IntakeOrders,
    /// See orders, their traces, routing and photos.
    ReadOrders,
    /// Take, decline, hand over an order.
    ActOnOrders,
    /// Export traces, which hold contact and address whole: their digest is signed.
    ExportTraces,
    /// Send a journal and photos, read the feed: only from an enrolled handheld.
    Sync,
}

impl Permission {
    /// Whether `role` has it.
    #[must_use]
    pub const fn allowed_to(self, role: Role) -> bool {
        use Role::{Administrator, Center, Manager, Station};
        match self {
            Self::OwnAccount => true,
            Self::ReadPeople => matches!(role, Station | Center | Administrator),
            Self::ManagePeople | Self::ReadAudit => matches!(role, Administrator),
            Self::ManageHandhelds => matches!(role, Station | Administrator),
            Self::ReadTerritory => matches!(role, Manager | Station | Center | Administrator),
            Self::ManageTerritory => matches!(role, Station | Administrator),
            Self::AskLeave => matches!(role, Manager | Station),
            Self::ManageDuty => matches!(role, Station),
            Self::ReadDuty => matches!(role, Manager | Station | Center),
            Self::IntakeOrders => matches!(role, Station | Center),
            Self::ReadOrders => matches!(role, Manager | Station | Center),
            Self::ActOnOrders => matches!(role, Manager | Station),
            Self::ExportTraces | Self::ExportCustomers => matches!(role, Station),
            Self::Sync => matches!(role, Manager),
        }
    }
}
