//! Bases, pairs and notice boards over HTTP.

use crate::{
    orders::fixture::Township,
    people::fixture::{Desk, code},
};
use actix_web::http::{Method, header};
use serde_json::{Value, json};

/// Gives the three managers of a township their bases: A's in C1, the others' in C2.
async fn with_bases(town: &Township) -> Desk<'_> {
    let clerk = Desk::of(&town.fixture, &town.clerk).await;
    for (person, lon) in [(&town.a, 104.04), (&town.b, 104.16), (&town.c, 104.19)] {
        let base = json!({ "base": { "lon": lon, "lat": 30.05, "datum": "WGS-84" } });
        let (status, shown) = clerk
            .put(&format!("/people/{}/base", person.id), base)
            .await;
        assert_eq!(
            (status, &shown["base"]["lon"]),
            (200, &json!(lon)),
            "{shown}"
        );
    }
    clerk
}

#[actix_web::test]
async fn pairs_are_proposed_looked_at_and_accepted_as_one_over_what_was_looked_at() {
    for town in Township::on_each().await {
        let clerk = with_bases(&town).await;
        let station = format!("/stations/{}", town.station);
        let (status, look) = clerk
            .post(&format!("{station}/pairs/propose"), json!({}))
            .await;
        assert_eq!(status, 200, "{look}");
        let rows = look["cells"].as_array().unwrap();
        let of = |code: &str| rows.iter().find(|row| row["code"] == code).unwrap();
        assert_eq!(of("C1")["role_a"], json!(town.a.id));
        assert_eq!(of("C1")["role_b"], json!(town.b.id));
        assert_eq!(of("C2")["role_a"], json!(town.b.id));
        assert_eq!(of("C2")["role_b"], json!(town.a.id));
        assert_eq!(
            (&of("C1")["changes"], &of("C2")["changes"]),
            (&json!(false), &json!(true))
        );
        assert_eq!(
            (&look["present"]["without_a"], &look["proposed"]["pairs"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(
            clerk.get("/cells").await.1["cells"]
                .as_array()
                .unwrap()
                .len(),
            2
        );

        let pairs: Vec<Value> = rows
            .iter()
            .map(|row| json!({ "cell": row["cell"], "role_a": row["role_a"], "role_b": row["role_b"] }))
            .collect();
        let accept = format!("{station}/pairs/accept");
        let wish = json!({ "of": look["of"], "pairs": pairs });
        // All or none: one pair that cannot be keeps the others back.
        let mut bad = wish.clone();
        bad["pairs"][0]["role_b"] = bad["pairs"][0]["role_a"].clone();
        assert_eq!(
            code(&clerk.post(&accept, bad).await),
            "territory.roles_invalid"
        );
        let (status, done) = clerk.post(&accept, wish.clone()).await;
        assert_eq!((status, &done["changed"]), (200, &json!(1)), "{done}");
        let again = clerk.post(&accept, wish).await;
        assert_eq!(
            (again.0, code(&again)),
            (409, "conflict"),
            "somebody changed it meanwhile"
        );
        let (_, listed) = clerk.get("/cells").await;
        let c2 = listed["cells"]
            .as_array()
            .unwrap()
            .iter()
            .find(|c| c["code"] == "C2")
            .unwrap();
        assert_eq!(c2["role_a"]["person"], json!(town.b.id));
        let (_, look) = clerk
            .post(&format!("{station}/pairs/propose"), json!({}))
            .await;
        assert_eq!(look["of"], done["of"]);
    }
}

#[actix_web::test]
async fn wishes_about_pairs_are_kept_or_refused_by_name() {
    let town = Township::new().await;
    let clerk = with_bases(&town).await;
    let station = format!("/stations/{}", town.station);
    let propose = format!("{station}/pairs/propose");
    let (_, look) = clerk.post(&propose, json!({})).await;
    let [c1, c2] = ["C1", "C2"].map(|code| {
        let rows = look["cells"].as_array().unwrap();
        rows.iter().find(|row| row["code"] == code).unwrap()["cell"].clone()
    });
    let nobody = "00000000-0000-0000-0000-000000000000";
    for wish in [
        json!({ "locked": [nobody] }),
        json!({ "locked": [c2] }),
        json!({ "managers": [{ "person": nobody }] }),
        json!({ "managers": [{ "person": town.a.id }, { "person": town.a.id }] }),
        json!({ "managers": [{ "person": town.a.id, "not_for": [nobody] }] }),
        json!({ "even_m": -1.0 }),
    ] {
        let answer = clerk.post(&propose, wish.clone()).await;
        assert_eq!(code(&answer), "request.invalid", "{wish}");
    }
    let wish = json!({ "locked": [c1], "managers": [{ "person": town.c.id, "most_as_a": 0 },
        { "person": town.b.id, "not_for": [c2] }] });
    let (status, look) = clerk.post(&propose, wish).await;
    assert_eq!(status, 200, "{look}");
    let c2_row = look["cells"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["cell"] == c2)
        .unwrap();
    assert_eq!(c2_row["role_a"], json!(town.a.id));
    let twice = json!({ "of": look["of"], "pairs": [{ "cell": c1 }, { "cell": c1 }] });
    let accept = format!("{station}/pairs/accept");
    assert_eq!(code(&clerk.post(&accept, twice).await), "request.invalid");
    let stranger = Desk::of(&town.fixture, &town.sibling).await;
    let empty = json!({ "of": look["of"], "pairs": [] });
    for answer in [
        stranger.post(&propose, json!({})).await,
        stranger.post(&accept, empty.clone()).await,
    ] {
        assert_eq!((answer.0, code(&answer)), (404, "not_found"));
    }
    let manager = Desk::of(&town.fixture, &town.a).await;
    assert_eq!(manager.post(&accept, empty).await.0, 403);
    let path = format!("/people/{}/base", town.a.id);
    let untyped = json!({ "base": { "lon": 104.0, "lat": 30.0 } });
    assert_eq!(
        code(&clerk.put(&path, untyped).await),
        "position.datum_missing"
    );
    let base = json!({ "base": { "lon": 104.0, "lat": 30.0, "datum": "WGS-84" } });
    assert_eq!(stranger.put(&path, base.clone()).await.0, 404);
    assert_eq!(manager.put(&path, base).await.0, 403);
}

#[actix_web::test]
async fn a_board_has_an_address_of_its_own_and_is_outdated_when_a_is_another() {
    for mut town in Township::on_each().await {
        let mut config = (*town.fixture.app.config).clone();
        config.public_url = Some("https://grid.example.org".to_owned());
        town.fixture.app.config = std::sync::Arc::new(config);
        let clerk = Desk::of(&town.fixture, &town.clerk).await;
        let (_, listed) = clerk.get("/boards").await;
        let cells = listed["boards"].as_array().unwrap();
        assert_eq!(cells.len(), 2);
        let c1 = cells.iter().find(|board| board["code"] == "C1").unwrap();
        assert_eq!(c1["set_up"], false);
        let path = format!("/cells/{}/board", c1["id"].as_str().unwrap());
        for bad in [
            json!({ "phone": "call me", "service_zh": "x" }),
            json!({ "phone": "  ", "service_zh": "x" }),
            json!({ "phone": "95598", "service_zh": "" }),
            json!({ "phone": "95598", "service_zh": "x".repeat(1_001) }),
            json!({ "phone": "95598", "service_zh": "a\u{0}b" }),
        ] {
            assert_eq!(code(&clerk.put(&path, bad).await), "request.invalid");
        }
        let wish = json!({ "phone": "0554-812 3456", "service_zh": "抢修<b>\n咨询", "service_en": "Repairs" });
        let (status, board) = clerk.put(&path, wish).await;
        assert_eq!((status, &board["outdated"]), (200, &json!(true)), "{board}");
        let address = board["address"].as_str().unwrap();
        let page = address.strip_prefix("https://grid.example.org").unwrap();
        let public = Desk::of_nobody(town.app());
        for (path, drawn) in [(page.to_owned(), false), (format!("{page}/sheet"), true)] {
            let (status, headers, body) = public.reply(Method::GET, &path, &Value::Null).await;
            let body = String::from_utf8(body).unwrap();
            // To be looked at: GRIDCREW_BOARD_PAGES=folder keeps what was answered.
            if let Some(folder) = std::env::var_os("GRIDCREW_BOARD_PAGES") {
                let name = if drawn { "sheet.html" } else { "page.html" };
                std::fs::write(std::path::Path::new(&folder).join(name), &body).unwrap();
            }
            assert_eq!((status, body.contains("<svg")), (200, drawn));
            assert!(body.contains("抢修&lt;b&gt;") && body.contains("0554-812 3456"));
            assert!(body.contains(&town.a.name));
            let policy = headers.get(header::CONTENT_SECURITY_POLICY).unwrap();
            assert!(
                policy
                    .to_str()
                    .unwrap()
                    .starts_with("default-src 'none'; style-src 'sha256-")
            );
        }
        for wrong in [
            format!("{page}x"),
            "/board/x".to_owned(),
            "/board/%00".to_owned(),
        ] {
            assert_eq!(public.reply(Method::GET, &wrong, &Value::Null).await.0, 404);
        }

        let posted = format!("{path}/posted");
        let mark = json!({ "mark": board["mark"] });
        assert_eq!(clerk.post(&posted, mark.clone()).await.0, 200);
        let outdated = "/boards?outdated=true";
        assert_eq!(clerk.get(outdated).await.1["boards"], json!([]));
        let cell = board["id"].as_str().unwrap();
        let swap = json!({ "role_a": town.b.id, "role_b": town.c.id });
        // All have one name here; a vacant place is another content.
        assert_eq!(
            clerk.put(&format!("/cells/{cell}/roles"), swap).await.0,
            200
        );
        let (_, renamed) = clerk
            .put(&path, json!({ "phone": "95598", "service_zh": "抢修" }))
            .await;
        assert_eq!(renamed["address"], board["address"], "the address stays");
        assert_eq!(
            clerk.get(outdated).await.1["boards"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
        assert_eq!(code(&clerk.post(&posted, mark).await), "conflict");
        let stranger = Desk::of(&town.fixture, &town.sibling).await;
        assert_eq!(stranger.get(&path).await.0, 404);
        assert_eq!(stranger.get("/boards").await.1["boards"], json!([]));
        let manager = Desk::of(&town.fixture, &town.a).await;
        assert_eq!(manager.get(&path).await.0, 200);
        assert_eq!(
            manager
                .put(&path, json!({ "phone": "1234", "service_zh": "x" }))
                .await
                .0,
            403
        );
    }
}
