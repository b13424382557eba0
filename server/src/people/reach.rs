//! Reading the part of the organisation tree that one person's rights rest on: the way up
//! from his unit, and what is below it and below his station. One statement, whatever the
//! depth, and no more rows than he may see plus his way up.

use super::{
    Role,
    scope::Scope,
    tree::{Tree, Unit, UnitKind},
};
use crate::edge::Problem;
use gridcrew_sync_protocol::{
    ids::{OrgId, PersonId},
    time::UnixMillis,
};
use sea_orm::{
    ConnectionTrait, FromQueryResult,
    sea_query::{
        CommonTableExpression, Expr, ExprTrait, Query, SelectStatement, UnionType, WithClause,
        WithQuery,
    },
};
use uuid::Uuid;

#[derive(FromQueryResult)]
struct Row {
    id: Uuid,
    parent_id: Option<Uuid>,
    kind: String,
}

/// Reads the way up from `unit`, and all below it and below its station.
///
/// # Errors
/// Problems of the database; `internal` when a unit is of no known kind.
pub async fn around<C: ConnectionTrait>(conn: &C, unit: OrgId) -> Result<Tree, Problem> {
    let rows = conn.query_all(&statement(unit)).await?;
    rows.iter()
        .map(|row| {
            let row = Row::from_query_result(row, "")?;
            Ok(Unit {
                id: OrgId(row.id),
                parent: row.parent_id.map(OrgId),
                kind: row.kind.parse().map_err(Problem::internal)?,
            })
        })
        .collect()
}

/// What a person with this role and place may see.
#[must_use]
pub fn scope(tree: &Tree, person: PersonId, role: Role, org: OrgId, now: UnixMillis) -> Scope {
    let units = tree.subtree(tree.root_of_reach(role, org));
    let stations = units.iter().filter(|unit| unit.kind == UnitKind::Station);
    let mut stations: Vec<OrgId> = stations.map(|unit| unit.id).collect();
    stations.sort_unstable();
    Scope {
        person,
        role,
        stations: stations.into(),
        units: units.iter().map(|unit| unit.id).collect(),
        now,
    }
}

const COLUMNS: [&str; 3] = ["id", "parent_id", "kind"];

fn statement(unit: OrgId) -> WithQuery {
    let start = select("org_unit")
        .and_where(Expr::col("id").eq(unit.0))
        .take();
    let up = walk("up", start, "id", "parent_id");
    let start = select("up")
        .and_where(
            Expr::col("id")
                .eq(unit.0)
                .or(Expr::col("kind").eq(UnitKind::Station.as_str())),
        )
        .take();
    let down = walk("down", start, "parent_id", "id");
    let both = select("up")
        .union(UnionType::Distinct, select("down"))
        .take();
    WithClause::new()
        .recursive(true)
        .cte(up)
        .cte(down)
        .to_owned()
        .query(both)
}

fn select(table: &'static str) -> SelectStatement {
    Query::select().columns(COLUMNS).from(table).take()
}

/// All units found by going on from `start`, as long as `unit.near = walk.far`.
fn walk(
    name: &'static str,
    start: SelectStatement,
    near: &'static str,
    far: &'static str,
) -> CommonTableExpression {
    let step = Query::select()
        .columns(COLUMNS.map(|column| ("org_unit", column)))
        .from("org_unit")
        .inner_join(name, Expr::col(("org_unit", near)).equals((name, far)))
        .take();
    let mut start = start;
    CommonTableExpression::new()
        .query(start.union(UnionType::Distinct, step).take())
        .columns(COLUMNS)
        .table_name(name)
        .to_owned()
}
