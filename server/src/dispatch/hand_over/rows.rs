//! The rows of hand-overs.

use crate::trace::rows::rows;

rows! {
    /// Hand-overs of open orders.
    hand_over, "hand_over", {
        /// The hand-over.
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        /// The order's station.
        station_id: Uuid,
        /// The order.
        order_id: Uuid,
        /// The order as long as the hand-over is open: each order has at most one.
        open_order: Option<Uuid>,
        /// Who owns the order until it is accepted.
        from_person: Uuid,
        /// Who is to own it.
        to_person: Uuid,
        /// The cell by which the order was routed.
        from_cell: Option<Uuid>,
        /// The cell that it belongs to now.
        to_cell: Option<Uuid>,
        /// A `Cause` in snake case.
        cause: String,
        /// The version of the territory, or the leave.
        cause_ref: String,
        /// Why, in words.
        reason: String,
        /// Whose doing it is.
        author: Uuid,
        /// The term of the order in which it was offered.
        term: i64,
        /// When, milliseconds.
        offered_at: i64,
        /// A `State` in snake case.
        state: String,
        /// When it was decided, milliseconds.
        decided_at: Option<i64>,
        /// By whom; the nil id when by the course of things.
        decided_by: Option<Uuid>,
    }
}
