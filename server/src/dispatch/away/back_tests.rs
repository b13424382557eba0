use super::*;
use crate::{
    dispatch::{
        away::{look, take},
        away_tests::{HOUR, accepted, hand_overs, leaves, offer, owner},
        facts::readings,
    },
    duty::{leave::moments::Moment, rows::leave},
    orders::fixture::Township,
    people::fixture::Desk,
};
use gridcrew_sync_protocol::time::Millis;
use serde_json::json;

/// A leave of A, which is over, with so many orders that B has taken from him.
async fn lent_out(town: &Township, orders: usize) -> (Uuid, Vec<OrderId>) {
    let mut lent = Vec::new();
    for n in 0..orders {
        lent.push(town.take_in(json!({ "outside_no": n.to_string() })).await);
    }
    // They are looked at in the order of their ids.
    lent.sort();
    let leave = leaves(town, &town.a, 10, json!([])).await;
    town.fixture.pass(Millis(HOUR));
    assert_eq!(look(town.app()).await.unwrap(), 1);
    for order in &lent {
        accepted(town, *order, &town.a, &town.b).await;
    }
    (leave.parse().unwrap(), lent)
}

/// How often each order was offered back, by whom it was for.
async fn offered_back(town: &Township, orders: &[OrderId]) -> Vec<usize> {
    let all = hand_overs(town).await;
    let back = |order: &OrderId| {
        let of = all.iter().filter(|one| one.order_id == order.0);
        of.filter(|one| one.cause == "leave_over").count()
    };
    orders.iter().map(back).collect()
}

#[actix_web::test]
async fn a_process_that_ends_in_the_middle_leaves_the_rest_to_the_next_look_and_nothing_comes_twice()
 {
    for town in Township::on_each().await {
        let unanswered = town.take_in(json!({ "outside_no": "open" })).await;
        let (leave, lent) = lent_out(&town, 4).await;
        town.fixture.pass(Millis(10 * HOUR));

        // One transaction after the other, until the process ends.
        let taken = take(town.app(), town.station, leave).await.unwrap();
        let taken = taken.unwrap();
        let what = Return {
            leave,
            person: taken.person,
        };
        assert_eq!(taken.moment, Moment::Ends);
        let mut next = Some(Begin::Unanswered(Uuid::nil()));
        let mut seen = Vec::new();
        while let Some(begin) = next.filter(|_| seen.len() < 2) {
            next = page(town.app(), town.station, what, begin, 1)
                .await
                .unwrap();
            if matches!(begin, Begin::Lent(_)) {
                seen = offered_back(&town, &lent).await;
                seen.retain(|times| *times > 0);
            }
        }
        assert_eq!(
            offered_back(&town, &lent).await,
            [1, 1, 0, 0],
            "a page has one order"
        );
        assert_eq!(town.state(unanswered).await.owner, owner(&town.a));
        // He answers one of those that came: B is to go on with it.
        let first = offer(&town, lent[0], &town.b, &town.a).await;
        let a = Desk::of(&town.fixture, &town.a).await;
        let path = format!("/hand-overs/{}", first.id);
        assert_eq!(a.post(&path, json!({ "answer": "keep" })).await.0, 200);

        let (one, other) = tokio::join!(look(town.app()), look(town.app()));
        assert!(one.unwrap() + other.unwrap() >= 1);
        assert_eq!(offered_back(&town, &lent).await, [1, 1, 1, 1]);
        assert_eq!(look(town.app()).await.unwrap(), 0, "all is done");
        assert_eq!(town.state(lent[0]).await.owner, owner(&town.b));
        for order in &lent[1..] {
            accepted(&town, *order, &town.b, &town.a).await;
        }
        let row = leave::Entity::find_by_id(leave);
        let row = row.one(town.app().store.read()).await.unwrap().unwrap();
        assert_eq!(
            row.ended_at,
            Some(town.app().now().0),
            "the first who took it"
        );
    }
}

#[actix_web::test]
async fn the_people_of_the_station_are_read_as_often_for_many_orders_as_for_one() {
    for town in Township::on_each().await {
        let mut read = Vec::new();
        for orders in [1, 5] {
            for n in 0..orders {
                let order = json!({ "outside_no": format!("{orders}-{n}") });
                town.take_in(order).await;
            }
            let leave = leaves(&town, &town.a, 10, json!([])).await;
            town.fixture.pass(Millis(HOUR));
            let before = readings::by_now();
            assert_eq!(look(town.app()).await.unwrap(), 1);
            let offering = readings::by_now() - before;
            let open = hand_overs(&town).await;
            let open = open.iter().filter(|one| one.open_order.is_some());
            let open: Vec<_> = open.map(|one| (one.id, one.order_id)).collect();
            assert!(open.len() >= orders, "{leave}");
            // Not taken by B himself, so it comes back at once.
            let clerk = Desk::of(&town.fixture, &town.clerk).await;
            for (id, _) in &open {
                let path = format!("/hand-overs/{id}");
                let answer = clerk.post(&path, json!({ "answer": "accept" })).await;
                assert_eq!(answer.0, 200, "{}", answer.1);
            }
            town.fixture.pass(Millis(10 * HOUR));
            let before = readings::by_now();
            assert_eq!(look(town.app()).await.unwrap(), 1);
            for (_, order) in open {
                assert_eq!(town.state(OrderId(order)).await.owner, owner(&town.a));
            }
            read.push((offering, readings::by_now() - before));
        }
        assert_eq!(read, [(1, 1), (1, 1)]);
    }
}
