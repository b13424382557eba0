//! The register of stable codes: every problem that an HTTP error names, every reason for
//! which an entry is parked, and everything that the handheld refuses. The register is the
//! documentation: a code that is not here does not compile.
//!
//! A code never changes its meaning and is never used again for another.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! codes {
    ($($(#[doc = $doc:expr])+ $name:ident = $text:literal, $status:literal;)+) => {
        /// A stable code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Code {
            $($(#[doc = $doc])+ #[serde(rename = $text)] $name,)+
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// As text, such as `journal.bad_signature`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The HTTP status that goes with it; 200 for codes that are only ever a reason
            /// inside an answer.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// What it means, in one sentence.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$name => concat!($($doc),+).trim_ascii_start(),)+ }
            }
        }
    };
}

codes! {
    /// What was sent cannot be read, or is not of the shape that the operation takes.
    RequestMalformed = "request.malformed", 400;
    /// The body is longer than the operation allows.
    RequestTooLarge = "request.too_large", 413;
    /// The body came too slowly or not to its end in time.
    RequestTimeout = "request.timeout", 408;
    /// The body is of another media type than the operation takes.
    RequestMediaType = "request.media_type", 415;
    /// A value is outside what it may be.
    RequestInvalid = "request.invalid", 422;
    /// No such operation, or no such thing that you may see.
    NotFound = "not_found", 404;
    /// The path exists, the method does not.
    MethodNotAllowed = "method_not_allowed", 405;
    /// Something changed meanwhile, or the thing exists already.
    Conflict = "conflict", 409;
    /// Too many requests; `Retry-After` says when to come back.
    TooManyRequests = "too_many_requests", 429;
    /// The server or its database cannot answer now; `Retry-After` says when to come back.
    Unavailable = "unavailable", 503;
    /// The disk that the server writes to is full.
    StorageFull = "storage.full", 507;
    /// A fault of the server.
    Internal = "internal", 500;

    /// No token, or one that is not valid here.
    AuthRequired = "auth.required", 401;
    /// The token's time is over.
    AuthExpired = "auth.expired", 401;
    /// Name or password is wrong.
    AuthWrongPassword = "auth.wrong_password", 401;
    /// A refresh token came a second time: the session is ended.
    AuthReplayed = "auth.replayed", 401;
    /// The handheld was revoked.
    AuthRevoked = "auth.revoked", 401;
    /// The person's role does not allow the operation.
    AuthForbidden = "auth.forbidden", 403;

    /// The handheld is locked: its person's PIN is wanted, or contact with the server.
    DeviceLocked = "device.locked", 423;
    /// The PIN is wrong; the wait before the next try grows.
    DeviceWrongPin = "device.wrong_pin", 423;
    /// The handheld's data is sealed with a key that is not at hand.
    DeviceKey = "device.key", 423;
    /// The server ordered that the handheld's data be removed.
    DeviceWiped = "device.wiped", 410;
    /// The enrolment code is wrong, used or too old.
    EnrolBadCode = "enrol.bad_code", 401;
    /// The proof does not fit the public key.
    EnrolBadProof = "enrol.bad_proof", 422;

    /// A position without a datum.
    PositionDatumMissing = "position.datum_missing", 422;
    /// A datum that is none of WGS-84, GCJ-02, BD-09, CGCS2000.
    PositionDatumUnknown = "position.datum_unknown", 422;
    /// Another datum where only WGS-84 may stand.
    PositionDatumNotWgs84 = "position.datum_not_wgs84", 422;
    /// A coordinate that is missing, no number, swapped or outside the range.
    PositionOutOfRange = "position.out_of_range", 422;

    /// The file is not GeoJSON of the expected shape.
    TerritoryMalformed = "territory.malformed", 422;
    /// More features or vertices than allowed.
    TerritoryTooLarge = "territory.too_large", 422;
    /// The request states one datum, the file another.
    TerritoryDatumConflict = "territory.datum_conflict", 422;
    /// A ring crosses or touches itself, or a part lies where it cannot.
    TerritorySelfCrossing = "territory.self_crossing", 422;
    /// Two cells overlap.
    TerritoryCellsOverlap = "territory.cells_overlap", 422;
    /// A part of the boundary is in no cell.
    TerritoryGap = "territory.gap", 422;
    /// Borders that meet do not share their points.
    TerritoryBorderNotShared = "territory.border_not_shared", 422;
    /// A cell or a station area reaches beyond the boundary.
    TerritoryOutsideBoundary = "territory.outside_boundary", 422;
    /// A cell without a station area.
    TerritoryCellWithoutStationArea = "territory.cell_without_station_area", 422;
    /// A station area in no cell, or in two.
    TerritoryStationAreaInNoCell = "territory.station_area_in_no_cell", 422;
    /// A code that stands twice.
    TerritoryCodeTwice = "territory.code_twice", 422;
    /// The territory cannot be split as asked.
    TerritoryCannotSplit = "territory.cannot_split", 422;
    /// A and B of a cell must be two different people of the station.
    TerritoryRolesInvalid = "territory.roles_invalid", 422;
    /// Another version of the territory came meanwhile; the problem says which and what they
    /// changed.
    TerritoryChanged = "territory.changed", 409;
    /// The cells cannot be edited as asked.
    TerritoryCannotEdit = "territory.cannot_edit", 422;
    /// The version cannot be undone: later changes stand in the way, or nothing was before it.
    TerritoryCannotUndo = "territory.cannot_undo", 409;
    /// The planned version is in force, cancelled, or its base is gone.
    TerritoryPlanEnded = "territory.plan_ended", 409;
    /// The station has no territory yet.
    TerritoryNone = "territory.none", 409;

    /// The leave was decided on, withdrawn or ended already, or has not begun.
    LeaveDecided = "leave.decided", 409;
    /// Nobody decides on his own leave.
    LeaveOwn = "leave.own", 403;
    /// A and B of a cell would both be away and nobody covers it.
    LeaveUncovered = "leave.uncovered", 409;
    /// The person named cannot cover the cell.
    LeaveBadCover = "leave.bad_cover", 422;
    /// The coordinates look like another datum than the stated one: they lie from what is known
    /// there as far as that datum is off.
    TerritoryDatumDoubtful = "territory.datum_doubtful", 422;

    /// The file is not of the format stated, is damaged, or lacks a part.
    FileUnreadable = "file.unreadable", 422;
    /// The file unpacks to more than allowed.
    FileTooLarge = "file.too_large", 422;
    /// The text is in another encoding than stated.
    FileEncoding = "file.encoding", 422;
    /// A sheet without the columns that are needed, or with one twice.
    SheetColumns = "sheet.columns", 422;
    /// A cell of a row is empty or holds what it may not.
    SheetValue = "sheet.value", 422;
    /// A row about the same as one above it.
    SheetRowTwice = "sheet.row_twice", 422;
    /// What is to be exported is more than is taken in again from one such file; the problem says
    /// what to ask for instead.
    ExportTooLarge = "export.too_large", 422;

    /// The order's source and outside number came before with other content.
    OrderConflict = "order.conflict", 409;
    /// Only the present owner may do this.
    OrderNotOwner = "order.not_owner", 409;
    /// The reason is none of the template's.
    OrderUnknownReason = "order.unknown_reason", 422;
    /// The person cannot own this order.
    OrderBadOwner = "order.bad_owner", 422;
    /// The work on the order is closed.
    OrderClosed = "order.closed", 409;
    /// This person may not decide so on the hand-over.
    HandOverNotYours = "hand_over.not_yours", 409;
    /// The hand-over was decided already, or its order moved on without it.
    HandOverDecided = "hand_over.decided", 409;
    /// No workflow template of that code is in force.
    OrderUnknownTemplate = "order.unknown_template", 422;

    /// The batch is not a packed batch, or breaks the limits on its size.
    JournalMalformed = "journal.malformed", 422;
    /// The signature does not fit the entries: something was changed, or a hash is wrong.
    JournalBadSignature = "journal.bad_signature", 422;
    /// The link before the batch is not the one that the server holds.
    JournalBadLink = "journal.bad_link", 409;
    /// The journal is not that of the handheld that sends it.
    JournalNotYours = "journal.not_yours", 403;
    /// An entry names another person than the journal's.
    JournalOtherPerson = "journal.other_person", 422;
    /// The first entry must open the journal, and no other may.
    JournalBadOpening = "journal.bad_opening", 422;

    /// Parked: the entry is of a kind that the server does not know.
    RecordUnknownKind = "record.unknown_kind", 200;
    /// Parked: the server knows no such order.
    RecordUnknownOrder = "record.unknown_order", 200;
    /// Parked: the person was never given the order.
    RecordNeverAssigned = "record.never_assigned", 200;
    /// Parked: a photo slot has no name, one of more than 200 bytes, or control characters.
    RecordBadSlot = "record.bad_slot", 200;
    /// Parked: another journal of the person brought this very record before; it counts there.
    RecordCopied = "record.copied", 200;
    /// Evidence: by a previous owner after his term.
    RecordPreviousOwner = "record.previous_owner", 200;
    /// Evidence: only the server may record this.
    RecordNotFromServer = "record.not_from_server", 200;
    /// Evidence: the template has no such step.
    RecordUnknownStep = "record.unknown_step", 200;
    /// Evidence: the work had been closed before.
    RecordAfterReturn = "record.after_return", 200;
    /// The step is not complete.
    RecordIncomplete = "record.incomplete", 422;

    /// The upload's headers or metadata are missing or wrong.
    MediaMalformed = "media.malformed", 400;
    /// Another version of tus than 1.0.0.
    MediaTusVersion = "media.tus_version", 412;
    /// The upload is larger than allowed.
    MediaTooLarge = "media.too_large", 413;
    /// No record of this handheld promises the photo; send the record first.
    MediaNotPromised = "media.not_promised", 409;
    /// Another handheld promised the same photo first and brings its preview; only the
    /// original is taken from this one.
    MediaPreviewNotWanted = "media.preview_not_wanted", 409;
    /// The chunk does not start where the upload stands.
    MediaWrongOffset = "media.wrong_offset", 409;
    /// The chunk does not fit its own checksum.
    MediaChecksum = "media.checksum_mismatch", 460;
    /// The whole upload does not fit its hash: its bytes are dropped, begin again.
    MediaDigest = "media.digest_mismatch", 422;
    /// The bytes are no picture of an allowed kind.
    MediaNoPicture = "media.no_picture", 422;
    /// The picture has more pixels than allowed, or takes too much memory to decode.
    MediaTooManyPixels = "media.too_many_pixels", 422;
    /// Another request is writing to this upload.
    MediaBusy = "media.busy", 423;
    /// The upload was ended, or its time is over.
    MediaGone = "media.gone", 410;

    /// The feed's cursor is not one of this server.
    FeedBadCursor = "feed.bad_cursor", 422;
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::Code;
    use std::collections::BTreeSet;

    #[test]
    fn every_code_is_unique_and_explained() {
        let texts: BTreeSet<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|code| code.meaning().ends_with('.')));
    }
}
