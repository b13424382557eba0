//! Feed out: what a handheld is told, a page at a time (I5, I6).
//!
//! `GET /api/v1/sync/feed?cursor=&wait=` answers with a packed [`FeedPage`]. The items and
//! the cursor of a page are stored in one transaction. The cursor is the server's and
//! opaque. A handheld holds what is in its scope: items bring things in, `…Gone` items
//! take them out again, except records that the server has not yet acknowledged.
//!
//! A kind of item that only a newer server knows is skipped ([`FeedItem::Unknown`]) and does
//! not spoil its page. Many customers come as one table ([`table`]), which is what makes a
//! first sync small.

mod item;
pub mod table;

pub use table::CustomerTable;

use crate::{
    digest::Digest,
    ids::{CellId, CustomerId, Epoch, OrderId, OrgId, PersonId, StationAreaId},
    journal::EntryId,
    position::TypedPosition,
    record::{OrderDetails, Owner},
    time::UnixMillis,
    workflow::{PromptCards, Template, TemplateRef},
};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// Longest time in seconds that the server holds a feed request open for a change.
pub const MAX_WAIT_SECONDS: u32 = 50;
/// Most bytes of one page once decompressed.
pub const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// A page of the feed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedPage {
    /// The server's epoch.
    pub epoch: Epoch,
    /// The server's time.
    pub server_time: UnixMillis,
    /// What is new.
    pub items: Vec<FeedItem>,
    /// To be given with the next request.
    pub cursor: String,
    /// More is there already.
    pub more: bool,
}

/// One thing that is new.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FeedItem {
    /// The person himself.
    Me(Me),
    /// A workflow template; never changes.
    Template(Template),
    /// A cell of the person.
    Cell(Cell),
    /// A cell left his scope, and with it its customers.
    CellGone(CellId),
    /// An edition of prompt cards; never changes.
    PromptCards(PromptCards),
    /// A customer in one of his cells.
    Customer(Customer),
    /// Customers in his cells, when a cell is told as a whole.
    Customers(CustomerTable),
    /// A customer left his scope.
    CustomerGone(CustomerId),
    /// An order in his scope, or more of it.
    Order(OrderItem),
    /// An order of the past in his scope, told in brief.
    Closed(Closed),
    /// An order left his scope.
    OrderGone(OrderId),
    /// Everything held before is to be dropped, except records not acknowledged: the
    /// pages that follow bring the whole scope anew.
    StartOver,
    /// Something that this program does not know; what it is called.
    Unknown(String),
}

/// The person himself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// His id.
    pub person: PersonId,
    /// His name.
    pub name: String,
    /// His station.
    pub station: OrgId,
    /// The station's name.
    pub station_name: String,
    /// People of the same station, to whom an order can be handed over.
    pub colleagues: Vec<Colleague>,
}

/// A person of the same station.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colleague {
    /// His id.
    pub person: PersonId,
    /// His name.
    pub name: String,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Its id.
    pub id: CellId,
    /// Its code within the station.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its A manager at present.
    pub role_a: Option<PersonId>,
    /// Its B manager at present.
    pub role_b: Option<PersonId>,
    /// Its rings in WGS-84, outer first of each polygon: polygons of rings of (lon, lat).
    pub polygons: Vec<Vec<Vec<(f64, f64)>>>,
}

/// A customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Customer {
    /// The id.
    pub id: CustomerId,
    /// The account number, as text.
    pub account_no: String,
    /// The asset number of the meter, as text; empty when it is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub meter_no: String,
    /// The account's name.
    pub name: String,
    /// The service address.
    pub address: String,
    /// The station area that supplies it.
    pub station_area: StationAreaId,
    /// The cell that it is in.
    pub cell: CellId,
    /// Where it is, if known.
    pub position: Option<TypedPosition>,
}

/// An order, or more of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OrderItem {
    /// The order.
    pub order: OrderId,
    /// Whether `entries` is all that the server holds of the order; otherwise they are
    /// those after the ones sent before.
    pub whole: bool,
    /// Contact and address, as far as the person may see them: while he does not own the
    /// open order, the number is masked. The salt is empty; older servers told it to the owner.
    pub details: Option<OrderDetails>,
    /// Entries of its trace. Those of the handheld's own journal are left out, unless the
    /// order is told whole, which may take several items when it is long.
    pub entries: Vec<FeedEntry>,
    /// Digest of the state that the server folds from all entries it holds, for comparing.
    pub state: Digest,
    /// How many entries the server holds of the order.
    pub count: u32,
}

/// An order on which nothing is left to do, in brief: what is kept in view of the past
/// without its trace. Who holds all of its entries goes on holding them instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The order.
    pub order: OrderId,
    /// The workflow's edition.
    pub template: TemplateRef,
    /// The customer, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// The cell by which it was last routed, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cell: Option<CellId>,
    /// Who was responsible for it last.
    pub owner: Option<Owner>,
    /// When it was accepted.
    pub accepted_at: UnixMillis,
    /// When its work was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned_at: Option<UnixMillis>,
    /// Codes of the deadlines that were missed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<String>,
    /// Contact and address as whoever does not own it may see them, without the salt.
    pub details: OrderDetails,
    /// How many entries the server holds of it.
    pub count: u32,
}

/// An entry of an order's trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedEntry {
    /// Where it is from.
    #[serde(flatten)]
    pub id: EntryId,
    /// Its bytes as first written.
    #[serde(rename = "b")]
    pub bytes: ByteBuf,
}
