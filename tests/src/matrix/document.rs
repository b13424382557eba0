//! The operations of the API, as its own document lists them, and their rows.

use super::row::Row;
use crate::failure::{Failure, Fallible, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Where all operations are.
const ROOT: &str = "/api/v1";

/// An operation of the API.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) method: Method,
    /// Under `/api/v1`, such as `/orders/{id}`.
    path: String,
    /// The document says that it takes no token.
    pub(super) public: bool,
}

impl Operation {
    /// The path with its one parameter filled in.
    ///
    /// # Errors
    /// When it has none, or more than one, or needs one that is not given.
    pub(super) fn path_for(&self, key: Option<&str>) -> Fallible<String> {
        let (start, end) = (self.path.find('{'), self.path.find('}'));
        match (start.zip(end), key) {
            (None, None) => Ok(self.path.clone()),
            (Some((start, end)), Some(key)) => {
                let (before, after) = (&self.path[..start], &self.path[end + 1..]);
                ensure(!after.contains('{'), || {
                    format!("{}: more than one parameter in {}", self.id, self.path)
                })?;
                Ok(format!("{before}{key}{after}"))
            }
            _ => Err(Failure::new(format!(
                "the row of {} does not fit its path {}",
                self.id, self.path
            ))),
        }
    }
}

/// Every operation of a document.
///
/// # Errors
/// When one has no id or stands outside of `/api/v1`.
pub(super) fn operations(document: &Value) -> Fallible<Vec<Operation>> {
    let paths = document["paths"]
        .as_object()
        .ok_or_else(|| Failure::new("the API document has no paths"))?;
    let mut found = Vec::new();
    for (path, item) in paths {
        let below = path
            .strip_prefix(ROOT)
            .ok_or_else(|| Failure::new(format!("{path} is not below {ROOT}")))?;
        for (method, operation) in item.as_object().into_iter().flatten() {
            if method == "parameters" {
                continue;
            }
            let id = operation["operationId"]
                .as_str()
                .ok_or_else(|| Failure::new(format!("{method} {path} has no operationId")))?;
            found.push(Operation {
                id: id.to_owned(),
                method: method.to_uppercase().parse()?,
                path: below.to_owned(),
                public: operation["security"] == json!([{}]),
            });
        }
    }
    Ok(found)
}

/// Every operation with its row.
///
/// # Errors
/// The operations without a row, and the rows without an operation.
pub(super) fn matched(
    operations: Vec<Operation>,
    rows: Vec<Row>,
) -> Fallible<Vec<(Operation, Row)>> {
    let mut known: BTreeMap<&str, Row> = BTreeMap::new();
    for row in rows {
        let twice = known.insert(row.id, row).is_some();
        ensure(!twice, || "a row stands twice".to_owned())?;
    }
    let mut table = Vec::new();
    let mut missing = Vec::new();
    for operation in operations {
        match known.remove(operation.id.as_str()) {
            Some(row) => table.push((operation, row)),
            None => missing.push(operation.id),
        }
    }
    ensure(missing.is_empty(), || {
        format!("operations without a row in the authorisation matrix: {missing:?}")
    })?;
    ensure(known.is_empty(), || {
        let left: Vec<&&str> = known.keys().collect();
        format!("rows of the authorisation matrix without an operation: {left:?}")
    })?;
    Ok(table)
}
