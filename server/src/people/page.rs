//! Pages of lists: in the order of ids, each beginning after the last id of the one before,
//! so that a page costs the same wherever it is and nothing is shown twice.

use crate::edge::Problem;
use gridcrew_sync_protocol::code::Code;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// Most items of a page.
pub const MOST: u64 = 200;
/// Items of a page when nothing is said.
pub const USUAL: u64 = 50;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// In the order of their ids.
    pub items: Vec<T>,
    /// Where the next page begins; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Uuid>,
}

/// How many items to read: the page and one more, which tells whether there is a next.
///
/// # Errors
/// `request.invalid` when `limit` is not 1 to [`MOST`].
pub fn rows_to_read(limit: Option<u64>) -> Result<u64, Problem> {
    let limit = limit.unwrap_or(USUAL);
    if (1..=MOST).contains(&limit) {
        Ok(limit + 1)
    } else {
        let detail = format!("limit is 1 to {MOST}.");
        Err(Problem::new(Code::RequestInvalid, detail))
    }
}

impl<T> Page<T> {
    /// From as many rows as [`rows_to_read`] said, or fewer.
    #[must_use]
    pub fn of<R>(mut rows: Vec<R>, read: u64, id: impl Fn(&R) -> Uuid) -> Self
    where
        T: From<R>,
    {
        let mut after = None;
        if u64::try_from(rows.len()).is_ok_and(|found| found >= read) {
            rows.pop();
            after = rows.last().map(id);
        }
        Self {
            items: rows.into_iter().map(T::from).collect(),
            after,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_put_together_are_the_list() {
        let all: Vec<Uuid> = (1..=7).map(Uuid::from_u128).collect();
        for limit in 1..=8 {
            let read = rows_to_read(Some(limit)).unwrap();
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let rest = all
                    .iter()
                    .copied()
                    .filter(|id| after.is_none_or(|last| *id > last));
                let rows = rest.take(usize::try_from(read).unwrap()).collect();
                let page: Page<Uuid> = Page::of(rows, read, |id| *id);
                assert!(page.items.len() as u64 <= limit);
                seen.extend(page.items);
                after = page.after;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(seen, all);
        }
        assert!(rows_to_read(Some(0)).is_err());
        assert!(rows_to_read(Some(MOST + 1)).is_err());
    }
}
