//! A proxy that does to answers what networks do: ends them in the middle, or answers in the
//! server's place as a captive portal does.

use crate::failure::Fallible;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What a push begins with.
const PUSH: &[u8] = b"POST /api/v1/sync/push";
/// Most bytes passed on at once.
const CHUNK: usize = 16 * 1024;

/// What is done to answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tampering {
    /// Nothing.
    #[default]
    None,
    /// The answer to the first push ends after so many bytes, and the connection with it.
    /// From then on every connection ends at once, so that a retry cannot hide what was made
    /// of it.
    EndPushAnswerAfter(usize),
    /// Every request is answered with these bytes and never reaches the server.
    AnswerAll(Vec<u8>),
}

#[derive(Debug, Default)]
struct State {
    tampering: Tampering,
    /// Bytes of the last whole or ended answer to a push.
    push_answer: usize,
    /// Whether an answer was ended.
    ended: bool,
}

type Shared = Arc<Mutex<State>>;

/// The proxy. Gone when dropped.
#[derive(Debug)]
pub struct Tamper {
    address: SocketAddr,
    state: Shared,
    accepting: JoinHandle<()>,
}

impl Drop for Tamper {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Tamper {
    /// A proxy before a server, doing nothing yet.
    ///
    /// # Errors
    /// When it cannot listen.
    pub async fn before(server: SocketAddr) -> Fallible<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let state = Shared::default();
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((handheld, _)) = listener.accept().await {
                let shared = Arc::clone(&shared);
                // A connection that breaks is what this is about.
                tokio::spawn(async move { drop(pass(handheld, server, &shared).await) });
            }
        });
        Ok(Self {
            address,
            state,
            accepting,
        })
    }

    /// Its address, as a handheld takes it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What is done from now on.
    pub fn set(&self, tampering: Tampering) {
        let mut state = lock(&self.state);
        state.tampering = tampering;
        state.ended = false;
    }

    /// Whether an answer was ended since the last [`Tamper::set`].
    #[must_use]
    pub fn ended(&self) -> bool {
        lock(&self.state).ended
    }

    /// How many bytes the last answer to a push had, as far as it was passed on.
    #[must_use]
    pub fn push_answer(&self) -> usize {
        lock(&self.state).push_answer
    }
}

fn lock(state: &Shared) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Passes one connection on, one request after the other: requests of this size come whole.
async fn pass(mut handheld: TcpStream, server: SocketAddr, state: &Shared) -> Fallible<()> {
    let mut up = vec![0; CHUNK];
    let mut down = vec![0; CHUNK];
    let mut upstream = TcpStream::connect(server).await?;
    let (mut is_push, mut passed) = (false, 0usize);
    loop {
        tokio::select! {
            read = handheld.read(&mut up) => {
                let bytes = match read? {
                    0 => return Ok(()),
                    count => up.get(..count).unwrap_or_default(),
                };
                let tampering = lock(state).tampering.clone();
                if let Tampering::AnswerAll(answer) = tampering {
                    handheld.write_all(&answer).await?;
                    handheld.shutdown().await?;
                    return Ok(());
                }
                if bytes.starts_with(b"POST ") || bytes.starts_with(b"GET ") {
                    is_push = bytes.starts_with(PUSH);
                    passed = 0;
                }
                upstream.write_all(bytes).await?;
            }
            read = upstream.read(&mut down) => {
                let bytes = match read? {
                    0 => return Ok(()),
                    count => down.get(..count).unwrap_or_default(),
                };
                let keep = is_push.then(|| end_after(state, passed, bytes.len())).flatten();
                if let Some(keep) = keep {
                    handheld.write_all(bytes.get(..keep).unwrap_or(bytes)).await?;
                    handheld.shutdown().await?;
                    return Ok(());
                }
                handheld.write_all(bytes).await?;
                passed += bytes.len();
                if is_push {
                    lock(state).push_answer = passed;
                }
            }
        }
    }
}

/// How much of these bytes is still passed on when the answer ends within them.
fn end_after(state: &Shared, passed: usize, more: usize) -> Option<usize> {
    let mut state = lock(state);
    let Tampering::EndPushAnswerAfter(limit) = state.tampering else {
        return None;
    };
    if passed + more < limit {
        return None;
    }
    state.tampering = Tampering::AnswerAll(Vec::new());
    state.ended = true;
    state.push_answer = limit;
    Some(limit.saturating_sub(passed))
}
