use super::*;
use proptest::prelude::*;
use uuid::Uuid;

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn journal() -> JournalId {
    JournalId(Uuid::from_u128(7))
}

fn batch(contents: &[Vec<u8>]) -> Batch {
    let items = contents
        .iter()
        .cloned()
        .map(|c| Item::Bytes(ByteBuf::from(c)))
        .collect();
    Batch::sign(journal(), Seq::FIRST, Digest::ZERO, items, &key(1))
}

#[test]
fn an_entry_given_by_its_hash_only_still_verifies() {
    let mut signed = batch(&[vec![1], vec![2], vec![3]]);
    signed.items[1] = Item::Digest(Digest::of(&[2]));
    assert!(signed.verify(&key(1).verifying_key()).is_ok());
}

#[test]
fn another_key_an_empty_batch_and_a_false_start_are_refused() {
    let signed = batch(&[vec![1]]);
    assert_eq!(
        signed.verify(&key(2).verifying_key()),
        Err(BatchError::BadSignature)
    );
    assert_eq!(
        batch(&[]).verify(&key(1).verifying_key()),
        Err(BatchError::Empty)
    );
    let mut late = batch(&[vec![1]]);
    late.first = Seq(2);
    assert_eq!(
        late.verify(&key(1).verifying_key()),
        Err(BatchError::BadStart)
    );
    late.first = Seq(0);
    assert_eq!(
        late.verify(&key(1).verifying_key()),
        Err(BatchError::BadStart)
    );
}

proptest! {
    #[test]
    fn any_flipped_bit_is_found(
        contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 1..6),
        which in any::<prop::sample::Index>(),
        bit in 0u8..8,
    ) {
        let signed = batch(&contents);
        prop_assert!(signed.verify(&key(1).verifying_key()).is_ok());
        let mut changed = contents;
        let entry = which.index(changed.len());
        let byte = which.index(changed[entry].len());
        changed[entry][byte] ^= 1 << bit;
        let items = changed.into_iter().map(|c| Item::Bytes(ByteBuf::from(c))).collect();
        let tampered = Batch { items, ..signed };
        prop_assert_eq!(tampered.verify(&key(1).verifying_key()), Err(BatchError::BadSignature));
    }

    #[test]
    fn swapped_dropped_and_added_entries_are_found(count in 2usize..8, at in any::<prop::sample::Index>()) {
        let contents: Vec<Vec<u8>> = (0..count).map(|n| vec![n as u8]).collect();
        let signed = batch(&contents);
        let verify = |batch: &Batch| batch.verify(&key(1).verifying_key());
        let mut dropped = signed.clone();
        dropped.items.remove(at.index(count));
        prop_assert!(verify(&dropped).is_err());
        let mut doubled = signed.clone();
        let item = doubled.items[at.index(count)].clone();
        doubled.items.push(item);
        prop_assert!(verify(&doubled).is_err());
        let mut swapped = signed;
        swapped.items.swap(at.index(count), (at.index(count) + 1) % count);
        prop_assert!(verify(&swapped).is_err());
    }
}
