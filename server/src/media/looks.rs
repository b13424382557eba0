//! Photos that were used elsewhere too: the same file, or one that looks alike, promised for
//! another order (DOMAIN section 7, row 19). A handheld compares with what it holds itself
//! ([`gridcrew_sync_protocol::claims`]); what several handhelds did is seen here.
//!
//! 1. When a photo or its preview has come, its look, as the record claims it that promised
//!    the photo first, is kept by its [`bands`]. A push does not wait for that.
//! 2. Whoever reads a trace is told where else its photos are used, as far as he may see the
//!    other orders ([`elsewhere`]). Files are compared whatever their station, looks within
//!    one station.

mod bands;

use super::{
    first,
    rows::{photo_look, photo_promise},
};
use crate::{edge::Problem, people::Scope};
use gridcrew_sync_protocol::{
    claims::{Before, Look},
    digest::Digest,
    ids::{OrderId, OrgId},
    limits::Limits,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::OnConflict,
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// Photos that are looked for in one statement.
const PHOTOS_AT_ONCE: usize = 50;
/// Most looks that one statement brings for comparing.
const MOST_COMPARED: u64 = 20_000;
/// Most other uses that are told of a photo, the nearest first.
const MOST_TOLD: usize = 5;

/// Keeps what a photo looks like, if the record claims it that promised the photo first.
///
/// # Errors
/// A problem of the database.
pub(super) async fn remember<C: ConnectionTrait>(tx: &C, photo: Digest) -> Result<(), Problem> {
    let Some((station, look)) = first::look(tx, photo).await? else {
        return Ok(());
    };
    let rows = bands::of(look).map(|band| photo_look::ActiveModel {
        station_id: Set(station.0),
        band: Set(band),
        photo: Set(photo.0.to_vec()),
        look: Set(look.0.cast_signed()),
    });
    photo_look::Entity::insert_many(rows)
        .on_conflict(OnConflict::new().do_nothing().to_owned())
        .exec_without_returning(tx)
        .await?;
    Ok(())
}

/// Where else photos of an order of `station` are used, among the orders of `scope`: of each
/// photo the same file first, then what looks most alike. Photos that are used nowhere else
/// are left out.
///
/// # Errors
/// A problem of the database.
pub async fn elsewhere<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    (order, station): (OrderId, OrgId),
    photos: &BTreeMap<Digest, Option<Look>>,
) -> Result<BTreeMap<Digest, Vec<Before>>, Problem> {
    let alike = alike(db, station, photos).await?;
    let mut named: BTreeSet<Digest> = photos.keys().copied().collect();
    named.extend(alike.values().flatten().map(|(other, _)| *other));
    let uses = uses(db, scope, order, &named).await?;
    let mut found = BTreeMap::new();
    for photo in photos.keys() {
        let same = std::iter::once((*photo, None));
        let others = alike.get(photo).into_iter().flatten();
        let others = others.map(|(other, bits)| (*other, Some(*bits)));
        let mut told: Vec<Before> = same
            .chain(others)
            .flat_map(|(photo, differs)| {
                let orders = uses.get(&photo).into_iter().flatten();
                orders.map(move |order| Before {
                    order: *order,
                    photo,
                    differs,
                })
            })
            .collect();
        told.sort_by_key(|one| (one.differs, one.order, one.photo));
        told.truncate(MOST_TOLD);
        if !told.is_empty() {
            found.insert(*photo, told);
        }
    }
    Ok(found)
}

/// Other photos of the station that look like each of `photos`, with in how many bits.
async fn alike<C: ConnectionTrait>(
    db: &C,
    station: OrgId,
    photos: &BTreeMap<Digest, Option<Look>>,
) -> Result<BTreeMap<Digest, BTreeMap<Digest, u32>>, Problem> {
    use photo_look::Column;
    let known = photos.iter();
    let known: Vec<(Digest, Look)> = known
        .filter_map(|(photo, look)| Some((*photo, (*look)?)))
        .collect();
    let mut alike: BTreeMap<Digest, BTreeMap<Digest, u32>> = BTreeMap::new();
    for some in known.chunks(PHOTOS_AT_ONCE) {
        let near: BTreeSet<i32> = some
            .iter()
            .flat_map(|(_, look)| bands::near(*look))
            .collect();
        let rows: Vec<(Vec<u8>, i64)> = photo_look::Entity::find()
            .select_only()
            .columns([Column::Photo, Column::Look])
            .distinct()
            .filter(Column::StationId.eq(station.0))
            .filter(Column::Band.is_in(near))
            .limit(MOST_COMPARED)
            .into_tuple()
            .all(db)
            .await?;
        for (other, theirs) in rows {
            let (other, theirs) = (digest(other)?, Look(theirs.cast_unsigned()));
            for (photo, look) in some.iter().filter(|(photo, _)| *photo != other) {
                let bits = look.differs(theirs);
                if bits <= Limits::DOMAIN.alike_bits {
                    alike.entry(*photo).or_default().insert(other, bits);
                }
            }
        }
    }
    Ok(alike)
}

/// The orders of `scope` but `order` whose records promise each of `photos`.
async fn uses<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    order: OrderId,
    photos: &BTreeSet<Digest>,
) -> Result<BTreeMap<Digest, BTreeSet<OrderId>>, Problem> {
    use photo_promise::Column;
    let photos: Vec<Vec<u8>> = photos.iter().map(|photo| photo.0.to_vec()).collect();
    let mut uses: BTreeMap<Digest, BTreeSet<OrderId>> = BTreeMap::new();
    for some in photos.chunks(PHOTOS_AT_ONCE) {
        let rows: Vec<(Vec<u8>, Uuid)> = photo_promise::Entity::find()
            .select_only()
            .columns([Column::Photo, Column::OrderId])
            .distinct()
            .filter(Column::Photo.is_in(some.iter().cloned()))
            .filter(Column::OrderId.ne(order.0))
            .filter(scope.of_orders("photo_promise"))
            .into_tuple()
            .all(db)
            .await?;
        for (photo, order) in rows {
            uses.entry(digest(photo)?)
                .or_default()
                .insert(OrderId(order));
        }
    }
    Ok(uses)
}

fn digest(bytes: Vec<u8>) -> Result<Digest, Problem> {
    let broken = |_| Problem::internal("a row names a photo that is none");
    bytes.try_into().map(Digest).map_err(broken)
}
