//! The strip and the status: what waits, when the last sync succeeded, and why not since,
//! in plain words. Success is said only when the server has confirmed.

use crate::{
    answers::parked::{self, ParkedRecord},
    engine::Problem,
    error::Error,
    space::SpaceStanding,
    store::{
        facts, identity, journal, orders,
        photos::{self, PhotoCounts},
        scope,
    },
};
use gridcrew_sync_protocol::{
    ids::{Epoch, JournalId, OrderId, PersonId},
    journal::Seq,
    time::{Millis, TrustedTime, UnixMillis},
    workflow::Words,
};
use rusqlite::Connection;

/// How the handheld stands.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Status {
    /// Whose it is; `None` before enrolment.
    pub person: Option<PersonId>,
    /// His name.
    pub person_name: String,
    /// The server.
    pub server_url: String,
    /// The journal that records go to.
    pub journal: Option<JournalId>,
    /// The last entry of it; 0 when there is none.
    pub head: Seq,
    /// The server's epoch, as last heard.
    pub epoch: Option<Epoch>,
    /// Records that the server does not hold yet.
    pub records_waiting: u64,
    /// Records that the server holds.
    pub records_held: u64,
    /// Records that the server holds but could not apply.
    pub records_parked: u64,
    /// Those records, each with its reason and what to do, oldest first; none while the
    /// handheld is locked.
    pub parked: Vec<ParkedRecord>,
    /// How the photos stand.
    pub photos: PhotoCounts,
    /// Cells in scope.
    pub cells: u64,
    /// Customers in scope.
    pub customers: u64,
    /// When a sync last ended with everything sent and fetched, by this device's clock.
    pub last_success: Option<UnixMillis>,
    /// When a sync was last tried, by this device's clock.
    pub last_attempt: Option<UnixMillis>,
    /// Why the last sync did not end so.
    pub problem: Option<Problem>,
    /// Orders whose local fold differs from the server's over the same entries: a fault of
    /// the program, to be reported. None while the handheld is locked.
    pub disagreeing: Vec<OrderId>,
    /// How storage space stands.
    pub space: SpaceStanding,
    /// What was found and done at opening: a damaged store set aside, stray files. Nothing
    /// while the handheld is locked.
    pub findings: Vec<String>,
    /// What time it is held to be, and how sure that is.
    pub now: TrustedTime,
    /// The strip.
    pub strip: Strip,
}

/// One line for the top of the screen.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Strip {
    /// Everything that was recorded here is held by the server.
    pub all_held: bool,
    /// The line.
    pub words: Words,
}

/// The status, with this device's clock at `wall`.
pub(crate) fn status(
    db: &Connection,
    now: TrustedTime,
    wall: UnixMillis,
    space: SpaceStanding,
) -> Result<Status, Error> {
    let identity = identity::get(db)?;
    let counts = journal::counts(db)?;
    let photos = photos::counts(db)?;
    let facts = facts::sync(db)?;
    let (cells, customers) = scope::counts(db)?;
    let head = match &identity {
        Some(identity) => journal::head(db, identity.journal)?.0,
        None => Seq(0),
    };
    let strip = strip(&Waiting {
        enrolled: identity.is_some(),
        records: counts.queued,
        photos: photos.originals_waiting,
        parked: counts.parked,
        stuck: photos.refused.saturating_add(photos.damaged),
        since_success: facts.last_success.map(|at| wall.since(at)),
        problem: facts.problem.as_ref(),
        space,
    });
    Ok(Status {
        person: identity.as_ref().map(|identity| identity.person),
        journal: identity.as_ref().map(|identity| identity.journal),
        epoch: identity.as_ref().map(|identity| identity.epoch),
        head,
        person_name: identity
            .as_ref()
            .map(|identity| identity.person_name.clone())
            .unwrap_or_default(),
        server_url: identity
            .map(|identity| identity.server_url)
            .unwrap_or_default(),
        records_waiting: counts.queued,
        records_held: counts.held,
        records_parked: counts.parked,
        parked: parked::records(db)?,
        photos,
        cells,
        customers,
        last_success: facts.last_success,
        last_attempt: facts.last_attempt,
        problem: facts.problem,
        disagreeing: orders::disagreeing(db)?,
        findings: facts::findings(db)?,
        space,
        now,
        strip,
    })
}

struct Waiting<'a> {
    enrolled: bool,
    records: u64,
    photos: u64,
    parked: u64,
    stuck: u64,
    since_success: Option<Millis>,
    problem: Option<&'a Problem>,
    space: SpaceStanding,
}

fn strip(waiting: &Waiting<'_>) -> Strip {
    if !waiting.enrolled {
        return Strip {
            all_held: false,
            words: Error::NotEnrolled.words(),
        };
    }
    let all_held = waiting.records == 0 && waiting.photos == 0 && waiting.stuck == 0;
    let (mut zh, mut en) = if all_held {
        (
            "全部已送达服务器".to_owned(),
            "everything is with the server".to_owned(),
        )
    } else {
        (
            format!(
                "待发送：记录 {} 条，照片 {} 张",
                waiting.records, waiting.photos
            ),
            format!(
                "waiting to send: {} record(s), {} photo(s)",
                waiting.records, waiting.photos
            ),
        )
    };
    if waiting.stuck > 0 {
        zh += &format!("；{} 张照片需要处理", waiting.stuck);
        en += &format!("; {} photo(s) need attention", waiting.stuck);
    }
    if waiting.parked > 0 {
        zh += &format!("；{} 条记录已送达但未能计入工单", waiting.parked);
        en += &format!(
            "; {} record(s) are held but do not count in their orders",
            waiting.parked
        );
    }
    if waiting.space.short {
        let megabytes = waiting.space.free.unwrap_or(0) / 1_000_000;
        zh += &format!("；存储空间不足，仅剩 {megabytes} MB");
        en += &format!("; storage is short, {megabytes} MB left");
    }
    match waiting.since_success {
        None => {
            zh += "；尚未成功同步过";
            en += "; never synced yet";
        }
        Some(span) => {
            let (span_zh, span_en) = span_words(span);
            zh += &format!("；上次同步成功：{span_zh}前");
            en += &format!("; last synced {span_en} ago");
        }
    }
    if let Some(problem) = waiting.problem {
        let words = problem.words();
        zh += &format!("。{}", words.zh);
        en += &format!(". {}", words.en);
    }
    Strip {
        all_held,
        words: Words { zh, en },
    }
}

/// A span in the largest unit that fits, Chinese and English.
fn span_words(span: Millis) -> (String, String) {
    let minutes = span.0.max(0) / 60_000;
    match minutes {
        0 => ("不到 1 分钟".to_owned(), "less than a minute".to_owned()),
        1..120 => (format!("{minutes} 分钟"), format!("{minutes} min")),
        120..2_880 => {
            let hours = minutes / 60;
            (format!("{hours} 小时"), format!("{hours} h"))
        }
        _ => {
            let days = minutes / 1_440;
            (format!("{days} 天"), format!("{days} days"))
        }
    }
}
