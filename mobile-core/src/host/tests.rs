//! The host against a server of a few lines: what of HTTP it understands and what it
//! does not fall for. The whole-system tests run it against the real server.

use super::http::{Answer, Http, Needs};
use crate::{
    Error, Handheld, KeyFault, KeyStore,
    clock::SystemRandom,
    engine::{Change, Ended, Problem, Reply, Request},
    files::Folder,
    fixture::{
        EPOCH, JOURNAL, ME, OTHER, START, TestClock, bring_order, enrolled, folder, note, order,
        server_key, tokens,
    },
    local::{Keys, Local},
    store::{identity, journal, photos::Upload, scope},
};
use gridcrew_sync_protocol::{
    digest::Digest,
    enrol::{EnrolReply, EnrolRequest},
    ids::{JournalId, PersonId},
    journal::{Entry, Seq, link},
    media::MediaKind,
    record::Event,
    time::{Millis, UnixMillis},
    wipe::{WipeForm, WipeOrder},
};
use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    sync::Notify,
    time::timeout,
};
use uuid::Uuid;

/// A server that answers each request with what `answer` makes of it: the request's head
/// and body in, the whole answer out.
pub(crate) async fn serve(
    answer: impl Fn(&str, &[u8]) -> Vec<u8> + Send + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    serve_some(move |head, body| Some(answer(head, body))).await
}

/// The same of a server that leaves some requests without an answer.
async fn serve_some(
    answer: impl Fn(&str, &[u8]) -> Option<Vec<u8>> + Send + 'static,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let heads = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&heads);
    tokio::spawn(async move {
        let mut unanswered = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            let (head, body) = loop {
                let mut piece = [0; 4096];
                let count = stream.read(&mut piece).await.unwrap_or(0);
                request.extend_from_slice(&piece[..count]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some(end) = text.find("\r\n\r\n") else {
                    assert!(count > 0, "a request without an end");
                    continue;
                };
                let head = text[..end].to_ascii_lowercase();
                let length: usize = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |length| length.parse().unwrap());
                let body = request[end + 4..].to_vec();
                if body.len() >= length {
                    break (head, body);
                }
            };
            let reply = answer(&head, &body);
            seen.lock().unwrap().push(head);
            let Some(reply) = reply else {
                unanswered.push(stream);
                continue;
            };
            let _ = stream.write_all(&reply).await;
            let _ = stream.shutdown().await;
        }
    });
    (address, heads)
}

pub(crate) fn plain(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
    .into_bytes()
}

fn needs(folder: &std::path::Path) -> Needs {
    Needs {
        once: "0123abcd".into(),
        access_token: "the-token".into(),
        refresh_token: "the-refresh".into(),
        refresh_proof: None,
        folder: Folder::open(folder).unwrap(),
    }
}

fn upload(bytes: u64, digest: Digest) -> Upload {
    Upload {
        photo: digest,
        kind: MediaKind::Original,
        digest,
        bytes,
        url: None,
    }
}

#[tokio::test]
async fn an_answer_is_read_with_its_headers() {
    let (server, heads) = serve(|_, _| {
        plain(
            "503 Service Unavailable",
            "content-type: Application/Problem+JSON; charset=utf-8\r\nretry-after: 7\r\n\
             gridcrew-epoch: 00000000-0000-0000-0000-0000000001f4\r\n",
            "{}",
        )
    })
    .await;
    let folder = folder();
    let http = Http::new(&server).unwrap();
    let request = Request::Feed(Some("a b&c=d".into()));
    let Answer {
        reply, received, ..
    } = http.make(request, needs(folder.path())).await;
    let Reply::Http(reply) = reply else {
        panic!("{reply:?}");
    };
    assert_eq!((reply.status, received), (503, 2));
    assert_eq!(reply.media_type, "application/problem+json");
    assert_eq!(reply.retry_after, Some(Millis::seconds(7)));
    assert_eq!(reply.epoch, Some(crate::fixture::EPOCH));
    let head = heads.lock().unwrap()[0].clone();
    assert!(
        head.starts_with("get /api/v1/sync/feed?wait=0&once=0123abcd&cursor=a+b%26c%3dd "),
        "{head}"
    );
    assert!(head.contains("authorization: bearer the-token"));
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_a_token_never_goes_to_another_host() {
    let (server, heads) =
        serve(|_, _| plain("302 Found", "location: http://127.0.0.1:1/login\r\n", "")).await;
    let folder = folder();
    let http = Http::new(&server).unwrap();
    let answer = http
        .make(Request::Push(vec![1]), needs(folder.path()))
        .await;
    assert!(matches!(answer.reply, Reply::Http(reply) if reply.status == 302));
    let elsewhere = Request::Offset("http://127.0.0.1:1/api/v1/media/uploads/1".into());
    let answer = http.make(elsewhere, needs(folder.path())).await;
    assert!(matches!(answer.reply, Reply::Broken(_)));
    let sly = Request::Offset("//127.0.0.1:1/uploads/1".into());
    let answer = http.make(sly, needs(folder.path())).await;
    assert!(matches!(answer.reply, Reply::Broken(_)));
    assert_eq!(heads.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_broken() {
    let (server, _) = serve(|_, _| {
        let mut whole = plain("200 OK", "content-type: text/plain\r\n", "0123456789");
        whole.truncate(whole.len() - 4);
        whole
    })
    .await;
    let folder = folder();
    let http = Http::new(&server).unwrap();
    let answer = http.make(Request::Feed(None), needs(folder.path())).await;
    assert!(matches!(answer.reply, Reply::Broken(_)));
}

#[tokio::test]
async fn a_chunk_carries_its_bytes_from_its_offset_in_the_form_of_tus() {
    let body = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&body);
    let (server, heads) = serve(move |_, body| {
        seen.lock().unwrap().extend_from_slice(body);
        plain(
            "204 No Content",
            "tus-resumable: 1.0.0\r\nupload-offset: 9\r\n",
            "",
        )
    })
    .await;
    let folder = folder();
    let needs = needs(folder.path());
    let content = b"0123456789";
    let digest = Digest::of(content);
    std::fs::write(needs.folder.photo(digest), content).unwrap();
    let request = Request::Chunk {
        upload: upload(10, digest),
        url: "/api/v1/media/uploads/7".into(),
        offset: 4,
        length: 5,
    };
    let http = Http::new(&server).unwrap();
    let Answer { reply, sent, .. } = http.make(request, needs).await;
    assert_eq!(sent, 5);
    assert!(matches!(reply, Reply::Http(reply)
        if reply.status == 204 && reply.tus && reply.upload_offset == Some(9)));
    assert_eq!(*body.lock().unwrap(), b"45678");
    let head = heads.lock().unwrap()[0].clone();
    assert!(head.starts_with("patch /api/v1/media/uploads/7 "));
    assert!(head.contains("upload-offset: 4") && head.contains("tus-resumable: 1.0.0"));
    assert!(head.contains("content-type: application/offset+octet-stream"));
}

#[tokio::test]
async fn a_sync_before_a_captive_portal_says_so_and_keeps_everything() {
    let (server, _) = serve(|_, _| plain("200 OK", "content-type: text/html\r\n", "<html>")).await;
    let folder = folder();
    let data = folder.path().join("data");
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(&data, &clock);
    bring_order(&mut local, order(1));
    local
        .store
        .write(|db| {
            let mut identity = identity::require(db)?;
            identity.server_url = server.clone();
            identity::put(db, &identity)
        })
        .unwrap();
    drop(local);
    let handheld = Handheld::open_with(&data, clock, Arc::new(SystemRandom)).unwrap();
    let report = handheld.sync(crate::Budget::seconds(1)).await.unwrap();
    assert_eq!(report.ended, Ended::BudgetSpent);
    assert!(matches!(report.problem, Some(Problem::NotTheServer { .. })));
    assert_eq!(report.records_waiting, 1);
    let status = handheld.status().unwrap();
    assert_eq!(status.last_success, None);
    assert!(status.strip.words.zh.contains("登录该网络"));
}

#[tokio::test]
async fn enrolment_that_is_refused_says_why_and_can_be_tried_again() {
    let (server, _) = serve(|_, _| {
        plain(
            "401 Unauthorized",
            "content-type: application/problem+json\r\n",
            r#"{"code":"enrol.bad_code","detail":"The code is used."}"#,
        )
    })
    .await;
    let folder = folder();
    let handheld = Handheld::open(&folder.path().join("data")).unwrap();
    let refused = handheld.enrol(&server, "abc", "test").await.unwrap_err();
    assert_eq!(refused.code().as_str(), "enrol.bad_code");
    assert!(refused.to_string().contains("The code is used."));
    let unreachable = handheld.enrol("http://127.0.0.1:1", "abc", "test").await;
    assert_eq!(unreachable.unwrap_err().code().as_str(), "unavailable");
}

fn server_is(handheld: &Handheld, server: &str) {
    handheld.inner.with(|local| {
        let work = |db: &rusqlite::Connection| {
            let mut identity = identity::require(db)?;
            identity.server_url = server.to_owned();
            identity::put(db, &identity)
        };
        local.store.write(work).unwrap();
    });
}

/// A keystore that forgets nothing as long as it is told to fail.
struct Failing(AtomicBool);

impl KeyStore for Failing {
    fn load(&self, _: &str) -> Result<Option<Vec<u8>>, KeyFault> {
        Ok(None)
    }
    fn store(&self, _: &str, _: &[u8]) -> Result<(), KeyFault> {
        Ok(())
    }
    fn forget(&self, _: &str) -> Result<(), KeyFault> {
        match self.0.load(Ordering::SeqCst) {
            true => Err(KeyFault("busy".to_owned())),
            false => Ok(()),
        }
    }
}

const NO_ORDER: &str = r#"{"order":null}"#;

#[tokio::test]
async fn a_wipe_that_failed_is_not_confirmed_before_it_is_done() {
    let json = "content-type: application/json\r\n";
    let (server, heads) = serve(move |_, _| plain("200 OK", json, NO_ORDER)).await;
    let folder = folder();
    let data = folder.path().join("data");
    let (_clock, handheld) = handheld_with_notes(&data, 1);
    server_is(&handheld, &server);
    let keys = Arc::new(Failing(AtomicBool::new(true)));
    handheld.inner.with(|local| {
        local.keys = Some(Keys {
            store: Arc::clone(&keys) as _,
            name: "handheld".to_owned(),
        });
        let at_once = WipeForm::AtOnce;
        let order = WipeOrder::sign(JOURNAL, at_once, UnixMillis(START), &server_key());
        assert!(local.obey(&order).is_err());
    });
    let budget = crate::Budget::seconds(5);
    for _ in 0..2 {
        let failed = handheld.sync(budget).await;
        assert!(matches!(failed, Err(Error::KeyStore(_))), "{failed:?}");
        let failed = handheld.enrol(&server, "code", "test").await;
        assert!(matches!(failed, Err(Error::KeyStore(_))), "{failed:?}");
    }
    assert!(data.join("wipe.json").exists() && data.join("handheld.db").exists());
    assert_eq!(heads.lock().unwrap().len(), 0, "nothing was confirmed");
    keys.0.store(false, Ordering::SeqCst);
    let wiped = handheld.sync(budget).await;
    assert!(matches!(wiped, Err(Error::Wiped)), "{wiped:?}");
    assert_eq!(heads.lock().unwrap().len(), 1);
    let left: Vec<_> = std::fs::read_dir(&data)
        .unwrap()
        .map(|item| item.unwrap().file_name())
        .filter(|name| !name.to_string_lossy().ends_with(".lock"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A server at which no session is valid, and which leaves what is asked of wipes without an
/// answer; it says when it was asked.
async fn silent_about_wipes() -> (String, Arc<Notify>) {
    let asked = Arc::new(Notify::new());
    let told = Arc::clone(&asked);
    let (server, _) = serve_some(move |head, _| {
        if head.contains("/wipe-order ") {
            told.notify_one();
            return None;
        }
        Some(plain(
            "401 Unauthorized",
            "content-type: application/problem+json\r\n",
            r#"{"code":"auth.required"}"#,
        ))
    })
    .await;
    (server, asked)
}

#[tokio::test]
async fn asking_about_a_wipe_ends_with_the_budget() {
    let (server, _) = silent_about_wipes().await;
    let folder = folder();
    let (_clock, handheld) = handheld_with_notes(&folder.path().join("data"), 1);
    server_is(&handheld, &server);
    let sync = handheld.sync(crate::Budget::seconds(1));
    let report = timeout(Duration::from_secs(8), sync).await.unwrap();
    assert_eq!(report.unwrap().ended, Ended::Blocked);
}

#[tokio::test]
async fn asking_about_a_wipe_ends_when_the_host_stops_the_sync() {
    let (server, asked) = silent_about_wipes().await;
    let folder = folder();
    let (_clock, handheld) = handheld_with_notes(&folder.path().join("data"), 1);
    server_is(&handheld, &server);
    let syncing = handheld.clone();
    let sync = tokio::spawn(async move { syncing.sync(crate::Budget::default()).await });
    asked.notified().await;
    handheld.stop_sync();
    let report = timeout(Duration::from_secs(8), sync).await.unwrap();
    assert_eq!(report.unwrap().unwrap().ended, Ended::Blocked);
}

#[tokio::test]
async fn telling_of_a_wipe_ends_with_the_budget_and_when_the_host_stops_the_sync() {
    let (server, asked) = silent_about_wipes().await;
    let folder = folder();
    let (_clock, handheld) = handheld_with_notes(&folder.path().join("data"), 1);
    server_is(&handheld, &server);
    handheld.inner.with(|local| {
        let at_once = WipeForm::AtOnce;
        let order = WipeOrder::sign(JOURNAL, at_once, UnixMillis(START), &server_key());
        assert!(local.obey(&order).unwrap().is_some());
    });
    let sync = handheld.sync(crate::Budget::seconds(1));
    let told = timeout(Duration::from_secs(8), sync).await.unwrap();
    assert!(matches!(told, Err(Error::Wiped)));
    asked.notified().await;
    let syncing = handheld.clone();
    let sync = tokio::spawn(async move { syncing.sync(crate::Budget::default()).await });
    asked.notified().await;
    handheld.stop_sync();
    let told = timeout(Duration::from_secs(8), sync).await.unwrap();
    assert!(matches!(told.unwrap(), Err(Error::Wiped)));
}

/// A handheld enrolled at [`JOURNAL`], with `notes` recorded and held by the server.
fn handheld_with_notes(data: &Path, notes: u32) -> (Arc<TestClock>, Handheld) {
    let clock = Arc::new(TestClock::default());
    let mut local = enrolled(data, &clock);
    bring_order(&mut local, order(1));
    for number in 0..notes {
        clock.pass(1_000);
        let event = note(&format!("note {number}"));
        local.record(order(1), event, None, &[]).unwrap();
    }
    drop(local);
    let random = Arc::new(SystemRandom);
    let handheld = Handheld::open_with(data, Arc::clone(&clock) as _, random).unwrap();
    (clock, handheld)
}

/// A server that knows the journals of the keys in `known`, and gives `new` to others; the
/// code counts for one key that it does not know.
async fn enrolling(
    known: Vec<(String, JournalId)>,
    new: JournalId,
    person: PersonId,
) -> (String, Arc<Mutex<Vec<String>>>) {
    let known = Mutex::new((known, false));
    serve(move |_, body| {
        let request: EnrolRequest = serde_json::from_slice(body).unwrap();
        let mut state = known.lock().unwrap();
        let found = state.0.iter().find(|(key, _)| *key == request.public_key);
        let journal = match found.map(|(_, journal)| *journal) {
            Some(journal) => journal,
            None if state.1 => {
                return plain(
                    "401 Unauthorized",
                    "content-type: application/problem+json\r\n",
                    r#"{"code":"enrol.bad_code","detail":"The code is used."}"#,
                );
            }
            None => {
                state.0.push((request.public_key, new));
                new
            }
        };
        state.1 = true;
        let reply = EnrolReply {
            journal,
            person,
            person_name: "王".to_owned(),
            epoch: EPOCH,
            server_time: UnixMillis(START),
            server_key: hex::encode(server_key().verifying_key().to_bytes()),
            tokens: tokens(7),
        };
        let body = serde_json::to_string(&reply).unwrap();
        plain("200 OK", "content-type: application/json\r\n", &body)
    })
    .await
}

fn hold_all(local: &mut Local, journal: JournalId) {
    let work = |db: &rusqlite::Connection| journal::mark_held(db, journal, Seq(99), UnixMillis(1));
    local.store.write(work).unwrap();
}

/// What the notes of a journal say, in order; its chain is whole and it continues none.
fn notes_of(local: &Local, journal: JournalId) -> Vec<String> {
    let run = journal::run_from(local.store.read(), journal, Seq(1), 99, 1 << 20).unwrap();
    let mut before = Digest::ZERO;
    let mut notes = Vec::new();
    for entry in run {
        before = link(journal, entry.id.seq, before, Digest::of(&entry.bytes));
        assert_eq!(entry.link, before);
        match Entry::from_bytes(&entry.bytes).unwrap() {
            Entry::Opened(opened) => {
                assert_eq!((entry.id.seq, opened.continues), (Seq(1), None));
            }
            Entry::Record(record) => match record.event {
                Event::Noted(noted) => notes.push(noted.text),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
    notes
}

const NEW: JournalId = JournalId(Uuid::from_u128(555));
const FORKED: JournalId = JournalId(Uuid::from_u128(556));

#[tokio::test]
async fn a_handheld_that_the_server_does_not_know_comes_back_with_all_it_recorded() {
    let folder = folder();
    let (_clock, handheld) = handheld_with_notes(&folder.path().join("data"), 3);
    handheld.inner.with(|local| hold_all(local, JOURNAL));
    let (server, heads) = enrolling(Vec::new(), NEW, ME).await;
    let state = handheld.show(order(1)).unwrap().state;
    handheld.enrol(&server, "code", "test").await.unwrap();
    let status = handheld.status().unwrap();
    assert_eq!((status.journal, status.records_waiting), (Some(NEW), 4));
    assert_eq!(status.server_url, server);
    let said = ["note 0", "note 1", "note 2"];
    handheld.inner.with(|local| {
        assert_eq!(notes_of(local, NEW), said);
        let identity = identity::require(local.store.read()).unwrap();
        assert!(identity.ask_photos && identity.probe);
        assert!(scope::feed(local.store.read()).unwrap().start_over);
        assert_eq!(local.secrets.tokens(), Some(&tokens(7)));
    });
    let after = handheld.show(order(1)).unwrap().state;
    assert_eq!(
        after.map(|state| state.records),
        state.map(|state| state.records)
    );
    // The answer was lost, or the session ended again: the same journal, nothing twice.
    handheld.enrol(&server, "code", "test").await.unwrap();
    handheld
        .inner
        .with(|local| assert_eq!(notes_of(local, NEW), said));
    assert_eq!(handheld.status().unwrap().records_waiting, 4);
    assert_eq!(heads.lock().unwrap().len(), 2);
}

/// The handheld's journal forked after its second note, and two notes went on in another;
/// gives the keys of both journals.
fn fork(clock: &TestClock, handheld: &Handheld) -> [String; 2] {
    handheld.inner.with(|local| {
        hold_all(local, JOURNAL);
        let common = Seq(3);
        let link = journal::link_at(local.store.read(), JOURNAL, common).unwrap();
        let first = identity::require(local.store.read()).unwrap().public_key;
        local
            .persist(Change::Forked {
                journal: JOURNAL,
                first: common.next(),
                common,
                link: link.unwrap(),
                parked: Vec::new(),
            })
            .unwrap();
        local.persist(Change::Reopened(FORKED)).unwrap();
        // What the other device wrote comes with the whole scope.
        let feed = scope::feed(local.store.read()).unwrap();
        assert!(feed.start_over && feed.cursor.is_none());
        bring_order(local, order(1));
        for text in ["note 3", "note 4"] {
            clock.pass(1_000);
            local.record(order(1), note(text), None, &[]).unwrap();
        }
        let second = identity::require(local.store.read()).unwrap().public_key;
        [first, second].map(hex::encode)
    })
}

const ALL: [&str; 5] = ["note 0", "note 1", "note 2", "note 3", "note 4"];

#[tokio::test]
async fn what_was_recorded_before_a_fork_comes_along_to_a_server_that_knows_neither() {
    let folder = folder();
    let (clock, handheld) = handheld_with_notes(&folder.path().join("data"), 3);
    fork(&clock, &handheld);
    let (server, _) = enrolling(Vec::new(), NEW, ME).await;
    handheld.enrol(&server, "code", "test").await.unwrap();
    handheld
        .inner
        .with(|local| assert_eq!(notes_of(local, NEW), ALL));
    assert_eq!(handheld.status().unwrap().records_waiting, 6);
}

#[tokio::test]
async fn a_server_that_knows_the_journal_before_the_fork_gets_that_and_the_rest_behind_it() {
    let folder = folder();
    let (clock, handheld) = handheld_with_notes(&folder.path().join("data"), 3);
    let [first, _] = fork(&clock, &handheld);
    let (server, heads) = enrolling(vec![(first.clone(), JOURNAL)], NEW, ME).await;
    handheld.enrol(&server, "code", "test").await.unwrap();
    handheld.inner.with(|local| {
        assert_eq!(notes_of(local, JOURNAL), ALL);
        let identity = identity::require(local.store.read()).unwrap();
        assert_eq!(identity.journal, JOURNAL);
        assert_eq!(hex::encode(identity.public_key), first);
    });
    assert_eq!(handheld.status().unwrap().records_waiting, 6);
    assert_eq!(
        heads.lock().unwrap().len(),
        2,
        "the younger key was refused"
    );
}

#[tokio::test]
async fn a_server_that_knows_the_journal_gives_new_tokens_and_changes_nothing_else() {
    let folder = folder();
    let (clock, handheld) = handheld_with_notes(&folder.path().join("data"), 3);
    let [first, second] = fork(&clock, &handheld);
    let known = vec![(first, JOURNAL), (second, FORKED)];
    let (server, _) = enrolling(known, NEW, ME).await;
    let before = handheld.status().unwrap();
    handheld.enrol(&server, "code", "test").await.unwrap();
    let after = handheld.status().unwrap();
    assert_eq!((after.journal, after.head), (Some(FORKED), before.head));
    assert_eq!(after.records_waiting, before.records_waiting);
    handheld.inner.with(|local| {
        assert_eq!(local.secrets.tokens(), Some(&tokens(7)));
    });
}

#[tokio::test]
async fn an_enrolled_handheld_takes_no_code_of_another_person() {
    let folder = folder();
    let (_clock, handheld) = handheld_with_notes(&folder.path().join("data"), 1);
    let (server, _) = enrolling(Vec::new(), NEW, OTHER).await;
    let refused = handheld.enrol(&server, "code", "test").await;
    assert!(matches!(refused, Err(Error::AlreadyEnrolled(_))));
    assert_eq!(handheld.status().unwrap().journal, Some(JOURNAL));
    handheld.inner.with(|local| {
        assert_eq!(local.secrets.tokens(), Some(&tokens(0)));
    });
}

/// Damages the store so that what it holds is saved and whose it was is not.
fn lose_owner(data: &Path) {
    let db = rusqlite::Connection::open(data.join("handheld.db")).unwrap();
    db.execute_batch("UPDATE identity SET epoch = x'07'; CREATE TABLE stray (x)")
        .unwrap();
}

fn reopened(data: &Path, clock: &Arc<TestClock>) -> Handheld {
    let random = Arc::new(SystemRandom);
    Handheld::open_with(data, Arc::clone(clock) as _, random).unwrap()
}

#[tokio::test]
async fn a_store_that_lost_its_owner_goes_on_in_its_journal_when_it_is_enrolled_again() {
    let folder = folder();
    let data = folder.path().join("data");
    let (clock, handheld) = handheld_with_notes(&data, 3);
    let key = handheld.inner.with(|local| {
        let identity = identity::require(local.store.read()).unwrap();
        hex::encode(identity.public_key)
    });
    drop(handheld);
    lose_owner(&data);
    let handheld = reopened(&data, &clock);
    assert_eq!(handheld.status().unwrap().person, None);
    let (server, _) = enrolling(vec![(key.clone(), JOURNAL)], NEW, OTHER).await;
    let refused = handheld.enrol(&server, "code", "test").await;
    assert!(
        matches!(refused, Err(Error::AlreadyEnrolled(_))),
        "{refused:?}"
    );
    let (server, _) = enrolling(vec![(key.clone(), JOURNAL)], NEW, ME).await;
    handheld.enrol(&server, "code", "test").await.unwrap();
    let status = handheld.status().unwrap();
    assert_eq!((status.journal, status.records_waiting), (Some(JOURNAL), 4));
    handheld.inner.with(|local| {
        assert_eq!(notes_of(local, JOURNAL), ["note 0", "note 1", "note 2"]);
        let identity = identity::require(local.store.read()).unwrap();
        assert!(identity.probe && identity.ask_photos);
        assert_eq!(hex::encode(identity.public_key), key);
    });
}

#[tokio::test]
async fn what_such_a_store_kept_comes_along_to_a_server_that_does_not_know_it() {
    let folder = folder();
    let data = folder.path().join("data");
    let (clock, handheld) = handheld_with_notes(&data, 3);
    drop(handheld);
    lose_owner(&data);
    let handheld = reopened(&data, &clock);
    let (server, _) = enrolling(Vec::new(), NEW, ME).await;
    handheld.enrol(&server, "code", "test").await.unwrap();
    let status = handheld.status().unwrap();
    assert_eq!((status.journal, status.records_waiting), (Some(NEW), 4));
    let notes = handheld.inner.with(|local| notes_of(local, NEW));
    assert_eq!(notes, ["note 0", "note 1", "note 2"]);
}

#[tokio::test]
async fn a_handheld_that_lost_its_keys_sends_what_waits_under_a_new_one_and_nothing_twice() {
    for lost_owner in [false, true] {
        let folder = folder();
        let data = folder.path().join("data");
        let (clock, handheld) = handheld_with_notes(&data, 3);
        handheld.inner.with(|local| {
            let held =
                |db: &rusqlite::Connection| journal::mark_held(db, JOURNAL, Seq(2), UnixMillis(1));
            local.store.write(held).unwrap();
        });
        drop(handheld);
        std::fs::write(data.join("secrets.json"), b"{").unwrap();
        if lost_owner {
            lose_owner(&data);
        }
        let handheld = reopened(&data, &clock);
        let (server, _) = enrolling(Vec::new(), NEW, ME).await;
        handheld.enrol(&server, "code", "test").await.unwrap();
        let status = handheld.status().unwrap();
        assert_eq!((status.journal, status.records_waiting), (Some(NEW), 3));
        let notes = handheld.inner.with(|local| notes_of(local, NEW));
        assert_eq!(notes, ["note 1", "note 2"], "the first is with the server");
    }
}
