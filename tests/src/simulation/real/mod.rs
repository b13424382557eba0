//! The real server: its own code over SQLite, in this process and without a socket, killed
//! and started again on the files that it leaves.
//!
//! [`founding`] makes the township that every schedule begins with, [`life`] is one process,
//! [`wire`] what goes to and from it, [`books`] what its database says. What a person at the
//! station's desk does (hand an order over, give a cell to somebody, revoke a handheld, give
//! out a code) goes over the API as well. What the server does beside requests is done when
//! time passes.

mod books;
mod founding;
mod life;
mod wire;

pub use founding::{Founded, found};

use super::{
    disk::Remains,
    fault::Fault,
    faults_seen::Seen,
    hardware::{Dice, TrueTime},
    scene::Cast,
    server::{self, Asking, Entries, Killed, Scope, Server, When},
};
use crate::{Failure, Fallible, township::text_of};
use gridcrew_mobile_core::engine::{HttpReply, Request};
use gridcrew_server::{
    dispatch, media,
    people::{refresh, tokens},
    serve,
    store::watch::Moment,
    trace::epoch,
};
use gridcrew_sync_protocol::{
    code::Code,
    digest::Digest,
    enrol::{EnrolReply, EnrolRequest},
    ids::{CellId, JournalId, OrderId, PersonId},
    journal::EntryId,
    media::MediaKind,
    order::OrderState,
    push::{PushOutcome, PushReply},
    time::{Millis, UnixMillis},
    wire as packing,
};
use life::{Came, Life};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};
use wire::Sent;

/// What sets the server's random bytes in a schedule apart from those of devices.
const DICE: u64 = 0xff << 48;
/// How long the height of the database may be unmarked.
const MARKED_AFTER: i64 = 5_000;

/// Answers that a handheld of ours gives no cause for.
const UNCALLED_FOR: [Code; 7] = [
    Code::Internal,
    Code::JournalMalformed,
    Code::JournalBadSignature,
    Code::RequestMalformed,
    Code::RequestInvalid,
    Code::RequestMediaType,
    Code::AuthForbidden,
];

/// The real server.
pub struct Real {
    root: PathBuf,
    time: TrueTime,
    dice: Arc<Dice>,
    life: Option<Life>,
    /// Processes so far; each has a folder of its own.
    lives: u32,
    /// When the present one started.
    started: UnixMillis,
    cast: Cast,
    desk: tokens::Access,
    backup: Remains,
    restores: u32,
    seen: Seen,
    complaints: Vec<String>,
    /// Who had each order and each cell, by what the desk did.
    owners: BTreeMap<OrderId, Vec<PersonId>>,
    holders: BTreeMap<CellId, Vec<PersonId>>,
}

impl Real {
    /// Starts the founded server, its files under `root`.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(founded: &Founded, time: &TrueTime, root: &Path) -> Fallible<Self> {
        let holders = founded.cast.cells.iter().zip(&founded.cast.people);
        let mut server = Self {
            root: root.to_owned(),
            time: time.clone(),
            // Others than those with which it was founded.
            dice: Arc::new(Dice::of(DICE + time.millis().unsigned_abs())),
            life: None,
            lives: 0,
            started: time.now(),
            cast: founded.cast,
            desk: founded.desk.clone(),
            backup: Remains::default(),
            restores: 0,
            seen: Seen::default(),
            complaints: Vec::new(),
            owners: BTreeMap::new(),
            holders: holders.map(|(cell, a)| (*cell, vec![*a])).collect(),
        };
        server.revive(founded.files.clone(), None)?;
        server.owners = server.present_owners()?;
        Ok(server)
    }

    fn life(&self) -> Fallible<&Life> {
        let life = self.life.as_ref();
        life.ok_or_else(|| Failure::new("there is no server"))
    }

    /// A new process finds these files; it dies at the `again`th moment of its start, and the
    /// next one does not. Whether it did.
    fn revive(&mut self, files: Remains, again: Option<u64>) -> Fallible<bool> {
        self.life = None;
        if self.lives > 0 {
            fs::remove_dir_all(self.folder())?;
        }
        self.lives += 1;
        files.put(&self.folder())?;
        self.started = self.time.now();
        let mut life = Life::begin(&self.folder(), &self.time, &self.dice)?;
        if let Came::Died(_, files) = life.make_ready(again.map(When::Moment))? {
            drop(life);
            self.revive(files, None)?;
            return Ok(true);
        }
        self.life = Some(life);
        Ok(false)
    }

    fn folder(&self) -> PathBuf {
        self.root.join(format!("server-{}", self.lives))
    }

    fn work<T>(&self, work: impl Future<Output = Fallible<T>>) -> Fallible<T> {
        match self.life()?.work(None, work)? {
            Came::Done(value) => Ok(value),
            Came::Died(..) => Err(Failure::new("died of work beside")),
        }
    }

    /// What somebody at the desk asks for: the answer, unless it is refused.
    fn at_desk(&self, sent: Sent) -> Fallible<Option<Value>> {
        let app = self.life()?.app()?;
        let (token, _) = app.gate.tokens.sign(&self.desk, app.now())?;
        let Came::Done(reply) = self.life()?.answer(sent.bearing(&token), None)? else {
            return Err(Failure::new("died of the desk"));
        };
        match reply.status {
            200..300 if reply.body.is_empty() => Ok(Some(Value::Null)),
            200..300 => Ok(Some(serde_json::from_slice(&reply.body)?)),
            400 | 404..500 => Ok(None),
            status => {
                let said = String::from_utf8_lossy(&reply.body);
                Err(Failure::new(format!("the desk hears {status}: {said}")))
            }
        }
    }

    /// Looks at an answer for what should not be in it.
    fn look_at(&mut self, request: &Request, reply: &HttpReply) {
        let code = problem_of(reply);
        if let Some(code) = code
            && UNCALLED_FOR.contains(&code)
        {
            let said = String::from_utf8_lossy(&reply.body).into_owned();
            self.complaints.push(format!("the server says {said}"));
        }
        if code == Some(Code::MediaNotPromised) && self.restores == 0 {
            let early = "a photo was sent before the record that promises it";
            self.complaints.push(early.to_owned());
        }
        if matches!(request, Request::Push(_))
            && reply.status == 200
            && let Ok(PushReply {
                outcome: PushOutcome::Held { parked, .. },
                ..
            }) = packing::unpack(&reply.body, 1 << 20)
            && !parked.is_empty()
        {
            self.seen.note(Fault::Parked);
        }
    }
}

fn problem_of(reply: &HttpReply) -> Option<Code> {
    let document: Value = serde_json::from_slice(&reply.body).ok()?;
    serde_json::from_value(document.get("code")?.clone()).ok()
}

/// Notes who has something now; whether he had it before, and somebody else since.
fn comes_back<T: Ord>(had: &mut BTreeMap<T, Vec<PersonId>>, what: T, to: PersonId) -> bool {
    let before = had.entry(what).or_default();
    let back = before.contains(&to) && before.last() != Some(&to);
    before.push(to);
    back
}

impl Server for Real {
    fn cast(&self) -> Cast {
        self.cast
    }

    fn as_founded(&self) -> Fallible<server::Founded> {
        Ok(server::Founded::Real(Box::new(Founded {
            files: self.life()?.files()?,
            cast: self.cast,
            desk: self.desk.clone(),
        })))
    }

    fn answer(&mut self, asking: Asking<'_>) -> Fallible<HttpReply> {
        let sent = Sent::of(asking)?;
        let whole = !sent.cut;
        let Came::Done(reply) = self.life()?.answer(sent, None)? else {
            return Err(Failure::new("the server died of a request"));
        };
        if whole {
            self.look_at(asking.request, &reply);
        }
        Ok(reply)
    }

    fn answer_and_die(&mut self, asking: Asking<'_>, when: When) -> Fallible<Killed> {
        // The first moment is before it begins.
        let when = match when {
            When::Moment(0) => {
                self.die(None)?;
                return Ok(Killed::Before);
            }
            When::Moment(moment) => When::Moment(moment - 1),
            When::Commit(_) => when,
        };
        match self.life()?.answer(Sent::of(asking)?, Some(when))? {
            Came::Done(reply) => {
                self.look_at(asking.request, &reply);
                self.die(None)?;
                Ok(Killed::After)
            }
            Came::Died(moment, files) => {
                self.revive(files, None)?;
                Ok(match moment {
                    Moment::Committed => Killed::Committed,
                    Moment::Statement | Moment::Commit => Killed::Inside,
                })
            }
        }
    }

    fn die(&mut self, again: Option<u64>) -> Fallible<bool> {
        let files = self.life()?.files()?;
        self.revive(files, again)
    }

    fn code_for(&mut self, person: PersonId) -> Fallible<String> {
        let path = format!("/api/v1/people/{person}/enrolment-codes");
        let issued = self.at_desk(Sent::json(&path, &json!({}))?)?;
        text_of(&issued.unwrap_or_default(), "code")
    }

    fn enrol(&mut self, _: PersonId, request: &EnrolRequest) -> Fallible<Result<EnrolReply, Code>> {
        let sent = Sent::json("/api/v1/handhelds/enrol", request)?;
        let Came::Done(reply) = self.life()?.answer(sent, None)? else {
            return Err(Failure::new("the server died of an enrolment"));
        };
        match problem_of(&reply) {
            Some(code) => Ok(Err(code)),
            None => Ok(Ok(serde_json::from_slice(&reply.body)?)),
        }
    }

    fn assign(&mut self, order: OrderId, to: PersonId) -> Fallible<bool> {
        let path = format!("/api/v1/orders/{order}/hand-over");
        let done = self.at_desk(Sent::json(&path, &json!({ "to": to }))?)?;
        if done.is_some() && comes_back(&mut self.owners, order, to) {
            self.seen.note(Fault::OrderBack);
        }
        Ok(done.is_some())
    }

    fn move_cell(&mut self, cell: CellId, to: PersonId) -> Fallible<()> {
        let before = self.holders.get(&cell).and_then(|had| had.last()).copied();
        let scope = self.scope(to)?;
        let mut wish = json!({ "role_a": to });
        if scope.cells.contains(&cell) && before != Some(to) {
            // He is its B: they change places.
            wish["role_b"] = json!(before);
        }
        let sent = Sent::json(&format!("/api/v1/cells/{cell}/roles"), &wish)?.put();
        if self.at_desk(sent)?.is_some() && comes_back(&mut self.holders, cell, to) {
            self.seen.note(Fault::CellBack);
        }
        Ok(())
    }

    /// All of them do: time passes.
    fn expire(&mut self, _: JournalId) {
        self.time.pass(tokens::LIFETIME.0 + 10_000);
    }

    fn revoke(&mut self, journal: JournalId) -> Fallible<()> {
        let path = format!("/api/v1/handhelds/{journal}/revoke");
        self.at_desk(Sent::json(&path, &json!({}))?).map(|_| ())
    }

    fn back_up(&mut self) -> Fallible<()> {
        self.backup = self.life()?.files()?;
        Ok(())
    }

    fn restore(&mut self, noticing: bool) -> Fallible<()> {
        let stays = |path: &Path| path.starts_with("height") || path.starts_with("keys");
        let files = if noticing {
            self.time.pass(MARKED_AFTER);
            let app = self.life()?.app()?.clone();
            self.work(async { Ok(serve::watch_height(&app).await?) })?;
            let present = self.life()?.files()?.only(stays);
            self.backup.clone().only(|path| !stays(path)).and(present)
        } else {
            self.backup.clone()
        };
        self.revive(files, None)?;
        if !noticing {
            let app = self.life()?.app()?.clone();
            self.work(async {
                epoch::renew(&app).await?;
                Ok(serve::watch_height(&app).await?)
            })?;
        }
        self.restores += 1;
        Ok(())
    }

    fn work_beside(&mut self) -> Fallible<()> {
        let app = self.life()?.app()?.clone();
        let started = self.started;
        self.work(async {
            serve::watch_height(&app).await?;
            media::clean_expired(&app).await?;
            app.store.checkpoint().await?;
            Ok(dispatch::escalate(&app, started).await?)
        })
    }

    fn seen(&mut self) -> Vec<Fault> {
        self.seen.take()
    }

    fn complaints(&mut self) -> Vec<String> {
        std::mem::take(&mut self.complaints)
    }

    fn restores(&self) -> u32 {
        self.restores
    }

    fn longest_absence(&self) -> Option<Millis> {
        Some(refresh::LIFETIME)
    }

    fn journals(&self) -> Fallible<BTreeMap<JournalId, Entries>> {
        self.journals_held()
    }

    fn copies(&self) -> Fallible<BTreeSet<EntryId>> {
        self.copies_held()
    }

    fn apart(&self) -> Fallible<Vec<Vec<u8>>> {
        self.kept_apart()
    }

    fn photos(&self) -> Fallible<BTreeSet<Digest>> {
        self.originals()
    }

    fn has(&self, photo: Digest, kind: MediaKind) -> Fallible<bool> {
        self.has_photo(photo, kind)
    }

    fn scope_of(&self, person: PersonId) -> Fallible<Scope> {
        self.scope(person)
    }

    fn state_of(&self, order: OrderId) -> Fallible<Option<OrderState>> {
        self.folded(order)
    }
}
