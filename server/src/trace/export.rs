//! Exporting traces: one order or all of them, so that anyone can check them without the
//! server ([`super::verify`]). What the folder holds says [`super::manifest`].
//!
//! Everything is read from one snapshot and written journal by journal and order by order,
//! so that memory does not grow with the trace.

use super::{
    folder::{Folder, StillWanted, Wanted},
    ledger::digest_of,
    manifest::{self, JournalLine, Manifest, OrderLine, ParkedLine, PhotoLine, SetAsideLine},
    readable,
    refold::{fold_row, records_of},
    rows::{batch, entry, set_aside_batch},
};
use crate::{
    app::App,
    edge::Problem,
    media,
    orders::rows::{service_order, template},
    people::rows::handheld,
};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{JournalId, OrderId, PersonId},
    journal::{Batch, Item, MAX_BATCH_BYTES, Seq},
    order::Sourced,
    record::{Event, OrderDetails},
    time::UnixMillis,
    wire,
    workflow::TemplateRef,
};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, QueryFilter,
    QueryOrder, QuerySelect,
};
use serde_bytes::ByteArray;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};
use uuid::Uuid;

/// Orders read at a time.
const ORDERS_AT_ONCE: u64 = 100;

/// What is exported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// One order.
    Order(OrderId),
    /// Everything.
    All,
}

/// Exports traces into the folder `to`, which must be empty or not exist.
///
/// # Errors
/// `not_found` when there is no such order, `conflict` when the folder is not empty, a
/// problem of the database or of a file.
pub async fn export(app: &App, selection: Selection, to: &Path) -> Result<Manifest, Problem> {
    let (wanted, still) = Wanted::new();
    let made = export_while(app, selection, to, still).await;
    drop(wanted);
    made
}

/// Exports as long as it is wanted: with the last [`Wanted`] gone, it stops before the next
/// file. It goes on meanwhile even when nobody awaits it, and holds a connection for reading
/// ([`crate::store::Store::try_long_read`]).
///
/// # Errors
/// As [`export`](fn@export); `unavailable` when it stopped.
pub(super) async fn export_while(
    app: &App,
    selection: Selection,
    to: &Path,
    still: StillWanted,
) -> Result<Manifest, Problem> {
    let folder = Folder::create(to, still).await?;
    let this = app.clone();
    app.store
        .snapshot(move |db| {
            Box::pin(async move { Export::new(&this, db, selection, folder).run().await })
        })
        .await
}

struct Export<'a> {
    app: &'a App,
    db: &'a DatabaseTransaction,
    selection: Selection,
    folder: Folder,
    orders: Vec<OrderLine>,
    templates: BTreeSet<TemplateRef>,
    photos: BTreeSet<Digest>,
    /// The last entry that is needed of each handheld's journal.
    handhelds: BTreeMap<JournalId, Seq>,
}

impl<'a> Export<'a> {
    fn new(
        app: &'a App,
        db: &'a DatabaseTransaction,
        selection: Selection,
        folder: Folder,
    ) -> Self {
        Self {
            app,
            db,
            selection,
            folder,
            orders: Vec::new(),
            templates: BTreeSet::new(),
            photos: BTreeSet::new(),
            handhelds: BTreeMap::new(),
        }
    }

    async fn run(mut self) -> Result<Manifest, Problem> {
        let mut journals = self.write_orders().await?;
        let mut parked = Vec::new();
        for (row, last) in self.needed_handhelds().await? {
            journals.push(self.write_handheld(&row, last, &mut parked).await?);
        }
        let set_aside = self.write_set_aside().await?;
        if self.selection == Selection::All {
            let evidence = media::promised_of_parked(self.db).await?;
            self.photos.extend(evidence);
        }
        self.write_templates().await?;
        let photos = self.write_photos().await?;
        let key = &self.app.keys.trace;
        let manifest = Manifest {
            format: manifest::FORMAT.to_owned(),
            version: manifest::VERSION,
            epoch: self.app.epoch(),
            exported_at: self.app.now(),
            server_key: manifest::key_text(&key.verifying_key()),
            journals,
            orders: self.orders,
            parked,
            set_aside,
            photos,
            files: self.folder.files().clone(),
        };
        let written = manifest::written(&manifest)?;
        let signature = manifest::sign(&written, key);
        self.folder.put(manifest::MANIFEST, written).await?;
        self.folder
            .put(manifest::SIGNATURE, signature.to_vec())
            .await?;
        Ok(manifest)
    }

    /// Writes every selected order with the server's part of its trace.
    async fn write_orders(&mut self) -> Result<Vec<JournalLine>, Problem> {
        let mut journals = Vec::new();
        let mut after = Uuid::nil();
        loop {
            let which = match self.selection {
                Selection::Order(order) => service_order::Column::Id.eq(order.0),
                Selection::All => service_order::Column::Id.gt(after),
            };
            let rows = service_order::Entity::find()
                .filter(which)
                .order_by_asc(service_order::Column::Id)
                .limit(ORDERS_AT_ONCE)
                .all(self.db)
                .await?;
            let ids: Vec<OrderId> = rows.iter().map(|row| OrderId(row.id)).collect();
            let mut records = records_of(self.db, &ids, None).await?;
            for row in &rows {
                let of_order = records.remove(&OrderId(row.id)).unwrap_or_default();
                self.write_order(row, &of_order).await?;
                journals.push(self.write_server_part(row).await?);
            }
            match (self.selection, rows.last()) {
                (Selection::Order(_), None) => return Err(Problem::not_found()),
                (Selection::Order(_), Some(_)) | (Selection::All, None) => return Ok(journals),
                (Selection::All, Some(last)) => after = last.id,
            }
        }
    }

    async fn write_order(
        &mut self,
        row: &service_order::Model,
        records: &[Sourced],
    ) -> Result<(), Problem> {
        let order = OrderId(row.id);
        let state = fold_row(self.app, row, records)?;
        let mut entries: BTreeMap<JournalId, Vec<Seq>> = BTreeMap::new();
        for sourced in records {
            let id = sourced.id;
            entries.entry(id.journal).or_default().push(id.seq);
            if id.journal.0 != row.id {
                let last = self.handhelds.entry(id.journal).or_insert(id.seq);
                *last = (*last).max(id.seq);
            }
            if let Event::StepDone(done) = &sourced.record.event {
                self.photos
                    .extend(done.photos.iter().map(|photo| photo.digest));
            }
        }
        let details: OrderDetails = wire::decode(&row.details).map_err(Problem::internal)?;
        let text = readable::order(&state, &details, records)?;
        self.folder.put(&manifest::order_file(order), text).await?;
        let details = row.details.clone();
        self.folder
            .put(&manifest::details_file(order), details)
            .await?;
        self.templates.insert(state.template.clone());
        self.orders.push(OrderLine {
            order,
            template: state.template.clone(),
            entries,
            state: Digest::of(&wire::encode(&state)),
        });
        Ok(())
    }

    async fn write_server_part(
        &mut self,
        row: &service_order::Model,
    ) -> Result<JournalLine, Problem> {
        let journal = JournalId(row.id);
        let (last, head) = self.write_journal(journal, Seq(u64::MAX), |_| true).await?;
        Ok(JournalLine {
            journal,
            person: None,
            key: None,
            continues: None,
            last,
            head,
        })
    }

    /// The handhelds whose journals are part of the export, and how far.
    async fn needed_handhelds(&self) -> Result<Vec<(handheld::Model, Seq)>, Problem> {
        let which = match self.selection {
            Selection::All => Condition::all().add(handheld::Column::HeadSeq.gt(0)),
            Selection::Order(_) => Condition::all()
                .add(handheld::Column::Id.is_in(self.handhelds.keys().map(|id| id.0))),
        };
        let rows = handheld::Entity::find()
            .filter(which)
            .order_by_asc(handheld::Column::Id)
            .all(self.db)
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let needed = self.handhelds.get(&JournalId(row.id)).copied();
                let last = match self.selection {
                    Selection::All => Seq(u64::MAX),
                    Selection::Order(_) => needed.unwrap_or(Seq::FIRST),
                };
                (row, last)
            })
            .collect())
    }

    /// Writes a handheld's journal up to the batch that holds entry `last`.
    async fn write_handheld(
        &mut self,
        row: &handheld::Model,
        last: Seq,
        parked: &mut Vec<ParkedLine>,
    ) -> Result<JournalLine, Problem> {
        let journal = JournalId(row.id);
        let selection = self.selection;
        let shown = |entry: &entry::Model| match selection {
            Selection::All => true,
            Selection::Order(order) => {
                entry.seq == 1 || (entry.order_id == Some(order.0) && entry.parked.is_none())
            }
        };
        let (last, head) = self.write_journal(journal, last, shown).await?;
        if selection == Selection::All {
            parked.extend(parked_of(self.db, journal).await?);
        }
        let key = <[u8; 32]>::try_from(row.public_key.as_slice()).map_err(Problem::internal)?;
        Ok(JournalLine {
            journal,
            person: Some(PersonId(row.person_id)),
            key: Some(hex::encode(key)),
            continues: row.continues.map(JournalId),
            last,
            head,
        })
    }

    /// Writes the batches of a journal up to the one that holds entry `last`; entries that
    /// are not `shown` are given by their hash. Says what the last entry is, and its link.
    async fn write_journal(
        &mut self,
        journal: JournalId,
        last: Seq,
        shown: impl Fn(&entry::Model) -> bool,
    ) -> Result<(Seq, Digest), Problem> {
        let mut file = self.folder.begin(&manifest::journal_file(journal)).await?;
        let last = i64::try_from(last.0).unwrap_or(i64::MAX);
        let batches = batch::Entity::find()
            .filter(batch::Column::JournalId.eq(journal.0))
            .filter(batch::Column::FirstSeq.lte(last))
            .order_by_asc(batch::Column::FirstSeq)
            .all(self.db)
            .await?;
        let mut end = (Seq(0), Digest::ZERO);
        for row in batches {
            let batch = read_batch(self.db, row, &shown).await?;
            end = (batch.last(), batch.head());
            file.write(&wire::encode(&batch)).await?;
        }
        self.folder.end(file).await?;
        Ok(end)
    }

    /// Writes every batch that was set aside, one file each: signed work that is part of no
    /// order, but evidence (I3, I4).
    async fn write_set_aside(&mut self) -> Result<Vec<SetAsideLine>, Problem> {
        let mut lines = Vec::new();
        if self.selection != Selection::All {
            return Ok(lines);
        }
        let digests: Vec<Vec<u8>> = set_aside_batch::Entity::find()
            .select_only()
            .column(set_aside_batch::Column::Digest)
            .order_by_asc(set_aside_batch::Column::JournalId)
            .order_by_asc(set_aside_batch::Column::FirstSeq)
            .order_by_asc(set_aside_batch::Column::Digest)
            .into_tuple()
            .all(self.db)
            .await?;
        for digest in digests {
            let row = set_aside_batch::Entity::find_by_id(digest)
                .one(self.db)
                .await?
                .ok_or_else(|| Problem::internal("a batch that was set aside is missing"))?;
            let writer = handheld::Entity::find_by_id(row.journal_id)
                .one(self.db)
                .await?
                .ok_or_else(|| Problem::internal("the handheld of a batch is missing"))?;
            lines.push(self.write_aside(&row, &writer).await?);
        }
        Ok(lines)
    }

    async fn write_aside(
        &mut self,
        row: &set_aside_batch::Model,
        writer: &handheld::Model,
    ) -> Result<SetAsideLine, Problem> {
        let batch: Batch = wire::unpack(&row.packed, MAX_BATCH_BYTES).map_err(Problem::internal)?;
        let bytes = wire::encode(&batch);
        let file = manifest::set_aside_file(Digest::of(&bytes));
        self.folder.put(&file, bytes).await?;
        Ok(SetAsideLine {
            file,
            journal: batch.journal,
            person: PersonId(writer.person_id),
            key: hex::encode(&writer.public_key),
            reason: row.reason.clone(),
            received_at: UnixMillis(row.received_at),
            first: batch.first,
            last: batch.last(),
            head: batch.head(),
        })
    }

    async fn write_templates(&mut self) -> Result<(), Problem> {
        for reference in std::mem::take(&mut self.templates) {
            let key = (reference.code.clone(), i64::from(reference.version));
            let row = template::Entity::find_by_id(key)
                .one(self.db)
                .await?
                .ok_or_else(|| Problem::internal("a workflow of an order is missing"))?;
            let file = manifest::template_file(&reference);
            self.folder.put(&file, row.body.into_bytes()).await?;
        }
        Ok(())
    }

    async fn write_photos(&mut self) -> Result<Vec<PhotoLine>, Problem> {
        let mut lines = Vec::new();
        for photo in std::mem::take(&mut self.photos) {
            // A photo that is damaged here is not handed on as if it were whole.
            let bytes = media::original(self.db, &self.app.photos, photo).await?;
            let bytes = bytes.filter(|bytes| Digest::of(bytes) == photo);
            let held = bytes.is_some();
            if let Some(bytes) = bytes {
                self.folder.put(&manifest::photo_file(photo), bytes).await?;
            }
            lines.push(PhotoLine { photo, held });
        }
        Ok(lines)
    }
}

async fn read_batch<C: ConnectionTrait>(
    db: &C,
    row: batch::Model,
    shown: impl Fn(&entry::Model) -> bool,
) -> Result<Batch, Problem> {
    let entries = entry::Entity::find()
        .filter(entry::Column::JournalId.eq(row.journal_id))
        .filter(entry::Column::Seq.between(row.first_seq, row.last_seq))
        .order_by_asc(entry::Column::Seq)
        .all(db)
        .await?;
    let items = entries
        .into_iter()
        .map(|entry| {
            if shown(&entry) {
                Item::Bytes(entry.bytes.into())
            } else {
                Item::Digest(Digest::of(&entry.bytes))
            }
        })
        .collect();
    let signature = <[u8; 64]>::try_from(row.signature.as_slice()).map_err(Problem::internal)?;
    Ok(Batch {
        journal: JournalId(row.journal_id),
        first: Seq(u64::try_from(row.first_seq).map_err(Problem::internal)?),
        before: digest_of(&row.before_link)?,
        hash: gridcrew_sync_protocol::digest::HashName::Sha256,
        signed_with: gridcrew_sync_protocol::digest::SignatureName::Ed25519,
        items,
        signature: ByteArray::new(signature),
    })
}

async fn parked_of<C: ConnectionTrait>(
    db: &C,
    journal: JournalId,
) -> Result<Vec<ParkedLine>, Problem> {
    let rows: Vec<(i64, String)> = entry::Entity::find()
        .select_only()
        .columns([entry::Column::Seq, entry::Column::Parked])
        .filter(entry::Column::JournalId.eq(journal.0))
        .filter(entry::Column::Parked.is_not_null())
        .order_by_asc(entry::Column::Seq)
        .into_tuple()
        .all(db)
        .await?;
    rows.into_iter()
        .map(|(seq, code)| {
            let seq = Seq(u64::try_from(seq).map_err(Problem::internal)?);
            Ok(ParkedLine { journal, seq, code })
        })
        .collect()
}
