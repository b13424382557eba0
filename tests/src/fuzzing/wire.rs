//! What is in the protocol's own form: batches, records, pages of the feed, answers.

use gridcrew_mobile_core::from_outside::{FeedReader, HttpReply, Reply, understood};
use gridcrew_sync_protocol::{
    claims::{photos_of, review},
    diagnostics::{Diagnostics, MAX_DIAGNOSTICS_BYTES},
    digest::Digest,
    enrol::{EnrolReply, Tokens},
    feed::{FeedEntry, FeedItem, FeedPage, MAX_PAGE_BYTES},
    ids::PersonId,
    journal::{Batch, Entry, Item, MAX_BATCH_BYTES},
    limits::Limits,
    media::{HeldReply, HeldRequest},
    order::{Sourced, fold as fold_records},
    push::{PushOutcome, PushReply, Receipt, ReopenReply, ReopenRequest},
    wire,
    workflow::Template,
};
use serde::{Serialize, de::DeserializeOwned};
use std::{cell::RefCell, sync::LazyLock};

use super::seeds;
use crate::raw::PACKED;

/// Most bytes of an answer that a handheld reads, once decompressed.
const MOST: usize = 256 * 1024;

/// The workflow under which orders are folded here.
pub static TEMPLATE: LazyLock<Option<Template>> =
    LazyLock::new(|| Template::from_toml(seeds::WORKFLOW).ok());

/// A value in packed form or, because no fuzzer finds its way through a compressor, as plain
/// CBOR. What was read is written and read again as the same.
fn read<T: Serialize + DeserializeOwned>(bytes: &[u8], limit: usize) -> Option<T> {
    let value: T = wire::unpack(bytes, limit)
        .or_else(|_| wire::decode(bytes))
        .ok()?;
    same_again(&value);
    Some(value)
}

/// Compared as bytes: a float that is no number is like no other, itself included.
fn same_again<T: Serialize + DeserializeOwned>(value: &T) {
    let written = wire::encode(value);
    let again: Result<T, _> = wire::decode(&written);
    let again = again.map(|again| wire::encode(&again));
    assert_eq!(again.ok(), Some(written), "read, written and read again");
}

/// A batch as it is pushed, or of an export: form, chain and signature, then each entry.
pub fn journal(bytes: &[u8]) -> bool {
    let Some(batch) = read::<Batch>(bytes, MAX_BATCH_BYTES) else {
        return false;
    };
    let verified = batch.verify(&seeds::key().verifying_key());
    if let Ok(links) = &verified {
        assert_eq!(links.len(), batch.items.len());
        assert_eq!(links.last(), Some(&batch.head()));
    }
    let readable = batch.items.iter().all(|item| match item {
        Item::Bytes(bytes) => Entry::from_bytes(bytes).is_ok_and(|entry| {
            same_again(&entry);
            true
        }),
        Item::Digest(_) => true,
    });
    verified.is_ok() && readable
}

/// Entries of one order in any order, as a feed brings them and a server finds them: the fold
/// of them is the same in every order of arrival and however often they came (I2). Each record
/// is reviewed with what its handheld claims, whatever that is.
pub fn fold(bytes: &[u8]) -> bool {
    let Ok(entries) = wire::decode::<Vec<FeedEntry>>(bytes) else {
        return false;
    };
    let Some(template) = TEMPLATE.as_ref() else {
        return false;
    };
    let mut records = records_of(&entries);
    for sourced in &records {
        let reviewed = review(&sourced.record, Some(template), None, &Limits::DOMAIN);
        let promised = photos_of(&sourced.record.event).len();
        assert_eq!(reviewed.photos.len(), promised);
    }
    let state = fold_records(template, &records);
    if let Some(state) = &state {
        same_again(state);
    }
    let given = state.as_ref().map(wire::encode);
    records.reverse();
    records.extend_from_within(..);
    let other = fold_records(template, &records).map(|state| wire::encode(&state));
    assert_eq!(given, other, "the state depends on the order of arrival");
    state.is_some()
}

/// The records of the order that the first of them is of, each position once.
fn records_of(entries: &[FeedEntry]) -> Vec<Sourced> {
    let mut records: Vec<Sourced> = Vec::new();
    for entry in entries {
        let Ok(Entry::Record(record)) = Entry::from_bytes(&entry.bytes) else {
            continue;
        };
        let order = records
            .first()
            .map_or(record.order, |first| first.record.order);
        if record.order == order && records.iter().all(|known| known.id != entry.id) {
            let id = entry.id;
            records.push(Sourced { id, record });
        }
    }
    records
}

/// A packed page of the feed, or several pages as one list, applied to a handheld's store.
pub fn feed(bytes: &[u8]) -> bool {
    thread_local! {
        static STORE: RefCell<Option<FeedReader>> = const { RefCell::new(None) };
    }
    let pages: Vec<FeedPage> = match wire::unpack(bytes, MAX_PAGE_BYTES) {
        Ok(page) => vec![page],
        Err(_) => match wire::decode(bytes) {
            Ok(pages) => pages,
            Err(_) => return false,
        },
    };
    // An item of an unknown kind is read, never written.
    let known = |page: &FeedPage| {
        let mut page = page.clone();
        page.items
            .retain(|item| !matches!(item, FeedItem::Unknown(_)));
        page
    };
    same_again(&pages.iter().map(known).collect::<Vec<_>>());
    STORE.with_borrow_mut(|kept| {
        if kept.is_none() {
            *kept = FeedReader::new(PersonId(uuid::Uuid::from_u128(1))).ok();
        }
        let Some(store) = kept else {
            return false;
        };
        store.try_on(&pages).is_ok()
    })
}

/// What a handheld gets for an answer: the first byte says in which HTTP answer, the rest is
/// the body. What is none is taken for none, and no receipt holds for two positions.
pub fn replies(bytes: &[u8]) -> bool {
    let Some((form, body)) = bytes.split_first() else {
        return false;
    };
    let statuses = [200, 401, 409, 503];
    let media_types = [PACKED, "application/json", "application/problem+json", ""];
    let picked = |shift: u32| usize::from((form >> shift) & 3);
    let http = HttpReply {
        status: statuses.get(picked(0)).copied().unwrap_or(200),
        media_type: (*media_types.get(picked(2)).unwrap_or(&"")).to_owned(),
        body: body.to_vec(),
        ..HttpReply::default()
    };
    // No fuzzer finds its way through a compressor: plain CBOR is packed here.
    let packed = |body| {
        let http = HttpReply {
            body,
            ..http.clone()
        };
        Reply::Http(http)
    };
    let plain: Option<PushReply> = wire::decode(body).ok();
    let reply = match &plain {
        Some(push) => packed(wire::pack(push)),
        None => Reply::Http(http.clone()),
    };
    let push: Option<PushReply> = understood(&reply, MOST);
    if let Some(push) = &push {
        same_again(push);
        if let Some(receipt) = receipt_of(push) {
            holds_once(receipt);
        }
    }
    if http.status != 200 {
        assert!(push.is_none(), "an answer that says no was taken for a yes");
    }
    let other = [
        understood::<ReopenReply>(&reply, MOST).is_some(),
        understood::<HeldReply>(&reply, MOST).is_some(),
        understood::<Tokens>(&reply, MOST).is_some(),
        understood::<EnrolReply>(&reply, MOST).is_some(),
    ];
    push.is_some() || other.contains(&true)
}

fn receipt_of(push: &PushReply) -> Option<&Receipt> {
    match &push.outcome {
        PushOutcome::Held { receipt, .. } => Some(receipt),
        PushOutcome::Gap { receipt } => receipt.as_ref(),
        PushOutcome::Fork { .. } | PushOutcome::Revoked => None,
    }
}

/// A signature that is good for one position is good for no other.
fn holds_once(receipt: &Receipt) {
    let key = seeds::key().verifying_key();
    let mut other = receipt.clone();
    other.held.0 ^= 1;
    let both = receipt.is_signed_by(&key) && other.is_signed_by(&key);
    assert!(!both, "one signature for two receipts");
}

/// What both sides say of photos that are held, of a journal that is opened anew, and of how a
/// handheld stands: what is within the limits of that is also within its bytes.
pub fn manifests(bytes: &[u8]) -> bool {
    let request = read::<HeldRequest>(bytes, MAX_BATCH_BYTES);
    if let Some(request) = &request {
        for photo in &request.photos {
            assert_eq!(photo.to_string().parse::<Digest>().ok(), Some(*photo));
        }
    }
    let reply = read::<HeldReply>(bytes, MAX_BATCH_BYTES);
    let reopen = read::<ReopenRequest>(bytes, MAX_BATCH_BYTES);
    let stands = read::<Diagnostics>(bytes, MAX_BATCH_BYTES);
    if let Some(stands) = &stands {
        let cut = stands.clone().within_limits();
        for kept in [stands, &cut] {
            let fits = wire::encode(kept).len() <= MAX_DIAGNOSTICS_BYTES;
            assert!(
                fits || !kept.is_within_limits(),
                "within limits, but too long"
            );
        }
    }
    request.is_some() || reply.is_some() || reopen.is_some() || stands.is_some()
}
