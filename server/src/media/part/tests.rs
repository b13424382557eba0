use super::*;
use proptest::prelude::*;
use std::fs;
use uuid::Uuid;

const UPLOAD: Uuid = Uuid::from_u128(5);

fn open(folder: &Arc<PhotoFolder>) -> Part {
    let turn = folder.turns.take_idle(UPLOAD).unwrap();
    Part::open(folder, turn).unwrap()
}

/// What may happen to a handheld's chunk on its way.
#[derive(Clone, Debug)]
enum Fate {
    /// It comes whole.
    Whole,
    /// It breaks off after so many bytes; what came is synced.
    Cut(usize),
    /// The server is killed after so many bytes, before it answers.
    Killed(usize),
    /// It has a checksum and comes whole.
    Checked,
    /// It has a checksum that does not fit.
    Spoilt,
    /// It has a checksum; the server is killed before it is verified.
    CheckedKilled,
}

fn fates() -> impl Strategy<Value = Vec<(usize, Fate)>> {
    let fate = prop_oneof![
        Just(Fate::Whole),
        (0usize..400).prop_map(Fate::Cut),
        (0usize..400).prop_map(Fate::Killed),
        Just(Fate::Checked),
        Just(Fate::Spoilt),
        Just(Fate::CheckedKilled),
    ];
    prop::collection::vec((1usize..400, fate), 1..24)
}

/// One chunk, as a handheld sends it: at the offset that it was told last. Gives the offset
/// that it is told, if it is told one.
fn send(
    folder: &Arc<PhotoFolder>,
    whole: &[u8],
    believed: usize,
    size: usize,
    fate: &Fate,
) -> Option<u64> {
    let mut part = open(folder);
    if part.offset() != believed as u64 {
        return Some(part.offset());
    }
    let chunk = &whole[believed..(believed + size).min(whole.len())];
    let some = |n: &usize| &chunk[..(*n).min(chunk.len())];
    match fate {
        Fate::Whole => {
            part.write(chunk).unwrap();
            Some(part.sync().unwrap())
        }
        Fate::Cut(n) => {
            part.write(some(n)).unwrap();
            part.sync().unwrap();
            None
        }
        Fate::Killed(n) => {
            part.write(some(n)).unwrap();
            None
        }
        Fate::Checked => {
            part.distrust().unwrap();
            part.write(chunk).unwrap();
            Some(part.accept().unwrap())
        }
        Fate::Spoilt => {
            part.distrust().unwrap();
            part.write(&vec![0xee; chunk.len()]).unwrap();
            Some(part.sync().unwrap())
        }
        Fate::CheckedKilled => {
            part.distrust().unwrap();
            part.write(&vec![0xee; chunk.len()]).unwrap();
            None
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is cut, repeated or killed: an offset that was told never lies, and the end
    /// is the photo, byte for byte.
    #[test]
    fn any_chunks_with_any_fate_end_in_equal_bytes(length in 1usize..2_000, fates in fates()) {
        let whole: Vec<u8> = (0..length).map(|i| (i * 7 % 251) as u8).collect();
        let data = tempfile::tempdir().unwrap();
        let mut folder = Arc::new(PhotoFolder::open(data.path()).unwrap());
        let mut believed = 0;
        for (size, fate) in &fates {
            if let Some(told) = send(&folder, &whole, believed, *size, fate) {
                believed = told as usize;
            }
            let bytes = fs::read(folder.part(UPLOAD)).unwrap();
            prop_assert!(bytes.len() >= believed);
            prop_assert_eq!(&bytes[..], &whole[..bytes.len()]);
            if matches!(fate, Fate::Killed(_) | Fate::CheckedKilled) {
                folder = Arc::new(PhotoFolder::open(data.path()).unwrap());
            }
        }
        while believed < length {
            let told = send(&folder, &whole, believed, 300, &Fate::Whole);
            believed = told.unwrap() as usize;
        }
        prop_assert_eq!(fs::read(folder.part(UPLOAD)).unwrap(), whole);
    }
}

#[test]
fn a_part_that_another_process_holds_is_busy() {
    let data = tempfile::tempdir().unwrap();
    let here = Arc::new(PhotoFolder::open(data.path()).unwrap());
    let there = Arc::new(PhotoFolder::open(data.path()).unwrap());
    let held = open(&here);
    let turn = there.turns.take_idle(UPLOAD).unwrap();
    assert!(matches!(Part::open(&there, turn), Err(PartError::Busy)));
    drop(held);
    open(&there);
}

#[test]
fn a_full_disk_keeps_what_was_durable_and_a_broken_one_nothing() {
    let data = tempfile::tempdir().unwrap();
    let folder = Arc::new(PhotoFolder::open(data.path()).unwrap());
    let mut part = open(&folder);
    part.write(b"durable").unwrap();
    part.sync().unwrap();
    part.write(b" and not").unwrap();
    let full: io::Result<()> = Err(io::ErrorKind::StorageFull.into());
    part.or_set_back(full).unwrap_err();
    assert_eq!(part.offset(), 7);
    drop(part);
    assert_eq!(open(&folder).offset(), 7);

    let broken: io::Result<()> = Err(io::Error::other("bad sector"));
    open(&folder).or_set_back(broken).unwrap_err();
    assert_eq!(open(&folder).offset(), 0);
}
