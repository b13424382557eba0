//! The rows of photos.

use crate::trace::rows::rows;

rows! {
    /// What records promised.
    photo_promise, "photo_promise", {
        /// SHA-256 of the original.
        #[sea_orm(primary_key, auto_increment = false)]
        photo: Vec<u8>,
        /// The journal of the record.
        #[sea_orm(primary_key, auto_increment = false)]
        journal_id: Uuid,
        /// The record's position in it.
        #[sea_orm(primary_key, auto_increment = false)]
        seq: i64,
        /// The slot of the step that it fills.
        #[sea_orm(primary_key, auto_increment = false)]
        slot: String,
        /// The station of the handheld.
        station_id: Uuid,
        /// The order, if the record is part of one.
        order_id: Option<Uuid>,
        /// Length of the original as the record says.
        bytes: i64,
    }
}

rows! {
    /// What is held: verified and durable.
    media_object, "media_object", {
        /// SHA-256 of the original that it is, or is a preview of.
        #[sea_orm(primary_key, auto_increment = false)]
        photo: Vec<u8>,
        /// `original` or `preview`.
        #[sea_orm(primary_key, auto_increment = false)]
        kind: String,
        /// SHA-256 of the bytes, which names their file.
        digest: Vec<u8>,
        /// Their length.
        bytes: i64,
        /// Their media type.
        media_type: String,
        /// Since when, milliseconds.
        stored_at: i64,
        /// A preview that was made of the original, not brought by a handheld.
        derived: bool,
    }
}

rows! {
    /// Which handhelds had the bytes of an original: verified, whether it was held before or
    /// not.
    photo_brought, "photo_brought", {
        /// SHA-256 of the original.
        #[sea_orm(primary_key, auto_increment = false)]
        photo: Vec<u8>,
        /// The journal of the handheld.
        #[sea_orm(primary_key, auto_increment = false)]
        journal_id: Uuid,
    }
}

rows! {
    /// What photos look like, a row for each of the four bands of a look (`looks`).
    photo_look, "photo_look", {
        /// The station of the handheld that promised it first.
        #[sea_orm(primary_key, auto_increment = false)]
        station_id: Uuid,
        /// The band.
        #[sea_orm(primary_key, auto_increment = false)]
        band: i32,
        /// SHA-256 of the original.
        #[sea_orm(primary_key, auto_increment = false)]
        photo: Vec<u8>,
        /// The whole look, its 64 bits as a signed number.
        look: i64,
    }
}

rows! {
    /// What is being uploaded, or was not long ago.
    upload, "upload", {
        /// The upload; its part is named by it.
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        /// Whose it is.
        journal_id: Uuid,
        /// SHA-256 that the bytes must have.
        digest: Vec<u8>,
        /// SHA-256 of the original that they are, or are a preview of.
        photo: Vec<u8>,
        /// `original` or `preview`.
        kind: String,
        /// Their length.
        length: i64,
        /// When it was begun, milliseconds.
        created_at: i64,
        /// From when it is over, milliseconds.
        expires_at: i64,
    }
}
