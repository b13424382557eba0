//! The rows of leave and of duty tables; `migrations/src/v8.rs` says what each column means.

use crate::trace::rows::rows;

rows! {
    /// Leave: asked for, decided on, and how far it is.
    leave, "leave", {
        /// The leave.
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        /// The station of who asked.
        station_id: Uuid,
        /// Who is to be away.
        person_id: Uuid,
        /// A `LeaveKind`.
        kind: String,
        /// From when, milliseconds, included.
        from_at: i64,
        /// Until when, excluded; open if absent.
        until_at: Option<i64>,
        /// Why, in his words.
        reason: String,
        /// A `LeaveState`.
        state: String,
        /// Who asked.
        asked_by: Uuid,
        /// When.
        asked_at: i64,
        /// Who decided.
        decided_by: Option<Uuid>,
        /// When.
        decided_at: Option<i64>,
        /// Why so, in his words.
        decision: Option<String>,
        /// Until when the written statement is due.
        statement_due: Option<i64>,
        /// The written statement.
        statement: Option<String>,
        /// When it came.
        statement_at: Option<i64>,
        /// The next moment at which it begins or ends and somebody must act.
        next_change: Option<i64>,
        /// When its beginning was acted upon.
        begun_at: Option<i64>,
        /// When its end was acted upon.
        ended_at: Option<i64>,
    }
}

rows! {
    /// Who covers a cell during a leave.
    leave_cover, "leave_cover", {
        /// The cover.
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        /// The leave.
        leave_id: Uuid,
        /// Its station.
        station_id: Uuid,
        /// The cell.
        cell_id: Uuid,
        /// Who stands in.
        person_id: Uuid,
        /// From when, included.
        from_at: i64,
        /// Until when, excluded; open if absent.
        until_at: Option<i64>,
    }
}

rows! {
    /// Duty tables, one a unit.
    duty_table, "duty_table", {
        /// The station, or the team or crew whose cells it is for.
        #[sea_orm(primary_key, auto_increment = false)]
        unit_id: Uuid,
        /// Its station.
        station_id: Uuid,
        /// Its name.
        name: String,
        /// Raised by each change.
        version: i64,
        /// A `DutyTable`, as JSON.
        content: String,
        /// The last year that the calendar knew by which its shifts were made; days after it
        /// were guessed. 0 when it knew none.
        calendar_to: i32,
        /// Who changed it last.
        author: Uuid,
        /// When.
        changed_at: i64,
    }
}

rows! {
    /// Shifts of duty tables.
    duty_shift, "duty_shift", {
        /// The shift.
        #[sea_orm(primary_key, auto_increment = false)]
        id: Uuid,
        /// The table's unit.
        unit_id: Uuid,
        /// Its station.
        station_id: Uuid,
        /// Who.
        person_id: Uuid,
        /// A `DutyKind`.
        kind: String,
        /// From when, included.
        from_at: i64,
        /// Until when, excluded.
        until_at: i64,
    }
}
