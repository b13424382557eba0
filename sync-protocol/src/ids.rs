//! Identities. Each thing has its own type, so that an order's id can never be passed
//! where a person's is meant.
//!
//! All are UUIDs: made where the thing is made (version 7 by the server and the handheld,
//! from a clock and randomness that the caller passes in), compared and ordered as bytes,
//! and written as 16 bytes on the wire, as hyphenated text in JSON.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use utoipa::ToSchema;
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        #[schema(value_type = String, format = "uuid")]
        pub struct $name(pub Uuid);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl From<Uuid> for $name {
            fn from(value: Uuid) -> Self {
                Self(value)
            }
        }
        impl From<$name> for Uuid {
            fn from(value: $name) -> Self {
                value.0
            }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id! {
    /// One order: a fault report, later a complaint, a connection.
    OrderId
}
id! {
    /// One person: manager, station staff, center staff, administrator.
    PersonId
}
id! {
    /// One unit of the organisation tree: center, station, crew or service team.
    OrgId
}
id! {
    /// One grid cell. The same cell keeps its id through its versions.
    CellId
}
id! {
    /// One station area: what one distribution transformer supplies (DOMAIN 2.1).
    StationAreaId
}
id! {
    /// One feeder: a 10 kV line that supplies station areas (DOMAIN 2.1).
    FeederId
}
id! {
    /// One customer account (the account number itself is text, DOMAIN 2.3).
    CustomerId
}
id! {
    /// One journal: one installation of the handheld, or the server's own part of one
    /// order's trace. A journal has one writer and one key (I4).
    JournalId
}
id! {
    /// One life of the server's database. A database restored from a backup gets a new
    /// one, so that handhelds know to offer again what they still hold (I3).
    Epoch
}
