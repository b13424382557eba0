use super::*;
use crate::people::fixture::Fixture;
use sea_orm::{DatabaseBackend, QueryTrait, Statement};

/// How SQLite finds the entries of some lists.
async fn plan(lists: Lists) -> Vec<String> {
    let fixture = Fixture::new().await;
    let which = of_lists(lists, JournalId(Uuid::nil()));
    let query = entry::Entity::find().filter(which);
    let query = query.build(DatabaseBackend::Sqlite);
    let explain = Statement {
        sql: format!("EXPLAIN QUERY PLAN {}", query.sql),
        ..query
    };
    let rows = fixture.app.store.read().query_all_raw(explain).await;
    let rows = rows.unwrap();
    rows.iter()
        .map(|row| row.try_get("", "detail").unwrap())
        .collect()
}

#[actix_web::test]
async fn entries_are_found_by_their_orders_not_by_looking_through_all() {
    let orders = |n: u128| vec![Uuid::from_u128(n), Uuid::from_u128(n + 1)];
    for lists in [
        Lists::from([(None, orders(1))]),
        Lists::from([(Some(5), orders(1))]),
        Lists::from([(None, orders(1)), (Some(5), orders(3))]),
    ] {
        let plan = plan(lists.clone()).await;
        let by_order = plan.iter().any(|step| step.contains("(order_id=?)"));
        let scans = plan.iter().any(|step| step.starts_with("SCAN"));
        assert!(by_order && !scans, "{lists:?}: {plan:?}");
    }
}
