//! What people wish of a split, in their words, and what the rules make of it.

use crate::territory::{
    content::Content,
    shape::Shape,
    split::{Barrier, LockedCell, Size, SplitArea, SplitError, Wish},
};
use gridcrew_sync_protocol::{code::Code, ids::PersonId, position::Wgs84};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use utoipa::ToSchema;

/// What a station area weighs.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
pub enum WeightBy {
    /// Its customers.
    #[default]
    Customers,
    /// Its orders of the last year.
    Orders,
    /// Half its customers, half its orders, both as shares of the whole station.
    Mix,
}

/// What people wish.
#[derive(Clone, Debug)]
pub struct SplitWishes {
    /// Into how many cells, or how heavy the heaviest may be.
    pub size: Size,
    /// What is evened out.
    pub weight: WeightBy,
    /// Whether the station areas of one feeder stay together.
    pub feeders_together: bool,
    /// Codes of station areas that stay together: a village, a service team's.
    pub together: Vec<Vec<String>>,
    /// Codes of cells that stay as they are.
    pub locked: Vec<String>,
    /// Lines that are hard to cross.
    pub barriers: Vec<Barrier>,
    /// The same seed gives the same cells.
    pub seed: u64,
}

/// What is known of a station area's orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// Accepted within the last year.
    pub orders: u32,
    /// Not yet finished.
    pub open: u32,
}

/// A manager and where he sets out from.
#[derive(Clone, Debug, PartialEq)]
pub struct ManagerAt {
    /// Who.
    pub person: PersonId,
    /// His name.
    pub name: String,
    /// His base, if it is known.
    pub base: Option<Wgs84>,
}

/// What is known beside the territory.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The ground of station areas by their code, where it is known.
    pub outlines: HashMap<String, Shape>,
    /// Their orders by their code.
    pub workloads: HashMap<String, Workload>,
    /// A and B of the present cells by their code.
    pub managers: BTreeMap<String, [Option<ManagerAt>; 2]>,
}

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// The wishes name a cell that there is not.
    #[error("there is no cell {0}, so it cannot stay as it is; name one of the present cells")]
    UnknownCell(String),
    /// The wishes name a station area that there is not.
    #[error("there is no station area {0}, so it cannot stay with others; name one of the present")]
    UnknownArea(String),
    /// The territory cannot be split so.
    #[error("{0}")]
    Split(SplitError),
    /// The territory cannot be split so, because of one station area.
    #[error("{error} (it is station area {code})")]
    Area {
        /// Its code.
        code: String,
        /// Why.
        error: SplitError,
    },
    /// Cells that do not tile: a fault of the program.
    #[error("the cells of a split do not tile their territory")]
    NotTiled,
}

impl LookError {
    /// The stable code.
    #[must_use]
    pub const fn code(&self) -> Code {
        match self {
            Self::UnknownCell(_) | Self::UnknownArea(_) => Code::RequestInvalid,
            Self::Split(error) | Self::Area { error, .. } => error.code(),
            Self::NotTiled => Code::Internal,
        }
    }
}

impl LookError {
    /// Why a territory cannot be split, with the code of the station area where it is one.
    pub(super) fn of(error: SplitError, content: &Content) -> Self {
        let area = match &error {
            SplitError::AreaOutside { area, .. } | SplitError::NoGround { area, .. } => Some(*area),
            _ => None,
        };
        match area.and_then(|area| content.station_areas.get(area)) {
            Some(area) => Self::Area {
                code: area.code.clone(),
                error,
            },
            None => Self::Split(error),
        }
    }
}

/// The wishes in the words of the rules.
pub(super) struct Wanted {
    areas: Vec<SplitArea>,
    pub(super) together: Vec<Vec<usize>>,
    locked: Vec<LockedCell>,
}

impl Wanted {
    pub(super) fn wish<'a>(&'a self, content: &'a Content, wishes: &'a SplitWishes) -> Wish<'a> {
        Wish {
            boundary: &content.boundary,
            areas: &self.areas,
            together: &self.together,
            locked: &self.locked,
            barriers: &wishes.barriers,
            size: wishes.size,
            seed: wishes.seed,
        }
    }
}

/// Looks up what the wishes name.
pub(super) fn resolve(
    content: &Content,
    wishes: &SplitWishes,
    known: &Known,
) -> Result<Wanted, LookError> {
    let weights = weights(content, wishes.weight, known);
    let areas = content.station_areas.iter().zip(weights);
    let areas = areas.map(|(area, weight)| SplitArea {
        at: area.position,
        outline: known.outlines.get(&area.code).cloned(),
        weight,
    });
    let mut places: HashMap<&str, usize> = HashMap::new();
    let mut feeders: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut members: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, area) in content.station_areas.iter().enumerate() {
        places.insert(&area.code, place);
        if let Some(feeder) = area.feeder.as_deref() {
            feeders.entry(feeder).or_default().push(place);
        }
        if let Some(cell) = area.cell.as_deref() {
            members.entry(cell).or_default().push(place);
        }
    }
    let mut together = Vec::new();
    for group in &wishes.together {
        let found = group.iter().map(|code| {
            let place = places.get(code.as_str()).copied();
            place.ok_or_else(|| LookError::UnknownArea(code.clone()))
        });
        together.push(found.collect::<Result<_, _>>()?);
    }
    if wishes.feeders_together {
        together.extend(feeders.into_values());
    }
    let mut locked = Vec::new();
    for code in &wishes.locked {
        let cell = content.cells.iter().find(|cell| cell.code == *code);
        let cell = cell.ok_or_else(|| LookError::UnknownCell(code.clone()))?;
        if let Some(areas) = members.remove(code.as_str()) {
            let shape = cell.outline.clone();
            locked.push(LockedCell { shape, areas });
        }
    }
    Ok(Wanted {
        areas: areas.collect(),
        together,
        locked,
    })
}

/// What each station area weighs. A mix counts in customers: the orders of the station are
/// worth as much as all its customers.
pub(in crate::territory) fn weights(content: &Content, by: WeightBy, known: &Known) -> Vec<u64> {
    let areas = content.station_areas.iter();
    let both: Vec<(u64, u64)> = areas
        .map(|area| {
            let orders = known
                .workloads
                .get(&area.code)
                .map_or(0, |load| load.orders);
            (u64::from(area.customers), u64::from(orders))
        })
        .collect();
    let customers: u64 = both.iter().map(|both| both.0).sum();
    let orders: u64 = both.iter().map(|both| both.1).sum();
    let weight = |(own, of_orders): (u64, u64)| match by {
        WeightBy::Customers => own,
        WeightBy::Orders => of_orders,
        WeightBy::Mix => {
            let share = u128::from(of_orders) * u128::from(customers) / u128::from(orders.max(1));
            let mixed = (u128::from(own) + share).div_ceil(2);
            u64::try_from(mixed).unwrap_or(u64::MAX)
        }
    };
    both.into_iter().map(weight).collect()
}
