//! Boundaries of other territories near by, to see whether a datum can be true.

use super::outline;
use crate::{
    edge::Problem,
    territory::{
        rows::{station_area, territory},
        shape::Shape,
    },
};
use gridcrew_sync_protocol::ids::OrgId;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use uuid::Uuid;

/// How far around is looked, degrees: a territory's neighbours have station areas there.
const AROUND: f64 = 0.1;
/// Most neighbours that are looked at.
const MOST: u64 = 12;

/// The boundaries of other stations whose station areas lie near `bounds` (west, south, east,
/// north in degrees). They are looked at to judge a datum, whoever may see them, and not
/// shown.
///
/// # Errors
/// A problem of the database.
pub async fn neighbours<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    [west, south, east, north]: [f64; 4],
) -> Result<Vec<Shape>, Problem> {
    let near: Vec<Uuid> = station_area::Entity::find()
        .select_only()
        .column(station_area::Column::StationId)
        .distinct()
        .filter(station_area::Column::StationId.ne(station.0))
        .filter(station_area::Column::Lon.between(west - AROUND, east + AROUND))
        .filter(station_area::Column::Lat.between(south - AROUND, north + AROUND))
        .limit(MOST)
        .into_tuple()
        .all(db)
        .await?;
    let mut shapes = Vec::with_capacity(near.len());
    for neighbour in near {
        let boundary: Option<String> = territory::Entity::find()
            .select_only()
            .column(territory::Column::Boundary)
            .filter(territory::Column::StationId.eq(neighbour))
            .order_by_desc(territory::Column::Version)
            .into_tuple()
            .one(db)
            .await?;
        if let Some(boundary) = boundary {
            shapes.push(outline(&boundary)?);
        }
    }
    Ok(shapes)
}
