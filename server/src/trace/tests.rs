//! Exports that are checked, broken in every way and checked again; projections that are
//! broken and put right.

use super::{
    commands::{Outcome, VerifyArgs, run_verify},
    export::{Selection, export},
    manifest::{self, MANIFEST, Manifest, SIGNATURE},
    rebuild::{Difference, rebuild},
    verify::{Report, verify},
};
use crate::{
    media,
    orders::rows::{order_person, service_order},
    people::rows::handheld,
    sync::tests::world::{Device, World},
    trace::ledger,
};
use ed25519_dalek::SigningKey;
use futures_util::FutureExt;
use gridcrew_sync_protocol::{
    ids::OrderId,
    record::{Event, PhotoRef, StepDone},
    time::UnixMillis,
};
use image::codecs::jpeg::JpegEncoder;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, TransactionTrait, sea_query::Expr};
use std::{collections::BTreeMap, fs, path::Path};
use tempfile::TempDir;

/// Two managers with two orders each, records that are parked, a photo that came and one
/// that did not.
struct Worked {
    world: World,
    orders: Vec<OrderId>,
    devices: Vec<Device>,
}

async fn worked() -> Worked {
    let world = World::new().await;
    let app = &world.fixture.app;
    let picture = image::RgbImage::from_pixel(16, 16, image::Rgb([9, 80, 7]));
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 40)
        .encode_image(&picture)
        .unwrap();
    let length = bytes.len() as u64;
    let photo = media::take_in(app, bytes).await.unwrap();
    let absent = gridcrew_sync_protocol::digest::Digest::of(b"not come yet");
    let (mut orders, mut devices) = (Vec::new(), Vec::new());
    for n in 0..2 {
        let manager = world.manager().await;
        let mut device = world.device(manager, n + 1).await;
        for _ in 0..2 {
            let order = world.order(manager, None).await;
            device.take(order);
            orders.push(order);
        }
        let step = StepDone {
            step: "arrived".into(),
            values: BTreeMap::new(),
            photos: [photo, absent]
                .map(|digest| PhotoRef {
                    digest,
                    bytes: length,
                    slot: "site".into(),
                })
                .to_vec(),
        };
        let order = orders[orders.len() - 2];
        device.record(
            order,
            1,
            UnixMillis(1_800_000_300_000),
            Event::StepDone(step),
        );
        device.entries.push(vec![0xff]);
        device.note(orders[0], "the second has nothing to do with this");
        device.step(orders[orders.len() - 1], "diagnosis");
        let cut = device.entries.len() - 2;
        world.push(&device, device.batch(1, cut)).await.unwrap();
        world
            .push(&device, device.batch(cut + 1, cut + 2))
            .await
            .unwrap();
        devices.push(device);
    }
    Worked {
        world,
        orders,
        devices,
    }
}

async fn exported(worked: &Worked, selection: Selection) -> (TempDir, Manifest) {
    let folder = tempfile::tempdir().unwrap();
    let app = &worked.world.fixture.app;
    let manifest = export(app, selection, folder.path()).await.unwrap();
    (folder, manifest)
}

fn check(folder: &Path) -> Report {
    verify(folder, None).unwrap()
}

#[actix_web::test]
async fn an_export_of_everything_and_of_one_order_verifies() {
    let worked = worked().await;
    let (folder, manifest) = exported(&worked, Selection::All).await;
    let report = check(folder.path());
    assert_eq!(report.broken, []);
    assert_eq!((report.orders, report.journals), (4, 4 + 2));
    assert_eq!((report.photos, report.missing_photos.len()), (1, 1));
    assert_eq!(manifest.parked.len(), 3);
    assert_eq!(report.entries, 4 * 2 + 2 * 7);

    for order in &worked.orders {
        let (folder, manifest) = exported(&worked, Selection::Order(*order)).await;
        let report = check(folder.path());
        assert_eq!(report.broken, []);
        assert_eq!((report.orders, report.journals), (1, 2));
        assert!(manifest.parked.is_empty());
        let journal = manifest::journal_file(worked.devices[0].journal);
        if let Ok(bytes) = fs::read(folder.path().join(journal)) {
            let foreign = worked.orders.iter().filter(|other| *other != order);
            for other in foreign {
                let id = other.0.as_bytes();
                assert!(
                    !bytes.windows(16).any(|part| part == id),
                    "shows another order"
                );
            }
        }
    }
}

#[actix_web::test]
async fn an_export_goes_only_into_an_empty_folder() {
    let worked = worked().await;
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("x"), "x").unwrap();
    let app = &worked.world.fixture.app;
    let refused = export(app, Selection::All, folder.path())
        .await
        .unwrap_err();
    assert_eq!(refused.code.as_str(), "conflict");
    let nowhere = OrderId(uuid::Uuid::from_u128(3));
    let empty = tempfile::tempdir().unwrap();
    let refused = export(app, Selection::Order(nowhere), empty.path()).await;
    assert_eq!(refused.unwrap_err().code.as_str(), "not_found");
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        for entry in fs::read_dir(path).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}

#[actix_web::test]
async fn any_single_byte_that_is_changed_in_any_file_is_found() {
    let worked = worked().await;
    let (folder, _) = exported(&worked, Selection::Order(worked.orders[0])).await;
    assert_eq!(check(folder.path()).broken, []);
    for path in files(folder.path()) {
        let whole = fs::read(&path).unwrap();
        // Every byte of what is small, some of what is long.
        let step = (whole.len() / 150).max(1);
        for at in (0..whole.len()).step_by(step) {
            let mut changed = whole.clone();
            changed[at] ^= 1 << (at % 8);
            fs::write(&path, changed).unwrap();
            let report = check(folder.path());
            assert!(!report.broken.is_empty(), "{} at {at}", path.display());
        }
        fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(
            !check(folder.path()).broken.is_empty(),
            "{} cut",
            path.display()
        );
        fs::remove_file(&path).unwrap();
        assert!(
            !check(folder.path()).broken.is_empty(),
            "{} gone",
            path.display()
        );
        fs::write(&path, whole).unwrap();
    }
    fs::write(folder.path().join("orders/more.json"), "{}").unwrap();
    assert!(!check(folder.path()).broken.is_empty());
}

/// Signs a changed manifest with `key`, and says so in it, as a forger would.
fn forge(folder: &Path, key: &SigningKey, change: impl FnOnce(&mut Manifest)) {
    let bytes = fs::read(folder.join(MANIFEST)).unwrap();
    let mut manifest: Manifest = serde_json::from_slice(&bytes).unwrap();
    change(&mut manifest);
    for (name, digest) in &mut manifest.files {
        if let Ok(bytes) = fs::read(folder.join(name)) {
            *digest = gridcrew_sync_protocol::digest::Digest::of(&bytes);
        }
    }
    let written = manifest::written(&manifest).unwrap();
    fs::write(folder.join(SIGNATURE), manifest::sign(&written, key)).unwrap();
    fs::write(folder.join(MANIFEST), written).unwrap();
}

#[actix_web::test]
async fn what_even_the_server_itself_would_forge_is_found_by_the_handhelds_signatures() {
    type Change = fn(&mut Manifest);
    let changes: [(&str, Change); 9] = [
        ("a record left out", |manifest| {
            let entries = manifest.orders[0].entries.values_mut().last().unwrap();
            entries.pop();
        }),
        ("a record named twice", |manifest| {
            let entries = manifest.orders[0].entries.values_mut().last().unwrap();
            let last = *entries.last().unwrap();
            entries.push(last);
        }),
        ("another state", |manifest| {
            manifest.orders[0].state = gridcrew_sync_protocol::digest::Digest::ZERO;
        }),
        ("an order left out", |manifest| {
            manifest.orders.pop();
        }),
        ("a journal left out", |manifest| {
            manifest.journals.pop();
        }),
        ("a shorter journal", |manifest| {
            manifest.journals.last_mut().unwrap().last.0 -= 1;
        }),
        ("a parked record left out", |manifest| {
            manifest.parked.pop();
        }),
        ("a photo left out", |manifest| {
            manifest.photos.retain(|photo| photo.held);
        }),
        ("a photo that has not come", |manifest| {
            for photo in &mut manifest.photos {
                photo.held = true;
            }
        }),
    ];
    let worked = worked().await;
    let key = &worked.world.fixture.app.keys.trace;
    for (what, change) in changes {
        let (folder, _) = exported(&worked, Selection::All).await;
        forge(folder.path(), key, |_| {});
        assert_eq!(check(folder.path()).broken, []);
        forge(folder.path(), key, change);
        assert!(
            !check(folder.path()).broken.is_empty(),
            "{what} is not found"
        );
    }
}

#[actix_web::test]
async fn a_journal_whose_entries_were_changed_does_not_verify_whoever_signs_the_manifest() {
    let worked = worked().await;
    let (folder, _) = exported(&worked, Selection::All).await;
    let journal = worked.devices[0].journal;
    let path = folder.path().join(manifest::journal_file(journal));
    let whole = fs::read(&path).unwrap();
    let forger = SigningKey::from_bytes(&[77; 32]);
    for at in (0..whole.len()).step_by(7) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, changed).unwrap();
        forge(folder.path(), &worked.world.fixture.app.keys.trace, |_| {});
        assert!(!check(folder.path()).broken.is_empty(), "changed at {at}");
    }
    fs::write(&path, whole).unwrap();
    forge(folder.path(), &forger, |manifest| {
        manifest.server_key = manifest::key_text(&forger.verifying_key());
    });
    assert!(
        !check(folder.path()).broken.is_empty(),
        "another server's part"
    );
}

#[actix_web::test]
async fn the_command_takes_the_servers_key_from_elsewhere_and_can_be_strict() {
    let worked = worked().await;
    let (folder, manifest) = exported(&worked, Selection::All).await;
    let run = |server_key: Option<String>, strict| {
        let folder = folder.path().to_owned();
        let args = VerifyArgs {
            folder,
            server_key,
            strict,
        };
        let mut out = Vec::new();
        let outcome = run_verify(&args, &mut out).unwrap();
        (outcome, String::from_utf8(out).unwrap())
    };
    assert_eq!(run(None, false).0, Outcome::Well);
    assert_eq!(run(Some(manifest.server_key), false).0, Outcome::Well);
    let (outcome, printed) = run(None, true);
    assert_eq!(outcome, Outcome::Broken);
    assert!(printed.contains("promised, but not come yet"));
    let other = SigningKey::from_bytes(&[3; 32]).verifying_key();
    assert_eq!(
        run(Some(manifest::key_text(&other)), false).0,
        Outcome::Broken
    );
}

async fn differences(worked: &Worked, replace: bool) -> Vec<Difference> {
    let mut found = Vec::new();
    let app = &worked.world.fixture.app;
    let looked = rebuild(app, replace, |difference| found.push(difference))
        .await
        .unwrap();
    assert_eq!(looked.orders, 4);
    found
}

#[actix_web::test]
async fn a_projection_that_was_changed_is_found_and_put_right() {
    let worked = worked().await;
    assert_eq!(differences(&worked, false).await, []);
    let [first, second, third] = [0, 1, 2].map(|n| worked.orders[n]);
    let before = worked.world.row(first).await;
    worked
        .world
        .fixture
        .write(move |tx, _| {
            Box::pin(async move {
                use service_order::Column;
                service_order::Entity::update_many()
                    .col_expr(Column::Status, Expr::value("returned"))
                    .col_expr(Column::Term, Expr::value(7))
                    .col_expr(Column::Source, Expr::value("elsewhere"))
                    .filter(Column::Id.eq(first.0))
                    .exec(tx)
                    .await?;
                order_person::Entity::delete_many()
                    .filter(order_person::Column::OrderId.eq(second.0))
                    .exec(tx)
                    .await?;
                service_order::Entity::delete_by_id(third.0)
                    .exec(tx)
                    .await?;
                Ok(())
            })
        })
        .await;
    let mut found: Vec<_> = differences(&worked, false)
        .await
        .into_iter()
        .map(|difference| (difference.order, difference.column))
        .collect();
    found.sort();
    let mut expected = [
        (first, "Source"),
        (first, "Status"),
        (first, "Term"),
        (second, "people"),
        (third, "row"),
    ]
    .map(|(order, column)| (order, column.to_owned()));
    expected.sort();
    assert_eq!(found, expected);
    assert_eq!(differences(&worked, true).await.len(), expected.len());
    assert_eq!(worked.world.row(first).await, before);
    // Contact and address are not in the trace: what was lost stays lost, and is said.
    let left = differences(&worked, false).await;
    assert_eq!(left.len(), 1);
    assert_eq!((left[0].order, left[0].column.as_str()), (third, "details"));
    let app = &worked.world.fixture.app;
    let state = ledger::folded(app.store.read(), app, &worked.world.row(third).await).await;
    assert_eq!(state.unwrap().records, 2 + 2);
}

/// Runs the independent checker; none where there is no Python.
fn independent(folder: &Path) -> Option<bool> {
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tests/independent/verify_trace.py"
    );
    let run = std::process::Command::new("python3")
        .arg(script)
        .arg(folder)
        .output()
        .ok()?;
    println!("{}", String::from_utf8_lossy(&run.stdout));
    Some(run.status.success())
}

#[actix_web::test]
async fn an_independent_checker_comes_to_the_same_verdict() {
    let worked = worked().await;
    let (folder, _) = exported(&worked, Selection::All).await;
    let Some(good) = independent(folder.path()) else {
        println!("skipped: there is no python3");
        return;
    };
    assert!(good);
    let journal = manifest::journal_file(worked.devices[0].journal);
    let path = folder.path().join(journal);
    let whole = fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 8) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, changed).unwrap();
        forge(folder.path(), &worked.world.fixture.app.keys.trace, |_| {});
        assert_eq!(independent(folder.path()), Some(false), "changed at {at}");
    }
}

#[actix_web::test]
async fn over_http_staff_of_the_station_exports_an_order_and_others_see_none() {
    use crate::{http, people::Role};
    use actix_web::test;
    let worked = worked().await;
    let world = &worked.world;
    let document = http::api_document();
    let service = test::init_service(
        actix_web::App::new()
            .wrap_fn(http::around)
            .configure(|config| http::routes(config, &world.fixture.app, &document)),
    )
    .await;
    let uri = format!("/api/v1/orders/{}/export", worked.orders[0]);
    for (role, org, status) in [
        (Role::Station, world.station, 200),
        (Role::Station, world.sibling, 404),
        (Role::Manager, world.station, 403),
    ] {
        let person = world.fixture.person(role, org).await;
        let token = world.fixture.sign_in(&person).await.access_token;
        let request = test::TestRequest::get()
            .uri(&uri)
            .insert_header(("authorization", format!("Bearer {token}")))
            .to_request();
        let reply = test::call_service(&service, request).await;
        assert_eq!(reply.status().as_u16(), status);
        if status == 200 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("trace.tar");
            fs::write(&path, test::read_body(reply).await).unwrap();
            let out = folder.path().join("out");
            fs::create_dir(&out).unwrap();
            let mut tar = std::process::Command::new("tar");
            tar.arg("-xf").arg(&path).arg("-C").arg(&out);
            assert!(tar.status().unwrap().success());
            assert_eq!(check(&out).broken, []);
        }
    }
}

/// As [`worked`], and with a fork of the first handheld and the last of the second, which
/// is revoked.
async fn with_what_was_set_aside() -> Worked {
    let mut worked = worked().await;
    let mut clone = worked.devices[0].clone();
    clone.entries.pop();
    clone.note(worked.orders[0], "the clone's");
    let first = clone.entries.len() - 1;
    let branch = clone.batch(first, first + 1);
    worked.world.push(&clone, branch).await.unwrap();
    let journal = worked.devices[1].journal.0;
    worked
        .world
        .fixture
        .write(move |tx, _| {
            Box::pin(async move {
                handheld::Entity::update_many()
                    .col_expr(handheld::Column::RevokedAt, Expr::value(5))
                    .filter(handheld::Column::Id.eq(journal))
                    .exec(tx)
                    .await?;
                Ok(())
            })
        })
        .await;
    let order = worked.orders[2];
    let revoked = &mut worked.devices[1];
    revoked.note(order, "too late");
    let last = revoked.entries.len();
    let batch = revoked.batch(last, last);
    worked.world.push(&worked.devices[1], batch).await.unwrap();
    worked
}

#[actix_web::test]
async fn what_was_set_aside_is_exported_with_everything_and_checked_as_evidence() {
    let worked = with_what_was_set_aside().await;
    let key = &worked.world.fixture.app.keys.trace;
    let (folder, manifest) = exported(&worked, Selection::All).await;
    let report = check(folder.path());
    assert_eq!(report.broken, []);
    assert_eq!((report.set_aside, report.journals), (2, 4 + 2));
    let mut reasons: Vec<_> = manifest.set_aside.iter().map(|line| &line.reason).collect();
    reasons.sort();
    assert_eq!(reasons, ["fork", "revoked"]);
    assert_ne!(independent(folder.path()), Some(false));

    type Change = fn(&mut Manifest);
    let changes: [(&str, Change); 4] = [
        ("one left out", |manifest| {
            manifest.set_aside.pop();
        }),
        ("one listed twice", |manifest| {
            let line = manifest.set_aside[0].clone();
            manifest.set_aside.push(line);
        }),
        ("another's key", |manifest| {
            manifest.set_aside[0].key = manifest.set_aside[1].key.clone();
        }),
        ("other entries", |manifest| {
            manifest.set_aside[0].first.0 += 1;
        }),
    ];
    for (what, change) in changes {
        let (folder, _) = exported(&worked, Selection::All).await;
        forge(folder.path(), key, change);
        let found = !check(folder.path()).broken.is_empty();
        assert!(found, "{what} is not found");
        assert_ne!(independent(folder.path()), Some(true), "{what}");
    }
    let path = folder.path().join(&manifest.set_aside[0].file);
    let whole = fs::read(&path).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, changed).unwrap();
        forge(folder.path(), key, |_| {});
        assert!(!check(folder.path()).broken.is_empty(), "changed at {at}");
    }

    let (_, of_one) = exported(&worked, Selection::Order(worked.orders[0])).await;
    assert_eq!(of_one.set_aside, []);
}

#[actix_web::test]
async fn an_export_takes_one_connection_for_reading_and_leaves_the_others() {
    let worked = worked().await;
    let db = worked.world.fixture.app.store.read();
    // All but one of SQLite's four.
    let mut taken = Vec::new();
    for _ in 0..3 {
        taken.push(db.begin().await.unwrap());
    }
    let made = exported(&worked, Selection::Order(worked.orders[0]));
    let made = tokio::time::timeout(std::time::Duration::from_secs(10), made).await;
    let (_folder, manifest) = made.expect("it waits for a second connection");
    assert!(manifest.photos.iter().any(|photo| photo.held));
    drop(taken);
}

#[actix_web::test]
async fn over_http_one_export_is_made_at_a_time_and_none_for_a_client_that_is_gone() {
    use crate::{http, people::Role};
    use actix_web::test;
    let worked = worked().await;
    let world = &worked.world;
    let app = &world.fixture.app;
    let document = http::api_document();
    let service = test::init_service(
        actix_web::App::new()
            .wrap_fn(http::around)
            .configure(|config| http::routes(config, app, &document)),
    )
    .await;
    let person = world.fixture.person(Role::Station, world.station).await;
    let token = world.fixture.sign_in(&person).await.access_token;
    let get = |path: &str| {
        test::TestRequest::get()
            .uri(path)
            .insert_header(("authorization", format!("Bearer {token}")))
            .to_request()
    };
    let export = format!("/api/v1/orders/{}/export", worked.orders[0]);
    let exports = app.config.data.join("exports");
    let left = || fs::read_dir(&exports).map_or(0, Iterator::count);

    let mut client = Box::pin(test::call_service(&service, get(&export)));
    while app.store.try_long_read().is_some() {
        assert!((&mut client).now_or_never().is_none());
        tokio::task::yield_now().await;
    }
    let second = test::call_service(&service, get(&export)).await;
    assert_eq!(second.status().as_u16(), 429);
    assert!(second.headers().contains_key("retry-after"));
    let me = test::call_service(&service, get("/api/v1/me")).await;
    assert_eq!(me.status().as_u16(), 200);
    drop(client);
    let ended = async {
        while app.store.try_long_read().is_none() || left() > 0 {
            tokio::task::yield_now().await;
        }
    };
    let ended = tokio::time::timeout(std::time::Duration::from_secs(30), ended).await;
    ended.expect("the export ends and leaves nothing");

    let reply = test::call_service(&service, get(&export)).await;
    assert_eq!(reply.status().as_u16(), 200);
}

#[actix_web::test]
async fn photos_of_parked_records_are_exported_with_everything_and_allowed_to_be_left_out() {
    let Worked {
        world, mut devices, ..
    } = worked().await;
    let picture = image::RgbImage::from_pixel(16, 16, image::Rgb([1, 2, 3]));
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 40)
        .encode_image(&picture)
        .unwrap();
    let app = &world.fixture.app;
    let length = bytes.len() as u64;
    let photo = media::take_in(app, bytes).await.unwrap();
    let device = &mut devices[0];
    let step = StepDone {
        step: "arrived".into(),
        values: BTreeMap::new(),
        photos: vec![PhotoRef {
            digest: photo,
            bytes: length,
            slot: "site".into(),
        }],
    };
    let unknown = OrderId(app.new_id());
    let at = UnixMillis(1_800_000_300_000);
    device.record(unknown, 1, at, Event::StepDone(step));
    let last = device.entries.len();
    world.push(device, device.batch(last, last)).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let manifest = export(app, Selection::All, folder.path()).await.unwrap();
    let line = manifest.photos.iter().find(|line| line.photo == photo);
    assert!(line.is_some_and(|line| line.held));
    assert_eq!(check(folder.path()).broken, []);
    assert_ne!(independent(folder.path()), Some(false));
    // As exports were made before.
    let file = manifest::photo_file(photo);
    fs::remove_file(folder.path().join(&file)).unwrap();
    forge(folder.path(), &app.keys.trace, |manifest| {
        manifest.photos.retain(|line| line.photo != photo);
        manifest.files.remove(&file);
    });
    assert_eq!(check(folder.path()).broken, []);
}
