//! A link that is slow, breaks, and counts: a TCP proxy between one handheld and the server.
//!
//! A handheld talks to [`Link::url`]. Each direction passes its bytes when the recorded
//! trace has a packet for them ([`schedule`]) and a fixed delay later. [`Link::cut`] resets
//! every connection and refuses new ones until [`Link::mend`]; besides, a link can break by
//! itself after a seeded number of bytes, in the middle of whatever passes just then.
//!
//! What passes is counted by what it is for, told by the request line that a handheld's
//! bytes begin with ([`Lane`]).

mod schedule;

pub use schedule::{PACKET, Schedule, Trace};

use crate::failure::Fallible;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{mpsc, watch},
    task::JoinHandle,
    time::{Instant, sleep_until},
};

/// Most bytes that are passed on at once: four packets.
const CHUNK: usize = 6_000;
/// Most chunks that are under way in one direction of one connection.
const UNDER_WAY: usize = 16;

/// What a link is like.
#[derive(Clone, Debug)]
pub struct Quality {
    /// From the handheld.
    pub up: Trace,
    /// To the handheld.
    pub down: Trace,
    /// Added to each direction.
    pub delay: Duration,
    /// How many bytes, both directions together, pass until the link breaks by itself once
    /// more; `None` for never.
    pub breaks_after: Option<Range<u64>>,
}

impl Quality {
    /// As good as the loopback interface nearly is.
    #[must_use]
    pub fn good() -> Self {
        Self {
            up: Trace::steady(100),
            down: Trace::steady(100),
            delay: Duration::ZERO,
            breaks_after: None,
        }
    }
}

/// What bytes on the wire are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Journal entries to the server, and the receipts.
    Push,
    /// The feed.
    Feed,
    /// Photos and their previews.
    Media,
    /// Enrolment, tokens, anything else.
    Other,
}

impl Lane {
    /// What a request that begins with these bytes is for; `None` when no request begins
    /// here.
    fn of_request(head: &[u8]) -> Option<Self> {
        const METHODS: [&[u8]; 6] = [
            b"GET /",
            b"POST /",
            b"PATCH /",
            b"HEAD /",
            b"DELETE /",
            b"PUT /",
        ];
        let method = METHODS.iter().find(|method| head.starts_with(method))?;
        let path = &head[method.len() - 1..];
        Some(if path.starts_with(b"/api/v1/sync/push") {
            Self::Push
        } else if path.starts_with(b"/api/v1/sync/feed") {
            Self::Feed
        } else if path.starts_with(b"/api/v1/media") {
            Self::Media
        } else {
            Self::Other
        })
    }
}

/// Bytes and requests of one lane.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Requests begun.
    pub requests: u64,
    /// Bytes from the handheld, HTTP's own included.
    pub up: u64,
    /// Bytes to the handheld.
    pub down: u64,
}

/// A link. Gone when dropped.
#[derive(Debug)]
pub struct Link {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    server: SocketAddr,
    began: Instant,
    delay: Duration,
    up: Mutex<Schedule>,
    down: Mutex<Schedule>,
    state: Mutex<State>,
    /// Raised with each break: connections of an earlier life end.
    life: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    whole: bool,
    passed: BTreeMap<Lane, Passed>,
    breaks: u64,
    breaks_after: Option<Range<u64>>,
    until_break: u64,
    randomness: ChaCha8Rng,
}

impl Link {
    /// A link to the server at `server`, whole at first.
    ///
    /// # Errors
    /// When no port can be taken.
    pub async fn to(server: SocketAddr, quality: Quality, seed: u64) -> Fallible<Self> {
        let mut randomness = ChaCha8Rng::seed_from_u64(seed);
        let mut skip = || randomness.random_range(0..100_000);
        let up = Mutex::new(Schedule::beginning(quality.up, skip()));
        let down = Mutex::new(Schedule::beginning(quality.down, skip()));
        let mut state = State {
            whole: true,
            passed: BTreeMap::new(),
            breaks: 0,
            breaks_after: quality.breaks_after,
            until_break: u64::MAX,
            randomness,
        };
        state.draw_break();
        let shared = Arc::new(Shared {
            server,
            began: Instant::now(),
            delay: quality.delay,
            up,
            down,
            state: Mutex::new(state),
            life: watch::Sender::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self {
            address,
            shared,
            accepting,
        })
    }

    /// What the handheld takes for the server's address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Breaks every connection and refuses new ones.
    pub fn cut(&self) {
        lock(&self.shared.state).whole = false;
        self.shared.break_all();
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        lock(&self.shared.state).whole = true;
    }

    /// What has passed so far.
    #[must_use]
    pub fn passed(&self) -> BTreeMap<Lane, Passed> {
        lock(&self.shared.state).passed.clone()
    }

    /// How often it was cut or broke by itself.
    #[must_use]
    pub fn breaks(&self) -> u64 {
        lock(&self.shared.state).breaks
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.accepting.abort();
        self.shared.break_all();
    }
}

impl State {
    fn draw_break(&mut self) {
        self.until_break = match self.breaks_after.clone() {
            Some(range) => self.randomness.random_range(range),
            None => u64::MAX,
        };
    }
}

impl Shared {
    fn break_all(&self) {
        lock(&self.state).breaks += 1;
        self.life.send_modify(|life| *life += 1);
    }

    /// Notes bytes that pass; whether the link breaks with them.
    fn note(&self, lane: Lane, up: u64, down: u64, request: bool) -> bool {
        let mut state = lock(&self.state);
        let passed = state.passed.entry(lane).or_default();
        passed.requests += u64::from(request);
        passed.up += up;
        passed.down += down;
        state.until_break = state.until_break.saturating_sub(up + down);
        let breaks = state.until_break == 0;
        if breaks {
            state.draw_break();
        }
        breaks
    }

    /// Waits until `bytes` may pass; the moment at which they arrive.
    async fn pass(&self, schedule: &Mutex<Schedule>, bytes: usize) -> Instant {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let at = lock(schedule).send(now, bytes as u64);
        let passed = self.began + Duration::from_millis(at);
        sleep_until(passed).await;
        passed + self.delay
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((near, _)) = listener.accept().await {
        // Subscribed before looking: a cut between the two ends the connection too.
        let life = shared.life.subscribe();
        if lock(&shared.state).whole {
            tokio::spawn(carry(near, Arc::clone(&shared), life));
        } else {
            // Closed with a reset, as by a network that is not there.
            drop(near.set_zero_linger());
        }
    }
}

/// One connection: both directions until one ends or the link breaks.
async fn carry(near: TcpStream, shared: Arc<Shared>, mut life: watch::Receiver<u64>) {
    let Ok(far) = TcpStream::connect(shared.server).await else {
        drop(near.set_zero_linger());
        return;
    };
    drop((near.set_nodelay(true), far.set_nodelay(true)));
    let lane = Mutex::new(Lane::Other);
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    let mut up = Direction {
        from: near_in,
        to: far_out,
        up: true,
    };
    let mut down = Direction {
        from: far_in,
        to: near_out,
        up: false,
    };
    let ended = tokio::select! {
        both = async { tokio::try_join!(up.run(&shared, &lane), down.run(&shared, &lane)) } => both.is_ok(),
        _ = life.changed() => false,
    };
    if !ended {
        for end in [&up.from, &down.from] {
            let stream: &TcpStream = end.as_ref();
            drop(stream.set_zero_linger());
        }
    }
}

struct Direction {
    from: OwnedReadHalf,
    to: OwnedWriteHalf,
    up: bool,
}

impl Direction {
    async fn run(&mut self, shared: &Shared, lane: &Mutex<Lane>) -> io::Result<()> {
        let (under_way, arriving) = mpsc::channel(UNDER_WAY);
        let sending = send(&mut self.from, self.up, under_way, shared, lane);
        let delivering = deliver(&mut self.to, arriving);
        tokio::try_join!(sending, delivering).map(|_| ())
    }
}

/// Reads what one end sends, and lets it wait for its packets.
async fn send(
    from: &mut OwnedReadHalf,
    is_up: bool,
    under_way: mpsc::Sender<(Instant, Vec<u8>)>,
    shared: &Shared,
    lane: &Mutex<Lane>,
) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        let begun = is_up.then(|| Lane::of_request(&buffer[..count])).flatten();
        if let Some(begun) = begun {
            *lock(lane) = begun;
        }
        let lane = *lock(lane);
        let bytes = count as u64;
        let (schedule, up, down) = if is_up {
            (&shared.up, bytes, 0)
        } else {
            (&shared.down, 0, bytes)
        };
        let arrives = shared.pass(schedule, count).await;
        if shared.note(lane, up, down, begun.is_some()) {
            shared.break_all();
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        if under_way
            .send((arrives, buffer[..count].to_vec()))
            .await
            .is_err()
        {
            return Ok(());
        }
    }
}

/// Gives the other end what has arrived, and its end after the last of it.
async fn deliver(
    to: &mut OwnedWriteHalf,
    mut arriving: mpsc::Receiver<(Instant, Vec<u8>)>,
) -> io::Result<()> {
    while let Some((arrives, bytes)) = arriving.recv().await {
        sleep_until(arrives).await;
        to.write_all(&bytes).await?;
    }
    to.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut from, mut to) = stream.into_split();
                    tokio::io::copy(&mut from, &mut to).await
                });
            }
        });
        address
    }

    #[tokio::test]
    async fn bytes_pass_whole_and_are_counted_by_what_they_are_for() {
        let link = Link::to(echo().await, Quality::good(), 1).await.unwrap();
        let mut stream = TcpStream::connect(link.address).await.unwrap();
        let mut sent = b"PATCH /api/v1/media/uploads/1 HTTP/1.1\r\n\r\n".to_vec();
        sent.resize(100_000, 7);
        let (mut from, mut to) = stream.split();
        let mut back = vec![0; sent.len()];
        let (wrote, read) = tokio::join!(to.write_all(&sent), from.read_exact(&mut back));
        assert!(wrote.is_ok() && read.is_ok());
        assert!(back == sent);
        let passed = link.passed();
        assert_eq!(passed.len(), 1);
        assert_eq!(
            passed[&Lane::Media],
            Passed {
                requests: 1,
                up: 100_000,
                down: 100_000
            }
        );
    }

    #[tokio::test]
    async fn a_cut_resets_what_is_open_and_refuses_what_is_new_until_it_is_mended() {
        let link = Link::to(echo().await, Quality::good(), 1).await.unwrap();
        let mut stream = TcpStream::connect(link.address).await.unwrap();
        stream.write_all(b"x").await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), b'x');
        link.cut();
        assert!(stream.read_u8().await.is_err());
        let mut refused = TcpStream::connect(link.address).await.unwrap();
        assert!(refused.read_u8().await.is_err());
        link.mend();
        let mut again = TcpStream::connect(link.address).await.unwrap();
        again.write_all(b"y").await.unwrap();
        assert_eq!(again.read_u8().await.unwrap(), b'y');
    }

    #[tokio::test]
    async fn it_breaks_by_itself_after_the_drawn_number_of_bytes() {
        let quality = Quality {
            breaks_after: Some(50_000..50_001),
            ..Quality::good()
        };
        let link = Link::to(echo().await, quality, 1).await.unwrap();
        let mut stream = TcpStream::connect(link.address).await.unwrap();
        let mut passed = 0;
        let block = [0; 5_000];
        let mut back = [0; 5_000];
        while stream.write_all(&block).await.is_ok() && stream.read_exact(&mut back).await.is_ok() {
            passed += 10_000;
        }
        assert_eq!((passed, link.breaks()), (40_000, 1));
    }
}
