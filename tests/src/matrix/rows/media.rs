//! Photos: looking at them, asking for them, bringing them.

use super::{STATUS_ONLY, same};
use crate::{
    client::Reply,
    failure::Fallible,
    matrix::{
        ask::Ask,
        making::SPARE_BYTES,
        row::{Kind, Reads, Row, Target, Verdict, Who},
        world::{Caller, Role, World},
    },
    raw::metadata,
};
use gridcrew_sync_protocol::{
    digest::Digest,
    media::{HeldReply, HeldRequest, MediaKind},
    wire,
};

const READS: Who = Who::Roles(&[Role::Manager, Role::Station, Role::Center]);
/// Most bytes of an answer that is unpacked.
const MOST: usize = 1024 * 1024;

pub(super) fn rows() -> Vec<Row> {
    let photo = |id, reads| {
        Row::reading(
            id,
            READS,
            Kind::Photo,
            |_, _, target| Ask::about(&target.key),
            |world, caller, target| {
                let photo = target.key.parse().unwrap_or(Digest::ZERO);
                Verdict::done_if(world.sees_photo(caller, photo), 200)
            },
            reads,
        )
    };
    vec![
        photo("photo_original", Reads::One(original)),
        photo("photo_preview", STATUS_ONLY),
        Row::reading(
            "photos_held",
            Who::Handhelds,
            Kind::Nothing,
            |world, _, _| {
                let photos = world.photos.iter().map(|photo| photo.digest).collect();
                Ask::plain().packed(wire::pack(&HeldRequest { photos }))
            },
            |_, _, _| Verdict::Done(200),
            Reads::One(held),
        ),
        Row::reading(
            "tus_options",
            Who::Anybody,
            Kind::Nothing,
            |_, _, _| Ask::plain(),
            |_, _, _| Verdict::Done(204),
            STATUS_ONLY,
        ),
        Row::writing(
            "tus_create",
            Who::Handhelds,
            Kind::Promise,
            |_, _, target| {
                let photo: Digest = target.key.parse().unwrap_or(Digest::ZERO);
                let headers = vec![
                    ("Upload-Length", SPARE_BYTES.to_string()),
                    (
                        "Upload-Metadata",
                        metadata(photo, photo, MediaKind::Original),
                    ),
                ];
                Ask::plain().tus(headers, &[])
            },
            |_, caller, target| {
                let mut own = caller.hand.iter().flat_map(|hand| &hand.spare);
                if own.any(|photo| photo.to_string() == target.key) {
                    Verdict::Done(201)
                } else {
                    Verdict::Hidden(409, "media.not_promised")
                }
            },
        ),
        Row::reading(
            "tus_head",
            Who::Handhelds,
            Kind::Upload,
            |_, _, target| Ask::about(&target.key).tus(Vec::new(), &[]),
            |world, caller, target| own_upload(world, caller, target, 200),
            STATUS_ONLY,
        ),
        Row::writing(
            "tus_patch",
            Who::Handhelds,
            Kind::Upload,
            |_, _, target| {
                let at = vec![("Upload-Offset", "0".to_owned())];
                Ask::about(&target.key).tus(at, b"abc")
            },
            |world, caller, target| own_upload(world, caller, target, 204),
        )
        .spending(),
        Row::writing(
            "tus_delete",
            Who::Handhelds,
            Kind::Upload,
            |_, _, target| Ask::about(&target.key).tus(Vec::new(), &[]),
            |world, caller, target| own_upload(world, caller, target, 204),
        )
        .spending(),
    ]
}

fn own_upload(world: &World, caller: &Caller, target: &Target, status: u16) -> Verdict {
    let known = world.uploads.iter().find(|upload| upload.id == target.key);
    let journal = caller.hand.as_ref().map(|hand| hand.raw.journal);
    let own = known.is_some_and(|upload| Some(upload.journal) == journal);
    Verdict::done_if(own, status)
}

fn original(_: &World, _: &Caller, target: &Target, reply: &Reply) -> Fallible<()> {
    same("photo", &Digest::of(&reply.bytes).to_string(), &target.key)
}

/// Of all photos of the world, those of one's own handheld.
fn held(world: &World, caller: &Caller, _: &Target, reply: &Reply) -> Fallible<()> {
    let reply: HeldReply = wire::unpack(&reply.bytes, MOST)?;
    let own = world.photos.iter().filter(|photo| {
        let owner = world.order(photo.order).and_then(|order| order.owner);
        owner == Some(caller.person)
    });
    let own: Vec<Digest> = own.map(|photo| photo.digest).collect();
    same("photos held", &reply.originals, &own)
}
