//! How long pushes take, beside bare inserts of the same rows. Only a look, not a measure:
//! run it with `--ignored --nocapture`.

use super::world::World;
use gridcrew_sync_protocol::{ids::OrderId, push::PushOutcome};
use sea_orm::{ConnectionTrait, DatabaseBackend, Statement};
use std::time::Instant;

const RECORDS: usize = 10_000;
const BATCH: usize = 500;

async fn pushed(orders: usize, of: impl Fn(usize) -> usize) -> f64 {
    let world = World::new().await;
    let manager = world.manager().await;
    let mut ids: Vec<OrderId> = Vec::new();
    for _ in 0..orders {
        ids.push(world.order(manager, None).await);
    }
    let mut device = world.device(manager, 1).await;
    for n in 0..RECORDS - 1 {
        device.step(ids[of(n)], ["arrived", "diagnosis", "repair"][n % 3]);
    }
    let batches: Vec<_> = (0..RECORDS / BATCH)
        .map(|n| device.batch(n * BATCH + 1, (n + 1) * BATCH))
        .collect();
    let began = Instant::now();
    for batch in batches {
        let outcome = world.push(&device, batch).await.unwrap();
        assert!(matches!(outcome, PushOutcome::Held { .. }));
    }
    began.elapsed().as_secs_f64()
}

async fn bare() -> f64 {
    let world = World::new().await;
    let store = &world.fixture.app.store;
    let began = Instant::now();
    for batch in 0..RECORDS / BATCH {
        store
            .write(move |tx| {
                Box::pin(async move {
                    for n in 0..BATCH {
                        let seq = (batch * BATCH + n) as i64;
                        let values = [
                            vec![7u8; 16].into(),
                            seq.into(),
                            vec![1u8; 32].into(),
                            vec![2u8; 200].into(),
                            vec![7u8; 16].into(),
                            5i64.into(),
                            5i64.into(),
                        ];
                        let sql = "INSERT INTO entry (journal_id, seq, link, bytes, order_id, \
                                   received_at, feed_position) VALUES (?, ?, ?, ?, ?, ?, ?)";
                        let statement =
                            Statement::from_sql_and_values(DatabaseBackend::Sqlite, sql, values);
                        tx.execute_raw(statement).await?;
                    }
                    Ok(())
                })
            })
            .await
            .unwrap();
    }
    began.elapsed().as_secs_f64()
}

#[actix_web::test]
#[ignore = "prints times"]
async fn pushes_beside_bare_inserts() {
    let bare = bare().await;
    println!("bare inserts: {bare:.3} s");
    type Shape = (&'static str, usize, fn(usize) -> usize);
    let shapes: [Shape; 3] = [
        ("1,000 orders one after the other", 1_000, |n| n / 10),
        ("100 orders in turn", 100, |n| n % 100),
        ("one order", 1, |_| 0),
    ];
    for (name, orders, of) in shapes {
        let time = pushed(orders, of).await;
        println!("{name}: {time:.3} s, {:.1} times", time / bare);
    }
}
