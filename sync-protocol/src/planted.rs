//! Bugs that can be switched on, for trying whether the simulation finds them. Compiled only
//! with the feature `planted`; each place in the program that a bug lives in is one line.
//!
//! The switch is of the thread, so that threads can try different bugs side by side.

use std::cell::Cell;

macro_rules! bugs {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal;)+) => {
        /// A bug that can be switched on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Bug { $($(#[doc = $doc])+ $name,)+ }

        impl Bug {
            /// Every bug.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// In words, for the table.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

bugs! {
    /// Records count as held as soon as they are looked up to be sent.
    HeldWhenSent = "records count as held when they are sent";
    /// A record is told to be saved and its transaction is never committed.
    AckBeforeDurable = "acknowledged before durable";
    /// The log of the store is not synced at each commit.
    WalNormal = "WAL with synchronous=NORMAL";
    /// Names in folders are not synced.
    FolderNotSynced = "folder not synced";
    /// Content of files is not synced.
    FileNotSynced = "file not synced";
    /// The cursor of a page is durable before its items.
    CursorFirst = "cursor not in the transaction";
    /// What waits is written again under new numbers when a sync begins.
    RetryWithNewId = "retry with a new id";
    /// A new journal after a fork begins without the branch.
    DropOnFork = "drop on fork";
    /// The photos of a branch stay with the old journal.
    PhotosStayBehind = "reopen forgets the photos of the old branch";
    /// A new journal is taken and its branch counts as held there.
    BranchCountsAsHeld = "reopen takes the branch for held";
    /// A photo counts as held when its last bytes are sent.
    PhotoHeldWhenSent = "photo counts as held when it is sent";
    /// Old photos are removed whether or not the server has them.
    ThinUnheld = "photo deleted before the receipt";
    /// Photos are removed as soon as the server has them.
    ThinAtOnce = "photos removed at once when they are held";
    /// Entries are removed as soon as the server has them.
    HeldForgotten = "entries removed when they are acknowledged";
    /// The wall clock alone is trusted.
    WallClock = "wall clock used for order";
    /// A server time counts on after a reboot.
    AnchorAcrossBoots = "server time carried across a reboot";
    /// A third failure in a row is the last try.
    BackoffForEver = "back-off that never fires again";
    /// Entries that came by two ways count twice.
    DoubleApply = "double apply";
    /// Any page with 200 acknowledges a push.
    HtmlAck = "HTML page taken for an acknowledgement";
    /// Any 2xx acknowledges a piece of a photo.
    HtmlPhotoAck = "HTML page taken for an acknowledgement of a photo";
    /// Another epoch of the server is not noticed.
    EpochIgnored = "epoch ignored";
    /// After a restore the server is not asked what it holds of the journal.
    NoProbe = "restored server not offered the journal";
    /// After a restore the server is not asked which photos it holds.
    NoPhotoQuestion = "restored server not asked for its photos";
    /// Orders that leave the scope stay.
    ScopeRowsKept = "scope rows kept";
    /// Orders that left the scope stay when nothing of them waits any more.
    GoneRowsKept = "rows kept after the last acknowledgement";
    /// A cell that leaves the scope stays.
    CellsKept = "cells kept that changed hands";
    /// A feed that starts over does not drop what was there.
    StartOverIgnored = "start over ignored";
    /// An access token that expired is not renewed.
    TokenNotRenewed = "token not renewed";
    /// New tokens are not saved.
    TokensNotSaved = "new tokens not saved";
    /// The key of a new journal is not saved.
    KeyNotSaved = "key of a new journal not saved";
    /// An upload goes on where the device believes, not where the server says.
    OffsetTrusted = "photo offset trusted blindly";
    /// What a server lost is not queued again.
    GapIgnored = "gap not filled";
    /// A receipt marks everything as held.
    ReceiptForAll = "receipt taken for everything";
    /// The second page of the feed is not asked for.
    MoreIgnored = "feed stops after a page";
    /// An order is not folded anew when more of it comes.
    NotFoldedAnew = "order not folded anew";
    /// Records are folded in the order in which they came.
    FoldedAsTheyCame = "records folded as they came";
    /// The link of the entry before is left out of an entry's link.
    LinkWithoutBefore = "chain without the link before";
    /// Photos that records promise are swept away at opening.
    SweptAway = "sweep removes promised photos";
    /// The budget of bytes is not kept.
    BudgetIgnored = "byte budget ignored";
    /// The deadline of the budget is not kept.
    DeadlineIgnored = "time budget ignored";
    /// Originals go over a metered link.
    MeteredIgnored = "metered link ignored";
    /// `Retry-After` is not honoured.
    RetryAfterIgnored = "Retry-After ignored";
    /// Photos go before the records that promise them.
    PhotoFirst = "photo before its record";
    /// A change of the network does not end a wait.
    NetworkChangeIgnored = "network change ignored";
    /// What a revoked handheld has recorded goes with its scope.
    RevokedForgets = "revocation wipes the queue";
}

thread_local! {
    static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) };
}

/// Switches a bug on for this thread, or all off.
pub fn plant(bug: Option<Bug>) {
    PLANTED.with(|place| place.set(bug));
}

/// Whether a bug is on.
#[must_use]
pub fn on(bug: Bug) -> bool {
    PLANTED.with(Cell::get) == Some(bug)
}
