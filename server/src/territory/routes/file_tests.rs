use crate::{
    app::App,
    http,
    people::rows::audit_log,
    territory::{
        content::Content,
        exchange::{self, Format},
        fixture::{Ground, islands, square, two_sound_cells as two_cells},
        rows::{customer, station_area, territory},
        shape::Shape,
        store::{self, Proposal},
    },
};
use actix_web::{
    http::{Method, header},
    test,
};
use gridcrew_sync_protocol::{
    ids::PersonId,
    position::{Datum, Wgs84},
};
use sea_orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter, sea_query::Expr};
use serde_json::Value;

/// Someone who is signed in and sends files.
struct Desk<'a> {
    ground: &'a Ground,
    token: String,
}

impl<'a> Desk<'a> {
    async fn of(ground: &'a Ground) -> Self {
        let token = ground.fixture.sign_in(&ground.staff).await.access_token;
        Self { ground, token }
    }

    fn app(&self) -> &App {
        self.ground.app()
    }

    async fn call(&self, method: Method, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let document = http::api_document();
        let service =
            actix_web::App::new().configure(|config| http::routes(config, self.app(), &document));
        let service = test::init_service(service).await;
        let station = self.ground.station();
        let request = test::TestRequest::with_uri(&format!("/api/v1/stations/{station}{path}"))
            .method(method)
            .insert_header((header::AUTHORIZATION, format!("Bearer {}", self.token)))
            .set_payload(body.to_vec());
        let reply = test::call_service(&service, request.to_request()).await;
        let status = reply.status().as_u16();
        (status, test::read_body(reply).await.to_vec())
    }

    async fn get(&self, path: &str) -> Vec<u8> {
        let (status, bytes) = self.call(Method::GET, path, b"").await;
        assert_eq!(status, 200, "{path}: {}", String::from_utf8_lossy(&bytes));
        bytes
    }

    async fn post(&self, path: &str, body: &[u8]) -> (u16, Value) {
        let (status, bytes) = self.call(Method::POST, path, body).await;
        (
            status,
            serde_json::from_slice(&bytes).unwrap_or(Value::Null),
        )
    }

    async fn refused(&self, path: &str, body: &[u8], code: &str) {
        let before = self.held().await;
        let (status, answer) = self.post(path, body).await;
        assert_eq!(
            (status, &answer["code"]),
            (422, &code.into()),
            "{path}: {answer}"
        );
        assert_eq!(self.held().await, before, "{path}");
    }

    /// How many versions, station areas, accounts.
    async fn held(&self) -> [u64; 3] {
        let db = self.app().store.read();
        [
            territory::Entity::find().count(db).await.unwrap(),
            station_area::Entity::find().count(db).await.unwrap(),
            customer::Entity::find().count(db).await.unwrap(),
        ]
    }

    async fn lines(&self, action: &str) -> u64 {
        let lines = audit_log::Entity::find().filter(audit_log::Column::Action.eq(action));
        lines.count(self.app().store.read()).await.unwrap()
    }
}

#[actix_web::test]
async fn a_territory_goes_out_and_in_as_any_file_in_any_datum() {
    for ground in Ground::on_both().await {
        let desk = Desk::of(&ground).await;
        let now = ground.app().now();
        // The first territory of a station may be a file.
        let first = exchange::write(Format::Shapefile, &two_cells(), Datum::Gcj02, now).unwrap();
        let path = "/territory/file?format=shapefile&reason=first";
        desk.refused(&path.replace("first", ""), &first, "request.invalid")
            .await;
        let (status, looked) = desk.post(&format!("{path}&dry_run=true"), &first).await;
        assert_eq!(
            (status, &looked["dry_run"], &looked["version"]),
            (200, &true.into(), &0.into())
        );
        assert_eq!(desk.held().await, [0, 0, 0]);
        let (status, done) = desk.post(path, &first).await;
        assert_eq!((status, &done["version"]), (200, &1.into()), "{done}");
        let mut version = 1;
        for format in ["geojson", "shapefile", "geopackage"] {
            for datum in ["WGS-84", "GCJ-02", "BD-09", "CGCS2000"] {
                let file = format!("/territory/file?format={format}&datum={datum}");
                let bytes = desk.get(&file).await;
                let path = format!("{file}&reason=again");
                let (status, done) = desk.post(&path, &bytes).await;
                version += 1;
                assert_eq!((status, &done["version"]), (200, &version.into()), "{done}");
                assert_eq!(done["mended"], 0);
            }
        }
        let held = store::territory(ground.app().store.read(), ground.station(), now)
            .await
            .unwrap()
            .unwrap();
        let mut cells = held.content.cells;
        cells.sort_by(|a, b| b.code.cmp(&a.code));
        assert_eq!(held.content.station_areas, two_cells().station_areas);
        assert_eq!(cells, two_cells().cells);
        assert_eq!(desk.lines("territory.changed").await, version);
    }
}

#[actix_web::test]
async fn a_datum_that_does_not_fit_is_named_and_stops_the_import_until_it_is_confirmed() {
    for ground in Ground::on_both().await {
        let desk = Desk::of(&ground).await;
        ground.accept(two_cells()).await.unwrap();
        let now = ground.app().now();
        let bytes = exchange::write(Format::GeoJson, &two_cells(), Datum::Gcj02, now).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let wrong = text.replace("\"GCJ-02\"", "\"WGS-84\"");
        let path = "/territory/file?format=geojson&reason=x";
        desk.refused(path, wrong.as_bytes(), "territory.datum_doubtful")
            .await;
        let (_, answer) = desk.post(path, wrong.as_bytes()).await;
        let detail = answer["detail"].as_str().unwrap();
        assert!(
            detail.contains("these look like GCJ-02, stated is WGS-84"),
            "{detail}"
        );
        let confirmed = format!("{path}&datum_confirmed=true");
        assert_eq!(desk.post(&confirmed, wrong.as_bytes()).await.0, 200);
    }
}

/// A round boundary with one station area, not split.
fn round() -> Content {
    let ring = (0..60).map(|n| {
        let turn = f64::from(n) / 60.0 * std::f64::consts::TAU;
        Wgs84::new(116.6 + 0.05 * turn.cos(), 32.8 + 0.04 * turn.sin()).unwrap()
    });
    let mut area = two_cells().station_areas[0].clone();
    (area.position, area.cell) = (Wgs84::new(116.6, 32.8).unwrap(), None);
    Content {
        boundary: Shape::new(vec![vec![ring.collect()]]).unwrap(),
        station_areas: vec![area],
        cells: Vec::new(),
    }
}

#[actix_web::test]
async fn the_border_of_another_station_shows_the_datum() {
    for ground in Ground::on_both().await {
        let desk = Desk::of(&ground).await;
        let (app, now) = (ground.app().clone(), ground.app().now());
        let sibling = Proposal {
            station: ground.organisation.sibling,
            base: 0,
            content: round(),
            effective_from: now,
            author: PersonId(ground.staff.id),
            reason: "a test".to_owned(),
        };
        let accept = ground
            .app()
            .store
            .write(move |tx| Box::pin(async move { store::accept(tx, &app, sibling).await }));
        accept.await.unwrap();
        let path = "/territory/file?format=geojson&reason=x";
        let right = exchange::write(Format::GeoJson, &round(), Datum::Gcj02, now).unwrap();
        let text = String::from_utf8(right.clone()).unwrap();
        let wrong = text.replace("\"GCJ-02\"", "\"WGS-84\"");
        desk.refused(path, wrong.as_bytes(), "territory.datum_doubtful")
            .await;
        let (_, answer) = desk.post(path, wrong.as_bytes()).await;
        assert!(
            answer["detail"]
                .as_str()
                .unwrap()
                .contains("lie on known borders as GCJ-02")
        );
        assert_eq!(desk.post(path, &right).await.0, 200);
    }
}

#[actix_web::test]
async fn files_that_cannot_be_change_nothing() {
    for ground in Ground::on_both().await {
        let desk = Desk::of(&ground).await;
        ground.accept(two_cells()).await.unwrap();
        let now = ground.app().now();
        for (format, name) in [
            (Format::Shapefile, "shapefile"),
            (Format::GeoPackage, "geopackage"),
        ] {
            let path = format!("/territory/file?format={name}&reason=x");
            let whole = exchange::write(format, &two_cells(), Datum::Wgs84, now).unwrap();
            desk.refused(&path, &whole[..whole.len() / 2], "file.unreadable")
                .await;
            desk.refused(&path, b"", "file.unreadable").await;
            let other = format!("{path}&datum=BD-09");
            desk.refused(&other, &whole, "territory.datum_conflict")
                .await;
            let mut gap = two_cells();
            gap.cells[1].outline = square(2.2, 0.0, 4.0, 2.0);
            let gap = exchange::write(format, &gap, Datum::Wgs84, now).unwrap();
            desk.refused(&path, &gap, "territory.gap").await;
        }
    }
}

/// A territory that leaves out a station area that supplies customers: sound by itself.
fn without_t1() -> Content {
    let mut content = two_cells();
    content.station_areas.remove(0);
    content
}

#[actix_web::test]
async fn a_look_at_a_file_finds_all_that_taking_it_would() {
    for ground in Ground::on_both().await {
        let desk = Desk::of(&ground).await;
        ground.accept(two_cells()).await.unwrap();
        let sheet = "/customers/sheet?format=csv";
        let rows = "户号,户名,台区编号\n001,王建国,t1\n";
        let (_, stored) = desk.post(sheet, rows.as_bytes()).await;
        assert_eq!(stored["outcome"], "stored", "{stored}");
        let now = ground.app().now();
        let later = now.0 + 60_000;
        let left_out = exchange::write(Format::GeoJson, &without_t1(), Datum::Wgs84, now).unwrap();
        let whole = exchange::write(Format::GeoJson, &two_cells(), Datum::Wgs84, now).unwrap();
        let path = "/territory/file?format=geojson&reason=x";
        for (path, bytes, code) in [
            (
                path.to_owned(),
                &left_out,
                "territory.station_area_in_no_cell",
            ),
            (
                format!("{path}&effective_from={later}"),
                &whole,
                "request.invalid",
            ),
        ] {
            desk.refused(&path, bytes, code).await;
            desk.refused(&format!("{path}&dry_run=true"), bytes, code)
                .await;
        }
        // What a look says of a good one is what taking it says, but for the version.
        let lines = desk.lines("territory.changed").await;
        let (status, mut look) = desk.post(&format!("{path}&dry_run=true"), &whole).await;
        assert_eq!((status, &look["version"]), (200, &1.into()), "{look}");
        assert_eq!(desk.held().await, [1, 4, 1]);
        assert_eq!(desk.lines("territory.changed").await, lines);
        assert_eq!(
            ground.app().territory.load().version_of(ground.station()),
            0
        );
        let (status, done) = desk.post(path, &whole).await;
        assert_eq!((status, &done["version"]), (200, &2.into()), "{done}");
        look["version"] = 2.into();
        look["dry_run"] = false.into();
        assert_eq!(look, done);
    }
}

/// A territory that nobody has split, stored before it was looked at how scattered one may be.
#[actix_web::test]
async fn a_look_at_a_sheet_finds_what_keeps_it_from_being_stored() {
    for ground in Ground::on_both().await {
        let desk = Desk::of(&ground).await;
        let mut content = round();
        content.boundary = square(0.0, 0.0, 4.0, 2.0);
        ground.accept(content).await.unwrap();
        let scattered = serde_json::to_string(&islands(51)).unwrap();
        let spoil = ground.fixture.write(|tx, _| {
            Box::pin(async move {
                territory::Entity::update_many()
                    .col_expr(territory::Column::Boundary, Expr::value(scattered))
                    .exec(tx)
                    .await?;
                Ok(())
            })
        });
        spoil.await;
        let rows = "code,name,feeder,customers,area_class,lon,lat,datum\n\
            t5,new,F1,30,02,120.00005,30.00005,WGS-84\n";
        let sheet = "/station-areas/sheet?format=csv";
        for path in [sheet.to_owned(), format!("{sheet}&dry_run=true")] {
            desk.refused(&path, rows.as_bytes(), "territory.too_large")
                .await;
        }
    }
}

#[actix_web::test]
async fn sheets_go_out_in_parts_that_are_there() {
    for ground in Ground::on_both().await {
        let desk = Desk::of(&ground).await;
        ground.accept(two_cells()).await.unwrap();
        for path in [
            "/station-areas/sheet?format=csv",
            "/customers/sheet?format=csv",
        ] {
            assert_eq!(
                desk.get(&format!("{path}&part=1")).await,
                desk.get(path).await
            );
            for part in ["0", "2"] {
                let (status, bytes) = desk
                    .call(Method::GET, &format!("{path}&part={part}"), b"")
                    .await;
                let said = String::from_utf8(bytes).unwrap();
                assert!(status == 422 && said.contains("request.invalid"), "{said}");
            }
        }
    }
}

#[actix_web::test]
async fn sheets_of_station_areas_go_out_and_in() {
    for ground in Ground::on_both().await {
        let desk = Desk::of(&ground).await;
        let sheet = "/station-areas/sheet?format=csv";
        let (status, none) = desk.post(sheet, b"code,name\nt1,x\n").await;
        assert_eq!((status, &none["code"]), (409, &"territory.none".into()));
        ground.accept(two_cells()).await.unwrap();
        for format in ["xlsx", "csv"] {
            let sheet = format!("/station-areas/sheet?format={format}&datum=GCJ-02");
            let bytes = desk.get(&sheet).await;
            let (status, same) = desk.post(&sheet, &bytes).await;
            assert_eq!(
                (status, &same["outcome"]),
                (200, &"unchanged".into()),
                "{same}"
            );
            assert_eq!(same["unchanged"], 4);
        }
        assert_eq!(desk.held().await, [1, 4, 0]);
        // One row is refused, so none is taken, until the good ones are wanted.
        let rows = "code,name,feeder,customers,area_class,lon,lat,datum\n\
            t1,another,F1,30,02,120.005,30.01,WGS-84\n\
            t5,new,F1,30,02,120.03,30.01,WGS-84\n\
            t6,out,F1,30,02,121.03,30.01,WGS-84\n";
        let (_, none) = desk.post(sheet, rows.as_bytes()).await;
        assert_eq!(none["outcome"], "nothing_stored", "{none}");
        assert_eq!(none["refused"][0]["row"], 4);
        assert_eq!(none["refused"][0]["code"], "territory.outside_boundary");
        let (_, look) = desk
            .post(&format!("{sheet}&dry_run=true"), rows.as_bytes())
            .await;
        assert_eq!(
            (&look["outcome"], &look["added"]),
            (&"looked_at".into(), &1.into())
        );
        assert_eq!(desk.held().await, [1, 4, 0]);
        let (_, good) = desk
            .post(&format!("{sheet}&mode=take_good"), rows.as_bytes())
            .await;
        assert_eq!(
            (&good["outcome"], &good["version"]),
            (&"stored".into(), &2.into()),
            "{good}"
        );
        assert_eq!(desk.held().await, [2, 5, 0]);
        let (_, again) = desk
            .post(&format!("{sheet}&mode=take_good"), rows.as_bytes())
            .await;
        assert_eq!(
            (&again["outcome"], &again["unchanged"]),
            (&"unchanged".into(), &2.into())
        );
        // The refused one as a sheet.
        let refused = format!("{sheet}&dry_run=true&refused_as=csv");
        let (_, bytes) = desk.call(Method::POST, &refused, rows.as_bytes()).await;
        let text = String::from_utf8(bytes).unwrap();
        assert!(
            text.contains("t6") && !text.contains("t5") && text.contains("outside"),
            "{text}"
        );
    }
}

#[actix_web::test]
async fn sheets_of_accounts_go_out_and_in_and_who_took_them_is_written_down() {
    for ground in Ground::on_both().await {
        let desk = Desk::of(&ground).await;
        ground.accept(two_cells()).await.unwrap();
        let sheet = "/customers/sheet?format=csv";
        let rows = "户号,户名,电话,台区编号,经度,纬度,坐标系\n\
            001,王建国,0554-1234567,t1,120.005,30.01,WGS-84\n\
            002,𠮷田,,t9,,,\n\
            ００３,=cmd,,t2,,,\n";
        let (_, none) = desk.post(sheet, rows.as_bytes()).await;
        assert_eq!(none["outcome"], "nothing_stored");
        assert_eq!(none["refused"][0]["column"], "台区编号");
        assert_eq!(desk.held().await, [1, 4, 0]);
        assert_eq!(desk.lines("customers.imported").await, 0);
        let (_, good) = desk
            .post(&format!("{sheet}&mode=take_good"), rows.as_bytes())
            .await;
        assert_eq!(
            (&good["outcome"], &good["added"]),
            (&"stored".into(), &2.into()),
            "{good}"
        );
        assert_eq!(good["remarks"][0]["row"], 4);
        assert_eq!(desk.held().await, [1, 4, 2]);
        assert_eq!(desk.lines("customers.imported").await, 1);
        for format in ["xlsx", "csv"] {
            for datum in ["WGS-84", "BD-09"] {
                let sheet = format!("/customers/sheet?format={format}&datum={datum}");
                let bytes = desk.get(&sheet).await;
                let (status, same) = desk.post(&sheet, &bytes).await;
                assert_eq!(
                    (status, &same["outcome"]),
                    (200, &"unchanged".into()),
                    "{same}"
                );
                assert_eq!(same["unchanged"], 2);
            }
        }
        assert_eq!(desk.lines("customers.exported").await, 4);
        let text = String::from_utf8(desk.get(sheet).await).unwrap();
        assert!(
            text.contains("0554-1234567") && text.contains("'=cmd"),
            "{text}"
        );
        desk.refused(sheet, b"a,b\n1,2\n", "sheet.columns").await;
        desk.refused(
            sheet,
            "户号,户名\n1,\u{4e01}".as_bytes().split_last().unwrap().1,
            "file.encoding",
        )
        .await;
        desk.refused("/customers/sheet?format=xlsx", b"PK", "file.unreadable")
            .await;
    }
}
