//! The tables of people as sea-orm sees them; `migrations/src/v1/people.rs` says what each
//! column means. Times are milliseconds since 1970.

/// Units of the organisation.
pub mod org_unit {
    use sea_orm::entity::prelude::*;

    /// One unit.
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "org_unit")]
    pub struct Model {
        /// Its id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The unit above it.
        pub parent_id: Option<Uuid>,
        /// A [`UnitKind`](crate::people::tree::UnitKind).
        pub kind: String,
        /// Its name.
        pub name: String,
        /// Its code in the company's books.
        pub code: String,
    }

    /// None.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// People.
pub mod person {
    use sea_orm::entity::prelude::*;

    /// One person.
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "person")]
    pub struct Model {
        /// His id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// The unit that he belongs to.
        pub org_id: Uuid,
        /// His name.
        pub name: String,
        /// What he signs in with, in lower case.
        pub login: String,
        /// Argon2id in PHC form; none when he has no password.
        pub password_hash: Option<String>,
        /// A [`Role`](crate::people::Role).
        pub role: String,
        /// A manager's base: WGS-84 degrees east.
        pub base_lon: Option<f64>,
        /// WGS-84 degrees north.
        pub base_lat: Option<f64>,
        /// Since when he may not sign in.
        pub disabled_at: Option<i64>,
        /// Raised by each change of rights: older access tokens end.
        pub permission_version: i64,
    }

    /// None.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Sessions.
pub mod session {
    use sea_orm::entity::prelude::*;

    /// One session: a family of refresh tokens.
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "session")]
    pub struct Model {
        /// Its id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Whose it is.
        pub person_id: Uuid,
        /// The handheld that it is bound to.
        pub journal_id: Option<Uuid>,
        /// When it began.
        pub created_at: i64,
        /// When its tokens were last renewed.
        pub last_used_at: i64,
        /// When it ended.
        pub ended_at: Option<i64>,
        /// An [`EndReason`](crate::people::session::EndReason).
        pub end_reason: Option<String>,
    }

    /// What a session belongs to.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        /// Its person.
        #[sea_orm(
            belongs_to = "super::person::Entity",
            from = "Column::PersonId",
            to = "super::person::Column::Id"
        )]
        Person,
        /// Its handheld.
        #[sea_orm(
            belongs_to = "super::handheld::Entity",
            from = "Column::JournalId",
            to = "super::handheld::Column::Id"
        )]
        Handheld,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Refresh tokens, as hashes only.
pub mod refresh_token {
    use sea_orm::entity::prelude::*;

    /// One refresh token.
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "refresh_token")]
    pub struct Model {
        /// SHA-256 of the token.
        #[sea_orm(primary_key, auto_increment = false)]
        pub token_hash: Vec<u8>,
        /// Its session.
        pub session_id: Uuid,
        /// When it was given out.
        pub issued_at: i64,
        /// Until when it can be exchanged.
        pub expires_at: i64,
        /// When it was exchanged.
        pub used_at: Option<i64>,
        /// SHA-256 of what it was exchanged for.
        pub successor_hash: Option<Vec<u8>>,
    }

    /// None.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Enrolment codes, as hashes only.
pub mod enrolment_code {
    use sea_orm::entity::prelude::*;

    /// One enrolment code.
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "enrolment_code")]
    pub struct Model {
        /// SHA-256 of the code without its hyphens.
        #[sea_orm(primary_key, auto_increment = false)]
        pub code_hash: Vec<u8>,
        /// Whom it enrols.
        pub person_id: Uuid,
        /// Who gave it out.
        pub created_by: Uuid,
        /// When.
        pub created_at: i64,
        /// Until when it counts.
        pub expires_at: i64,
        /// When it was used.
        pub used_at: Option<i64>,
    }

    /// None.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Handhelds.
pub mod handheld {
    use sea_orm::entity::prelude::*;

    /// One installation of the handheld; its id is its journal's.
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "handheld")]
    pub struct Model {
        /// Its id.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// Whose it is.
        pub person_id: Uuid,
        /// The person's station; follows him when he moves.
        pub station_id: Uuid,
        /// What it calls itself.
        pub device_name: String,
        /// Its Ed25519 key, 32 bytes.
        pub public_key: Vec<u8>,
        /// The journal that forked into this one.
        pub continues: Option<Uuid>,
        /// When it was enrolled.
        pub enrolled_at: i64,
        /// When it was revoked.
        pub revoked_at: Option<i64>,
        /// When it was last heard, to the minute.
        pub last_contact_at: Option<i64>,
        /// The last journal entry held; 0 when none.
        pub head_seq: i64,
        /// Its link.
        pub head_link: Vec<u8>,
    }

    /// Whose it is.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {
        /// Its person.
        #[sea_orm(
            belongs_to = "super::person::Entity",
            from = "Column::PersonId",
            to = "super::person::Column::Id"
        )]
        Person,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// Orders to wipe a handheld.
pub mod handheld_wipe {
    use sea_orm::entity::prelude::*;

    /// One order.
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "handheld_wipe")]
    pub struct Model {
        /// The handheld.
        #[sea_orm(primary_key, auto_increment = false)]
        pub handheld_id: Uuid,
        /// Its station.
        pub station_id: Uuid,
        /// A [`WipeForm`](gridcrew_sync_protocol::wipe::WipeForm).
        pub form: String,
        /// When it was ordered.
        pub ordered_at: i64,
        /// By whom.
        pub ordered_by: Uuid,
        /// When the handheld said that everything is removed.
        pub done_at: Option<i64>,
    }

    /// None.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// Who saw or did what.
pub mod audit_log {
    use sea_orm::entity::prelude::*;

    /// One line.
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "audit_log")]
    pub struct Model {
        /// Its id; ids grow with time.
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        /// When.
        pub at: i64,
        /// Who, if known.
        pub person_id: Option<Uuid>,
        /// His station.
        pub station_id: Option<Uuid>,
        /// What, such as `person.changed`.
        pub action: String,
        /// To what or whom.
        pub subject: String,
        /// `done`, or the code of the refusal.
        pub outcome: String,
    }

    /// None.
    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}
