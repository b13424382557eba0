use super::*;
use std::net::Ipv4Addr;

const HOME: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

fn stranger(n: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from(0xC000_0200 + n))
}

/// Tries again and again for `span`, each time as soon as it may; returns how many
/// attempts got through.
fn guess(throttle: &Throttle, login: &str, from: IpAddr, start: UnixMillis, span: Millis) -> u32 {
    let (mut now, mut through) = (start, 0);
    while now < start.plus(span) {
        match throttle.begin(Target::Login(login), from, now) {
            Ok(()) => through += 1,
            Err(problem) => {
                assert_eq!(problem.code, Code::TooManyRequests);
                let wait = problem.retry_after.unwrap();
                assert!((1..=300).contains(&wait), "{wait}");
                now = now.plus(Millis::seconds(wait));
            }
        }
    }
    through
}

#[test]
fn a_guesser_gets_few_tries_in_a_day_and_the_rightful_person_none_the_worse() {
    let throttle = Throttle::default();
    let day = Millis::minutes(24 * 60);
    let through = guess(&throttle, "li.wei", stranger(1), UnixMillis(0), day);
    assert!(through < 24 * 12 + 20, "{through}");
    let after = UnixMillis(0).plus(day).plus(Millis::seconds(30));
    assert!(throttle.begin(Target::Login("li.wei"), HOME, after).is_ok());
}

#[test]
fn attempts_that_begin_together_count_together() {
    let throttle = Throttle::default();
    let through = (0..200)
        .filter(|_| {
            throttle
                .begin(Target::Login("li.wei"), HOME, UnixMillis(7))
                .is_ok()
        })
        .count();
    assert_eq!(through, PAIR_FREE as usize);
}

#[test]
fn strangers_from_everywhere_cannot_lock_out_a_person_at_the_place_where_he_works() {
    let throttle = Throttle::default();
    let login = Target::Login("li.wei");
    throttle.begin(login, HOME, UnixMillis(0)).unwrap();
    throttle.forgive(login, HOME, UnixMillis(1), true);
    let now = UnixMillis(1000);
    let through = (0..1000)
        .filter(|n| throttle.begin(login, stranger(*n), now).is_ok())
        .count();
    assert_eq!(through, LOGIN_FREE as usize);
    assert!(throttle.begin(login, HOME, now).is_ok());
    // and from a new place within half a minute
    let later = now.plus(Millis::seconds(30));
    assert!(
        throttle
            .begin(login, IpAddr::V4(Ipv4Addr::LOCALHOST), later)
            .is_ok()
    );
}

#[test]
fn success_forgives_and_time_forgets() {
    let throttle = Throttle::default();
    let login = Target::Login("li.wei");
    for second in 0..100 {
        let now = UnixMillis(second * 1000);
        throttle.begin(login, HOME, now).unwrap();
        throttle.forgive(login, HOME, now, true);
    }
    for _ in 0..PAIR_FREE {
        throttle
            .begin(Target::Login("wang"), HOME, UnixMillis(0))
            .unwrap();
    }
    assert!(
        throttle
            .begin(Target::Login("wang"), HOME, UnixMillis(0))
            .is_err()
    );
    let rested = UnixMillis(0).plus(FORGET).plus(Millis(1));
    for _ in 0..PAIR_FREE {
        throttle.begin(Target::Login("wang"), HOME, rested).unwrap();
    }
}

#[test]
fn codes_are_guessed_as_slowly_and_one_network_counts_as_one() {
    let throttle = Throttle::default();
    let from = |host: u16| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, 0, 0, 0, host));
    let through = (0..500)
        .filter(|host| {
            throttle
                .begin(Target::EnrolmentCode, from(*host), UnixMillis(0))
                .is_ok()
        })
        .count();
    assert_eq!(through, ADDRESS_FREE as usize);
}

#[test]
fn the_memory_is_bounded_and_keeps_the_places_of_success_longest() {
    let throttle = Throttle::default();
    throttle
        .begin(Target::Login("li.wei"), HOME, UnixMillis(0))
        .unwrap();
    throttle.forgive(Target::Login("li.wei"), HOME, UnixMillis(0), true);
    for n in 0..100_000 {
        let login = format!("login-{n}");
        let now = UnixMillis(1 + i64::from(n) / 100);
        throttle
            .begin(Target::Login(&login), stranger(n), now)
            .unwrap();
    }
    let entries = throttle.entries.lock().unwrap();
    assert!(entries.len() <= CAPACITY);
    let home = Key::Pair(Digest::of(b"li.wei"), HOME);
    assert!(entries.contains_key(&home));
}
