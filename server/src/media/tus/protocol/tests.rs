use super::*;
use gridcrew_sync_protocol::media::{MAX_ORIGINAL_BYTES, MAX_PREVIEW_BYTES};
use proptest::prelude::*;

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    headers
}

fn original() -> Claim {
    let digest = Digest::of(b"photo");
    Claim::new(digest, digest, MediaKind::Original, 5).unwrap()
}

fn code<T>(outcome: Result<T, Problem>) -> Option<Code> {
    outcome.err().map(|problem| problem.code)
}

#[test]
fn a_claim_survives_the_way_to_text_and_back() {
    let text = metadata(&original());
    let read = claim(&headers(&[
        ("Upload-Length", "5"),
        ("Upload-Metadata", &text),
    ]))
    .unwrap();
    assert_eq!(read, original());
    let unpadded = text.replace('=', "");
    let more = format!("filename,{unpadded} , relativePath bnVsbA==");
    let read = claim(&headers(&[
        ("Upload-Length", "5"),
        ("Upload-Metadata", &more),
    ]))
    .unwrap();
    assert_eq!(read, original());
}

#[test]
fn a_claim_that_is_not_whole_is_refused() {
    let text = metadata(&original());
    let twice = format!("{text},{text}");
    let large = (MAX_ORIGINAL_BYTES + 1).to_string();
    let refused: &[(&[(&str, &str)], Code)] = &[
        (&[], Code::MediaMalformed),
        (&[("Upload-Metadata", &text)], Code::MediaMalformed),
        (&[("Upload-Length", "5")], Code::MediaMalformed),
        (
            &[("Upload-Length", "5"), ("Upload-Metadata", &twice)],
            Code::MediaMalformed,
        ),
        (
            &[("Upload-Length", "0"), ("Upload-Metadata", &text)],
            Code::MediaMalformed,
        ),
        (
            &[("Upload-Length", "+5"), ("Upload-Metadata", &text)],
            Code::MediaMalformed,
        ),
        (
            &[
                ("Upload-Length", "99999999999999999999"),
                ("Upload-Metadata", &text),
            ],
            Code::MediaMalformed,
        ),
        (
            &[
                ("Upload-Length", "5"),
                ("Upload-Length", "5"),
                ("Upload-Metadata", &text),
            ],
            Code::MediaMalformed,
        ),
        (
            &[
                ("Upload-Length", "5"),
                ("Upload-Defer-Length", "1"),
                ("Upload-Metadata", &text),
            ],
            Code::MediaMalformed,
        ),
        (
            &[
                ("Upload-Length", "5"),
                ("Upload-Concat", "partial"),
                ("Upload-Metadata", &text),
            ],
            Code::MediaMalformed,
        ),
        (
            &[("Upload-Length", &large), ("Upload-Metadata", &text)],
            Code::MediaTooLarge,
        ),
    ];
    for (pairs, expected) in refused {
        assert_eq!(code(claim(&headers(pairs))), Some(*expected), "{pairs:?}");
    }
}

#[test]
fn an_original_is_its_own_photo_and_a_preview_is_small() {
    let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
    assert_eq!(
        code(Claim::new(a, b, MediaKind::Original, 5)),
        Some(Code::MediaDigest)
    );
    assert!(Claim::new(a, b, MediaKind::Preview, MAX_PREVIEW_BYTES).is_ok());
    let large = Claim::new(a, b, MediaKind::Preview, MAX_PREVIEW_BYTES + 1);
    assert_eq!(code(large), Some(Code::MediaTooLarge));
}

#[test]
fn only_this_version_is_spoken() {
    assert!(expect_version(&headers(&[("Tus-Resumable", "1.0.0")])).is_ok());
    for other in [
        &[][..],
        &[("Tus-Resumable", "0.2.2")],
        &[("Tus-Resumable", "")],
    ] {
        assert_eq!(
            code(expect_version(&headers(other))),
            Some(Code::MediaTusVersion)
        );
    }
}

#[test]
fn checksums_fit_what_was_announced_and_nothing_else() {
    // "hello world" as in the tus specification
    for announced in [
        "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
        "sha256 uU0nuZNNPgilLlLX2n2r+sSE7+N6U4DukIj3rOLvzek=",
    ] {
        let of = |bytes: &[u8]| {
            let headers = headers(&[("Upload-Checksum", announced)]);
            let mut checksum = Checksum::announced(&headers).unwrap().unwrap();
            bytes.chunks(3).for_each(|part| checksum.update(part));
            checksum.fits()
        };
        assert!(of(b"hello world"));
        assert!(!of(b"hello worlds"));
        assert!(!of(b""));
    }
    let refused = ["md5 aaaa", "sha1", "sha1  ", "sha256 *", ""];
    for text in refused {
        let outcome = Checksum::announced(&headers(&[("Upload-Checksum", text)]));
        let wrong = code(outcome.clone()) == Some(Code::MediaMalformed);
        assert!(wrong || !outcome.unwrap().unwrap().fits(), "{text}");
    }
    assert!(Checksum::announced(&HeaderMap::new()).unwrap().is_none());
}

#[test]
fn expiry_is_an_http_date() {
    assert_eq!(
        expires(UnixMillis(784_111_777_000)),
        "Sun, 06 Nov 1994 08:49:37 GMT"
    );
}

proptest! {
    /// Nothing that a header may hold brings the parser down, and what it takes is sound.
    #[test]
    fn any_headers_are_read_or_refused(
        names in prop::collection::vec(0usize..6, 0..8),
        values in prop::collection::vec(prop::collection::vec(0x20u8..=0xff, 0..200), 8),
    ) {
        let known = [UPLOAD_LENGTH, UPLOAD_METADATA, UPLOAD_OFFSET, UPLOAD_CHECKSUM, TUS_RESUMABLE, UPLOAD_DEFER_LENGTH];
        let mut headers = HeaderMap::new();
        for (name, value) in names.iter().zip(&values) {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                headers.append(known[*name].clone(), value);
            }
        }
        let _ = expect_version(&headers);
        let _ = Checksum::announced(&headers);
        let _ = offset(&headers);
        prop_assert!(claim(&headers).is_err());
    }

    /// The same with metadata that is nearly right.
    #[test]
    fn nearly_right_metadata_is_read_or_refused(
        cut in 0usize..230,
        put in "[ ,=a-zA-Z0-9+/]{0,6}",
        length in "[0-9]{1,9}",
    ) {
        let mut text = metadata(&original());
        let at = cut.min(text.len());
        text.insert_str(at, &put);
        let read = claim(&headers(&[("Upload-Length", &length), ("Upload-Metadata", &text)]));
        if let Ok(read) = read {
            prop_assert_eq!(read.digest, read.photo);
            prop_assert!(read.length > 0 && read.length <= MAX_ORIGINAL_BYTES);
        }
    }
}
