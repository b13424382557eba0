//! A territory on its way in, whatever it came as: what was read of it is put together with
//! what stays, and stored or only looked at.

use super::{accept, desk::Place};
use crate::{
    app::App,
    edge::Problem,
    people::Caller,
    territory::{
        draft::Remark,
        exchange::Note,
        repair::{Repair, RepairKind},
        store::{Accepted, Proposal, StoredTerritory},
        storing::{self, Taking},
        taking::{Parts, Taken},
    },
};
use gridcrew_sync_protocol::{ids::OrgId, position::Wgs84, time::UnixMillis};
use serde::Serialize;
use utoipa::ToSchema;

/// Most repairs and most remarks that are listed.
const LISTED: usize = 100;

/// Something that was mended.
#[derive(Debug, Serialize, ToSchema)]
pub struct Mended {
    /// `repeat_dropped`, `point_moved` or `point_inserted`.
    pub kind: &'static str,
    /// Where.
    pub at: Wgs84,
    /// How far something moved, metres.
    pub moved_m: f64,
}

impl From<&Repair> for Mended {
    fn from(repair: &Repair) -> Self {
        Self {
            kind: match repair.kind {
                RepairKind::RepeatDropped => "repeat_dropped",
                RepairKind::PointMoved => "point_moved",
                RepairKind::PointInserted => "point_inserted",
            },
            at: repair.at,
            moved_m: repair.moved.0,
        }
    }
}

/// A station area that stands outside its own cell.
#[derive(Debug, Serialize, ToSchema)]
pub struct StandsElsewhere {
    /// Its code.
    pub station_area: String,
    /// The code of its cell.
    pub cell: String,
    /// How far from the cell it stands, metres.
    pub distance_m: f64,
}

impl From<&Remark> for StandsElsewhere {
    fn from(remark: &Remark) -> Self {
        let Remark::StandsElsewhere {
            area,
            cell,
            distance,
        } = remark;
        Self {
            station_area: area.clone(),
            cell: cell.clone(),
            distance_m: distance.0,
        }
    }
}

/// What was taken in.
#[derive(Debug, Serialize, ToSchema)]
pub struct TerritoryImported {
    /// The new version.
    pub version: i64,
    /// How many cells it has.
    pub cells: usize,
    /// How many station areas it has.
    pub station_areas: usize,
    /// How many small flaws were mended.
    pub mended: usize,
    /// The first hundred of them.
    pub repairs: Vec<Mended>,
    /// Allowed but worth a look; the first hundred.
    pub remarks: Vec<StandsElsewhere>,
    /// What is worth saying of how the file was read.
    pub notes: Vec<String>,
}

/// What was read, and how it shall be taken.
pub(super) struct Given {
    pub(super) station: OrgId,
    pub(super) parts: Parts,
    /// What is worth saying of how it was read.
    pub(super) notes: Vec<Note>,
    /// Whether the datum was looked at and is true, where it looks like another.
    pub(super) datum_confirmed: bool,
    /// From when it counts; now when it was not said.
    pub(super) effective_from: Option<UnixMillis>,
    pub(super) reason: String,
    pub(super) taking: Taking,
}

/// Takes in what was given over what is `held`. The place goes with the work, and is kept until
/// it is stored: what was read is in memory until then. When it is only looked at, the version
/// of the answer is the present one.
///
/// # Errors
/// Everything found wrong with it, also what keeps it from being stored.
pub(super) async fn take(
    app: &App,
    caller: Caller,
    place: Place,
    held: Option<StoredTerritory>,
    given: Given,
) -> Result<TerritoryImported, Problem> {
    let Given { station, parts, .. } = given;
    let base = held.as_ref().map_or(0, |held| held.version);
    let around = storing::around(app, station, &parts, given.datum_confirmed).await?;
    let taken = place.work(move || {
        let held = held.as_ref().map(|held| &held.content);
        Ok(parts.take(held, &around)?)
    });
    let (_place, mut taken) = taken.await?;
    taken.notes = given.notes;
    let proposal = Proposal {
        station,
        base,
        content: taken.content.clone(),
        effective_from: given.effective_from.unwrap_or(caller.now),
        author: caller.person,
        reason: given.reason,
    };
    let mut accepted = accept(app, caller, proposal, given.taking).await?;
    if given.taking == Taking::Look {
        accepted.version = base;
    }
    Ok(imported(&accepted, &taken))
}

/// What came of it, for who sent it.
fn imported(accepted: &Accepted, taken: &Taken) -> TerritoryImported {
    let repairs = &taken.repairs;
    let remarks = taken.remarks.iter().take(LISTED);
    TerritoryImported {
        version: accepted.version,
        cells: accepted.cells,
        station_areas: accepted.station_areas,
        mended: repairs.len(),
        repairs: repairs.iter().take(LISTED).map(Mended::from).collect(),
        remarks: remarks.map(StandsElsewhere::from).collect(),
        notes: taken.notes.iter().map(ToString::to_string).collect(),
    }
}
