//! What the server's database holds, looked at from outside the server, by plain queries.
//!
//! Only reading, while no server writes or beside one: SQLite's WAL lets readers in, and
//! this program is linked with the same SQLite as the server.

use crate::failure::{Failure, Fallible};
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::{JournalId, OrderId},
    journal::{Entry, EntryId, Seq},
    record::{Event, Record},
};
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, QueryResult, Statement,
    TryGetable,
};
use uuid::Uuid;

/// The server's database, open for reading.
#[derive(Debug)]
pub struct Books {
    connection: DatabaseConnection,
}

/// An order as its projection says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderRow {
    /// The order.
    pub id: OrderId,
    /// Its number outside.
    pub outside_no: String,
    /// The person who owns it, if one does.
    pub owner_person: Option<Uuid>,
    /// The desk that owns it, if one does.
    pub owner_desk: Option<Uuid>,
    /// Where it stands, such as `returned`.
    pub status: String,
    /// The hash of the folded state.
    pub state: Digest,
    /// How many entries it was folded from.
    pub entries: i64,
}

/// An entry of a journal.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryRow {
    /// Its identity.
    pub id: EntryId,
    /// Its link.
    pub link: Digest,
    /// What it is.
    pub entry: Entry,
    /// Why it is parked, if it is.
    pub parked: Option<String>,
}

/// A promise of a photo by a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromiseRow {
    /// The photo.
    pub photo: Digest,
    /// The record.
    pub entry: EntryId,
    /// Whether the server says that it holds the photo's original.
    pub held: bool,
}

impl Books {
    /// Opens the database at `url`, as [`crate::postgres::TestDatabase::url_for`] gives it.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub async fn open(url: &str) -> Fallible<Self> {
        let mut options = ConnectOptions::new(url.to_owned());
        options.max_connections(1).sqlx_logging(false);
        let connection = Database::connect(options).await?;
        Ok(Self { connection })
    }

    /// Closes it.
    ///
    /// # Errors
    /// When it cannot be closed.
    pub async fn close(self) -> Fallible<()> {
        Ok(self.connection.close().await?)
    }

    /// The rows of a query.
    ///
    /// # Errors
    /// When it fails.
    pub async fn query(&self, sql: &str) -> Fallible<Vec<QueryResult>> {
        let backend = self.connection.get_database_backend();
        let statement = Statement::from_string(backend, sql.to_owned());
        Ok(self.connection.query_all_raw(statement).await?)
    }

    /// The single number that a query gives.
    ///
    /// # Errors
    /// When it fails or gives none.
    pub async fn count(&self, sql: &str) -> Fallible<i64> {
        let rows = self.query(sql).await?;
        let row = rows
            .first()
            .ok_or_else(|| Failure::new(format!("no row: {sql}")))?;
        Ok(row.try_get_by_index(0)?)
    }

    /// Every order.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn orders(&self) -> Fallible<Vec<OrderRow>> {
        let sql = "SELECT id, outside_no, owner_person, owner_desk, status, state_digest, \
                   entry_count FROM service_order ORDER BY accepted_at, id";
        self.query(sql)
            .await?
            .iter()
            .map(|row| {
                Ok(OrderRow {
                    id: OrderId(get(row, "id")?),
                    outside_no: get(row, "outside_no")?,
                    owner_person: get(row, "owner_person")?,
                    owner_desk: get(row, "owner_desk")?,
                    status: get(row, "status")?,
                    state: digest(row, "state_digest")?,
                    entries: get(row, "entry_count")?,
                })
            })
            .collect()
    }

    /// Every entry of every journal, the server's own included, by journal and position.
    ///
    /// # Errors
    /// When it cannot be read or an entry cannot be decoded.
    pub async fn entries(&self) -> Fallible<Vec<EntryRow>> {
        let sql = "SELECT journal_id, seq, link, bytes, parked FROM entry \
                   ORDER BY journal_id, seq";
        self.query(sql)
            .await?
            .iter()
            .map(|row| {
                let bytes: Vec<u8> = get(row, "bytes")?;
                Ok(EntryRow {
                    id: entry_id(row)?,
                    link: digest(row, "link")?,
                    entry: Entry::from_bytes(&bytes)?,
                    parked: get(row, "parked")?,
                })
            })
            .collect()
    }

    /// Every promise of a photo.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn promises(&self) -> Fallible<Vec<PromiseRow>> {
        let sql = "SELECT p.photo, p.journal_id, p.seq, m.digest AS held FROM photo_promise p \
                   LEFT JOIN media_object m ON m.photo = p.photo AND m.kind = 'original' \
                   ORDER BY p.journal_id, p.seq";
        self.query(sql)
            .await?
            .iter()
            .map(|row| {
                let held: Option<Vec<u8>> = get(row, "held")?;
                Ok(PromiseRow {
                    photo: digest(row, "photo")?,
                    entry: entry_id(row)?,
                    held: held.is_some(),
                })
            })
            .collect()
    }
}

fn get<T: TryGetable>(row: &QueryResult, column: &str) -> Fallible<T> {
    Ok(row.try_get("", column)?)
}

fn digest(row: &QueryResult, column: &str) -> Fallible<Digest> {
    let bytes: Vec<u8> = get(row, column)?;
    let bytes = bytes
        .try_into()
        .map_err(|_| Failure::new(format!("{column}: not 32 bytes")))?;
    Ok(Digest(bytes))
}

fn entry_id(row: &QueryResult) -> Fallible<EntryId> {
    let seq: i64 = get(row, "seq")?;
    Ok(EntryId {
        journal: JournalId(get(row, "journal_id")?),
        seq: Seq(u64::try_from(seq)?),
    })
}

/// What a handheld's record is: `taken`, `declined`, `handed_over`, `noted`, or the code of
/// the step; `None` for what only the server records.
#[must_use]
pub fn what(record: &Record) -> Option<String> {
    Some(match &record.event {
        Event::Taken(_) => "taken".to_owned(),
        Event::Declined(_) => "declined".to_owned(),
        Event::HandedOver(_) => "handed_over".to_owned(),
        Event::StepDone(done) => done.step.0.clone(),
        Event::Noted(_) => "noted".to_owned(),
        _ => return None,
    })
}
