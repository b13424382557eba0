//! Units of the organisation: adding and reading them.

use super::{field, rows::org_unit, tree::UnitKind};
use crate::{app::App, edge::Problem};
use gridcrew_sync_protocol::{code::Code, ids::OrgId};
use sea_orm::{ActiveValue::Set, ConnectionTrait, EntityTrait};

/// A unit to be added.
#[derive(Clone, Debug)]
pub struct NewUnit {
    /// The unit above it; none for the top.
    pub parent: Option<OrgId>,
    /// What it is.
    pub kind: UnitKind,
    /// Its name.
    pub name: String,
    /// Its code in the company's books.
    pub code: String,
}

/// Adds a unit.
///
/// # Errors
/// `request.invalid` when a field is, or when such a unit may not stand there; `not_found`
/// when there is no such parent.
pub async fn create_unit<C: ConnectionTrait>(
    conn: &C,
    app: &App,
    unit: NewUnit,
) -> Result<org_unit::Model, Problem> {
    let parent = match unit.parent {
        Some(parent) => Some(kind_of(conn, parent).await?),
        None => None,
    };
    if !unit.kind.may_stand_under(parent) {
        let under = parent.map_or("the top", UnitKind::as_str);
        let detail = format!("A {} may not stand under {under}.", unit.kind.as_str());
        return Err(Problem::new(Code::RequestInvalid, detail));
    }
    let row = org_unit::Model {
        id: app.new_id(),
        parent_id: unit.parent.map(|parent| parent.0),
        kind: unit.kind.as_str().to_owned(),
        name: field::name("A unit's name", &unit.name)?,
        code: field::name("A unit's code", &unit.code)?,
    };
    let insert = org_unit::ActiveModel {
        id: Set(row.id),
        parent_id: Set(row.parent_id),
        kind: Set(row.kind.clone()),
        name: Set(row.name.clone()),
        code: Set(row.code.clone()),
    };
    org_unit::Entity::insert(insert)
        .exec_without_returning(conn)
        .await?;
    Ok(row)
}

/// What a unit is.
///
/// # Errors
/// `not_found`
pub async fn kind_of<C: ConnectionTrait>(conn: &C, unit: OrgId) -> Result<UnitKind, Problem> {
    let row = org_unit::Entity::find_by_id(unit.0).one(conn).await?;
    let row = row.ok_or_else(Problem::not_found)?;
    row.kind.parse().map_err(Problem::internal)
}
