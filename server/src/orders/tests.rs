use super::{
    act::{Act, act},
    fixture::{ACCOUNT, Township, attempt, plain_order},
    list::{List, ListQuery, OrderPage, list},
    rows::{routing_decision, service_order},
    show::show,
    store::TakenIn,
    trace_view::{TraceQuery, trace},
};
use crate::{
    dispatch::route::Explanation,
    edge::Problem,
    http,
    people::rows::{audit_log, person},
};
use actix_web::{
    http::{StatusCode, header},
    test,
};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    ids::{OrderId, PersonId},
    order::{OrderState, Status},
    record::{Declined, Event, HandedOver, Owner, Rung, Taken},
    time::Millis,
    workflow::AreaClass,
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
use serde_json::{Value, json};

fn owner(person: &person::Model) -> Option<Owner> {
    Some(Owner::Person(PersonId(person.id)))
}

async fn explanation(town: &Township, order: OrderId) -> Explanation {
    let rows = routing_decision::Entity::find()
        .filter(routing_decision::Column::OrderId.eq(order.0))
        .all(town.app().store.read())
        .await
        .unwrap();
    serde_json::from_str(&rows.last().unwrap().explanation).unwrap()
}

async fn acted(
    town: &Township,
    by: &person::Model,
    order: OrderId,
    what: Act,
) -> Result<OrderState, Problem> {
    let caller = town.caller(by).await;
    attempt(town.app(), move |tx, app| {
        Box::pin(async move { act(tx, &app, &caller, order, what).await })
    })
    .await
}

fn take() -> Act {
    Act::Take(Taken {
        eta_minutes: Some(20),
    })
}

fn decline(reason: &str) -> Act {
    Act::Decline(Declined {
        reason: reason.to_owned(),
        note: String::new(),
    })
}

fn hand_to(person: &person::Model) -> Act {
    Act::HandOver(HandedOver {
        to: PersonId(person.id),
        note: "please".to_owned(),
    })
}

async fn listed(town: &Township, by: &person::Model, query: ListQuery) -> OrderPage {
    let caller = town.caller(by).await;
    list(town.app().store.read(), &caller, &query)
        .await
        .unwrap()
}

#[tokio::test]
async fn the_same_order_again_is_the_same_and_other_content_is_a_conflict() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    let again = town.try_take_in(&town.clerk, json!({})).await.unwrap();
    assert_eq!(again, TakenIn::Before(order));
    let other = town.try_take_in(&town.clerk, json!({ "phenomenon": "sparks" }));
    assert_eq!(other.await.unwrap_err().code, Code::OrderConflict);
    assert_eq!(town.records(order).await.len(), 2);
    let orders = service_order::Entity::find().count(town.app().store.read());
    assert_eq!(orders.await.unwrap(), 1);
}

#[tokio::test]
async fn what_two_stations_call_by_one_number_are_two_orders() {
    for town in Township::on_each().await {
        let numbered = json!({ "source": "hall", "outside_no": "2026-0001" });
        let one = town.take_in(numbered.clone()).await;
        let mut others = numbered.clone();
        others["phenomenon"] = json!("sparks");
        let other = town
            .try_take_in(&town.sibling, others.clone())
            .await
            .unwrap();
        assert!(matches!(other, TakenIn::New(_)), "{other:?}");
        for (staff, sent, expected) in [
            (&town.clerk, &numbered, one),
            (&town.sibling, &others, other.order()),
            // Who sees both is told of the one that he sent.
            (&town.center, &numbered, one),
        ] {
            let again = town.try_take_in(staff, sent.clone()).await.unwrap();
            assert_eq!(again, TakenIn::Before(expected));
        }
        others["phenomenon"] = json!("smoke");
        for staff in [&town.clerk, &town.sibling, &town.center] {
            let refused = town.try_take_in(staff, others.clone()).await.unwrap_err();
            assert_eq!(refused.code, Code::OrderConflict);
        }
    }
}

#[tokio::test]
async fn of_the_same_order_sent_many_times_at_once_one_is_new() {
    let town = Township::new().await;
    let sent = (0..8).map(|_| town.try_take_in(&town.clerk, json!({})));
    let outcomes = futures_util::future::try_join_all(sent).await.unwrap();
    let new = outcomes.iter().filter(|o| matches!(o, TakenIn::New(_)));
    assert_eq!(new.count(), 1);
    assert!(
        outcomes
            .windows(2)
            .all(|pair| pair[0].order() == pair[1].order())
    );
}

#[tokio::test]
async fn the_trace_holds_the_digest_of_the_details_and_nothing_personal() {
    let town = Township::new().await;
    let order = town.take_in(json!({ "account_no": ACCOUNT })).await;
    let row = town.row(order).await;
    let records = town.records(order).await;
    let Event::Accepted(accepted) = &records[0].record.event else {
        panic!("the first record accepts the order");
    };
    assert_eq!(accepted.details, Digest::of(&row.details));
    assert_eq!(accepted.area_class, AreaClass::Urban);
    assert_eq!(records[0].record.actor.0, town.clerk.id);
    let bytes = format!("{records:?}");
    for personal in ["Wang Fang", "13800138000", "No. 1", "no power", ACCOUNT] {
        assert!(!bytes.contains(personal), "{personal}");
    }
}

#[tokio::test]
async fn account_place_and_neither_each_find_their_owner_and_say_why() {
    let town = Township::new().await;
    let nowhere = json!({ "lon": 0.0, "lat": 0.0, "datum": "WGS-84" });
    let elsewhere = json!({ "lon": 104.15, "lat": 30.05, "datum": "WGS-84" });
    let desk = Some(Owner::Desk(town.station));
    let a = owner(&town.a);
    for (n, change, owner, reason) in [
        (
            1,
            json!({ "account_no": ACCOUNT, "position": elsewhere }),
            a,
            "account_area_cell",
        ),
        (2, json!({}), a, "inside_cell"),
        (3, json!({ "position": elsewhere }), desk, "inside_cell"),
        (4, json!({ "position": null }), desk, "no_place"),
        (
            5,
            json!({ "position": null, "account_no": "999" }),
            desk,
            "no_place",
        ),
        (6, json!({ "position": nowhere }), desk, "no_cell_in_reach"),
    ] {
        let mut change = change;
        change["outside_no"] = json!(n.to_string());
        let order = town.take_in(change).await;
        let state = town.state(order).await;
        assert_eq!(state.owner, owner, "{n}");
        assert_eq!(state.assignments[0].reason, reason, "{n}");
        let why = explanation(&town, order).await;
        assert_eq!(why.decision.reason, reason);
        assert_eq!(why.decision.placed.account_unknown, n == 5);
        assert!(
            why.sentence.en.ends_with("is the owner."),
            "{}",
            why.sentence.en
        );
    }
}

#[tokio::test]
async fn the_class_of_the_place_is_that_of_the_ground_it_lies_on() {
    let town = Township::new().await;
    let nowhere = json!({ "lon": 0.0, "lat": 0.0, "datum": "WGS-84" });
    let position = &nowhere;
    for (n, change, class) in [
        (1, json!({}), AreaClass::Urban),
        (2, json!({ "account_no": "999" }), AreaClass::Urban),
        (3, json!({ "area_class": "remote" }), AreaClass::Remote),
        (4, json!({ "position": position }), AreaClass::Rural),
        (
            5,
            json!({ "position": position, "account_no": ACCOUNT }),
            AreaClass::Urban,
        ),
    ] {
        let mut change = change;
        change["outside_no"] = json!(n.to_string());
        let order = town.take_in(change).await;
        assert_eq!(town.state(order).await.area_class, class, "{n}");
    }
}

#[tokio::test]
async fn every_decision_names_the_territory_and_an_account_that_is_not_known() {
    let town = Township::new().await;
    let change = json!({ "position": null, "account_no": "999" });
    let order = town.take_in(change).await;
    let hand = acted(&town, &town.clerk, order, hand_to(&town.a));
    hand.await.unwrap();
    let declined = acted(&town, &town.a, order, decline("busy"));
    declined.await.unwrap();
    let state = town.state(order).await;
    assert_eq!(state.assignments.len(), 3);
    let rows = routing_decision::Entity::find()
        .filter(routing_decision::Column::OrderId.eq(order.0))
        .all(town.app().store.read())
        .await
        .unwrap();
    assert_eq!(rows.len(), 3);
    for row in rows {
        let why: Explanation = serde_json::from_str(&row.explanation).unwrap();
        assert!(why.decision.placed.account_unknown, "{}", why.sentence.en);
        assert_eq!(why.decision.placed.territory_version, 1);
    }
}

#[tokio::test]
async fn an_order_says_when_it_was_reported() {
    let town = Township::new().await;
    let reported = town.app().now().0 - 40 * 60_000;
    let order = town.take_in(json!({ "reported_at": reported })).await;
    let records = town.records(order).await;
    let Event::Accepted(accepted) = &records[0].record.event else {
        panic!("the first record accepts the order");
    };
    assert_eq!(accepted.reported_at.map(|at| at.0), Some(reported));
    // What was taken in stays known, even when nothing so old would be new.
    town.fixture.pass(Millis(31 * 24 * 3_600_000));
    let again = json!({ "reported_at": reported });
    let again = town.try_take_in(&town.clerk, again).await.unwrap();
    assert_eq!(again, TakenIn::Before(order));
    let other = json!({ "reported_at": reported, "outside_no": "2" });
    let problem = town.try_take_in(&town.clerk, other).await.unwrap_err();
    assert_eq!(problem.code, Code::RequestInvalid);
    let without = town.try_take_in(&town.clerk, json!({}));
    assert_eq!(without.await.unwrap_err().code, Code::OrderConflict);
}

#[tokio::test]
async fn the_ground_of_another_station_stays_at_the_own_desk() {
    let town = Township::new().await;
    let taken = town.try_take_in(&town.sibling, json!({})).await.unwrap();
    let state = town.state(taken.order()).await;
    assert_eq!(state.station.0, town.sibling.org_id);
    assert_eq!(state.assignments[0].reason, "other_stations_ground");
    assert_eq!(state.cell, None);
    // The center has both stations in scope and gives the order to the right one.
    let by_center = json!({ "outside_no": "2" });
    let taken = town.try_take_in(&town.center, by_center).await.unwrap();
    assert_eq!(town.state(taken.order()).await.owner, owner(&town.a));
    let lost = json!({ "outside_no": "3", "position": null });
    let problem = town.try_take_in(&town.center, lost).await.unwrap_err();
    assert_eq!(problem.code, Code::RequestInvalid);
}

#[tokio::test]
async fn only_the_present_owner_acts_and_only_while_the_order_is_his() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    let code = |outcome: Result<OrderState, Problem>| outcome.unwrap_err().code;
    assert_eq!(
        code(acted(&town, &town.b, order, take()).await),
        Code::OrderNotOwner
    );
    assert_eq!(
        code(acted(&town, &town.c, order, take()).await),
        Code::NotFound
    );
    assert_eq!(
        code(acted(&town, &town.clerk, order, take()).await),
        Code::OrderNotOwner
    );
    assert_eq!(
        code(acted(&town, &town.sibling, order, take()).await),
        Code::NotFound
    );
    assert_eq!(
        code(acted(&town, &town.center, order, take()).await),
        Code::AuthForbidden
    );

    let taken = acted(&town, &town.a, order, take()).await.unwrap();
    assert_eq!(taken.status, Status::Taken);
    let again = acted(&town, &town.a, order, take()).await.unwrap();
    assert_eq!(again.records, taken.records, "taking twice records once");

    let unknown = acted(&town, &town.a, order, decline("tired")).await;
    assert_eq!(code(unknown), Code::OrderUnknownReason);
    let foreign = acted(&town, &town.a, order, hand_to(&town.sibling)).await;
    assert_eq!(code(foreign), Code::OrderBadOwner);
    assert_eq!(
        town.state(order).await.records,
        taken.records,
        "nothing half done"
    );

    let declined = acted(&town, &town.a, order, decline("busy")).await.unwrap();
    assert_eq!(
        (declined.owner, declined.status),
        (owner(&town.b), Status::Routed)
    );
    let given = acted(&town, &town.b, order, hand_to(&town.c))
        .await
        .unwrap();
    assert_eq!(given.owner, owner(&town.c));
    assert_eq!(given.assignments[2].rung, Rung::HandOver);
}

#[tokio::test]
async fn the_desk_takes_and_hands_over_but_never_declines() {
    let town = Township::new().await;
    let order = town.take_in(json!({ "position": null })).await;
    let declined = acted(&town, &town.clerk, order, decline("busy")).await;
    assert_eq!(declined.unwrap_err().code, Code::Conflict);
    acted(&town, &town.clerk, order, take()).await.unwrap();
    let given = acted(&town, &town.clerk, order, hand_to(&town.c))
        .await
        .unwrap();
    assert_eq!(
        (given.owner, given.status),
        (owner(&town.c), Status::Routed)
    );
}

#[tokio::test]
async fn the_staff_of_the_station_hand_over_what_is_open_and_do_nothing_else_for_its_owner() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    acted(&town, &town.a, order, take()).await.unwrap();
    let declined = acted(&town, &town.clerk, order, decline("busy")).await;
    assert_eq!(declined.unwrap_err().code, Code::OrderNotOwner);
    let foreign = acted(&town, &town.sibling, order, hand_to(&town.c)).await;
    assert_eq!(foreign.unwrap_err().code, Code::NotFound);
    let given = acted(&town, &town.clerk, order, hand_to(&town.c))
        .await
        .unwrap();
    assert_eq!(
        (given.owner, given.status),
        (owner(&town.c), Status::Routed)
    );
}

#[tokio::test]
async fn the_four_lists_hold_what_their_names_say_and_nothing_out_of_scope() {
    let town = Township::new().await;
    let of_a = town.take_in(json!({ "outside_no": "1" })).await;
    town.fixture.pass(Millis(1));
    let of_desk = town
        .take_in(json!({ "outside_no": "2", "position": null }))
        .await;
    for (who, which, expected) in [
        (&town.a, List::All, vec![of_a]),
        (&town.a, List::Mine, vec![of_a]),
        (&town.a, List::Made, vec![]),
        (&town.b, List::All, vec![of_a]),
        (&town.b, List::Mine, vec![]),
        (&town.b, List::Concerning, vec![of_a]),
        (&town.c, List::All, vec![]),
        (&town.clerk, List::All, vec![of_desk, of_a]),
        (&town.clerk, List::Mine, vec![of_desk]),
        (&town.clerk, List::Made, vec![of_desk, of_a]),
        (&town.center, List::All, vec![of_desk, of_a]),
        (&town.sibling, List::All, vec![]),
    ] {
        let query = ListQuery {
            list: which,
            ..ListQuery::default()
        };
        let page = listed(&town, who, query).await;
        let ids: Vec<_> = page.orders.iter().map(|order| order.id).collect();
        assert_eq!(ids, expected, "{} {which:?}", who.role);
        assert_eq!(page.counts.all, expected.len() as u64);
    }
}

#[tokio::test]
async fn pages_follow_one_another_without_gaps_and_counts_see_through_filters() {
    let town = Township::new().await;
    for n in 0..5 {
        town.take_in(json!({ "outside_no": n.to_string() })).await;
        town.fixture.pass(Millis(n / 3));
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let query = ListQuery {
            limit: Some(2),
            after,
            ..ListQuery::default()
        };
        let page = listed(&town, &town.clerk, query).await;
        seen.extend(
            page.orders
                .iter()
                .map(|order| (order.accepted_at, order.id)),
        );
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 5);
    assert!(
        seen.windows(2).all(|pair| pair[0] > pair[1]),
        "newest first, each once"
    );
    town.fixture.pass(Millis(180_000));
    let query = ListQuery {
        late: Some(false),
        ..ListQuery::default()
    };
    let page = listed(&town, &town.clerk, query).await;
    assert_eq!(
        (page.orders.len(), page.counts.late, page.counts.routed),
        (0, 5, 5)
    );
}

#[tokio::test]
async fn the_number_is_whole_for_the_owner_and_the_station_only_and_while_it_is_open() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    for (who, whole) in [
        (&town.a, true),
        (&town.b, false),
        (&town.clerk, true),
        (&town.center, false),
    ] {
        let caller = town.caller(who).await;
        let row = town.row(order).await;
        let db = town.app().store.read();
        let view = show(db, town.app(), &caller, &row).await.unwrap();
        let number = if whole { "13800138000" } else { "*******8000" };
        assert_eq!(view.details.contact_phone, number, "{}", who.role);
        assert_eq!(view.details.phone_masked, !whole);
        let arrive = view.deadlines.iter().find(|d| d.code == "arrive").unwrap();
        assert_eq!((arrive.limit_minutes, arrive.late), (45, false));
        let next: Vec<_> = view.next_steps.iter().map(|step| &*step.code.0).collect();
        assert_eq!(next, ["phone_customer", "arrived"]);
    }
}

#[tokio::test]
async fn the_trace_tells_who_did_what_in_which_order() {
    let town = Township::new().await;
    let order = town.take_in(json!({})).await;
    town.fixture.pass(Millis(1_000));
    acted(&town, &town.a, order, decline("busy")).await.unwrap();
    let state = town.state(order).await;
    let (db, templates) = (town.app().store.read(), &town.app().templates);
    let template = templates.edition(&state.template).unwrap();
    let scope = town.caller(&town.clerk).await.scope;
    let view = trace(db, &scope, &state, template, &TraceQuery::default())
        .await
        .unwrap();
    let kinds: Vec<_> = view
        .entries
        .iter()
        .map(|entry| entry.kind.as_str())
        .collect();
    assert_eq!(kinds, ["accepted", "assigned", "declined", "assigned"]);
    let declined = &view.entries[2];
    assert_eq!(declined.actor.id.0, town.a.id);
    assert_eq!(declined.content["reason"], "busy");
    assert!(
        view.entries
            .iter()
            .all(|entry| entry.flags.is_empty() && entry.from_server)
    );
}

#[actix_web::test]
async fn over_http_intake_is_created_once_and_reading_is_written_down() {
    let town = Township::new().await;
    let document = http::api_document();
    let app = town.app().clone();
    let service = test::init_service(
        actix_web::App::new().configure(|config| http::routes(config, &app, &document)),
    )
    .await;
    let clerk = town.fixture.sign_in(&town.clerk).await.access_token;
    let sibling = town.fixture.sign_in(&town.sibling).await.access_token;
    let post = |body: &Value| {
        test::TestRequest::post()
            .uri("/api/v1/orders")
            .insert_header((header::AUTHORIZATION, format!("Bearer {clerk}")))
            .set_json(body)
            .to_request()
    };
    let get = |path: String, token: &str| {
        test::TestRequest::get()
            .uri(&path)
            .insert_header((header::AUTHORIZATION, format!("Bearer {token}")))
            .to_request()
    };
    let plain = plain_order(json!({}));
    let reply = test::call_service(&service, post(&plain)).await;
    assert_eq!(reply.status(), StatusCode::CREATED);
    let created: Value = test::read_body_json(reply).await;
    let again = test::call_service(&service, post(&plain)).await;
    assert_eq!(again.status(), StatusCode::OK);
    assert_eq!(test::read_body_json::<Value, _>(again).await, created);

    let untyped = plain_order(json!({ "position": { "lon": 104.0, "lat": 30.0 } }));
    let refused = test::call_service(&service, post(&untyped)).await;
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let problem: Value = test::read_body_json(refused).await;
    assert_eq!(problem["code"], "position.datum_missing");
    let strange = plain_order(json!({ "accepted_at": 5 }));
    let refused = test::call_service(&service, post(&strange)).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);

    let id = created["id"].as_str().unwrap();
    for part in ["", "/trace", "/routing"] {
        let path = format!("/api/v1/orders/{id}{part}");
        let own = test::call_service(&service, get(path.clone(), &clerk)).await;
        assert_eq!(own.status(), StatusCode::OK, "{path}");
        let foreign = test::call_service(&service, get(path, &sibling)).await;
        assert_eq!(foreign.status(), StatusCode::NOT_FOUND);
    }
    let list = "/api/v1/orders?list=mine&status=routed&late=false&limit=5".to_owned();
    let reply = test::call_service(&service, get(list, &clerk)).await;
    assert_eq!(reply.status(), StatusCode::OK);
    let read = audit_log::Entity::find()
        .filter(audit_log::Column::Action.eq("order.read"))
        .filter(audit_log::Column::PersonId.eq(town.clerk.id))
        .count(town.app().store.read());
    assert_eq!(read.await.unwrap(), 1);
}
