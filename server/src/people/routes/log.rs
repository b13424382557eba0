//! Reading the audit log. Reading it is recorded, too.

use crate::{
    app::App,
    edge::{Problem, ProblemDocument},
    people::{
        Caller, Permission,
        audit::record_reading,
        field,
        page::{Page, rows_to_read},
        rows::{audit_log, org_unit, person},
    },
};
use actix_web::{
    get,
    web::{self, Data, Json},
};
use gridcrew_sync_protocol::{
    ids::{OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait,
    sea_query::Expr,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// One line of the audit log.
#[derive(Debug, Serialize, ToSchema)]
pub struct LogLine {
    /// Its id.
    pub id: Uuid,
    /// When.
    pub at: UnixMillis,
    /// Who, if known.
    pub person: Option<PersonId>,
    /// His station.
    pub station: Option<OrgId>,
    /// What, such as `person.changed`.
    pub action: String,
    /// To what or whom.
    pub subject: String,
    /// `done`, or the code of the refusal.
    pub outcome: String,
}

impl From<audit_log::Model> for LogLine {
    fn from(row: audit_log::Model) -> Self {
        Self {
            id: row.id,
            at: UnixMillis(row.at),
            person: row.person_id.map(PersonId),
            station: row.station_id.map(OrgId),
            action: row.action,
            subject: row.subject,
            outcome: row.outcome,
        }
    }
}

/// Which lines.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct LogQuery {
    /// Only what this person did.
    person: Option<Uuid>,
    /// Only this action.
    action: Option<String>,
    /// Only lines older than this one, as the page before said.
    after: Option<Uuid>,
    /// How many, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u64>,
}

/// Whether there is no unit above the caller's.
async fn is_at_the_top(app: &App, caller: &Caller) -> Result<bool, Problem> {
    let unit = org_unit::Entity::find_by_id(caller.org.0)
        .filter(org_unit::Column::ParentId.is_null())
        .one(app.store.read())
        .await?;
    Ok(unit.is_some())
}

/// Who saw and did what in your units, newest first.
///
/// What strangers tried in vain, such as logins and enrolment codes that do not exist, is
/// in no unit: an administrator of the topmost one sees it.
#[utoipa::path(
    operation_id = "read_audit",
    tag = "people",
    params(LogQuery),
    responses(
        (status = 200, description = "Lines of the log", body = Page<LogLine>),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
#[get("/audit")]
pub(super) async fn read_audit(
    app: Data<App>,
    caller: Caller,
    query: web::Query<LogQuery>,
) -> Result<Json<Page<LogLine>>, Problem> {
    use audit_log::Column;
    caller.may(Permission::ReadAudit)?;
    let read = rows_to_read(query.limit)?;
    let people = person::Entity::find()
        .select_only()
        .column(person::Column::Id)
        .filter(caller.scope.people())
        .into_query();
    let mut in_scope = Condition::any()
        .add(caller.scope.of_stations("audit_log"))
        .add(Column::PersonId.in_subquery(people));
    if is_at_the_top(&app, &caller).await? {
        let nobodys = Condition::all()
            .add(Column::PersonId.is_null())
            .add(Column::StationId.is_null());
        in_scope = in_scope.add(nobodys);
    }
    let action = query.action.as_deref();
    let unfindable = action.is_some_and(|action| !field::is_findable(action));
    let condition = Condition::all()
        .add(in_scope)
        .add_option(unfindable.then(|| Expr::cust("1 = 0")))
        .add_option(query.person.map(|id| Column::PersonId.eq(id)))
        .add_option(
            query
                .action
                .as_ref()
                .filter(|_| !unfindable)
                .map(|action| Column::Action.eq(action)),
        )
        .add_option(query.after.map(|after| Column::Id.lt(after)));
    let rows = audit_log::Entity::find()
        .filter(condition)
        .order_by_desc(Column::Id)
        .limit(read)
        .all(app.store.read())
        .await?;
    record_reading(&app, &caller, "audit.read", "audit").await?;
    Ok(Json(Page::of(rows, read, |row| row.id)))
}
