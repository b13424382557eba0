use super::*;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::Signer;
use serde_json::{Value, json};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

fn access() -> Access {
    Access {
        person: PersonId(Uuid::from_u128(1)),
        session: Uuid::from_u128(2),
        permission_version: 3,
        handheld: Some(JournalId(Uuid::from_u128(4))),
    }
}

fn honest_header() -> Value {
    json!({"typ": "JWT", "alg": "EdDSA", "kid": AccessTokens::new(&key()).key_id})
}

fn honest_claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "typ": KIND,
        "sub": Uuid::from_u128(1), "sid": Uuid::from_u128(2), "pv": 3,
        "iat": 1_800_000_000, "exp": 1_800_000_600,
    })
}

fn with(mut value: Value, name: &str, new: Value) -> Value {
    value[name] = new;
    value
}

fn without(mut value: Value, name: &str) -> Value {
    value.as_object_mut().unwrap().remove(name);
    value
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token put together by hand, with any header and any claims, signed with any key.
fn forge(header: &Value, claims: &Value, key: &SigningKey) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let signature = key.sign(message.as_bytes()).to_bytes();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn code_of(token: &str) -> Code {
    AccessTokens::new(&key())
        .verify(token, NOW)
        .unwrap_err()
        .code
}

#[test]
fn a_token_that_was_signed_here_is_read_back() {
    let tokens = AccessTokens::new(&key());
    let (token, ends) = tokens.sign(&access(), NOW).unwrap();
    assert_eq!(ends, NOW.plus(LIFETIME));
    assert_eq!(tokens.verify(&token, NOW).unwrap(), access());
    let honest = forge(&honest_header(), &honest_claims(), &key());
    assert!(
        tokens.verify(&honest, NOW).is_ok(),
        "the forger must be able to write a good one"
    );
}

#[test]
fn a_token_ends_after_ten_minutes_and_the_leeway() {
    let tokens = AccessTokens::new(&key());
    let (token, ends) = tokens.sign(&access(), NOW).unwrap();
    let last = ends.plus(Millis::seconds(4));
    assert!(tokens.verify(&token, last).is_ok());
    let over = tokens.verify(&token, ends.plus(Millis::seconds(5)));
    assert_eq!(over.unwrap_err().code, Code::AuthExpired);
    let early = tokens.verify(&token, UnixMillis(NOW.0 - 6_000));
    assert_eq!(early.unwrap_err().code, Code::AuthRequired);
}

#[test]
fn forged_headers_are_refused() {
    let header = honest_header();
    let mut forged = vec![
        with(header.clone(), "alg", json!("none")),
        with(header.clone(), "alg", json!("None")),
        with(header.clone(), "alg", json!("ES256")),
        with(header.clone(), "alg", json!("RS256")),
        with(header.clone(), "kid", json!("0000000000000000")),
        with(header.clone(), "kid", json!("../../dev/null")),
        without(header.clone(), "kid"),
        without(header.clone(), "alg"),
        with(header.clone(), "jku", json!("https://example.org/keys")),
        with(header.clone(), "x5u", json!("https://example.org/chain")),
        with(header.clone(), "x5c", json!(["AAAA"])),
        with(header.clone(), "crit", json!(["exp"])),
    ];
    let x = URL_SAFE_NO_PAD.encode(key().verifying_key().as_bytes());
    let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
    forged.push(with(header, "jwk", jwk));
    for header in forged {
        let token = forge(&header, &honest_claims(), &key());
        assert_eq!(code_of(&token), Code::AuthRequired, "{header}");
    }
}

#[test]
fn forged_claims_are_refused_even_when_signed_with_the_right_key() {
    let claims = honest_claims();
    let mut forged = vec![
        with(claims.clone(), "typ", json!("refresh")),
        with(claims.clone(), "typ", json!("upload")),
        with(claims.clone(), "iss", json!("other")),
        with(claims.clone(), "aud", json!("other")),
        with(claims.clone(), "aud", json!([AUDIENCE])),
        with(claims.clone(), "aud", json!([])),
        with(claims.clone(), "exp", json!("1800000600")),
        with(claims.clone(), "exp", json!("9999999999")),
        with(claims.clone(), "exp", json!(1.8e300)),
        with(claims.clone(), "exp", json!(null)),
        with(claims.clone(), "nbf", json!("0")),
        with(claims.clone(), "nbf", json!(1_900_000_000)),
        with(claims.clone(), "iat", json!(1_900_000_000)),
        with(claims.clone(), "sub", json!("administrator")),
        with(claims.clone(), "pv", json!("3")),
    ];
    for name in ["iss", "aud", "typ", "sub", "sid", "pv", "exp", "iat"] {
        forged.push(without(claims.clone(), name));
    }
    for claims in forged {
        let token = forge(&honest_header(), &claims, &key());
        assert_eq!(code_of(&token), Code::AuthRequired, "{claims}");
    }
}

#[test]
fn signatures_by_anything_but_our_key_are_refused() {
    let other = SigningKey::from_bytes(&[8; 32]);
    let token = forge(&honest_header(), &honest_claims(), &other);
    assert_eq!(code_of(&token), Code::AuthRequired);

    // HS256 with the public key as the secret
    let mut header = Header::new(Algorithm::HS256);
    header.kid = Some(AccessTokens::new(&key()).key_id);
    let secret = EncodingKey::from_secret(key().verifying_key().as_bytes());
    let token = encode(&header, &honest_claims(), &secret).unwrap();
    assert_eq!(code_of(&token), Code::AuthRequired);

    let honest = forge(&honest_header(), &honest_claims(), &key());
    let (message, _) = honest.rsplit_once('.').unwrap();
    assert_eq!(code_of(&format!("{message}.")), Code::AuthRequired);
    assert_eq!(code_of(message), Code::AuthRequired);
    let (_, signature) = honest.rsplit_once('.').unwrap();
    let swapped = with(honest_claims(), "sub", json!(Uuid::from_u128(9)));
    let token = format!("{}.{}.{signature}", part(&honest_header()), part(&swapped));
    assert_eq!(code_of(&token), Code::AuthRequired);
}

#[test]
fn what_is_no_token_is_refused() {
    let long = "a".repeat(100_000);
    let refresh = URL_SAFE_NO_PAD.encode([5; 32]);
    for text in ["", ".", "..", "...", "a.b.c", &long, &refresh, "\u{0}"] {
        assert_eq!(code_of(text), Code::AuthRequired);
    }
}
