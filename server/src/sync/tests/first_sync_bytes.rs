//! How small a first sync is: 1,000 customers, 300 orders and the workflows, with names,
//! numbers, addresses and places that look real, as they are packed.

use super::{feed::Ground, first_sync::pages, world::Report};
use crate::{
    demo::names, orders::rows::service_order, sync::page::Size, territory::rows::customer,
    trace::feed_log::Subject,
};
use gridcrew_sync_protocol::{
    feed::FeedPage,
    ids::{CustomerId, OrderId},
    position::{Datum, TypedPosition},
    record::OrderDetails,
    time::Millis,
    wire,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sea_orm::{ColumnTrait, EntityTrait, ExprTrait, QueryFilter, sea_query::Expr};

const CUSTOMERS: usize = 1_000;
const ORDERS: usize = 300;
const DAY: i64 = 24 * 3_600_000;
/// What people report.
const PHENOMENA: [&str; 8] = [
    "全户停电",
    "电压低",
    "表前开关跳闸",
    "线路断线落地",
    "灯光闪烁",
    "漏电保护器频繁跳闸",
    "电表箱冒烟",
    "树碰线",
];

/// How many of the orders are open, and how many were done today; the rest is of the past.
#[derive(Clone, Copy)]
struct Mix {
    open: usize,
    today: usize,
}

/// A customer of the manager's cells, as he is stored.
fn customer_row(ground: &Ground, n: usize, random: &mut ChaCha8Rng) -> customer::Model {
    let (village, group, house) = (
        names::village(n % 12),
        random.random_range(1..9),
        random.random_range(1..60),
    );
    let mut place = |from: f64| ((from + random.random_range(0.0..0.1)) * 1e7).round() / 1e7;
    let (lon, lat) = (place(113.0), place(23.0));
    customer::Model {
        id: ground.world.fixture.app.new_id(),
        station_id: ground.world.station.0,
        station_area_id: ground.areas[[0, 2, 3][n % 3]].0,
        account_no: format!("3408{n:04}{:05}", random.random_range(0..100_000)),
        name: names::person(random),
        phone: format!("1990000{:04}", random.random_range(0..10_000)),
        address: format!("{village}村{group}组{house}号"),
        meter_no: format!("34{:010}", random.random_range(0..100_000_000_u64)),
        lon: Some(lon),
        lat: Some(lat),
    }
}

async fn put_customers(ground: &Ground, random: &mut ChaCha8Rng) -> Vec<customer::Model> {
    let customers: Vec<_> = (0..CUSTOMERS)
        .map(|n| customer_row(ground, n, random))
        .collect();
    let told = customers
        .iter()
        .map(|one| (Subject::Customer(CustomerId(one.id)), true))
        .collect();
    let rows: Vec<customer::ActiveModel> = customers
        .iter()
        .cloned()
        .map(customer::ActiveModel::from)
        .collect();
    let rows = rows.into_iter().map(sea_orm::ActiveModelTrait::reset_all);
    let rows: Vec<_> = rows.collect();
    ground
        .world
        .change(
            move |tx| {
                Box::pin(async move {
                    for some in rows.chunks(200) {
                        customer::Entity::insert_many(some.to_vec())
                            .exec_without_returning(tx)
                            .await?;
                    }
                    Ok(())
                })
            },
            told,
        )
        .await;
    customers
}

/// An order of one of the customers, given to the manager.
async fn take_in(ground: &mut Ground, n: usize, of: &customer::Model, random: &mut ChaCha8Rng) {
    let mut salt = vec![0; 16];
    random.fill(&mut salt[..]);
    let position = of.lon.zip(of.lat);
    let report = Report {
        outside_no: format!("2611{n:06}"),
        details: OrderDetails {
            phenomenon: PHENOMENA[random.random_range(0..PHENOMENA.len())].to_owned(),
            contact_name: of.name.clone(),
            contact_phone: of.phone.clone(),
            address: of.address.clone(),
            account_no: Some(of.account_no.clone()),
            salt,
        },
        customer: Some(CustomerId(of.id)),
        position: position.map(|(lon, lat)| TypedPosition::new(lon, lat, Datum::Wgs84).unwrap()),
    };
    let (world, manager) = (&ground.world, ground.devices[0].person);
    let order = world.take_in(world.station, report).await;
    world.assign(order, 1, manager, Some(ground.cells[0])).await;
    ground.orders.push((order, 1, 0, 0));
    ground.world.fixture.pass(Millis(90_000));
}

/// Lets orders have been accepted in the days before.
async fn set_back(ground: &Ground, orders: &[OrderId]) {
    for (order, n) in orders.iter().copied().zip(0i64..) {
        let earlier = Expr::col("accepted_at").sub(2 * DAY + n * DAY / 12);
        ground
            .world
            .fixture
            .write(move |tx, _| {
                Box::pin(async move {
                    service_order::Entity::update_many()
                        .col_expr(service_order::Column::AcceptedAt, earlier)
                        .filter(service_order::Column::Id.eq(order.0))
                        .exec(tx)
                        .await?;
                    Ok(())
                })
            })
            .await;
    }
}

/// The pages of a manager's first sync.
async fn first_sync(mix: Mix) -> Vec<FeedPage> {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut ground = Ground::new().await;
    let customers = put_customers(&ground, &mut random).await;
    for n in 0..ORDERS {
        let of = &customers[random.random_range(0..CUSTOMERS)];
        take_in(&mut ground, n, of, &mut random).await;
    }
    for n in mix.open..ORDERS {
        ground.work(0, n, true).await;
    }
    let past: Vec<OrderId> = ground.orders[(mix.open + mix.today).min(ORDERS)..]
        .iter()
        .map(|(order, ..)| *order)
        .collect();
    set_back(&ground, &past).await;
    // A handheld of his that holds nothing yet.
    ground.devices[0] = ground.world.device(ground.devices[0].person, 9).await;
    pages(&ground, 0, Size::default()).await
}

/// Bytes of pages as they are sent.
fn packed(pages: &[FeedPage]) -> usize {
    pages.iter().map(|page| wire::pack_tight(page).len()).sum()
}

#[actix_web::test]
async fn a_first_sync_is_small() {
    // The bar is 80 KB on the wire with HTTP, for twenty orders that are open, ten that were
    // done today with all their records and photos, and a month's past (`first_sync`, a
    // benchmark, measures it with a real server). Here each order has two or four records.
    let usual = Mix {
        open: 20,
        today: 10,
    };
    let bytes = packed(&first_sync(usual).await);
    assert!(bytes < 60_000, "{bytes} bytes");
    // Nobody has three hundred open orders; what they would take is kept from growing.
    let open = Mix {
        open: ORDERS,
        today: 0,
    };
    let bytes = packed(&first_sync(open).await);
    assert!(bytes < 92_000, "{bytes} bytes");
}
