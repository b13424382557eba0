//! Editing cells: first a look, then for good, now or from a later day.

use super::{
    Stored, allow, beside, no_territory, store_or_plan, text,
    wishes::{EditWish, read_all},
};
use crate::{
    app::App,
    edge::{Json, Problem, ProblemDocument},
    people::{Caller, Permission},
    territory::{
        changes::{ChangeKind, Changes},
        content::Content,
        edit::{EditError, Edited, apply},
        preview::{EditPreview, Known, of_edits},
        store::{self, How, Planned, Proposal, StoredTerritory},
    },
};
use actix_web::{post, web};
use gridcrew_sync_protocol::{code::Code, ids::OrgId, time::UnixMillis};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// Most bytes of edits: outlines have up to 5,000 points each.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// Whether and from when.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
pub struct Acceptance {
    /// Whether to store it; else this is only a look, and nothing is written.
    #[serde(default)]
    pub accept: bool,
    /// The version that was looked at. Needed to accept: when another has come meanwhile, the
    /// problem says which, by whom, when, why, and which cells it changed.
    pub of_version: Option<i64>,
    /// From when it counts, milliseconds since 1970; absent: from now on. One that lies in the
    /// future is planned and comes into force at that moment.
    pub effective_from: Option<UnixMillis>,
    /// Why, up to 500 characters. Needed to accept.
    pub reason: Option<String>,
}

/// Edits of the present territory.
#[derive(Debug, Deserialize, ToSchema)]
pub struct EditsWish {
    /// What is to be done, one after the other: 1 to 50.
    pub edits: Vec<EditWish>,
    /// What the coordinates of outlines and lines refer to: WGS-84, GCJ-02, BD-09 or CGCS2000;
    /// absent when each says it itself in a member `datum`.
    pub datum: Option<String>,
    /// Whether and from when.
    #[serde(flatten)]
    pub acceptance: Acceptance,
}

/// Edits, looked at or stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct EditsDone {
    /// The version that they were made from.
    pub of_version: i64,
    /// The version that was stored; absent when this was only a look or is planned.
    pub version: Option<i64>,
    /// The plan, when it comes into force later.
    pub plan: Option<Uuid>,
    /// What the territory would look like.
    #[serde(flatten)]
    pub preview: EditPreview,
}

/// Edits cells: draw one, move a border, split one, merge some, move station areas between
/// two, rename. Tells what would move; stores it when told to, now or from a later day.
#[utoipa::path(
    operation_id = "edit_territory",
    tag = "territory",
    params(("id" = OrgId, Path, description = "The station")),
    request_body = EditsWish,
    responses(
        (status = 200, description = "What comes of it", body = EditsDone),
        (status = "4XX", description = "A problem; nothing was changed", body = ProblemDocument),
    )
)]
#[post("/stations/{id}/territory/edits")]
pub(super) async fn edit_territory(
    app: web::Data<App>,
    caller: Caller,
    station: web::Path<OrgId>,
    wish: Json<EditsWish, MAX_BYTES>,
) -> Result<web::Json<EditsDone>, Problem> {
    let station = *station;
    allow(&caller, Permission::ManageTerritory, station)?;
    let Json(wish) = wish;
    let acceptance = wish.acceptance.checked()?;
    let ground = Ground::read(&app, &caller, station, acceptance.of_version).await?;
    let again = serde_json::to_string(&Again {
        datum: wish.datum.clone(),
        edits: wish.edits.clone(),
    });
    let again = again.map_err(Problem::internal)?;
    let worked = beside(move || work_out(ground, &wish.edits, wish.datum.as_deref())).await?;
    finish(&app, caller, station, worked, acceptance, again).await
}

/// The edits of a plan, as they were sent, so that they can be done again on another version.
#[derive(Serialize, Deserialize)]
pub(super) struct Again {
    pub(super) datum: Option<String>,
    pub(super) edits: Vec<EditWish>,
}

impl Acceptance {
    /// With what accepting needs.
    pub(super) fn checked(&self) -> Result<Self, Problem> {
        let reason = match &self.reason {
            Some(reason) => Some(text("reason", reason, 1, 500)?),
            None => None,
        };
        if self.accept && (self.of_version.is_none() || reason.is_none()) {
            let detail =
                "To accept, give of_version (the version that was looked at) and a reason.";
            return Err(Problem::new(Code::RequestInvalid, detail));
        }
        Ok(Self {
            reason,
            ..self.clone()
        })
    }
}

/// The territory as it is, with what is known beside it.
pub(super) struct Ground {
    pub(super) held: StoredTerritory,
    pub(super) known: Known,
}

impl Ground {
    /// Reads it, all of one moment; refused when it is not the version that was looked at, if
    /// one was.
    pub(super) async fn read(
        app: &App,
        caller: &Caller,
        station: OrgId,
        seen: Option<i64>,
    ) -> Result<Self, Problem> {
        let now = caller.now;
        app.store
            .snapshot(move |tx| {
                Box::pin(async move {
                    let held = store::territory(tx, station, now)
                        .await?
                        .ok_or_else(no_territory)?;
                    if let Some(seen) = seen.filter(|seen| *seen != held.version) {
                        return Err(store::what_came(tx, station, seen, held.version).await?);
                    }
                    let known = store::known(tx, station, &held.cells, now).await?;
                    Ok(Self { held, known })
                })
            })
            .await
    }
}

/// What was worked out and how it came about.
pub(super) struct Worked {
    pub(super) base: i64,
    pub(super) before: Content,
    pub(super) edited: Edited,
    pub(super) known: Known,
    pub(super) how: How,
}

pub(super) fn work_out(
    ground: Ground,
    edits: &[EditWish],
    datum: Option<&str>,
) -> Result<Worked, Problem> {
    let edits = read_all(edits, datum)?;
    let before = ground.held.content;
    let edited =
        apply(before.clone(), &edits).map_err(|(number, error)| refused(number, &error))?;
    let how = How {
        kind: ChangeKind::Edit,
        said: edited.said.clone(),
        heirs: edited.heirs.clone(),
        ..How::default()
    };
    Ok(Worked {
        base: ground.held.version,
        before,
        edited,
        known: ground.known,
        how,
    })
}

fn refused(number: usize, error: &EditError) -> Problem {
    match error.code() {
        Code::Internal => Problem::internal(error),
        code => Problem::new(code, format!("Edit {number}: {error}.")),
    }
}

/// Tells what would come of it, and stores or plans it when told to.
pub(super) async fn finish(
    app: &App,
    caller: Caller,
    station: OrgId,
    worked: Worked,
    acceptance: Acceptance,
    again: String,
) -> Result<web::Json<EditsDone>, Problem> {
    let base = worked.base;
    let planned = Planned {
        proposal: Proposal {
            station,
            base,
            content: worked.edited.content.clone(),
            effective_from: acceptance.effective_from.unwrap_or(caller.now),
            author: caller.person,
            reason: acceptance.reason.clone().unwrap_or_default(),
        },
        how: worked.how.clone(),
        edits: again,
    };
    let (preview, planned) = look(app, worked, planned).await?;
    let (version, plan) = if acceptance.accept {
        match store_or_plan(app, caller, planned).await? {
            Stored::Version(accepted) => (Some(accepted.version), None),
            Stored::Plan(plan) => (None, Some(plan)),
        }
    } else {
        (None, None)
    };
    Ok(web::Json(EditsDone {
        of_version: base,
        version,
        plan,
        preview,
    }))
}

/// The preview, by the cells that are stored now; nothing is written.
pub(super) async fn look(
    app: &App,
    worked: Worked,
    planned: Planned,
) -> Result<(EditPreview, Planned), Problem> {
    let (state, asked) = (app.clone(), planned.clone());
    let changes: Changes = app
        .store
        .snapshot(move |tx| {
            Box::pin(async move {
                let Planned { proposal, how, .. } = asked;
                store::would_change(tx, &state, proposal.station, &proposal.content, &how).await
            })
        })
        .await?;
    let preview = beside(move || {
        let Worked {
            before,
            edited,
            known,
            how,
            ..
        } = worked;
        let told = (edited.said, &how.heirs);
        Ok(of_edits(
            &before,
            &edited.content,
            &changes,
            told,
            &edited.remarks,
            &known,
        ))
    });
    Ok((preview.await?, planned))
}
