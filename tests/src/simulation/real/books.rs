//! What the server's database says, asked by plain queries that are none of the server's own.

use super::{Came, Life, Real};
use crate::{
    Failure, Fallible,
    failure::ensure,
    simulation::{scene, server::Entries, server::Scope},
};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::{CellId, CustomerId, JournalId, OrderId, PersonId},
    journal::{Batch, Entry, EntryId, Item, MAX_BATCH_BYTES, Seq},
    media::MediaKind,
    order::{OrderState, Sourced, fold},
    wire,
};
use sea_orm::{ConnectionTrait, DatabaseBackend, QueryResult, Statement, TryGetable};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

impl Life {
    /// The rows of a query.
    ///
    /// # Errors
    /// When it fails.
    pub fn rows(&self, sql: &str) -> Fallible<Vec<QueryResult>> {
        let statement = Statement::from_string(DatabaseBackend::Sqlite, sql.to_owned());
        let app = self.app()?.clone();
        let asked = async move { Ok(app.store.read().query_all_raw(statement).await?) };
        match self.work(None, asked)? {
            Came::Done(rows) => Ok(rows),
            Came::Died(..) => Err(Failure::new("died of being asked")),
        }
    }
}

fn get<T: TryGetable>(row: &QueryResult, column: &str) -> Fallible<T> {
    Ok(row.try_get("", column)?)
}

fn digest(row: &QueryResult, column: &str) -> Fallible<Digest> {
    let bytes: Vec<u8> = get(row, column)?;
    let bytes = <[u8; 32]>::try_from(bytes);
    Ok(Digest(bytes.map_err(|_| Failure::new("no digest"))?))
}

fn id(row: &QueryResult) -> Fallible<EntryId> {
    Ok(EntryId {
        journal: JournalId(get(row, "journal_id")?),
        seq: Seq(u64::try_from(get::<i64>(row, "seq")?)?),
    })
}

fn quoted(id: Uuid) -> String {
    format!("x'{}'", id.simple())
}

impl Real {
    pub(super) fn present_owners(&self) -> Fallible<BTreeMap<OrderId, Vec<PersonId>>> {
        let sql = "SELECT id, owner_person FROM service_order WHERE owner_person IS NOT NULL";
        let rows = self.life()?.rows(sql)?;
        rows.iter()
            .map(|row| {
                let owner = PersonId(get(row, "owner_person")?);
                Ok((OrderId(get(row, "id")?), vec![owner]))
            })
            .collect()
    }

    pub(super) fn journals_held(&self) -> Fallible<BTreeMap<JournalId, Entries>> {
        let sql = "SELECT journal_id, seq, bytes, link FROM entry ORDER BY journal_id, seq";
        let mut journals: BTreeMap<JournalId, Entries> = BTreeMap::new();
        for row in self.life()?.rows(sql)? {
            let EntryId { journal, seq } = id(&row)?;
            let entries = journals.entry(journal).or_default();
            ensure(entries.len() as u64 + 1 == seq.0, || {
                format!("the server's journal {journal} has a hole before {}", seq.0)
            })?;
            entries.push((get(&row, "bytes")?, digest(&row, "link")?));
        }
        Ok(journals)
    }

    pub(super) fn copies_held(&self) -> Fallible<BTreeSet<EntryId>> {
        let sql = format!(
            "SELECT journal_id, seq FROM entry WHERE parked = '{}'",
            Code::RecordCopied
        );
        self.life()?.rows(&sql)?.iter().map(id).collect()
    }

    pub(super) fn kept_apart(&self) -> Fallible<Vec<Vec<u8>>> {
        let mut entries = Vec::new();
        for row in self.life()?.rows("SELECT packed FROM set_aside_batch")? {
            let packed: Vec<u8> = get(&row, "packed")?;
            let batch: Batch = wire::unpack(&packed, MAX_BATCH_BYTES)?;
            entries.extend(batch.items.into_iter().filter_map(|item| match item {
                Item::Bytes(bytes) => Some(bytes.to_vec()),
                _ => None,
            }));
        }
        Ok(entries)
    }

    pub(super) fn originals(&self) -> Fallible<BTreeSet<Digest>> {
        let sql = "SELECT photo FROM media_object WHERE kind = 'original'";
        let rows = self.life()?.rows(sql)?;
        rows.iter().map(|row| digest(row, "photo")).collect()
    }

    /// Of a preview only that it is there, as the server writes it anew; and not even that
    /// when two handhelds promise the same photo, since it is taken from the first only.
    pub(super) fn has_photo(&self, photo: Digest, kind: MediaKind) -> Fallible<bool> {
        let life = self.life()?;
        if kind == MediaKind::Preview {
            let sql = format!(
                "SELECT 1 AS there FROM media_object WHERE kind = 'preview' AND photo = x'{photo}' \
                 UNION ALL SELECT 1 FROM photo_promise WHERE photo = x'{photo}' \
                 GROUP BY photo HAVING count(DISTINCT journal_id) > 1"
            );
            return Ok(!life.rows(&sql)?.is_empty());
        }
        let app = life.app()?.clone();
        let read = async move {
            Ok(gridcrew_server::media::original(app.store.read(), &app.photos, photo).await?)
        };
        match life.work(None, read)? {
            Came::Done(bytes) => Ok(bytes.is_some_and(|bytes| Digest::of(&bytes) == photo)),
            Came::Died(..) => Err(Failure::new("died of being asked")),
        }
    }

    pub(super) fn scope(&self, person: PersonId) -> Fallible<Scope> {
        let (life, now) = (self.life()?, self.time.now().0);
        let sql = format!(
            "SELECT DISTINCT cell_id AS id FROM cell_role WHERE person_id = {} \
             AND valid_from <= {now} AND (valid_until IS NULL OR valid_until > {now})",
            quoted(person.0)
        );
        let mut scope = Scope::default();
        for row in life.rows(&sql)? {
            scope.cells.insert(CellId(get(&row, "id")?));
        }
        for row in life.rows("SELECT id, status, owner_person, cell_id FROM service_order")? {
            let owner: Option<Uuid> = get(&row, "owner_person")?;
            let cell: Option<Uuid> = get(&row, "cell_id")?;
            let in_cell = cell.is_some_and(|cell| scope.cells.contains(&CellId(cell)));
            if owner == Some(person.0) || in_cell {
                let order = OrderId(get(&row, "id")?);
                scope.may.insert(order);
                // One of the past may be told in brief, or not at all.
                if get::<String>(&row, "status")? != "returned" {
                    scope.must.insert(order);
                }
            }
        }
        let sql = "SELECT customer.id AS id, cell_id FROM customer \
                   JOIN station_area ON station_area.id = customer.station_area_id";
        for row in life.rows(sql)? {
            let cell: Option<Uuid> = get(&row, "cell_id")?;
            if cell.is_some_and(|cell| scope.cells.contains(&CellId(cell))) {
                scope.customers.insert(CustomerId(get(&row, "id")?));
            }
        }
        Ok(scope)
    }

    pub(super) fn folded(&self, order: OrderId) -> Fallible<Option<OrderState>> {
        let life = self.life()?;
        let sql = format!(
            "SELECT journal_id, seq, bytes FROM entry WHERE order_id = {} AND parked IS NULL",
            quoted(order.0)
        );
        let mut records = Vec::new();
        for row in life.rows(&sql)? {
            let bytes: Vec<u8> = get(&row, "bytes")?;
            if let Entry::Record(record) = Entry::from_bytes(&bytes)? {
                let id = id(&row)?;
                records.push(Sourced { id, record });
            }
        }
        let state = fold(&scene::template()?, &records);
        let sql = format!(
            "SELECT state_digest FROM service_order WHERE id = {}",
            quoted(order.0)
        );
        if let (Some(row), Some(state)) = (life.rows(&sql)?.first(), &state) {
            let folded = Digest::of(&wire::encode(state));
            ensure(digest(row, "state_digest")? == folded, || {
                format!("the server stores another state of order {order} than it folds to")
            })?;
        }
        Ok(state)
    }
}
