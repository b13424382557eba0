//! What is written on the previews that are made here.

use super::{
    Lane, jpeg,
    views::{as_, get, order},
};
use crate::{
    media::{picture, take_in},
    people::Role,
    trace::rows::entry,
};
use actix_web::http::StatusCode;
use gridcrew_sync_protocol::{
    digest::Digest,
    ids::PersonId,
    journal::Entry,
    position::{Datum, TypedPosition},
    record::{Event, Fix, Noted, Record, Term},
    stamp,
    time::{Millis, Sureness, TimeEvidence, TrustedTime, UnixMillis},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};
use std::io::Cursor;

#[actix_web::test]
async fn a_preview_made_here_says_order_time_and_place_of_the_record() {
    for mut lane in Lane::on_each().await {
        let order = order(&lane, lane.station()).await;
        let original = jpeg(41);
        let photo = Digest::of(&original);
        lane.promise(Some(order), photo).await;
        let at = UnixMillis(1_767_225_600_000);
        let fix = Fix {
            position: TypedPosition::new(116.605, 32.85, Datum::Gcj02).unwrap(),
            accuracy_dm: 75,
            age: Millis(0),
            mock: false,
        };
        let record = Record {
            order,
            actor: PersonId(lane.manager.id),
            term: Term(1),
            time: TimeEvidence::of_server(at),
            fix: Some(fix.clone()),
            event: Event::Noted(Noted {
                text: "on site".to_owned(),
            }),
            claims: None,
        };
        let bytes = Entry::Record(record).to_bytes();
        let journal = lane.journal.0;
        lane.fixture
            .write(move |tx, _| {
                Box::pin(async move {
                    entry::Entity::update_many()
                        .col_expr(entry::Column::Bytes, Expr::value(bytes))
                        .filter(entry::Column::JournalId.eq(journal))
                        .exec(tx)
                        .await?;
                    Ok(())
                })
            })
            .await;
        take_in(lane.app(), original.clone()).await.unwrap();
        let station = lane.station();
        as_(&mut lane, Role::Station, station).await;
        let seen = get(&lane, &format!("{photo}/preview"), &[]).await;
        assert_eq!(seen.status, StatusCode::OK);
        let sureness = Sureness::Server;
        // The order's number outside is its id here.
        let lines = stamp::lines(&order.to_string(), TrustedTime { at, sureness }, Some(&fix));
        assert_eq!(lines[1], "2026-01-01 08:00:00 +08:00 server time");
        let stamped = picture::preview(Cursor::new(&original), &lines).unwrap();
        assert_eq!(seen.body, stamped);
        let plain = picture::preview(Cursor::new(&original), &[]).unwrap();
        assert_ne!(stamped, plain);
    }
}
