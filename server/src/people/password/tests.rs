use super::*;
use crate::clock::SystemRandomness;
use futures_util::FutureExt;

const GOOD: &str = "drei Nüsse für Aschenbrödel";

#[tokio::test]
async fn a_password_fits_its_own_hash_and_no_other() {
    let passwords = Passwords::default();
    let hash = |text: &str| passwords.hash("li.wei", text.to_owned(), &SystemRandomness);
    let stored = hash(GOOD).await.unwrap().0;
    assert!(
        stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{stored}"
    );
    assert_ne!(hash(GOOD).await.unwrap().0, stored, "the salt is drawn");
    let fits = |text: &str, stored: &str| passwords.fits(text.to_owned(), Some(stored.to_owned()));
    assert!(fits(GOOD, &stored).await.unwrap());
    assert!(!fits("drei Nüsse für Aschenbrodel", &stored).await.unwrap());
    assert!(!fits("", &stored).await.unwrap());
    assert!(!passwords.fits(GOOD.to_owned(), None).await.unwrap());
}

#[test]
fn only_length_and_fame_decide_what_may_be_a_password() {
    let may = |text: &str| check("li.wei", text).is_ok();
    assert!(may("aaaaabbbbbccccc"));
    assert!(may("长江黄河"), "twelve bytes");
    assert!(may(&"ab, ".repeat(255).replacen('a', "x", 1)));
    for refused in [
        "",
        "elevenbytes",
        "password2026!",
        "Qwertyuiop12",
        "aaaaaaaaaaaaaa",
        "abababababab",
        "123412341234",
        "abcdefghijklmn",
        "zyxwvutsrqponm",
        "1q2w3e4r5t6y",
        "WoAiNi5201314",
        "my li.wei secret",
    ] {
        assert!(!may(refused), "{refused}");
    }
    assert!(!may(&"x1".repeat(513)));
    assert!(!may(&format!("{}y", "x".repeat(1024))));
}

#[tokio::test]
async fn more_than_the_queue_holds_are_sent_away_and_the_rest_are_served() {
    let passwords = Arc::new(Passwords::default());
    let held = Arc::clone(&passwords.working)
        .acquire_many_owned(u32::try_from(AT_ONCE).unwrap())
        .await
        .unwrap();
    let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(passwords.turn())).collect();
    for turn in &mut waiting {
        assert!(turn.as_mut().now_or_never().is_none());
    }
    let refused = passwords.turn().await.unwrap_err();
    assert_eq!(refused.code, Code::TooManyRequests);
    assert!(refused.retry_after.is_some());
    drop(held);
    for turn in waiting {
        drop(turn.await.unwrap());
    }
    drop(passwords.turn().await.unwrap());
}
