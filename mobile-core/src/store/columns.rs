//! The protocol's types as columns.

use crate::error::Error;
use gridcrew_sync_protocol::{digest::Digest, journal::Seq};
use rusqlite::{
    Row,
    types::{FromSqlError, Type},
};
use uuid::Uuid;

/// A length or a position as SQLite's integer.
pub(crate) fn int(value: u64) -> Result<i64, Error> {
    i64::try_from(value).map_err(|_| Error::Storage(format!("{value} is too large to be stored")))
}

/// A position in a journal as SQLite's integer.
pub(crate) fn seq(value: Seq) -> Result<i64, Error> {
    int(value.0)
}

/// Reads a position in a journal.
pub(crate) fn get_seq(row: &Row<'_>, column: usize) -> rusqlite::Result<Seq> {
    get_u64(row, column).map(Seq)
}

/// Reads a length.
pub(crate) fn get_u64(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// Reads an id.
pub(crate) fn get_id<T: From<Uuid>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    row.get::<_, [u8; 16]>(column)
        .map(|bytes| Uuid::from_bytes(bytes).into())
}

/// Reads an id that may be missing.
pub(crate) fn get_id_opt<T: From<Uuid>>(
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<Option<T>> {
    let bytes: Option<[u8; 16]> = row.get(column)?;
    Ok(bytes.map(|bytes| Uuid::from_bytes(bytes).into()))
}

/// Reads a digest.
pub(crate) fn get_digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    row.get::<_, [u8; 32]>(column).map(Digest)
}

/// Reads a value of one of the register-like text columns.
pub(crate) fn get_parsed<T>(
    row: &Row<'_>,
    column: usize,
    parse: impl FnOnce(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text: String = row.get(column)?;
    parse(&text).ok_or_else(|| {
        rusqlite::Error::FromSqlConversionFailure(
            column,
            Type::Text,
            Box::new(FromSqlError::Other(
                format!("{text:?} is none of the values that stand here").into(),
            )),
        )
    })
}
