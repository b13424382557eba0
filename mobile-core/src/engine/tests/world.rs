//! A handheld, the model of a server, and everything that can happen between them.

use super::model::Model;
use crate::{
    engine::{
        Budget, Change, Command, Ended, Engine, Event, HttpReply, Lane, Problem, Reply, Request,
        Spent,
    },
    fixture::{
        JOURNAL, ME, START, TestClock, bring_order, enrolled, note, open, order, picture,
        server_key,
    },
    local::Local,
    photos::{Taking, policy::PhotoPolicy},
    store::{identity, journal, orders, photos},
};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    journal::Entry,
    media::MediaKind,
    record::{Event as Act, PhotoRef, Record, StepDone, Term},
    time::{Millis, TimeEvidence, UnixMillis},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, atomic::Ordering},
};
use tempfile::TempDir;

/// What becomes of a request and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It comes through.
    Through,
    /// The request is lost.
    Lost,
    /// The answer is lost.
    AnswerLost,
    /// The answer breaks off; what came is not told.
    Html,
    /// A captive portal or a proxy answers with this status.
    Proxy(u16),
    /// The server is in maintenance.
    Maintenance,
    /// The server refuses with one of its codes.
    Problem(Code),
    /// Only half of the body comes through, and the answer is lost.
    Half,
    /// The server's answer is cut in its middle, with nothing to tell that it was.
    Truncated,
}

/// A note as it stands in a journal.
pub(crate) fn note_entry(text: &str) -> Record {
    Record {
        order: order(1),
        actor: ME,
        term: Term(2),
        time: TimeEvidence::of_server(UnixMillis(START)),
        fix: None,
        event: note(text),
        claims: None,
    }
}

pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) clock: Arc<TestClock>,
    pub(crate) local: Option<Local>,
    pub(crate) engine: Option<Engine>,
    pub(crate) server: Model,
    /// Requests under way, with the number of the token that they carry.
    pub(crate) asked: Vec<(Lane, Request, u32)>,
    pub(crate) wake: Option<i64>,
    pub(crate) ended: Option<(Ended, Option<Problem>)>,
    /// What was noted, in order.
    pub(crate) noted: Vec<String>,
    pub(crate) photos: Vec<Digest>,
    pub(crate) requests: u64,
    /// What the last sync cost, so far.
    pub(crate) spent: Spent,
    /// The longest answer that ever came, bytes.
    pub(crate) largest_answer: u64,
    /// Most entries of a batch.
    pub(crate) batches: usize,
    /// How many entries waited when a batch went out, for each.
    pub(crate) waited: Vec<u64>,
    seed: u64,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = crate::fixture::folder();
        let clock = Arc::new(TestClock::default());
        let mut local = enrolled(&folder.path().join("data"), &clock);
        bring_order(&mut local, order(1));
        let identity = identity::require(local.store.read()).unwrap();
        let key = local.secrets.key(&identity.public_key).unwrap();
        let server = Model::new(key.verifying_key(), vec![order(1)]);
        Self {
            folder,
            clock,
            local: Some(local),
            engine: None,
            server,
            asked: Vec::new(),
            wake: None,
            ended: None,
            noted: Vec::new(),
            photos: Vec::new(),
            requests: 0,
            spent: Spent::default(),
            largest_answer: 0,
            batches: 500,
            waited: Vec::new(),
            seed: 1,
        }
    }

    pub(crate) fn local(&mut self) -> &mut Local {
        self.local.as_mut().unwrap()
    }

    pub(crate) fn now(&self) -> Millis {
        Millis(self.clock.uptime.load(Ordering::SeqCst))
    }

    /// Records a note that was never noted before.
    pub(crate) fn note(&mut self) -> String {
        let text = format!("note {}", self.noted.len());
        let event = note(&text);
        self.local().record(order(1), event, None, &[]).unwrap();
        self.noted.push(text.clone());
        self.tell(Event::Recorded);
        text
    }

    /// Many notes at once, as after a week without a network.
    pub(crate) fn notes(&mut self, count: usize) {
        let from = self.noted.len();
        let texts: Vec<String> = (from..from + count)
            .map(|number| format!("week {number}"))
            .collect();
        let local = self.local.as_mut().unwrap();
        let now = local.wall();
        local
            .store
            .write(|db| {
                for text in &texts {
                    let entry = note_entry(text);
                    journal::append(db, JOURNAL, &Entry::Record(entry), now)?;
                }
                Ok(())
            })
            .unwrap();
        self.noted.extend(texts);
    }

    /// Records a step with a picture that was never taken before.
    pub(crate) fn photograph(&mut self, side: u32) -> Digest {
        let path = picture(self.folder.path(), self.photos.len() as u64, side);
        let local = self.local.as_mut().unwrap();
        let taking = Taking {
            folder: &local.folder,
            random: local.random.as_ref(),
            policy: PhotoPolicy::default(),
            stamp: &[],
        };
        let taken = taking.take_over(&path).unwrap();
        let photo = PhotoRef {
            digest: taken.digest,
            bytes: taken.bytes,
            slot: "site".into(),
        };
        let digest = taken.digest;
        let event = Act::StepDone(StepDone {
            step: "arrived".into(),
            values: BTreeMap::new(),
            photos: vec![photo],
        });
        local
            .record(order(1), event, None, &[(taken, "site".into())])
            .unwrap();
        self.photos.push(digest);
        self.tell(Event::Recorded);
        digest
    }

    /// Begins a sync.
    pub(crate) fn begin(&mut self, budget: Budget) {
        let local = self.local();
        local.store.write(photos::retry_unreadable).unwrap();
        let identity = identity::require(local.store.read()).unwrap();
        self.seed += 1;
        let key = server_key().verifying_key();
        let engine = Engine::new(budget, key, identity.epoch, self.seed);
        self.engine = Some(engine.in_batches_of(self.batches));
        self.asked.clear();
        self.wake = None;
        self.ended = None;
        self.tell(Event::Begin);
    }

    /// The process dies and comes back; what was under way is gone.
    pub(crate) fn crash(&mut self) {
        self.engine = None;
        self.asked.clear();
        self.ended = None;
        self.local = None;
        self.local = Some(open(&self.folder.path().join("data"), &self.clock));
    }

    /// Tells the engine something and does what it wants.
    pub(crate) fn tell(&mut self, event: Event) {
        let now = self.now();
        let Some(engine) = &mut self.engine else {
            return;
        };
        let mut commands = VecDeque::from(engine.on(now, event));
        self.spent = engine.spent();
        let mut steps = 0;
        while let Some(command) = commands.pop_front() {
            steps += 1;
            assert!(steps < 10_000, "the engine turns in place");
            let local = self.local.as_mut().unwrap();
            let happened = match command {
                Command::Load(load) => Event::Loaded(local.load(load).unwrap()),
                Command::Persist(lane, change) => {
                    Event::Stored(lane, local.persist(change).unwrap())
                }
                Command::Hear { server_time, asked } => {
                    local.hear_time(server_time, asked).unwrap();
                    continue;
                }
                Command::Send(lane, request) => {
                    let busy = self.asked.iter().any(|(other, ..)| *other == lane);
                    assert!(!busy, "{lane:?} has two requests under way");
                    let token = local.secrets.tokens().unwrap().access_token.clone();
                    let token = token.rsplit('-').next().unwrap().parse().unwrap();
                    self.requests += 1;
                    if matches!(request, Request::Push(_)) {
                        self.waited
                            .push(journal::queued(local.store.read()).unwrap());
                    }
                    self.asked.push((lane, request, token));
                    continue;
                }
                Command::Wake(at) => {
                    assert!(at.0 > now.0, "a wake-up in the past");
                    self.wake = Some(at.0);
                    continue;
                }
                Command::Finish { ended, problem } => {
                    self.ended = Some((ended, problem));
                    self.engine = None;
                    self.asked.clear();
                    return;
                }
            };
            let engine = self.engine.as_mut().unwrap();
            commands.extend(engine.on(now, happened));
        }
    }

    /// Lets one of the requests under way meet its fate.
    pub(crate) fn meet(&mut self, which: usize, fate: &Fate) {
        if self.asked.is_empty() {
            return;
        }
        let (lane, request, token) = self.asked.remove(which % self.asked.len());
        self.clock.pass(50);
        self.server.now = crate::fixture::START + self.now().0;
        let mut chunk = self.chunk_of(&request);
        let sent = match &request {
            Request::Push(body)
            | Request::Reopen(body)
            | Request::Held(body)
            | Request::Diagnose(body) => body.len(),
            _ => chunk.len(),
        } as u64;
        let strange = |status: u16| HttpReply {
            status,
            media_type: "text/html".to_owned(),
            body: b"<html>Please sign in</html>".to_vec(),
            ..HttpReply::default()
        };
        let reply = match fate {
            Fate::Lost => Reply::Broken("connection refused".to_owned()),
            Fate::Html => Reply::Http(strange(200)),
            Fate::Proxy(status) => Reply::Http(strange(*status)),
            Fate::Maintenance => Reply::Http(strange(503)),
            Fate::Problem(code) => Reply::Http(self.server.problem(*code)),
            Fate::Half => {
                chunk.truncate(chunk.len() / 2);
                if matches!(request, Request::Chunk { .. }) {
                    self.server.answer(&request, token, &chunk);
                }
                Reply::Broken("connection reset".to_owned())
            }
            Fate::AnswerLost => {
                self.server.answer(&request, token, &chunk);
                Reply::Broken("connection reset".to_owned())
            }
            Fate::Through => Reply::Http(self.server.answer(&request, token, &chunk)),
            Fate::Truncated => {
                let mut reply = self.server.answer(&request, token, &chunk);
                reply.body.truncate(reply.body.len() / 2);
                Reply::Http(reply)
            }
        };
        let received = match &reply {
            Reply::Http(http) => http.body.len() as u64,
            Reply::Broken(_) => 0,
        };
        self.largest_answer = self.largest_answer.max(received);
        let asked = self.now();
        self.tell(Event::Replied {
            lane,
            reply,
            sent,
            received,
            asked,
        });
    }

    fn chunk_of(&mut self, request: &Request) -> Vec<u8> {
        let Request::Chunk {
            upload,
            offset,
            length,
            ..
        } = request
        else {
            return Vec::new();
        };
        let folder = &self.local().folder;
        let path = match upload.kind {
            MediaKind::Preview => folder.preview(upload.digest),
            MediaKind::Original => folder.photo(upload.digest),
        };
        let all = std::fs::read(path).unwrap();
        all[*offset as usize..(*offset + *length) as usize].to_vec()
    }

    /// Time passes until the engine wanted to be woken.
    pub(crate) fn sleep(&mut self) {
        if let Some(at) = self.wake.take() {
            let now = self.now().0;
            self.clock.pass((at - now).max(0));
            self.tell(Event::Tick);
        }
    }

    /// Everything comes through until the sync is over.
    pub(crate) fn run(&mut self, budget: Budget) -> (Ended, Option<Problem>) {
        self.begin(budget);
        self.go_on()
    }

    /// Everything comes through from now on until the sync is over.
    pub(crate) fn go_on(&mut self) -> (Ended, Option<Problem>) {
        for _ in 0..10_000 {
            if let Some(ended) = self.ended.clone() {
                return ended;
            }
            if self.asked.is_empty() {
                assert!(self.wake.is_some(), "the sync hangs");
                self.sleep();
            } else {
                self.meet(0, &Fate::Through);
            }
        }
        panic!("the sync does not end");
    }

    /// How often a note is among the records that the server holds.
    pub(crate) fn times_held(&self, text: &str) -> usize {
        let entries = self.server.books.journals.values().flatten();
        entries
            .filter(|(bytes, _)| match Entry::from_bytes(bytes) {
                Ok(Entry::Record(record)) => record.event == note(text),
                _ => false,
            })
            .count()
    }

    /// Every record is held once, every photo is held, nothing waits, and both ends fold
    /// the same.
    pub(crate) fn assert_converged(&mut self) {
        let mut held: BTreeMap<String, usize> = BTreeMap::new();
        for (bytes, _) in self.server.books.journals.values().flatten() {
            if let Ok(Entry::Record(record)) = Entry::from_bytes(bytes)
                && let Act::Noted(noted) = record.event
            {
                *held.entry(noted.text).or_default() += 1;
            }
        }
        for text in &self.noted {
            assert_eq!(held.get(text), Some(&1), "{text}");
        }
        for photo in &self.photos {
            let held = &self.server.books.held;
            let original = held.get(&(*photo, MediaKind::Original));
            assert_eq!(original.map(|bytes| Digest::of(bytes)), Some(*photo));
            assert!(held.contains_key(&(*photo, MediaKind::Preview)));
        }
        let db = self.local().store.read();
        assert_eq!(journal::counts(db).unwrap().queued, 0);
        let counts = photos::counts(db).unwrap();
        assert_eq!((counts.originals_waiting, counts.previews_waiting), (0, 0));
        // The whole trace anew from the server: its fold and ours are compared.
        self.local().persist(Change::ForgetCursor).unwrap();
        assert_eq!(self.run(Budget::seconds(3_600)), (Ended::Done, None));
        let row = orders::get(self.local().store.read(), order(1)).unwrap();
        assert_eq!(row.unwrap().agrees, Some(true), "both ends fold the same");
    }
}
