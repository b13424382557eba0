use crate::{
    app::App,
    http,
    people::{Role, fixture::Fixture, rows::person},
    territory::fixture::{Ground, two_cells_json},
};
use actix_web::{
    http::{Method, header},
    test,
};
use gridcrew_sync_protocol::ids::PersonId;
use serde_json::{Value, json};

/// Someone who is signed in.
pub(super) struct Desk<'a> {
    app: &'a App,
    token: String,
}

impl<'a> Desk<'a> {
    pub(super) async fn of(fixture: &'a Fixture, person: &person::Model) -> Self {
        Self {
            app: &fixture.app,
            token: fixture.sign_in(person).await.access_token,
        }
    }

    /// The status and the body of the answer.
    pub(super) async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let document = http::api_document();
        let service =
            actix_web::App::new().configure(|config| http::routes(config, self.app, &document));
        let service = test::init_service(service).await;
        let mut request = test::TestRequest::with_uri(&format!("/api/v1{path}"))
            .method(method)
            .insert_header((header::AUTHORIZATION, format!("Bearer {}", self.token)));
        if !body.is_null() {
            request = request.set_json(body);
        }
        let reply = test::call_service(&service, request.to_request()).await;
        let status = reply.status().as_u16();
        let body = test::read_body(reply).await;
        (status, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, Value::Null).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, body).await
    }
}

pub(super) fn code(answer: &(u16, Value)) -> &str {
    answer.1["code"].as_str().unwrap_or_default()
}

#[actix_web::test]
async fn a_territory_comes_in_and_goes_out_in_any_datum() {
    let ground = Ground::new().await;
    let desk = Desk::of(&ground.fixture, &ground.staff).await;
    let path = format!("/stations/{}/territory", ground.station());
    assert_eq!(code(&desk.get(&path).await), "territory.none");
    let (status, done) = desk.post(&path, two_cells_json()).await;
    assert_eq!((status, &done["version"]), (200, &json!(1)), "{done}");

    let (status, shown) = desk.get(&format!("{path}?datum=GCJ-02")).await;
    assert_eq!((status, &shown["datum"]), (200, &json!("GCJ-02")));
    let of_kind = |kind: &str| -> Value {
        let features = shown["features"].as_array().unwrap().iter();
        let features: Vec<_> = features
            .filter(|feature| feature["properties"]["kind"] == kind)
            .cloned()
            .collect();
        json!({ "type": "FeatureCollection", "features": features })
    };
    let first = &shown["features"][0]["geometry"]["coordinates"][0][0][0];
    assert!((first.as_f64().unwrap() - 120.0).abs() > 0.003, "{first}");

    // What was written can be read in again, and nothing has moved.
    let again = json!({
        "datum": "GCJ-02",
        "reason": "the same again",
        "boundary": of_kind("boundary"),
        "station_areas": of_kind("station_area"),
        "cells": of_kind("cell"),
    });
    let (_, before) = desk.get(&path).await;
    let (status, done) = desk.post(&path, again).await;
    assert_eq!((status, &done["version"]), (200, &json!(2)), "{done}");
    let (_, after) = desk.get(&path).await;
    let shapes = |shown: &Value| -> Vec<Value> {
        let features = shown["features"].as_array().unwrap().iter();
        features
            .map(|feature| feature["geometry"].clone())
            .collect()
    };
    assert_eq!(shapes(&before), shapes(&after));

    let (_, stations) = desk.get("/stations").await;
    assert_eq!(stations["stations"][0]["territory_version"], 2);
    assert_eq!(stations["stations"].as_array().unwrap().len(), 1);
}

#[actix_web::test]
async fn a_bad_territory_is_refused_with_its_code_and_changes_nothing() {
    let ground = Ground::new().await;
    let desk = Desk::of(&ground.fixture, &ground.staff).await;
    let path = format!("/stations/{}/territory", ground.station());
    let cell = "/cells/features/1";
    let cases: [(&str, Value, &str); 10] = [
        ("/datum", Value::Null, "position.datum_missing"),
        ("/datum", json!("NAD27"), "position.datum_unknown"),
        (
            "/boundary",
            json!({ "type": "Point" }),
            "territory.malformed",
        ),
        (
            "/boundary/coordinates/0/1",
            json!([120.0, 30.03]),
            "territory.self_crossing",
        ),
        (
            &format!("{cell}/properties/station_areas"),
            json!([]),
            "territory.cell_without_station_area",
        ),
        (
            &format!("{cell}/properties/station_areas"),
            json!(["t3"]),
            "territory.station_area_in_no_cell",
        ),
        (
            &format!("{cell}/properties/code"),
            json!("W"),
            "territory.code_twice",
        ),
        (
            "/station_areas/features/0/geometry/coordinates",
            json!([30.01, 120.01]),
            "position.out_of_range",
        ),
        (
            "/effective_from",
            json!(9_000_000_000_000_i64),
            "request.invalid",
        ),
        ("/reason", json!("  "), "request.invalid"),
    ];
    for (place, value, wanted) in cases {
        let mut body = two_cells_json();
        match body.pointer_mut(place) {
            Some(there) => *there = value,
            None => body["effective_from"] = value,
        }
        let answer = desk.post(&path, body).await;
        assert_eq!(code(&answer), wanted, "{place}: {}", answer.1);
    }
    let mut overlapping = two_cells_json();
    for corner in [0, 3, 4] {
        overlapping["cells"]["features"][1]["geometry"]["coordinates"][0][corner][0] =
            json!(120.01);
    }
    let answer = desk.post(&path, overlapping).await;
    assert_eq!(code(&answer), "territory.cells_overlap", "{}", answer.1);
    let mut gap = two_cells_json();
    for corner in [0, 3, 4] {
        gap["cells"]["features"][1]["geometry"]["coordinates"][0][corner][0] = json!(120.022);
    }
    assert_eq!(code(&desk.post(&path, gap).await), "territory.gap");
    let shapeless = desk.post(&path, json!({ "boundary": 7 })).await;
    assert_eq!(code(&shapeless), "request.malformed");

    assert_eq!(code(&desk.get(&path).await), "territory.none");
    assert_eq!(ground.app().territory.load().cells().len(), 0);
}

#[actix_web::test]
async fn a_split_is_looked_at_first_and_stored_when_accepted() {
    let ground = Ground::new().await;
    let desk = Desk::of(&ground.fixture, &ground.staff).await;
    let path = format!("/stations/{}/territory", ground.station());
    let mut body = two_cells_json();
    body.as_object_mut().unwrap().remove("cells");
    assert_eq!(desk.post(&path, body.clone()).await.0, 200);
    let checks = desk.get(&format!("{path}/checks")).await.1;
    let kinds: Vec<&str> = kinds(&checks);
    assert!(kinds.contains(&"gap") && kinds.contains(&"station_area_in_no_cell"));

    let split = format!("{path}/split");
    let (status, look) = desk.post(&split, json!({ "cells": 2, "seed": 7 })).await;
    assert_eq!((status, &look["version"]), (200, &Value::Null), "{look}");
    assert_eq!(look["cells"].as_array().unwrap().len(), 2);
    assert_eq!(desk.get("/cells").await.1["cells"], json!([]));

    assert_eq!(desk.get(&split).await, (200, json!({ "done": null })));
    let making = ground.app().splits.begin(ground.station());
    making.tell(0.25);
    assert_eq!(desk.get(&split).await, (200, json!({ "done": 0.25 })));
    drop(making);

    let wish = json!({ "cells": 2, "seed": 7, "accept": true, "of_version": 1 });
    let (status, done) = desk.post(&split, wish.clone()).await;
    assert_eq!((status, &done["version"]), (200, &json!(2)), "{done}");
    assert_eq!(done["cells"], look["cells"]);
    assert_eq!(code(&desk.post(&split, wish).await), "territory.changed");
    let many = desk.post(&split, json!({ "cells": 5 })).await;
    assert_eq!(code(&many), "territory.cannot_split");

    let listed = desk.get("/cells").await.1;
    let total: u64 = listed["cells"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cell| cell["customers"].as_u64().unwrap())
        .sum();
    assert_eq!(total, 100);
    assert_eq!(ground.app().territory.load().cells().len(), 2);
    let checks = desk.get(&format!("{path}/checks")).await.1;
    assert_eq!(checks["found"], 4, "only A and B are missing: {checks}");

    // The same cells again keep their ids; a territory taken in without cells keeps them.
    let ids = |listed: &Value| -> Vec<Value> {
        let cells = listed["cells"].as_array().unwrap().iter();
        cells.map(|cell| cell["id"].clone()).collect()
    };
    let again = json!({ "cells": 2, "seed": 7, "accept": true });
    assert_eq!(desk.post(&split, again).await.0, 200);
    assert_eq!(ids(&desk.get("/cells").await.1), ids(&listed));
    assert_eq!(desk.post(&path, body).await.0, 200);
    assert_eq!(ids(&desk.get("/cells").await.1), ids(&listed));
}

#[actix_web::test]
async fn wishes_about_a_split_are_kept_or_refused_by_name() {
    let ground = Ground::new().await;
    let desk = Desk::of(&ground.fixture, &ground.staff).await;
    let path = format!("/stations/{}/territory", ground.station());
    assert_eq!(desk.post(&path, two_cells_json()).await.0, 200);
    let split = format!("{path}/split");
    let (_, same) = desk.post(&split, json!({ "cells": 2, "seed": 7 })).await;
    let codes = |look: &Value| -> Vec<Value> {
        let cells = look["cells"].as_array().unwrap().iter();
        cells.map(|cell| cell["code"].clone()).collect()
    };
    let first = codes(&same)[0].clone();
    let (status, look) = desk
        .post(&split, json!({ "cells": 2, "locked": [first] }))
        .await;
    assert_eq!(status, 200, "{look}");
    assert_eq!(look["cells"][0]["locked"], true);
    assert_eq!(look["moves"], json!([]));
    assert!(look["cells"][0]["perimeter_m"].as_f64().unwrap() > 1_000.0);

    for (wish, expected) in [
        (json!({}), "request.invalid"),
        (
            json!({ "cells": 2, "largest_weight": 9 }),
            "request.invalid",
        ),
        (json!({ "cells": 2, "locked": ["G99"] }), "request.invalid"),
        (
            json!({ "cells": 2, "together": [["nowhere"]] }),
            "request.invalid",
        ),
        (json!({ "cells": 1_000 }), "territory.cannot_split"),
        (
            json!({ "cells": 2, "weight": "orders" }),
            "territory.cannot_split",
        ),
        (
            json!({ "cells": 2, "barriers": { "type": "FeatureCollection", "features": [] } }),
            "position.datum_missing",
        ),
        (
            json!({ "cells": 2, "barriers": {
                "type": "FeatureCollection", "datum": "WGS-84", "features": [{
                    "type": "Feature", "properties": { "crossing": "forbidden" },
                    "geometry": { "type": "LineString", "coordinates": [[120.0, 30.0], [200.0, 30.0]] },
                }],
            } }),
            "position.out_of_range",
        ),
    ] {
        let answer = desk.post(&split, wish.clone()).await;
        assert_eq!(code(&answer), expected, "{wish}: {}", answer.1);
    }
}

fn kinds(checks: &Value) -> Vec<&str> {
    let flaws = checks["flaws"].as_array().unwrap().iter();
    flaws.map(|flaw| flaw["kind"].as_str().unwrap()).collect()
}

#[actix_web::test]
async fn a_and_b_are_set_at_the_desk_and_a_place_finds_them() {
    let ground = Ground::new().await;
    let desk = Desk::of(&ground.fixture, &ground.staff).await;
    let path = format!("/stations/{}/territory", ground.station());
    desk.post(&path, two_cells_json()).await;
    let place = json!({ "position": { "lon": 120.03, "lat": 30.01, "datum": "WGS-84" } });
    let (_, found) = desk.post("/territory/locate", place.clone()).await;
    assert_eq!(found["reason"], "inside_cell");
    let cell = found["cell"].as_str().unwrap();
    let roles = format!("/cells/{cell}/roles");
    let [a, b] = [ground.managers[0], ground.managers[1]];
    let wish = json!({ "role_a": a, "role_b": b });
    let (status, set) = desk.call(Method::PUT, &roles, wish).await;
    assert_eq!((status, &set["changed"]), (200, &json!(true)), "{set}");
    let (_, found) = desk.post("/territory/locate", place).await;
    assert_eq!(found["candidates"][0]["cell"]["role_a"]["person"], json!(a));
    assert_eq!(found["candidates"][1]["cell"]["role_a"], Value::Null);

    let untyped = json!({ "position": { "lon": 120.03, "lat": 30.01 } });
    let answer = desk.post("/territory/locate", untyped).await;
    assert_eq!(code(&answer), "position.datum_missing");
    let nothing = desk.call(Method::PUT, &roles, json!({})).await;
    assert_eq!(code(&nothing), "request.invalid");
    let same = json!({ "role_b": a });
    let same = desk.call(Method::PUT, &roles, same).await;
    assert_eq!(code(&same), "territory.roles_invalid");
}

#[actix_web::test]
async fn a_and_b_who_cannot_be_it_any_more_are_an_alarm() {
    use sea_orm::{ActiveModelTrait, ActiveValue::Set};
    let ground = Ground::new().await;
    let desk = Desk::of(&ground.fixture, &ground.staff).await;
    let path = format!("/stations/{}/territory", ground.station());
    desk.post(&path, two_cells_json()).await;
    let [a, b, crew] = [0, 1, 2].map(|n| ground.managers[n]);
    let listed = desk.get("/cells").await.1;
    for (cell, [a, b]) in [(0, [a, b]), (1, [crew, b])] {
        let id = listed["cells"][cell]["id"].as_str().unwrap();
        let wish = json!({ "role_a": a, "role_b": b });
        let path = format!("/cells/{id}/roles");
        assert_eq!(desk.call(Method::PUT, &path, wish).await.0, 200);
    }
    let checks = format!("{path}/checks");
    assert_eq!(desk.get(&checks).await.1["found"], 0);

    let row = |who: PersonId| person::ActiveModel {
        id: Set(who.0),
        ..Default::default()
    };
    let mut changed = [a, b, crew].map(row);
    changed[0].disabled_at = Set(Some(ground.app().now().0));
    changed[1].org_id = Set(ground.organisation.sibling.0);
    changed[2].role = Set(Role::Station.as_str().to_owned());
    let work = ground.fixture.write(move |tx, _| {
        Box::pin(async move {
            for row in changed {
                row.update(tx).await?;
            }
            Ok(())
        })
    });
    work.await;
    let found = desk.get(&checks).await.1;
    let kinds = kinds(&found);
    let of = |kind| kinds.iter().filter(|found| **found == kind).count();
    assert_eq!(
        (of("a_is_no_manager"), of("b_is_no_manager")),
        (2, 2),
        "{found}"
    );
    assert_eq!(kinds.len(), 4);
}

#[actix_web::test]
async fn a_foreign_station_looks_like_a_missing_one() {
    let ground = Ground::new().await;
    let desk = Desk::of(&ground.fixture, &ground.staff).await;
    let path = format!("/stations/{}/territory", ground.station());
    desk.post(&path, two_cells_json()).await;
    let cell = desk.get("/cells").await.1["cells"][0]["id"].clone();
    let roles = format!("/cells/{}/roles", cell.as_str().unwrap());

    let fixture = &ground.fixture;
    let sibling = ground.organisation.sibling;
    let stranger = fixture.person(Role::Station, sibling).await;
    let stranger = Desk::of(fixture, &stranger).await;
    let wish = json!({ "role_a": ground.managers[0] });
    for answer in [
        stranger.get(&path).await,
        stranger.get(&format!("{path}/checks")).await,
        stranger.post(&path, two_cells_json()).await,
        stranger
            .post(&format!("{path}/split"), json!({ "cells": 2 }))
            .await,
        stranger.call(Method::PUT, &roles, wish.clone()).await,
        stranger.get("/customers?account_no=1").await,
    ] {
        assert_eq!((answer.0, code(&answer)), (404, "not_found"));
    }
    assert_eq!(stranger.get("/cells").await.1["cells"], json!([]));
    let place = json!({ "position": { "lon": 120.03, "lat": 30.01, "datum": "WGS-84" } });
    let (_, found) = stranger.post("/territory/locate", place).await;
    assert_eq!(found["reason"], "no_cell_in_reach");
    assert_eq!(found["candidates"], json!([]));

    let center = fixture
        .person(Role::Center, ground.organisation.center)
        .await;
    let center = Desk::of(fixture, &center).await;
    assert_eq!(center.get(&path).await.0, 200);
    assert_eq!(center.post(&path, two_cells_json()).await.0, 403);
    assert_eq!(center.call(Method::PUT, &roles, wish).await.0, 403);
}

#[actix_web::test]
async fn a_customer_is_found_by_who_may_see_him_and_that_is_written_down() {
    use crate::people::rows::audit_log;
    use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
    let ground = Ground::new().await;
    let fixture = &ground.fixture;
    let desk = Desk::of(fixture, &ground.staff).await;
    let station = format!("/stations/{}", ground.station());
    desk.post(&format!("{station}/territory"), two_cells_json())
        .await;
    let customers = json!({ "customers": [{
        "account_no": "００33001", "name": "Zhao", "phone": "13912345678", "station_area": "t1",
        "position": { "lon": 116.404, "lat": 39.915, "datum": "BD-09" },
    }] });
    let path = format!("{station}/customers");
    let (status, done) = desk.post(&path, customers.clone()).await;
    assert_eq!((status, &done["added"]), (200, &json!(1)), "{done}");
    let mut untyped = customers;
    untyped["customers"][0]["position"] = json!({ "lon": 1.0, "lat": 1.0 });
    assert_eq!(
        code(&desk.post(&path, untyped).await),
        "position.datum_missing"
    );

    // Imported and looked for in full-width digits, held in plain ones.
    let find = "/customers?account_no=%EF%BC%90033001";
    let (_, found) = desk.get(find).await;
    assert_eq!(found["account_no"], "0033001");
    assert_eq!(found["name"], "Zhao");
    assert_eq!(found["phone"], "13912345678");
    assert_eq!(found["phone_masked"], false);
    assert!((found["position"]["lon"].as_f64().unwrap() - 116.3912).abs() < 1e-3);

    // A manager sees him only while he answers for the cell.
    let manager = fixture.person(Role::Manager, ground.station()).await;
    let pocket = Desk::of(fixture, &manager).await;
    assert_eq!(pocket.get(find).await.0, 404);
    let roles = format!("/cells/{}/roles", found["cell"].as_str().unwrap());
    let wish = json!({ "role_a": PersonId(manager.id) });
    assert_eq!(desk.call(Method::PUT, &roles, wish).await.0, 200);
    let center = fixture.person(Role::Center, ground.organisation.center);
    let center = Desk::of(fixture, &center.await).await;
    for reader in [&pocket, &center] {
        let (status, found) = reader.get(find).await;
        assert_eq!((status, &found["phone_masked"]), (200, &json!(true)));
        assert_eq!(found["phone"], "*******5678");
    }
    let keeper = fixture.person(Role::Administrator, ground.station()).await;
    let keeper = Desk::of(fixture, &keeper).await;
    assert_eq!(keeper.get(find).await.0, 403);

    let lines = audit_log::Entity::find()
        .filter(audit_log::Column::Action.eq("customer.read"))
        .count(ground.app().store.read())
        .await
        .unwrap();
    assert_eq!(lines, 3);
}

#[actix_web::test]
async fn the_document_names_what_queries_and_paths_may_hold() {
    let document = serde_json::to_value(http::api_document()).unwrap();
    let named = |operation: &Value, place: &str| -> Vec<String> {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        parameters
            .filter(|parameter| parameter["in"] == place)
            .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let get = |path: &str| named(&document["paths"][path]["get"], "query");
    assert_eq!(get("/api/v1/cells"), ["station", "after"]);
    assert_eq!(get("/api/v1/customers"), ["account_no"]);
    assert_eq!(get("/api/v1/stations/{id}/territory"), ["datum"]);
    for (path, operations) in document["paths"].as_object().unwrap() {
        for operation in operations.as_object().unwrap().values() {
            for name in named(operation, "path") {
                assert!(
                    path.contains(&format!("{{{name}}}")),
                    "{path} has no {name}"
                );
            }
        }
    }
}
