//! What local answers need beside the first version.

pub(super) const LOCAL_ANSWERS: &str = "
-- A customer's words to be searched, written down when the feed brings him.
ALTER TABLE customer ADD COLUMN words TEXT NOT NULL DEFAULT '';

-- An order of the past in brief, where its entries are not here.
ALTER TABLE orders ADD COLUMN closed BLOB;

-- Editions of prompt cards. Bodies are CBOR of the protocol's types.
CREATE TABLE prompt_cards (
    workflow TEXT NOT NULL,
    version INTEGER NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (workflow, version)
) STRICT, WITHOUT ROWID;

-- What an older program left out of the feed or did not write down is told anew.
UPDATE feed SET cursor = NULL, start_over = 1;
";

#[cfg(test)]
mod tests {
    use super::super::{VERSIONS, migrate};
    use rusqlite::Connection;

    #[test]
    fn a_store_of_the_version_before_is_told_its_scope_anew() {
        let mut db = Connection::open_in_memory().unwrap();
        db.execute_batch(VERSIONS[0]).unwrap();
        db.execute_batch(
            "PRAGMA user_version = 1;
             INSERT INTO feed (one, cursor) VALUES (1, 'c');
             INSERT INTO customer (id, cell, body) VALUES (x'01', x'02', x'03');",
        )
        .unwrap();
        migrate(&mut db).unwrap();
        let (cursor, anew): (Option<String>, bool) = db
            .query_row("SELECT cursor, start_over FROM feed", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .unwrap();
        assert_eq!((cursor, anew), (None, true));
        let words: String = db
            .query_row("SELECT words FROM customer", [], |row| row.get(0))
            .unwrap();
        assert_eq!(words, "");
    }
}
