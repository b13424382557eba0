//! The journal in, the feed out.

use super::same;
use crate::{
    client::Reply,
    failure::Fallible,
    matrix::{
        ask::Ask,
        row::{Kind, Reads, Row, Target, Verdict, Who},
        world::{Caller, World},
    },
};
use ed25519_dalek::{Signer, SigningKey};
use gridcrew_sync_protocol::{
    diagnostics::Diagnostics,
    digest::Digest,
    ids::{JournalId, PersonId},
    journal::{Batch, Entry, Item, Opened, Seq},
    push::{PushOutcome, PushReply, ReopenRequest},
    time::{TimeEvidence, UnixMillis},
    wire,
};
use uuid::Uuid;

/// Most bytes of an answer that is unpacked.
const MOST: usize = 1024 * 1024;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::writing(
            "sync_push",
            Who::Handhelds,
            Kind::Journal,
            |world, caller, target| Ask::plain().packed(wire::pack(&batch(world, caller, target))),
            |_, caller, target| of_own(caller, target, Verdict::Done(200)),
        )
        .comparing(pushed),
        Row::reading(
            "sync_feed",
            Who::Handhelds,
            Kind::Nothing,
            |_, _, _| Ask::plain(),
            |_, _, _| Verdict::Done(200),
            Reads::Feed,
        ),
        Row::writing(
            "sync_diagnostics",
            Who::Handhelds,
            Kind::Nothing,
            |_, _, _| Ask::plain().packed(wire::pack(&diagnostics())),
            |_, _, _| Verdict::Done(204),
        ),
        Row::writing(
            "sync_reopen",
            Who::Handhelds,
            Kind::Journal,
            |world, caller, target| Ask::plain().packed(wire::pack(&reopen(world, caller, target))),
            // It did not fork.
            |_, caller, target| of_own(caller, target, Verdict::Refused(409, "conflict")),
        ),
    ]
}

fn of_own(caller: &Caller, target: &Target, own: Verdict) -> Verdict {
    let journal = caller.hand.as_ref().map(|hand| hand.raw.journal);
    if journal == Some(target.id()) {
        own
    } else {
        Verdict::Hidden(403, "journal.not_yours")
    }
}

/// The batch that the target's handheld pushed first, signed by its own key: whoever brings
/// it. For a journal that is not there, one by a key that nobody knows.
fn batch(world: &World, caller: &Caller, target: &Target) -> Batch {
    let journal: JournalId = target.id();
    let own = caller.hand.as_deref();
    let own = own.filter(|hand| hand.raw.journal == journal);
    match own.or_else(|| world.writer(journal)) {
        Some(hand) => hand.batch.clone(),
        None => {
            let person = PersonId(Uuid::from_bytes(rand::random()));
            let opened = Opened {
                person,
                continues: None,
            };
            let items = vec![Item::Bytes(Entry::Opened(opened).to_bytes().into())];
            let key = SigningKey::from_bytes(&rand::random());
            Batch::sign(journal, Seq::FIRST, Digest::ZERO, items, &key)
        }
    }
}

fn pushed(_: &World, _: &Caller, _: &Target, reply: &Reply) -> Fallible<()> {
    let reply: PushReply = wire::unpack(&reply.bytes, MOST)?;
    let held = matches!(reply.outcome, PushOutcome::Held { .. });
    same("held", &held, &true)
}

/// A handheld that stands well.
fn diagnostics() -> Diagnostics {
    Diagnostics {
        time: TimeEvidence::of_server(UnixMillis(0)),
        program: "matrix".to_owned(),
        store_version: 1,
        records_waiting: 0,
        waiting_since: None,
        records_parked: 0,
        photos_waiting: 0,
        photos_refused: 0,
        photos_damaged: 0,
        free_bytes: None,
        disagreeing: Vec::new(),
        findings: Vec::new(),
    }
}

/// A new journal after the target's, proven by the target's key where it has one.
fn reopen(world: &World, caller: &Caller, target: &Target) -> ReopenRequest {
    let old: JournalId = target.id();
    let own = caller.hand.as_deref();
    let own = own.filter(|hand| hand.raw.journal == old);
    let key = match own.or_else(|| world.writer(old)) {
        Some(hand) => hand.raw.key.clone(),
        None => SigningKey::from_bytes(&rand::random()),
    };
    let fresh = SigningKey::from_bytes(&rand::random());
    let public_key = fresh.verifying_key().to_bytes();
    let text = ReopenRequest::signed_text(old, &public_key);
    ReopenRequest {
        old,
        public_key: public_key.into(),
        signature: key.sign(&text).to_bytes().into(),
    }
}
