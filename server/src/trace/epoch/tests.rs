//! Databases that are put back from a backup, and processes that share a data folder.

use super::*;
use crate::{
    config::Config, media, serve, sync::tests::world::World, trace::feed_log::StationLock,
};
use gridcrew_sync_protocol::ids::OrderId;
use image::codecs::jpeg::JpegEncoder;
use sea_orm::ConnectionTrait;

/// What a server finds that starts with the backup beside the data folder as it is now.
async fn epoch_after_restoring(app: &App, backup: &Path) -> Epoch {
    let config = Config {
        database: Some(format!("sqlite:{}", backup.display())),
        ..app.config.as_ref().clone()
    };
    let restored = serve::open(config).await.unwrap();
    check_height(&restored).await.unwrap();
    current_or_first(&restored).await.unwrap()
}

/// Whether a restore is noticed that lost nothing but what `write` does.
async fn is_noticed(write: impl AsyncFnOnce(&World)) -> bool {
    let world = World::new().await;
    let app = &world.fixture.app;
    check_height(app).await.unwrap();
    let backup = app.config.data.join("backup.db");
    for name in ["backup.db", "later.db"] {
        let to = app.config.data.join(name);
        let statement = format!("VACUUM INTO '{}'", to.display());
        let reader = app.store.read();
        reader.execute_unprepared(&statement).await.unwrap();
    }
    let untouched = app.config.data.join("later.db");
    assert_eq!(epoch_after_restoring(app, &untouched).await, app.epoch());
    write(&world).await;
    check_height(app).await.unwrap();
    epoch_after_restoring(app, &backup).await != app.epoch()
}

#[actix_web::test]
async fn a_restore_that_lost_only_a_photo_is_noticed() {
    let noticed = is_noticed(async |world| {
        let picture = image::RgbImage::from_pixel(16, 16, image::Rgb([9, 80, 7]));
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 40)
            .encode_image(&picture)
            .unwrap();
        media::take_in(&world.fixture.app, bytes).await.unwrap();
    });
    assert!(noticed.await);
}

#[actix_web::test]
async fn a_restore_that_lost_only_a_handheld_or_parked_records_is_noticed() {
    let enrolled = is_noticed(async |world| {
        world.device(world.manager().await, 1).await;
    });
    assert!(enrolled.await);
    let pushed = is_noticed(async |world| {
        let mut device = world.device(world.manager().await, 1).await;
        check_height(&world.fixture.app).await.unwrap();
        let before = height(&world.fixture.app).await.unwrap();
        device.note(OrderId(Uuid::from_u128(5)), "no such order");
        world.push(&device, device.all()).await.unwrap();
        assert!(height(&world.fixture.app).await.unwrap() > before);
    });
    assert!(pushed.await);
}

#[actix_web::test]
async fn processes_that_share_a_folder_begin_no_epoch_while_one_of_them_writes() {
    let world = World::new().await;
    let app = &world.fixture.app;
    let station = world.station;
    let checks = async || {
        for _ in 0..150 {
            check_height(app).await.unwrap();
        }
    };
    let writes = async || {
        for _ in 0..150 {
            let write = app.store.write(move |tx| {
                Box::pin(async move {
                    StationLock::take(tx, station).await?;
                    count_unannounced(tx).await
                })
            });
            write.await.unwrap();
        }
    };
    tokio::join!(checks(), checks(), checks(), writes());
    assert_eq!(current_or_first(app).await.unwrap(), app.epoch());
    let parts = fs::read_dir(&app.config.data)
        .unwrap()
        .filter(|file| {
            let name = file.as_ref().unwrap().file_name();
            name.to_string_lossy().ends_with(".part")
        })
        .count();
    assert_eq!(parts, 0);
}

#[actix_web::test]
async fn a_database_without_a_mark_beside_it_was_restored_unless_it_is_empty() {
    let world = World::new().await;
    let app = &world.fixture.app;
    let mark = app.config.data.join("height");
    assert_eq!(fs::read_to_string(&mark).unwrap().trim(), "0");
    world.device(world.manager().await, 1).await;
    assert!(height(app).await.unwrap() > 0);
    for mark_is in [None, Some("no number")] {
        let before = current_or_first(app).await.unwrap();
        match mark_is {
            None => fs::remove_file(&mark).unwrap(),
            Some(text) => fs::write(&mark, text).unwrap(),
        }
        check_height(app).await.unwrap();
        let after = current_or_first(app).await.unwrap();
        assert_ne!(after, before);
        check_height(app).await.unwrap();
        assert_eq!(current_or_first(app).await.unwrap(), after);
    }
}

#[actix_web::test]
async fn whatever_opens_a_restored_database_notices_before_it_writes() {
    let world = World::new().await;
    let app = &world.fixture.app;
    check_height(app).await.unwrap();
    let backup = app.config.data.join("backup.db");
    let statement = format!("VACUUM INTO '{}'", backup.display());
    let reader = app.store.read();
    reader.execute_unprepared(&statement).await.unwrap();
    world.device(world.manager().await, 1).await;
    check_height(app).await.unwrap();
    let config = Config {
        database: Some(format!("sqlite:{}", backup.display())),
        ..app.config.as_ref().clone()
    };
    let command = serve::open(config).await.unwrap();
    assert_ne!(command.epoch(), app.epoch());
}
