//! The person himself, and whom he can hand an order over to.

use gridcrew_sync_protocol::feed;

/// The person himself.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Me {
    /// His id.
    pub person: String,
    /// His name.
    pub name: String,
    /// His station.
    pub station: String,
    /// The station's name.
    pub station_name: String,
    /// People of the same station, to whom an order can be handed over.
    pub colleagues: Vec<Colleague>,
}

/// A person of the same station.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Colleague {
    /// His id.
    pub person: String,
    /// His name.
    pub name: String,
}

impl From<feed::Me> for Me {
    fn from(me: feed::Me) -> Self {
        let colleagues = me.colleagues.into_iter();
        Self {
            person: me.person.to_string(),
            name: me.name,
            station: me.station.to_string(),
            station_name: me.station_name,
            colleagues: colleagues
                .map(|colleague| Colleague {
                    person: colleague.person.to_string(),
                    name: colleague.name,
                })
                .collect(),
        }
    }
}
