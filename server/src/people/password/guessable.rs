//! The passwords that everyone tries first, of those that are long enough to be allowed:
//! from the public lists of leaked passwords, with their Chinese favourites, and what is
//! made the same way (ASVS 5.0, 6.2.4).

/// Whether `password`, in lower case, is one of the most common.
pub(super) fn is_guessable(password: &str) -> bool {
    let bytes = password.as_bytes();
    let repeats = |period: usize| bytes.iter().zip(&bytes[period..]).all(|(a, b)| a == b);
    let runs = |step: u8| {
        bytes
            .windows(2)
            .all(|pair| pair[1].wrapping_sub(pair[0]) == step)
    };
    (1..=4).any(|period| period < bytes.len() && repeats(period))
        || runs(1)
        || runs(u8::MAX)
        || COMMON.contains(&password)
        || trunk(password).is_some_and(|trunk| TRUNKS.contains(&trunk))
}

/// What is left without the digits and marks at the end, if that is a word.
fn trunk(password: &str) -> Option<&str> {
    let trunk = password.trim_end_matches(|c: char| c.is_ascii_digit() || c.is_ascii_punctuation());
    (trunk.len() >= 4).then_some(trunk)
}

/// Words that stay common whatever number follows.
const TRUNKS: [&str; 40] = [
    "abcd",
    "abcde",
    "abcdef",
    "abcdefg",
    "admin",
    "administrator",
    "asdf",
    "asdfgh",
    "asdfghjkl",
    "changeme",
    "default",
    "dragon",
    "football",
    "gongdiansuo",
    "gridcrew",
    "guodian",
    "guojiadianwang",
    "hello",
    "helloworld",
    "iloveyou",
    "letmein",
    "login",
    "manager",
    "master",
    "mima",
    "monkey",
    "nihao",
    "passw",
    "password",
    "princess",
    "qwer",
    "qwerty",
    "qwertyuiop",
    "root",
    "secret",
    "station",
    "test",
    "welcome",
    "woaini",
    "zxcvbnm",
];

/// Common as they stand.
const COMMON: [&str; 60] = [
    "000000000000",
    "0123456789ab",
    "098765432100",
    "0987654321qw",
    "111111222222",
    "111222333444",
    "112233445566",
    "121212343434",
    "123123456456",
    "123321123321",
    "1234512345123",
    "123454321123",
    "123456123456",
    "1234567890-=",
    "12345678900",
    "123456789000",
    "123456789012",
    "1234567890123",
    "12345678901234",
    "123456789123",
    "12345678910",
    "123456789101",
    "1234567891011",
    "123456789987",
    "123456789abc",
    "123456789qwe",
    "1234567890qw",
    "1234567890qwerty",
    "1234qwer1234",
    "1234qwerasdf",
    "123qweasdzxc",
    "147258369000",
    "159753159753",
    "1q2w3e4r5t6y",
    "1q2w3e4r5t6y7u",
    "1qaz2wsx3edc",
    "1qaz2wsx3edc4rfv",
    "1qazxsw23edc",
    "5201314woaini",
    "520131452013",
    "741852963000",
    "789456123000",
    "987654321000",
    "987654321012",
    "9876543210987",
    "a1b2c3d4e5f6",
    "a12345678910",
    "aa123456789a",
    "asdfghjkl123",
    "correcthorsebatterystaple",
    "p@ssw0rd1234",
    "passw0rd1234",
    "passwordpassword",
    "q1w2e3r4t5y6",
    "qazwsxedcrfv",
    "qwertyuiop[]",
    "qwertyuiopasdfghjkl",
    "qweasdzxc123",
    "woaini5201314",
    "zaq12wsxcde3",
];
