//! Proposing A and B for many cells, and storing what was agreed on.

use super::{allow, beside, no_territory};
use crate::{
    app::App,
    edge::{Json, Problem, ProblemDocument},
    people::{
        Caller, Permission,
        audit::{self, Outcome, Who},
        caller::act,
        rows::person,
    },
    territory::{
        assign::Wish,
        pairing::{
            CellToPair, LockedWithoutPair, MOST_CELLS, MOST_MANAGERS, ManagerToPair, Pairing,
            limits::PairingLimits, look,
        },
        preview::{Known, WeightBy, weights},
        refresh,
        store::{self, StoredTerritory},
    },
};
use actix_web::{post, web};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::{CellId, OrgId, PersonId},
    position::{Metres, Wgs84},
    time::UnixMillis,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::ToSchema;

/// What holds for one manager.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WithLimits {
    /// Who.
    pub person: PersonId,
    /// In how many cells he may be A; absent: as many as anybody. 0 leaves him out.
    pub most_as_a: Option<u32>,
    /// In how many cells he may be B; absent: as many as anybody.
    pub most_as_b: Option<u32>,
    /// Cells that are not for him, because he has not learned what they need.
    #[serde(default)]
    pub not_for: Vec<CellId>,
}

/// What is wished of pairs.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PairingWish {
    /// What is evened out; absent: customers.
    #[serde(default)]
    pub weight: WeightBy,
    /// What one equal share of load costs, metres of way; absent: as the limits say.
    pub even_m: Option<f64>,
    /// In how many cells anybody may be A; absent: as the limits say.
    pub most_as_a: Option<u32>,
    /// In how many cells anybody may be B; absent: as the limits say.
    pub most_as_b: Option<u32>,
    /// What holds for single managers.
    #[serde(default)]
    pub managers: Vec<WithLimits>,
    /// Cells whose present pair stays.
    #[serde(default)]
    pub locked: Vec<CellId>,
}

/// A proposal; nothing is stored by it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PairingDone {
    /// What the proposal is based on: give it back when accepting.
    #[schema(value_type = String)]
    pub of: Digest,
    /// The version of the territory.
    pub territory_version: i64,
    /// The edition of the limits.
    pub limits_version: u32,
    /// The proposal.
    #[serde(flatten)]
    pub pairing: Pairing,
}

/// What a proposal is made of, all of one moment.
struct Seen {
    of: Digest,
    held: StoredTerritory,
    known: Known,
    managers: Vec<person::Model>,
}

impl Seen {
    async fn read(app: &App, station: OrgId, now: UnixMillis) -> Result<Self, Problem> {
        app.store
            .snapshot(move |tx| {
                Box::pin(async move {
                    let held = store::territory(tx, station, now)
                        .await?
                        .ok_or_else(no_territory)?;
                    Ok(Self {
                        of: store::roles_mark(tx, station, now).await?,
                        known: store::known(tx, station, &held.cells, now).await?,
                        managers: store::station_managers(tx, station).await?,
                        held,
                    })
                })
            })
            .await
    }
}

/// Proposes who could be A and B in the cells of a station: short ways from the bases, even
/// loads, B from a neighbouring cell, as few different pairs as possible. Nothing is stored.
#[utoipa::path(
    operation_id = "propose_pairs",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station")),
    request_body = PairingWish,
    responses(
        (status = 200, description = "The proposal beside what is", body = PairingDone),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[post("/stations/{id}/pairs/propose")]
pub(super) async fn propose_pairs(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    wish: Json<PairingWish>,
) -> Result<web::Json<PairingDone>, Problem> {
    let station = *station;
    allow(&caller, Permission::ManageTerritory, station)?;
    let Json(wish) = wish;
    let Seen {
        of,
        held,
        known,
        managers: rows,
    } = Seen::read(&app, station, caller.now).await?;
    let limits = PairingLimits::in_force(caller.now);
    let managers = managers(rows, &wish, limits)?;
    check_sizes(held.cells.len(), managers.len())?;
    let even_m = even(&wish, limits)?;
    let locked = locked(&held, &wish)?;
    audit::record_reading(&app, &caller, "pairs.proposed", station).await?;
    let territory_version = held.version;
    let pairing = beside(move || {
        let cells = cells(&held, &known, wish.weight, &locked);
        Ok(look(&cells, &managers, even_m)?)
    })
    .await?;
    Ok(web::Json(PairingDone {
        of,
        territory_version,
        limits_version: limits.version,
        pairing,
    }))
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(Code::RequestInvalid, detail.into())
}

fn check_sizes(cells: usize, managers: usize) -> Result<(), Problem> {
    if cells > MOST_CELLS || managers > MOST_MANAGERS {
        let detail = format!("At most {MOST_CELLS} cells and {MOST_MANAGERS} managers at once.");
        return Err(invalid(detail));
    }
    Ok(())
}

fn even(wish: &PairingWish, limits: &PairingLimits) -> Result<Metres, Problem> {
    match wish.even_m {
        None => Ok(limits.even_m),
        Some(metres) if (0.0..=1_000_000.0).contains(&metres) => Ok(Metres(metres)),
        Some(_) => Err(invalid("even_m is 0 to 1000000 metres.")),
    }
}

/// The managers of the station with what the wish says of them.
fn managers(
    rows: Vec<person::Model>,
    wish: &PairingWish,
    limits: &PairingLimits,
) -> Result<Vec<ManagerToPair>, Problem> {
    let mut own: BTreeMap<PersonId, &WithLimits> = BTreeMap::new();
    for one in &wish.managers {
        if !rows.iter().any(|row| row.id == one.person.0) {
            let detail = format!("{} is no active manager of this station.", one.person);
            return Err(invalid(detail));
        }
        if own.insert(one.person, one).is_some() {
            return Err(invalid(format!("{} stands twice.", one.person)));
        }
    }
    let most_as_a = wish.most_as_a.unwrap_or(limits.most_as_a);
    let most_as_b = wish.most_as_b.unwrap_or(limits.most_as_b);
    let managers = rows.into_iter().map(|row| {
        let own = own.get(&PersonId(row.id));
        let base = row.base_lon.zip(row.base_lat);
        ManagerToPair {
            person: PersonId(row.id),
            name: row.name,
            base: base.and_then(|(lon, lat)| Wgs84::new(lon, lat).ok()),
            most_as_a: own.and_then(|own| own.most_as_a).unwrap_or(most_as_a),
            most_as_b: own.and_then(|own| own.most_as_b).unwrap_or(most_as_b),
            not_for: own.map(|own| own.not_for.clone()).unwrap_or_default(),
        }
    });
    Ok(managers.collect())
}

fn locked(held: &StoredTerritory, wish: &PairingWish) -> Result<BTreeSet<CellId>, Problem> {
    let present: BTreeSet<CellId> = held.cells.iter().map(|cell| cell.id).collect();
    let named = wish.managers.iter().flat_map(|one| &one.not_for);
    if let Some(cell) = wish
        .locked
        .iter()
        .chain(named)
        .find(|id| !present.contains(id))
    {
        return Err(invalid(format!("The station has no cell {cell} now.")));
    }
    Ok(wish.locked.iter().copied().collect())
}

fn cells<'a>(
    held: &'a StoredTerritory,
    known: &Known,
    by: WeightBy,
    locked: &BTreeSet<CellId>,
) -> Vec<CellToPair<'a>> {
    let weights = weights(&held.content, by, known);
    let mut areas: BTreeMap<&str, Vec<_>> = BTreeMap::new();
    for (area, weight) in held.content.station_areas.iter().zip(weights) {
        if let Some(cell) = area.cell.as_deref() {
            areas.entry(cell).or_default().push((area, weight));
        }
    }
    let cells = held.cells.iter().zip(&held.content.cells);
    cells
        .map(|(cell, content)| CellToPair {
            id: cell.id,
            code: &cell.code,
            name: &cell.name,
            outline: &content.outline,
            areas: areas.remove(cell.code.as_str()).unwrap_or_default(),
            present: [&cell.role_a, &cell.role_b].map(|who| who.as_ref().map(|who| who.person)),
            locked: locked.contains(&cell.id),
        })
        .collect()
}

impl From<LockedWithoutPair> for Problem {
    fn from(error: LockedWithoutPair) -> Self {
        Self::new(Code::RequestInvalid, format!("{error}."))
    }
}

/// A pair for a cell.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PairWish {
    /// The cell.
    pub cell: CellId,
    /// Its A; absent: as it is.
    pub role_a: Option<PersonId>,
    /// Its B; absent: as it is.
    pub role_b: Option<PersonId>,
}

/// Pairs that were agreed on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PairsToAccept {
    /// What the proposal was based on.
    #[schema(value_type = String)]
    pub of: Digest,
    /// From when, milliseconds since 1970; absent: from now on.
    pub from: Option<UnixMillis>,
    /// The pairs, as proposed or otherwise; each cell once.
    pub pairs: Vec<PairWish>,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PairsAccepted {
    /// In how many cells A or B is or will be another.
    pub changed: usize,
    /// What is so now: the base of the next change.
    #[schema(value_type = String)]
    pub of: Digest,
}

/// Makes pairs A and B of their cells, all of them or none. Refused when anything has changed
/// since the proposal was made.
#[utoipa::path(
    operation_id = "accept_pairs",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station")),
    request_body = PairsToAccept,
    responses(
        (status = 200, description = "Done", body = PairsAccepted),
        (status = "4XX", description = "conflict, not_found, request.invalid, \
            territory.roles_invalid; nothing was changed", body = ProblemDocument),
    )
)]
#[post("/stations/{id}/pairs/accept")]
pub(super) async fn accept_pairs(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    body: Json<PairsToAccept, { 1024 * 1024 }>,
) -> Result<web::Json<PairsAccepted>, Problem> {
    let station = *station;
    allow(&caller, Permission::ManageTerritory, station)?;
    let Json(PairsToAccept { of, from, pairs }) = body;
    check_sizes(pairs.len(), 0)?;
    let once: BTreeSet<CellId> = pairs.iter().map(|pair| pair.cell).collect();
    if once.len() != pairs.len() {
        return Err(invalid("A cell stands twice."));
    }
    let pairs = pairs.into_iter().map(|pair| {
        let (a, b) = (pair.role_a, pair.role_b);
        (pair.cell, Wish { a, b, from })
    });
    let pairs: Vec<_> = pairs.collect();
    let changed = act(&app, &caller, move |tx, app, caller| {
        Box::pin(async move {
            let author = caller.person;
            let changed = store::set_pairs(tx, app, station, of, pairs, author).await?;
            let who = Who::from(caller);
            audit::record(tx, app, who, "pairs.accepted", station, Outcome::Done).await?;
            Ok(changed)
        })
    })
    .await?;
    refresh::refresh_after_change(&app).await;
    let of = store::roles_mark(app.store.read(), station, app.now()).await?;
    Ok(web::Json(PairsAccepted { changed, of }))
}
