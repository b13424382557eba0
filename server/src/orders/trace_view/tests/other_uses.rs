//! One picture on two handhelds is seen in the traces of both orders, by who may see both.

use super::*;
use crate::{
    media::{jpeg, take_in},
    people::Role,
    sync::tests::world::Device,
};
use gridcrew_sync_protocol::{claims::Look, limits::Limits};

const LOOK: Look = Look(0x0f1e_2d3c_4b5a_6978);

/// A look that differs from [`LOOK`] in so many bits, others for each `first` below 9.
fn turned(first: u32, bits: u32) -> Look {
    Look((0..bits).fold(LOOK.0, |look, bit| look ^ (1 << (bit * 9 + first))))
}

/// A step with a photo that looks so by its handheld's claim.
fn step(device: &mut Device, order: OrderId, photo: &[u8], look: Look) {
    let claim = PhotoClaim {
        look: Some(look),
        ..PhotoClaim::default()
    };
    let claims = Claims {
        photos: vec![claim],
        ..Claims::default()
    };
    let photos = vec![PhotoRef {
        digest: Digest::of(photo),
        bytes: photo.len() as u64,
        slot: "site".into(),
    }];
    let record = Record {
        order,
        actor: device.person,
        term: Term(1),
        time: TimeEvidence::of_server(UnixMillis(1_800_000_200_000)),
        fix: None,
        event: Event::StepDone(StepDone {
            step: "arrived".into(),
            values: BTreeMap::new(),
            photos,
        }),
        claims: claims.any(),
    };
    device.entries.push(Entry::Record(record).to_bytes());
}

/// Where else the photo of an order is used, and its flags of that, as `role` sees it.
async fn shown(
    world: &World,
    device: &Device,
    role: Role,
    order: OrderId,
) -> (Vec<Before>, Vec<PhotoFlag>) {
    let app = &world.fixture.app;
    let scope = Scope {
        role,
        ..world.caller(device).await.scope
    };
    let state: OrderState = wire::decode(&world.row(order).await.state).unwrap();
    let template = app.templates.edition(&state.template).unwrap();
    let query = TraceQuery::default();
    let view = trace(app.store.read(), &scope, &state, template, &query);
    let entries = view.await.unwrap().entries;
    let entry = entries.iter().find(|entry| !entry.photos.is_empty());
    let entry = entry.unwrap();
    assert!(entry.flags.contains(&Flag::PhotoDoubtful));
    let photo = entry.photos[0].clone();
    let of_use = |flag: &PhotoFlag| {
        matches!(
            flag,
            PhotoFlag::SamePicture { .. } | PhotoFlag::LooksLike { .. }
        )
    };
    let flags = photo.flags.into_iter().filter(of_use).collect();
    (photo.elsewhere, flags)
}

#[actix_web::test]
async fn one_picture_on_two_handhelds_is_flagged_on_both_orders() {
    for world in World::on_each().await {
        let (one, two) = (world.manager().await, world.manager().await);
        let mut devices = [world.device(one, 1).await, world.device(two, 2).await];
        let mut orders = Vec::new();
        for person in [one, two, two, two] {
            orders.push(world.order(person, None).await);
        }
        let most = Limits::DOMAIN.alike_bits;
        let (photo, alike, unlike) = (jpeg(71), jpeg(72), jpeg(73));
        step(&mut devices[0], orders[0], &photo, LOOK);
        step(&mut devices[1], orders[1], &alike, turned(0, most));
        step(&mut devices[1], orders[2], &photo, LOOK);
        step(&mut devices[1], orders[3], &unlike, turned(1, most + 1));
        for device in &devices {
            world.push(device, device.all()).await.unwrap();
        }
        let app = &world.fixture.app;
        let staff = Role::Station;
        let same = Before {
            order: orders[2],
            photo: Digest::of(&photo),
            differs: None,
        };
        // The same file is known as soon as it is promised.
        let (elsewhere, flags) = shown(&world, &devices[0], staff, orders[0]).await;
        assert_eq!(elsewhere, [same]);
        assert_eq!(flags, [PhotoFlag::SamePicture { order: orders[2] }]);

        for picture in [&photo, &alike, &unlike] {
            take_in(app, picture.clone()).await.unwrap();
        }
        let near = Before {
            order: orders[1],
            photo: Digest::of(&alike),
            differs: Some(most),
        };
        let (elsewhere, flags) = shown(&world, &devices[0], staff, orders[0]).await;
        assert_eq!(elsewhere, [same, near]);
        let looks_like = |order, bits| PhotoFlag::LooksLike { order, bits };
        let of_two = looks_like(orders[1], most);
        assert_eq!(flags, [PhotoFlag::SamePicture { order: orders[2] }, of_two]);
        let (elsewhere, flags) = shown(&world, &devices[1], staff, orders[1]).await;
        let mut others = [orders[0], orders[2]].map(|order| Before {
            order,
            photo: Digest::of(&photo),
            differs: Some(most),
        });
        others.sort_by_key(|other| other.order);
        assert_eq!(elsewhere, others);
        assert_eq!(flags, others.map(|other| looks_like(other.order, most)));
        let (elsewhere, flags) = shown(&world, &devices[1], staff, orders[3]).await;
        assert_eq!((elsewhere, flags), (vec![], vec![]));
        // Who may not see the other orders does not learn of them.
        let (elsewhere, flags) = shown(&world, &devices[0], Role::Manager, orders[0]).await;
        assert_eq!((elsewhere, flags), (vec![], vec![]));
    }
}
