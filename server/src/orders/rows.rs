//! The rows of orders: all of them can be built again from the trace, but the details.

use crate::trace::rows::rows;
use gridcrew_sync_protocol::workflow::TemplateRef;

rows! {
    /// Editions of workflow templates.
    template, "template", {
        /// The template's code.
        #[sea_orm(primary_key, auto_increment = false)]
        code: String,
        /// The edition.
        #[sea_orm(primary_key, auto_increment = false)]
        version: i64,
        /// From when new orders are accepted under it, milliseconds.
        effective_from: i64,
        /// As TOML.
        body: String,
    }
}

rows! {
    /// Editions of prompt cards.
    prompt_card, "prompt_card", {
        /// The code of the workflow that they are for.
        #[sea_orm(primary_key, auto_increment = false)]
        workflow: String,
        /// The edition.
        #[sea_orm(primary_key, auto_increment = false)]
        version: i64,
        /// From when they are shown, milliseconds.
        effective_from: i64,
        /// As TOML.
        body: String,
    }
}

rows! {
    /// The projection of orders.
    service_order, "service_order", {
        /// The order.
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        /// Its station.
        station_id: Uuid,
        /// Where it came from.
        source: String,
        /// Its number there.
        outside_no: String,
        /// Hash of what was asked at intake.
        intake_digest: Vec<u8>,
        /// Who took it in: the first-asked person.
        accepted_by: Uuid,
        /// The workflow.
        template_code: String,
        /// The edition of it.
        template_version: i64,
        /// The customer, if known.
        customer_id: Option<Uuid>,
        /// The cell by which it was last routed.
        cell_id: Option<Uuid>,
        /// The station area by which it was last routed.
        station_area_id: Option<Uuid>,
        /// Where it stands: a `Status` in snake case.
        status: String,
        /// The owner, if a person.
        owner_person: Option<Uuid>,
        /// The owner, if a station's desk.
        owner_desk: Option<Uuid>,
        /// The present term.
        term: i64,
        /// When it was accepted, milliseconds.
        accepted_at: i64,
        /// The earliest deadline that still runs, milliseconds.
        next_due: Option<i64>,
        /// `OrderDetails` as encoded once.
        details: Vec<u8>,
        /// The last entry of the server in its trace.
        server_seq: i64,
        /// The link of that entry.
        server_link: Vec<u8>,
        /// The folded state, encoded.
        state: Vec<u8>,
        /// SHA-256 of `state`.
        state_digest: Vec<u8>,
        /// How many entries it was folded from.
        entry_count: i64,
    }
}

impl service_order::Model {
    /// The edition of the workflow that the order keeps (I10).
    #[must_use]
    pub fn template(&self) -> TemplateRef {
        TemplateRef {
            code: self.template_code.clone(),
            version: u32::try_from(self.template_version).unwrap_or(0),
        }
    }
}

rows! {
    /// Who was ever given which order.
    order_person, "order_person", {
        /// The order.
        #[sea_orm(primary_key, auto_increment = false)]
        order_id: Uuid,
        /// The person.
        #[sea_orm(primary_key, auto_increment = false)]
        person_id: Uuid,
    }
}

rows! {
    /// How an order was routed in a term.
    routing_decision, "routing_decision", {
        /// The order.
        #[sea_orm(primary_key, auto_increment = false)]
        order_id: Uuid,
        /// The term.
        #[sea_orm(primary_key, auto_increment = false)]
        term: i64,
        /// When, milliseconds.
        at: i64,
        /// The explanation as JSON.
        explanation: String,
    }
}
