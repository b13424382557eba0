use crate::{
    http,
    people::{
        Role,
        fixture::{Fixture, Organisation},
        rows::{audit_log, handheld, person},
        wipe,
    },
    sync::tests::world::World,
};
use actix_web::{
    App,
    http::{Method, StatusCode},
    test,
};
use gridcrew_sync_protocol::{enrol::Tokens, ids::OrgId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
};
use uuid::Uuid;

/// A person and his tokens.
struct Someone {
    row: person::Model,
    tokens: Tokens,
}

async fn someone(fixture: &Fixture, role: Role, org: OrgId) -> Someone {
    let row = fixture.person(role, org).await;
    let tokens = fixture.sign_in(&row).await;
    Someone { row, tokens }
}

async fn call(
    fixture: &Fixture,
    who: Option<&Someone>,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    call_through(fixture, None, who, method, path, body).await
}

/// Calls through a proxy on this machine, which says for whom.
async fn call_through(
    fixture: &Fixture,
    forwarded: Option<&str>,
    who: Option<&Someone>,
    method: Method,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Value) {
    let (app, document) = (fixture.app.clone(), http::api_document());
    let service = App::new().configure(|config| http::routes(config, &app, &document));
    let service = test::init_service(service).await;
    let mut request = test::TestRequest::default()
        .method(method)
        .uri(&format!("/api/v1{path}"))
        .peer_addr(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
    if let Some(forwarded) = forwarded {
        request = request.insert_header(("X-Forwarded-For", forwarded));
    }
    if let Some(who) = who {
        let token = format!("Bearer {}", who.tokens.access_token);
        request = request.insert_header(("Authorization", token));
    }
    if let Some(body) = body {
        request = request.set_json(body);
    }
    let reply = test::call_service(&service, request.to_request()).await;
    let status = reply.status();
    let body = test::read_body(reply).await;
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

async fn get(fixture: &Fixture, who: &Someone, path: &str) -> (StatusCode, Value) {
    call(fixture, Some(who), Method::GET, path, None).await
}

fn ids(page: &Value) -> Vec<Uuid> {
    let items = page["items"].as_array().unwrap().iter();
    items
        .map(|item| item["id"].as_str().unwrap().parse().unwrap())
        .collect()
}

#[actix_web::test]
async fn every_operation_but_the_public_ones_asks_for_a_token() {
    let fixture = Fixture::new().await;
    let document = serde_json::to_value(http::api_document()).unwrap();
    let public = ["login", "refresh", "enrol_handheld", "ask_wipe_order"];
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if operation["tags"] != json!(["people"]) {
                continue;
            }
            let id = operation["operationId"].as_str().unwrap();
            assert_eq!(
                operation["security"] == json!([{}]),
                public.contains(&id),
                "{id}"
            );
            if public.contains(&id) {
                continue;
            }
            let path = path
                .trim_start_matches("/api/v1")
                .replace("{id}", &Uuid::nil().to_string());
            let method: Method = method.to_uppercase().parse().unwrap();
            let (status, problem) = call(&fixture, None, method, &path, None).await;
            assert_eq!(status, StatusCode::UNAUTHORIZED, "{id}");
            assert_eq!(problem["code"], "auth.required", "{id}");
        }
    }
}

#[actix_web::test]
async fn a_list_of_people_ends_at_the_scope_and_its_pages_hold_everyone_once() {
    let fixture = Fixture::new().await;
    let org = Organisation::in_(&fixture).await;
    let clerk = someone(&fixture, Role::Station, org.station).await;
    let mut own = vec![clerk.row.id];
    for _ in 0..4 {
        own.push(fixture.person(Role::Manager, org.crew).await.id);
        fixture.person(Role::Manager, org.sibling).await;
    }
    own.sort();
    let (mut seen, mut path) = (Vec::new(), "/people?limit=2".to_owned());
    loop {
        let (status, page) = get(&fixture, &clerk, &path).await;
        assert_eq!(status, StatusCode::OK, "{page}");
        seen.extend(ids(&page));
        match page["after"].as_str() {
            Some(after) => path = format!("/people?limit=2&after={after}"),
            None => break,
        }
    }
    assert_eq!(seen, own);
    for bad in [
        "limit=0",
        "limit=201",
        "limit=x",
        "after=x",
        "station=1",
        "role=king",
    ] {
        let (status, problem) = get(&fixture, &clerk, &format!("/people?{bad}")).await;
        assert!(status.is_client_error(), "{bad}");
        assert!(
            problem["code"].as_str().unwrap().starts_with("request."),
            "{bad}"
        );
    }
}

#[actix_web::test]
async fn foreign_missing_and_nonsense_ids_look_the_same() {
    let fixture = Fixture::new().await;
    let org = Organisation::in_(&fixture).await;
    let admin = someone(&fixture, Role::Administrator, org.station).await;
    let foreign = fixture
        .person(Role::Manager, org.sibling)
        .await
        .id
        .to_string();
    let missing = Uuid::nil().to_string();
    let change = json!({"name": "Other"});
    for (method, tail, body) in [
        (Method::GET, "", None),
        (Method::PATCH, "", Some(change)),
        (
            Method::POST,
            "/password",
            Some(json!({"password": "a quiet transformer hums"})),
        ),
        (Method::POST, "/enrolment-codes", None),
    ] {
        let mut replies = Vec::new();
        for id in [foreign.as_str(), &missing, "nonsense", "%00"] {
            let path = format!("/people/{id}{tail}");
            replies.push(call(&fixture, Some(&admin), method.clone(), &path, body.clone()).await);
        }
        assert_eq!(replies[0].0, StatusCode::NOT_FOUND, "{method} {tail}");
        assert!(
            replies.iter().all(|reply| *reply == replies[0]),
            "{replies:?}"
        );
    }
}

#[actix_web::test]
async fn an_administrator_acts_below_his_place_and_never_on_his_own_rights() {
    let fixture = Fixture::new().await;
    let org = Organisation::in_(&fixture).await;
    let admin = someone(&fixture, Role::Administrator, org.station).await;
    let person = |org: OrgId, role: &str| json!({"org": org, "name": " Wang Fang ", "login": "Wang.Fang", "role": role});
    let add = |body| call(&fixture, Some(&admin), Method::POST, "/people", Some(body));
    let (status, added) = add(person(org.crew, "manager")).await;
    assert_eq!(status, StatusCode::CREATED, "{added}");
    assert_eq!(
        (&added["name"], &added["login"]),
        (&json!("Wang Fang"), &json!("wang.fang"))
    );
    assert_eq!(add(person(org.crew, "manager")).await.1["code"], "conflict");
    assert_eq!(
        add(person(org.sibling, "manager")).await.1["code"],
        "not_found"
    );
    assert_eq!(
        add(person(org.crew, "center")).await.1["code"],
        "request.invalid"
    );

    let change = |id: &str, body| {
        let path = format!("/people/{id}");
        let (fixture, admin) = (&fixture, &admin);
        async move { call(fixture, Some(admin), Method::PATCH, &path, Some(body)).await }
    };
    let id = added["id"].as_str().unwrap();
    assert_eq!(
        change(id, json!({"disabled": true})).await.1["disabled"],
        true
    );
    assert_eq!(
        change(id, json!({"org": org.sibling})).await.1["code"],
        "not_found"
    );
    for column in [
        "id",
        "login",
        "password_hash",
        "permission_version",
        "base_lon",
        "org_id",
    ] {
        let (_, problem) = change(id, json!({"name": "Wang", column: "1"})).await;
        assert_eq!(problem["code"], "request.malformed", "{column}");
    }
    let own = admin.row.id.to_string();
    for rights in [
        json!({"role": "station"}),
        json!({"org": org.crew}),
        json!({"disabled": false}),
    ] {
        assert_eq!(change(&own, rights).await.1["code"], "auth.forbidden");
    }
    assert_eq!(change(&own, json!({"name": "Me"})).await.1["name"], "Me");

    let unit = |parent: OrgId| {
        let body = json!({"parent": parent, "kind": "team", "name": "Team", "code": "7"});
        call(
            &fixture,
            Some(&admin),
            Method::POST,
            "/org-units",
            Some(body),
        )
    };
    assert_eq!(unit(org.station).await.0, StatusCode::CREATED);
    assert_eq!(unit(org.crew).await.1["code"], "request.invalid");
    assert_eq!(unit(org.sibling).await.1["code"], "not_found");
    let units = get(&fixture, &admin, "/org-units").await.1;
    assert_eq!(ids(&units).len(), 3);
}

#[actix_web::test]
async fn a_login_can_be_renewed_listed_and_ended() {
    let fixture = Fixture::new().await;
    let org = Organisation::in_(&fixture).await;
    let admin = someone(&fixture, Role::Administrator, org.center).await;
    let mut clerk = someone(&fixture, Role::Station, org.station).await;
    let post = |who, path: &str, body| {
        let path = path.to_owned();
        let fixture = &fixture;
        async move { call(fixture, who, Method::POST, &path, Some(body)).await }
    };
    let password = "a quiet transformer hums";
    let path = format!("/people/{}/password", clerk.row.id);
    let (status, _) = post(Some(&admin), &path, json!({"password": password})).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let login = json!({"login": clerk.row.login, "password": password});
    let (status, tokens) = post(None, "/auth/login", login).await;
    assert_eq!(status, StatusCode::OK);
    let renew = json!({"refresh_token": tokens["refresh_token"]});
    let (status, tokens) = post(None, "/auth/refresh", renew).await;
    assert_eq!(status, StatusCode::OK);
    clerk.tokens = serde_json::from_value(tokens).unwrap();

    let (_, me) = get(&fixture, &clerk, "/me").await;
    assert_eq!(me["person"]["id"], json!(clerk.row.id));
    assert_eq!(
        (&me["station"], &me["units"]),
        (&json!(org.station), &json!(2))
    );
    let sessions = get(&fixture, &clerk, "/me/sessions").await.1;
    assert_eq!(sessions["items"][0]["id"], me["session"]);
    assert_eq!(ids(&sessions).len(), 1);

    let wrong = json!({"current": "no", "new": "a loud transformer hums"});
    let (_, problem) = post(Some(&clerk), "/me/password", wrong).await;
    assert_eq!(problem["code"], "auth.wrong_password");
    let short = json!({"current": password, "new": "short"});
    let (_, problem) = post(Some(&clerk), "/me/password", short).await;
    assert_eq!(problem["code"], "request.invalid");
    let good = json!({"current": password, "new": "a loud transformer hums"});
    let (status, _) = post(Some(&clerk), "/me/password", good).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(get(&fixture, &clerk, "/me").await.1["code"], "auth.expired");
    let renew = json!({"refresh_token": clerk.tokens.refresh_token});
    let (_, tokens) = post(None, "/auth/refresh", renew).await;
    clerk.tokens = serde_json::from_value(tokens).unwrap();
    let (status, _) = call(&fixture, Some(&clerk), Method::POST, "/auth/logout", None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert_eq!(
        get(&fixture, &clerk, "/me").await.1["code"],
        "auth.required"
    );
}

#[actix_web::test]
async fn what_strangers_try_in_vain_is_seen_at_the_top_only() {
    use ed25519_dalek::{Signer, SigningKey};
    use gridcrew_sync_protocol::enrol::EnrolRequest;
    let fixture = Fixture::new().await;
    let org = Organisation::in_(&fixture).await;
    let top = someone(&fixture, Role::Administrator, org.center).await;
    let below = someone(&fixture, Role::Administrator, org.station).await;
    let login = json!({"login": "nobody", "password": "no"});
    call(&fixture, None, Method::POST, "/auth/login", Some(login)).await;
    let (code, key) = ("0000-0000-0000", SigningKey::from_bytes(&[1; 32]));
    let proof = key.sign(&EnrolRequest::proof_text(code));
    let wish = json!({
        "code": code, "public_key": hex::encode(key.verifying_key().as_bytes()),
        "proof": hex::encode(proof.to_bytes()), "device_name": "test",
    });
    let path = "/handhelds/enrol";
    let (_, problem) = call(&fixture, None, Method::POST, path, Some(wish)).await;
    assert_eq!(problem["code"], "enrol.bad_code");

    let log = get(&fixture, &top, "/audit").await.1;
    let lines = log["items"].as_array().unwrap().iter();
    let mut lines: Vec<_> = lines
        .map(|line| (line["action"].clone(), line["outcome"].clone()))
        .collect();
    lines.sort_by_key(|line| line.0.to_string());
    let expected = [
        (json!("handheld.enrolled"), json!("enrol.bad_code")),
        (json!("session.begun"), json!("auth.wrong_password")),
    ];
    assert_eq!(lines, expected);
    assert!(ids(&get(&fixture, &below, "/audit").await.1).is_empty());
}

#[actix_web::test]
async fn behind_a_trusted_proxy_who_guesses_keeps_no_one_else_out() {
    for (trusted, expected) in [
        (true, StatusCode::OK),
        (false, StatusCode::TOO_MANY_REQUESTS),
    ] {
        let mut fixture = Fixture::new().await;
        let org = Organisation::in_(&fixture).await;
        let admin = someone(&fixture, Role::Administrator, org.center).await;
        let clerk = someone(&fixture, Role::Station, org.station).await;
        if trusted {
            let config = Arc::make_mut(&mut fixture.app.config);
            config.trusted_proxy = vec!["127.0.0.0/8".parse().unwrap()];
        }
        let login = |from: &'static str, password: &str| {
            let body = json!({"login": clerk.row.login, "password": password});
            let fixture = &fixture;
            async move {
                let path = "/auth/login";
                call_through(fixture, Some(from), None, Method::POST, path, Some(body)).await
            }
        };
        let (path, password) = (
            format!("/people/{}/password", clerk.row.id),
            "a quiet transformer hums",
        );
        let body = Some(json!({"password": password}));
        call(&fixture, Some(&admin), Method::POST, &path, body).await;
        for _ in 0..6 {
            login("198.51.100.1, 203.0.113.9", "no").await;
        }
        let (status, _) = login("203.0.113.9", "no").await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(login("198.51.100.1", password).await.0, expected);
    }
}

#[actix_web::test]
async fn the_log_shows_an_administrator_what_happened_in_his_units_only() {
    let fixture = Fixture::new().await;
    let org = Organisation::in_(&fixture).await;
    let admin = someone(&fixture, Role::Administrator, org.station).await;
    let sibling = someone(&fixture, Role::Station, org.sibling).await;
    let clerk = someone(&fixture, Role::Station, org.station).await;
    get(&fixture, &sibling, "/people").await;
    get(&fixture, &clerk, "/people").await;
    get(&fixture, &clerk, &format!("/people/{}", admin.row.id)).await;
    let log = get(&fixture, &admin, "/audit").await.1;
    let lines: Vec<(&str, &str)> = log["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            (
                line["action"].as_str().unwrap(),
                line["person"].as_str().unwrap(),
            )
        })
        .collect();
    let clerk_id = clerk.row.id.to_string();
    let mut actions: Vec<&str> = lines.iter().map(|line| line.0).collect();
    actions.sort_unstable();
    assert_eq!(actions, ["people.listed", "person.read"]);
    assert!(lines.iter().all(|line| line.1 == clerk_id));
    let again = get(&fixture, &admin, "/audit?action=audit.read").await.1;
    assert_eq!(ids(&again).len(), 1);
    assert_eq!(
        get(&fixture, &clerk, "/audit").await.1["code"],
        "auth.forbidden"
    );
}

#[actix_web::test]
async fn the_document_says_how_lists_are_paged_and_what_ids_are() {
    let document = serde_json::to_value(http::api_document()).unwrap();
    let names = |path: &str, method: &str| -> Vec<(String, String)> {
        let parameters = document["paths"][path][method]["parameters"].as_array();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let pair = |parameter: &Value| (text(&parameter["name"]), text(&parameter["in"]));
        parameters.into_iter().flatten().map(pair).collect()
    };
    for path in [
        "/org-units",
        "/people",
        "/handhelds",
        "/me/sessions",
        "/audit",
    ] {
        let names = names(&format!("/api/v1{path}"), "get");
        for name in ["after", "limit"] {
            let times = names
                .iter()
                .filter(|pair| **pair == (name.into(), "query".into()));
            assert_eq!(times.count(), 1, "{path} {names:?}");
        }
    }
    let names = names("/api/v1/people/{id}", "patch");
    assert_eq!(names, [("id".to_owned(), "path".to_owned())]);
}

/// On SQLite, and on PostgreSQL where there is one.
async fn on_each() -> Vec<Fixture> {
    let mut fixtures = vec![Fixture::new().await];
    fixtures.extend(Fixture::on_postgres().await);
    fixtures
}

#[actix_web::test]
async fn what_no_stored_text_can_hold_is_looked_for_and_not_found() {
    for fixture in on_each().await {
        let org = Organisation::in_(&fixture).await;
        let administrator = someone(&fixture, Role::Administrator, org.station).await;
        let (status, page) = get(&fixture, &administrator, "/audit?action=%00").await;
        assert_eq!((status, ids(&page)), (StatusCode::OK, vec![]));
        let clerk = someone(&fixture, Role::Station, org.station).await;
        let (status, _) = get(&fixture, &clerk, "/customers?account_no=%00").await;
        assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[actix_web::test]
async fn an_order_to_wipe_is_taken_back_until_the_handheld_has_confirmed_it() {
    for world in World::on_each().await {
        let fixture = &world.fixture;
        let clerk = someone(fixture, Role::Station, world.station).await;
        let stranger = someone(fixture, Role::Station, world.sibling).await;
        let device = world.device(world.manager().await, 1).await;
        let path = format!("/handhelds/{}/wipe", device.journal);
        let order = async || {
            let wish = Some(json!({ "form": "at_once" }));
            let (status, _) = call(fixture, Some(&clerk), Method::POST, &path, wish).await;
            assert_eq!(status, StatusCode::OK);
        };
        let take_back = async |who: &Someone| {
            let (status, problem) = call(fixture, Some(who), Method::DELETE, &path, None).await;
            (status.as_u16(), problem["code"].as_str().map(str::to_owned))
        };
        let ordered = async || {
            let row = handheld::Entity::find_by_id(device.journal.0);
            let row = row.one(fixture.app.store.read()).await.unwrap().unwrap();
            wipe::ordered(fixture.app.store.read(), &row).await.unwrap()
        };
        order().await;
        let foreign = take_back(&stranger).await;
        assert_eq!(foreign, (404, Some("not_found".to_owned())));
        assert!(ordered().await.is_some());
        for _ in 0..2 {
            assert_eq!(take_back(&clerk).await, (204, None));
            assert!(ordered().await.is_none());
        }
        let lines = audit_log::Entity::find()
            .filter(audit_log::Column::Action.eq("handheld.wipe_taken_back"))
            .all(fixture.app.store.read())
            .await
            .unwrap();
        assert_eq!(lines.len(), 1);
        order().await;
        let journal = device.journal.0;
        fixture
            .write(move |tx, app| {
                let now = app.now();
                Box::pin(async move {
                    let row = handheld::Entity::find_by_id(journal).one(tx).await?;
                    wipe::confirm(tx, &row.unwrap(), now).await
                })
            })
            .await;
        let late = take_back(&clerk).await;
        assert_eq!(late, (409, Some("conflict".to_owned())));
    }
}
