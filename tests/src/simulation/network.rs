//! What becomes of requests and answers between a handheld and the server.

use super::{
    fault::Fault,
    seat::Asked,
    server::{Asking, Killed, When},
    step::Fate,
    world::World,
};
use crate::Fallible;
use gridcrew_mobile_core::engine::{Event, HttpReply, Reply};
use gridcrew_sync_protocol::time::Millis;

/// How long a request may take beside the time for its bytes, as the handheld's host has it.
const PATIENCE: i64 = 30_000;
/// The slowest link that is waited for, bytes a second.
const SLOWEST: i64 = 4 * 1024;

/// How long a cache that should keep nothing keeps an answer.
const CACHED_FOR: i64 = 30_000;

impl World {
    /// Lets one of the requests under way of a seat meet its fate.
    pub(super) fn meet(&mut self, seat: usize, which: usize, fate: Fate) -> Fallible<()> {
        let Some(sync) = &mut self.seats[seat].sync else {
            return Ok(());
        };
        let open: Vec<usize> = (0..sync.asked.len())
            .filter(|place| sync.asked[*place].answer.is_none())
            .collect();
        if open.is_empty() {
            return if sync.asked.is_empty() {
                Ok(())
            } else {
                self.arrive(seat, 0)
            };
        }
        let place = open[which % open.len()];
        if place > 0 {
            self.faults.count(Fault::Reordered);
        }
        let mut asked = sync.asked.remove(place);
        self.time.pass(25);
        let (reply, waits) = self.exchange(seat, &mut asked, fate)?;
        self.time.pass(25);
        if waits {
            asked.answer = Some(reply);
            if let Some(sync) = &mut self.seats[seat].sync {
                sync.asked.push(asked);
            }
            return Ok(());
        }
        self.replied(seat, asked, reply)
    }

    /// An answer that waited on its way arrives.
    pub(super) fn arrive(&mut self, seat: usize, which: usize) -> Fallible<()> {
        let Some(sync) = &mut self.seats[seat].sync else {
            return Ok(());
        };
        let waiting: Vec<usize> = (0..sync.asked.len())
            .filter(|place| sync.asked[*place].answer.is_some())
            .collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let mut asked = sync.asked.remove(waiting[which % waiting.len()]);
        let Some(reply) = asked.answer.take() else {
            return Ok(());
        };
        let name = self.name(seat);
        self.tell(format!("The answer to {} reaches {name}.", words(&asked)));
        self.replied(seat, asked, reply)
    }

    /// A copy of a request arrives at the server; nobody hears the answer.
    pub(super) fn stray_arrives(&mut self, which: usize) -> Fallible<()> {
        if self.strays.is_empty() {
            return Ok(());
        }
        let asked = self.strays.remove(which % self.strays.len());
        self.faults.count(Fault::Stray);
        self.tell(format!(
            "A late copy of {} reaches the server.",
            words(&asked)
        ));
        self.server.answer(asked.asking())?;
        Ok(())
    }

    fn replied(&mut self, seat: usize, asked: Asked, reply: Reply) -> Fallible<()> {
        let took = self.time.millis() - asked.since;
        let bytes = i64::try_from(asked.bytes()).unwrap_or(0);
        let reply = if took > PATIENCE + bytes * 1_000 / SLOWEST {
            Reply::Broken("timed out".to_owned())
        } else {
            reply
        };
        let now = self.seats[seat].now(self.time.millis());
        if let Reply::Http(http) = &reply {
            self.hash(&http.status.to_be_bytes());
            self.hash(&http.body);
            if let Some(sync) = &mut self.seats[seat].sync
                && matches!(http.status, 503 | 429)
                && asked.lane != gridcrew_mobile_core::engine::Lane::Session
            {
                let after = http.retry_after.map_or(0, |after| after.0);
                sync.quiet = now + after.min(3_600_000);
            } else if let Some(sync) = &mut self.seats[seat].sync
                && http.epoch.is_some()
            {
                // Any answer of the server's own ends its wish for quiet.
                sync.quiet = i64::MIN;
            }
        }
        let renewed = asked.lane == gridcrew_mobile_core::engine::Lane::Session
            && matches!(&reply, Reply::Http(http) if http.status == 200);
        if renewed && asked.outlived {
            self.estrange(seat);
        }
        let received = match &reply {
            Reply::Http(http) => http.body.len() as u64,
            Reply::Broken(_) => 0,
        };
        let event = Event::Replied {
            lane: asked.lane,
            sent: asked.bytes(),
            reply,
            received,
            asked: asked.asked,
        };
        self.tell_engine(seat, event)
    }

    /// The answer, and whether it waits on its way.
    fn exchange(&mut self, seat: usize, asked: &mut Asked, fate: Fate) -> Fallible<(Reply, bool)> {
        let name = self.name(seat);
        let what = words(asked);
        self.hash(&asked.piece);
        if let gridcrew_mobile_core::engine::Request::Push(body) = &asked.request {
            let body = body.clone();
            self.hash(&body);
        }
        let broken = |why: &str| Reply::Broken(why.to_owned());
        let (fault, told, reply) = match fate {
            Fate::Through => {
                let reply = self.ask(seat, asked)?;
                (
                    None,
                    format!("{name} asks for {what}; {}", heard(&reply)),
                    reply,
                )
            }
            Fate::Lost => (
                Some(Fault::RequestLost),
                format!("{what} of {name} is lost"),
                broken("connection refused"),
            ),
            Fate::AnswerLost => {
                let reply = self.ask(seat, asked)?;
                let told = format!("The answer to {what} of {name} ({}) is lost", heard(&reply));
                (Some(Fault::AnswerLost), told, broken("connection reset"))
            }
            Fate::Delayed => {
                let reply = self.ask(seat, asked)?;
                let told = format!("The answer to {what} of {name} ({}) is late", heard(&reply));
                self.faults.count(Fault::AnswerDelayed);
                self.tell(format!("{told}."));
                return Ok((reply, true));
            }
            Fate::Doubled => {
                self.ask(seat, asked)?;
                let reply = self.ask(seat, asked)?;
                let told = format!("{what} of {name} comes twice; {}", heard(&reply));
                (Some(Fault::Duplicated), told, reply)
            }
            Fate::Stray => {
                let reply = self.ask(seat, asked)?;
                self.stray(asked.clone());
                let told = format!("{name} asks for {what}, and a copy goes astray");
                (None, told, reply)
            }
            Fate::CutUp(part) => {
                let all = asked.piece.len() as u64;
                let kept = all * part / 1_000;
                asked.piece.truncate(usize::try_from(kept)?);
                if !asked.piece.is_empty() {
                    self.ask(seat, asked)?;
                }
                let told = format!("{what} of {name} is cut after {part} thousandths");
                (Some(Fault::CutUp), told, broken("connection reset"))
            }
            Fate::CutDown(part) => {
                self.ask(seat, asked)?;
                let told =
                    format!("The answer to {what} of {name} is cut after {part} thousandths");
                (Some(Fault::CutDown), told, broken("unexpected end"))
            }
            Fate::CutUnseen(part) => {
                let mut reply = self.ask(seat, asked)?;
                if let Reply::Http(http) = &mut reply {
                    let kept = http.body.len() as u64 * part / 1_000;
                    http.body.truncate(usize::try_from(kept)?);
                }
                let told = format!("The answer to {what} of {name} lacks its end, unnoticed");
                (Some(Fault::CutUnseen), told, reply)
            }
            Fate::Slow(rate) => {
                let reply = self.ask(seat, asked)?;
                let down = match &reply {
                    Reply::Http(http) => http.body.len() as u64,
                    Reply::Broken(_) => 0,
                };
                let millis = (asked.bytes() + down) * 1_000 / rate.max(1);
                self.time.pass(i64::try_from(millis)?);
                let told = format!("{name} asks for {what} over a slow link; {}", heard(&reply));
                (Some(Fault::SlowLink), told, reply)
            }
            Fate::Portal => (
                Some(Fault::Portal),
                format!("A captive portal answers {what} of {name}"),
                page(200),
            ),
            Fate::Proxy(status) => (
                Some(Fault::Proxy),
                format!("A proxy answers {what} of {name} with {status}"),
                page(status),
            ),
            Fate::Stale => {
                // What is only asked for may be cached, what changes something may not.
                if asked.lane != gridcrew_mobile_core::engine::Lane::Feed {
                    return self.exchange(seat, asked, Fate::Through);
                }
                let cached = &self.seats[seat].cached;
                let fresh = self.time.millis() - CACHED_FOR;
                // A cache knows an answer by what was asked for (RFC 9111, 2): another cursor
                // is another question.
                let kept = cached
                    .iter()
                    .find(|(request, _, since)| *request == asked.request && *since >= fresh);
                match kept.cloned() {
                    Some((_, reply, _)) => {
                        let told = format!("A cache answers {what} of {name} with an old answer");
                        (Some(Fault::StaleAnswer), told, reply)
                    }
                    None => return self.exchange(seat, asked, Fate::Through),
                }
            }
            Fate::Maintenance(after) => {
                let mut reply = page(503);
                if let Reply::Http(http) = &mut reply {
                    http.retry_after = after.map(Millis::seconds);
                }
                let told = format!("The server is in maintenance when {name} asks for {what}");
                (Some(Fault::Maintenance), told, reply)
            }
            Fate::KilledBefore => {
                // Small numbers are as likely as large ones: most requests have few statements.
                let most = 1 << self.chance.below(7);
                let when = When::Moment(self.chance.below(most));
                let (fault, killed) = self.kill_server(asked, when)?;
                let told = format!("The server is killed {killed} {what} of {name}");
                (Some(fault), told, broken("connection reset"))
            }
            Fate::KilledAfter if self.chance.one_in(2) => {
                let when = When::Commit(self.chance.below(2));
                let (fault, killed) = self.kill_server(asked, when)?;
                let told = format!("The server is killed {killed} {what} of {name}");
                (Some(fault), told, broken("connection reset"))
            }
            Fate::KilledAfter => {
                self.ask(seat, asked)?;
                let again = self.chance.one_in(3).then(|| self.chance.below(8));
                if self.server.die(again)? {
                    self.faults.count(Fault::ServerKilledStarting);
                }
                let told = format!("The server is killed when it has saved {what} of {name}");
                (
                    Some(Fault::ServerKilledAfter),
                    told,
                    broken("connection reset"),
                )
            }
        };
        if let Some(fault) = fault {
            self.faults.count(fault);
        }
        self.tell(format!("{told}."));
        Ok((reply, false))
    }

    /// Kills the server while it answers; gives what that was.
    fn kill_server(&mut self, asked: &Asked, when: When) -> Fallible<(Fault, &'static str)> {
        Ok(match self.server.answer_and_die(asked.asking(), when)? {
            Killed::Before => (Fault::ServerKilledBefore, "before it can save"),
            Killed::Inside => (Fault::ServerKilledInside, "at a statement of"),
            Killed::Committed => (Fault::ServerKilledCommitted, "after a commit of"),
            Killed::After => (Fault::ServerKilledAfter, "when it has saved"),
        })
    }

    fn ask(&mut self, seat: usize, asked: &Asked) -> Fallible<Reply> {
        let reply = self.server.answer(asked.asking())?;
        let reply = Reply::Http(reply);
        let since = self.time.millis();
        let cached = &mut self.seats[seat].cached;
        cached.retain(|(.., before)| *before >= since.saturating_sub(CACHED_FOR));
        let is_feed = asked.lane == gridcrew_mobile_core::engine::Lane::Feed;
        if is_feed && !cached.iter().any(|(request, ..)| *request == asked.request) {
            cached.push((asked.request.clone(), reply.clone(), since));
        }
        Ok(reply)
    }
}

impl Asked {
    fn asking(&self) -> Asking<'_> {
        Asking {
            request: &self.request,
            credentials: &self.credentials,
            piece: &self.piece,
        }
    }
}

fn page(status: u16) -> Reply {
    Reply::Http(HttpReply {
        status,
        media_type: "text/html".to_owned(),
        body: b"<html>Please sign in</html>".to_vec(),
        ..HttpReply::default()
    })
}

fn words(asked: &Asked) -> String {
    use gridcrew_mobile_core::engine::Request;
    match &asked.request {
        Request::Push(_) => "a push of records".to_owned(),
        Request::Reopen(_) => "a new journal".to_owned(),
        Request::Feed(_) => "a page of the feed".to_owned(),
        Request::Held(_) => "which photos are held".to_owned(),
        Request::Refresh => "new tokens".to_owned(),
        Request::Diagnose(_) => "word of how it stands".to_owned(),
        Request::Create(upload) => format!("an upload of a photo's {}", upload.kind.as_str()),
        Request::Offset(_) => "where an upload stands".to_owned(),
        Request::Chunk { offset, length, .. } => {
            format!("bytes {offset} to {} of a photo", offset + length)
        }
    }
}

fn heard(reply: &Reply) -> String {
    match reply {
        Reply::Http(http) => format!("{}", http.status),
        Reply::Broken(why) => why.clone(),
    }
}
