//! The rows of the trace.

macro_rules! rows {
    ($(#[$doc:meta])* $module:ident, $table:literal, { $($(#[$attr:meta])* $field:ident: $kind:ty,)+ }) => {
        $(#[$doc])*
        pub mod $module {
            use sea_orm::entity::prelude::*;

            #[doc = concat!("A row of `", $table, "`.")]
            #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
            #[sea_orm(table_name = $table)]
            pub struct Model {
                $($(#[$attr])* pub $field: $kind,)+
            }

            /// No relation is ever joined through the mapper.
            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}
pub(crate) use rows;

rows! {
    /// This life of the database: one row.
    server_state, "server_state", {
        /// Always 1.
        #[sea_orm(primary_key, auto_increment = false)]
        id: i32,
        /// The epoch.
        epoch: Uuid,
        /// The key that signs the server's part of traces.
        public_key: Vec<u8>,
        /// When the epoch began.
        began_at: i64,
    }
}

rows! {
    /// Entries of all journals.
    entry, "entry", {
        /// The journal: a handheld's, or an order's id for the server's part of its trace.
        #[sea_orm(primary_key, auto_increment = false)]
        journal_id: Uuid,
        /// The position in the journal, from 1.
        #[sea_orm(primary_key, auto_increment = false)]
        seq: i64,
        /// The link of the chain.
        link: Vec<u8>,
        /// The entry as first written.
        bytes: Vec<u8>,
        /// The order that it is an event of, if it is one; nothing when that is another
        /// station's and was never the person's.
        order_id: Option<Uuid>,
        /// When it came, milliseconds.
        received_at: i64,
        /// Why it is not part of its order: a stable code.
        parked: Option<String>,
        /// The position in the feed of its station at which it came.
        feed_position: i64,
    }
}

rows! {
    /// Signed batches.
    batch, "batch", {
        /// The journal.
        #[sea_orm(primary_key, auto_increment = false)]
        journal_id: Uuid,
        /// The first entry covered.
        #[sea_orm(primary_key, auto_increment = false)]
        first_seq: i64,
        /// The last entry covered.
        last_seq: i64,
        /// The link before the first.
        before_link: Vec<u8>,
        /// The signature over the last link.
        signature: Vec<u8>,
        /// When it came, milliseconds.
        received_at: i64,
    }
}

rows! {
    /// Batches that were kept but not applied, as they came.
    set_aside_batch, "set_aside_batch", {
        /// Names the batch by its journal, its first entry and its last link, see
        /// `sync::aside`.
        #[sea_orm(primary_key, auto_increment = false)]
        digest: Vec<u8>,
        /// The journal that it names.
        journal_id: Uuid,
        /// `fork`, `revoked` or `disabled`.
        reason: String,
        /// When it came, milliseconds.
        received_at: i64,
        /// The first entry.
        first_seq: i64,
        /// The last entry.
        last_seq: i64,
        /// The body of the push.
        packed: Vec<u8>,
    }
}

rows! {
    /// The last feed position of each station.
    feed_head, "feed_head", {
        /// The station.
        #[sea_orm(primary_key, auto_increment = false)]
        station_id: Uuid,
        /// The last position handed out, 0 when none.
        position: i64,
    }
}

rows! {
    /// How many acknowledged writes no feed position stands for: one row.
    unannounced, "unannounced", {
        /// Always 1.
        #[sea_orm(primary_key, auto_increment = false)]
        id: i32,
        /// How many. The database raises it with every new row of some tables, see the
        /// migrations.
        writes: i64,
    }
}

rows! {
    /// Changes that the feed tells.
    feed_change, "feed_change", {
        /// The station.
        #[sea_orm(primary_key, auto_increment = false)]
        station_id: Uuid,
        /// The position.
        #[sea_orm(primary_key, auto_increment = false)]
        position: i64,
        /// `order`, `cell`, `person` or `customer`.
        subject: String,
        /// Its id.
        subject_id: Uuid,
        /// Readers need all of it, not only what is newer than their cursor.
        whole: bool,
    }
}
