//! Splitting a territory into cells: first a look, then for good.

use super::{Stored, allow, beside, edits::Ground, store_or_plan, text};
use crate::{
    app::App,
    edge::{Json, Problem, ProblemDocument},
    people::{Caller, Permission},
    territory::{
        changes::ChangeKind,
        import,
        preview::{LookError, Preview, SplitWishes, WeightBy, look},
        problem::Problems,
        split::{Barrier, Size},
        store::{How, Planned, Proposal},
    },
};
use actix_web::{get, post, web};
use gridcrew_sync_protocol::{code::Code, ids::OrgId, time::UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

/// Most bytes of a wish: barriers may have many points.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// How to split. Either `cells` or `largest_weight` is given.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitWish {
    /// Into how many cells, the locked ones counted.
    pub cells: Option<u16>,
    /// Into as many cells as it takes so that none weighs more than this.
    pub largest_weight: Option<u64>,
    /// What is evened out; absent: customers.
    #[serde(default)]
    pub weight: WeightBy,
    /// Whether the station areas of one feeder stay together.
    #[serde(default)]
    pub feeders_together: bool,
    /// Lists of codes of station areas that stay together: a village, a service team's.
    #[serde(default)]
    pub together: Vec<Vec<String>>,
    /// Codes of present cells that stay as they are.
    #[serde(default)]
    pub locked: Vec<String>,
    /// Rivers, expressways: a GeoJSON FeatureCollection of LineStrings with the property
    /// `crossing` (`costly` or `forbidden`) and, in a member `datum`, what its coordinates
    /// refer to.
    #[schema(value_type = Option<Object>)]
    pub barriers: Option<Value>,
    /// The same seed gives the same cells; another gives others about as good.
    #[serde(default)]
    pub seed: u64,
    /// Whether to store the cells; else this is only a look.
    #[serde(default)]
    pub accept: bool,
    /// The version that was looked at: refused when another has come meanwhile.
    pub of_version: Option<i64>,
    /// From when the cells count, milliseconds since 1970; absent: from now on. A later moment
    /// is planned.
    pub effective_from: Option<UnixMillis>,
    /// Why, up to 500 characters; absent: that it was split.
    pub reason: Option<String>,
}

/// A split, looked at or stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct SplitDone {
    /// The version that it was made from.
    pub of_version: i64,
    /// The version that was stored; absent when this was only a look or is planned.
    pub version: Option<i64>,
    /// The plan, when they count from later.
    pub plan: Option<Uuid>,
    /// The cells, their figures, and what they move.
    #[serde(flatten)]
    pub preview: Preview,
}

/// Splits a territory into cells of about equal weight, and stores them when told to. The
/// cells take the place of the present ones.
#[utoipa::path(
    operation_id = "split_territory",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station")),
    request_body = SplitWish,
    responses(
        (status = 200, description = "The cells", body = SplitDone),
        (status = "4XX", description = "A problem; nothing was changed", body = ProblemDocument),
    )
)]
#[post("/stations/{id}/territory/split")]
pub(super) async fn split_territory(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    wish: Json<SplitWish, MAX_BYTES>,
) -> Result<web::Json<SplitDone>, Problem> {
    let station = *station;
    allow(&caller, Permission::ManageTerritory, station)?;
    let Json(wish) = wish;
    let size = size(&wish)?;
    let reason = match (&wish.reason, size) {
        (Some(reason), _) => text("reason", reason, 1, 500)?,
        (None, Size::Cells(cells)) => format!("split into {cells} cells, seed {}", wish.seed),
        (None, Size::LargestWeight(largest)) => {
            format!(
                "split so that none weighs more than {largest}, seed {}",
                wish.seed
            )
        }
    };
    let Ground { held, known } = Ground::read(&app, &caller, station, wish.of_version).await?;
    let base = held.version;
    let (store, from) = (wish.accept, wish.effective_from.unwrap_or(caller.now));
    let making = app.splits.begin(station);
    let (content, preview) = beside(move || {
        let wishes = wishes(wish, size)?;
        let told = |share| making.tell(share);
        let (content, preview) = look(held.content, &wishes, &known, &told)?;
        content.check_sizes().map_err(Problems::from)?;
        Ok((content, preview))
    })
    .await?;
    let (mut version, mut plan) = (None, None);
    if store {
        let proposal = Proposal {
            station,
            base,
            content,
            effective_from: from,
            author: caller.person,
            reason,
        };
        let planned = Planned {
            proposal,
            how: How::of(ChangeKind::Split),
            edits: String::new(),
        };
        match store_or_plan(&app, caller, planned).await? {
            Stored::Version(accepted) => version = Some(accepted.version),
            Stored::Plan(id) => plan = Some(id),
        }
    }
    Ok(web::Json(SplitDone {
        of_version: base,
        version,
        plan,
        preview,
    }))
}

/// How far a split is.
#[derive(Debug, Serialize, ToSchema)]
pub struct SplitProgress {
    /// The share of it that is done, 0 to 1; absent when this server process makes none.
    pub done: Option<f64>,
}

/// How far the split of a station's territory is that is being made at this moment, for whoever
/// waits for it. Each server process knows of its own.
#[utoipa::path(
    operation_id = "split_progress",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station")),
    responses(
        (status = 200, description = "The share that is done", body = SplitProgress),
        (status = "4XX", description = "A problem", body = ProblemDocument),
    )
)]
#[get("/stations/{id}/territory/split")]
pub(super) async fn split_progress(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
) -> Result<web::Json<SplitProgress>, Problem> {
    allow(&caller, Permission::ReadTerritory, *station)?;
    let done = app.splits.done(*station);
    Ok(web::Json(SplitProgress { done }))
}

fn size(wish: &SplitWish) -> Result<Size, Problem> {
    match (wish.cells, wish.largest_weight) {
        (Some(cells), None) => Ok(Size::Cells(usize::from(cells))),
        (None, Some(largest)) => Ok(Size::LargestWeight(largest)),
        _ => Err(Problem::new(
            Code::RequestInvalid,
            "Give either cells or largest_weight.",
        )),
    }
}

fn wishes(wish: SplitWish, size: Size) -> Result<SplitWishes, Problem> {
    let barriers: Vec<Barrier> = match &wish.barriers {
        Some(given) => import::barriers(&given.to_string(), None)?.value,
        None => Vec::new(),
    };
    Ok(SplitWishes {
        size,
        weight: wish.weight,
        feeders_together: wish.feeders_together,
        together: wish.together,
        locked: wish.locked,
        barriers,
        seed: wish.seed,
    })
}

impl From<LookError> for Problem {
    fn from(error: LookError) -> Self {
        match error {
            LookError::NotTiled => Self::internal(error),
            _ => Self::new(error.code(), format!("{error}.")),
        }
    }
}
