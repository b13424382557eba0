//! What is printed.

use super::{Tongue, args::Which};
use gridcrew_mobile_core::{
    DeadlineLine, Error, Handheld, LaneState, List, OrderLine, PhotoStanding, RecordLine, Status,
    SyncReport, arrival_words, missing_words, reason, review_lines,
};
use gridcrew_sync_protocol::{
    arrival::ArrivalProof,
    ids::OrderId,
    order::{self, DeadlineOutcome},
    record::Event,
    time::{Sureness, UnixMillis},
    workflow::{FieldKind, PromptCard, StepSpec, Template},
};
use std::io::Write;
use time::{OffsetDateTime, macros::format_description};

/// The lists, or one of them.
pub(super) fn lists(
    handheld: &Handheld,
    which: Option<Which>,
    tongue: Tongue,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let lists: &[(List, &str, &str)] = match which {
        None => &[
            (List::ToDo, "待办", "to do"),
            (List::Waiting, "待发送", "waiting to send"),
            (List::Sent, "已送达", "sent"),
        ],
        Some(Which::Todo) => &[(List::ToDo, "待办", "to do")],
        Some(Which::Waiting) => &[(List::Waiting, "待发送", "waiting to send")],
        Some(Which::Sent) => &[(List::Sent, "已送达", "sent")],
        Some(Which::All) => &[(List::All, "全部", "all")],
    };
    for (list, zh, en) in lists {
        let lines = handheld.list(*list)?;
        writeln!(out, "{} ({})", tongue.say(zh, en), lines.len())?;
        for line in &lines {
            order_line(line, tongue, out)?;
        }
    }
    writeln!(out, "{}", tongue.pick(&handheld.status()?.strip.words))?;
    Ok(())
}

fn order_line(line: &OrderLine, tongue: Tongue, out: &mut Vec<u8>) -> Result<(), Error> {
    let status = line
        .status
        .map_or("-", |status| status_word(status, tongue));
    write!(out, "  {}  {status}", line.order)?;
    if let Some(deadline) = &line.next_deadline {
        write!(out, "  {}", countdown(deadline, tongue))?;
    }
    if line.waits.any() {
        write!(
            out,
            "  [{} {}/{}]",
            tongue.say("待发记录/照片", "unsent records/photos"),
            line.waits.records,
            line.waits.photos
        )?;
    }
    writeln!(out, "  {} {}", line.phenomenon, line.address)?;
    Ok(())
}

/// An order in full.
pub(super) fn order(
    handheld: &Handheld,
    id: OrderId,
    tongue: Tongue,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let card = handheld.show(id)?;
    writeln!(out, "{id}")?;
    if let Some(template) = &card.template {
        writeln!(out, "{}", tongue.pick(&template.title))?;
    }
    if let Some(state) = &card.state {
        let mine = if card.mine {
            tongue.say("（我的）", " (yours)")
        } else {
            ""
        };
        writeln!(out, "{}{mine}", status_word(state.status, tongue))?;
    }
    if let Some(closed) = &card.closed {
        let word = status_word(order::Status::Returned, tongue);
        write!(out, "{word}  {}", moment(closed.accepted_at))?;
        if let Some(returned) = closed.returned_at {
            write!(out, " - {}", moment(returned))?;
        }
        for code in &closed.missed {
            write!(out, "  {} {code}", tongue.say("超时", "missed"))?;
        }
        writeln!(out)?;
    }
    if let Some(details) = &card.details {
        writeln!(out, "{}", details.phenomenon)?;
        writeln!(out, "{} {}", details.contact_name, details.contact_phone)?;
        writeln!(out, "{}", details.address)?;
    }
    for deadline in &card.deadlines {
        writeln!(out, "  {}", countdown(deadline, tongue))?;
    }
    for record in &card.records {
        record_line(record, card.template.as_ref(), tongue, out)?;
    }
    for photo in &card.photos {
        photo_line(photo, tongue, out)?;
    }
    if card.agrees == Some(false) {
        let line = tongue.say(
            "本机状态与服务器不一致，请报告",
            "the state here differs from the server's: report this",
        );
        writeln!(out, "{line}")?;
    }
    next(handheld, id, tongue, out)
}

/// The steps that can be done now.
pub(super) fn next(
    handheld: &Handheld,
    id: OrderId,
    tongue: Tongue,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let card = handheld.show(id)?;
    writeln!(out, "{}", tongue.say("下一步", "next"))?;
    for step in &card.next {
        let code = &step.spec.code;
        writeln!(out, "  {code}  {}", tongue.pick(&step.spec.title))?;
        let hint = tongue.pick(&step.spec.hint);
        if !hint.is_empty() {
            writeln!(out, "    {hint}")?;
        }
        if let Some(prompt) = &step.prompt {
            prompt_card(prompt, tongue, out)?;
        }
        needs(&step.spec, tongue, out)?;
        for missing in &step.needs {
            writeln!(out, "    - {}", tongue.pick(&missing_words(missing)))?;
        }
    }
    for words in &card.everywhere {
        writeln!(out, "  * {}", tongue.pick(words))?;
    }
    Ok(())
}

fn prompt_card(prompt: &PromptCard, tongue: Tongue, out: &mut Vec<u8>) -> Result<(), Error> {
    let parts = [
        (tongue.say("安全", "safety"), &prompt.safety),
        (tongue.say("携带", "take along"), &prompt.take_along),
        (tongue.say("询问", "ask"), &prompt.ask),
        (tongue.say("要做", "do"), &prompt.behaviour),
        (tongue.say("要说", "say"), &prompt.say),
        (tongue.say("禁忌", "never"), &prompt.never),
    ];
    for (title, lines) in parts {
        for words in lines {
            writeln!(out, "    {title}: {}", tongue.pick(words))?;
        }
    }
    Ok(())
}

fn needs(spec: &StepSpec, tongue: Tongue, out: &mut Vec<u8>) -> Result<(), Error> {
    for field in &spec.fields {
        let kind = match field.kind {
            FieldKind::Text => tongue.say("文字", "text").to_owned(),
            FieldKind::Choice => field.choices.join("|"),
            FieldKind::Flag => "yes|no".to_owned(),
            FieldKind::Whole => tongue.say("整数", "whole number").to_owned(),
            FieldKind::Decimal => tongue.say("小数", "decimal").to_owned(),
        };
        let optional = if field.optional { "?" } else { "" };
        let title = tongue.pick(&field.title);
        writeln!(out, "    {}{optional}={kind}  {title}", field.code)?;
    }
    for slot in &spec.photos {
        let title = tongue.pick(&slot.title);
        writeln!(
            out,
            "    --photo {}=  {}-{}  {title}",
            slot.code, slot.min, slot.max
        )?;
    }
    Ok(())
}

fn record_line(
    record: &RecordLine,
    template: Option<&Template>,
    tongue: Tongue,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let what = match &record.event {
        Event::Accepted(_) => tongue.say("受理", "accepted").to_owned(),
        Event::Assigned(assigned) => {
            format!("{} ({})", tongue.say("派单", "assigned"), assigned.reason)
        }
        Event::Taken(taken) => match taken.eta_minutes {
            Some(eta) => format!("{} (ETA {eta} min)", tongue.say("接单", "taken")),
            None => tongue.say("接单", "taken").to_owned(),
        },
        Event::Declined(declined) => {
            format!("{} ({})", tongue.say("拒单", "declined"), declined.reason)
        }
        Event::HandedOver(_) => tongue.say("转派", "handed over").to_owned(),
        Event::StepDone(done) => template
            .and_then(|template| template.step(&done.step))
            .map_or_else(
                || done.step.to_string(),
                |step| tongue.pick(&step.title).to_owned(),
            ),
        Event::Noted(noted) => format!("{}: {}", tongue.say("备注", "note"), noted.text),
        _ => "?".to_owned(),
    };
    let unsure = if record.at.sureness == Sureness::Unsure {
        tongue.say("（时间不确定）", " (time not sure)")
    } else {
        ""
    };
    let standing = match (&record.parked, record.held) {
        (Some(reason), _) => format!(
            "  [{}: {}  {}]",
            tongue.say("未计入", "does not count"),
            reason.code,
            tongue.pick(&reason.meaning)
        ),
        (None, false) => format!("  [{}]", tongue.say("待发送", "waiting to be sent")),
        (None, true) => String::new(),
    };
    writeln!(out, "  {}{unsure}  {what}{standing}", moment(record.at.at))?;
    if let Some(proof @ ArrivalProof::Proved { .. }) = &record.review.arrival {
        writeln!(out, "    {}", tongue.pick(&arrival_words(proof)))?;
    }
    for line in review_lines(&record.review) {
        writeln!(out, "    ! {}", tongue.pick(&line))?;
    }
    Ok(())
}

fn photo_line(photo: &PhotoStanding, tongue: Tongue, out: &mut Vec<u8>) -> Result<(), Error> {
    let name: String = photo.digest.to_string().chars().take(12).collect();
    write!(
        out,
        "  {} {name} {} B  {}: {}  {}: {}",
        photo.slot,
        photo.bytes,
        tongue.say("预览", "preview"),
        lane_word(photo.preview, tongue),
        tongue.say("原图", "original"),
        lane_word(photo.original, tongue),
    )?;
    let reasons = [
        (photo.preview, &photo.preview_reason),
        (photo.original, &photo.original_reason),
    ];
    for (state, why) in reasons {
        match (state, why) {
            (LaneState::Refused, Some(code)) => {
                write!(out, " ({code}: {})", tongue.pick(&reason(code).action))?;
            }
            (_, Some(why)) => write!(out, " ({why})")?,
            (_, None) => {}
        }
    }
    writeln!(out)?;
    Ok(())
}

/// How the handheld stands.
pub(super) fn status(status: &Status, tongue: Tongue, out: &mut Vec<u8>) -> Result<(), Error> {
    writeln!(out, "{}", tongue.pick(&status.strip.words))?;
    writeln!(
        out,
        "{} {}  {}",
        status.person_name,
        status.server_url,
        status
            .journal
            .map(|journal| journal.to_string())
            .unwrap_or_default()
    )?;
    writeln!(
        out,
        "{}: {} {}, {} {}, {} {}",
        tongue.say("记录", "records"),
        status.records_waiting,
        tongue.say("待发送", "waiting"),
        status.records_held,
        tongue.say("已送达", "held"),
        status.records_parked,
        tongue.say("未计入", "do not count"),
    )?;
    writeln!(
        out,
        "{}: {} {}, {} {} ({} B), {} {}, {} {}",
        tongue.say("照片", "photos"),
        status.photos.promised,
        tongue.say("已承诺", "promised"),
        status.photos.originals_waiting,
        tongue.say("待发送", "waiting"),
        status.photos.bytes_waiting,
        status.photos.held,
        tongue.say("已送达", "held"),
        status.photos.refused.saturating_add(status.photos.damaged),
        tongue.say("需处理", "need attention"),
    )?;
    if let Some(free) = status.space.free {
        let reserve = if status.space.reserve {
            ""
        } else {
            tongue.say("（无备用空间）", " (nothing kept back)")
        };
        let megabytes = free / 1_000_000;
        let line = tongue.say("剩余空间", "free space");
        writeln!(out, "{line}: {megabytes} MB{reserve}")?;
    }
    for parked in &status.parked {
        let order = parked.order.map(|order| order.to_string());
        let reason = &parked.reason;
        writeln!(
            out,
            "{} {} {}: {}  {}",
            tongue.say("未计入", "does not count"),
            order.unwrap_or_default(),
            reason.code,
            tongue.pick(&reason.meaning),
            tongue.pick(&reason.action)
        )?;
    }
    for order in &status.disagreeing {
        let line = tongue.say("与服务器状态不一致", "differs from the server's state");
        writeln!(out, "{order}: {line}")?;
    }
    for finding in &status.findings {
        writeln!(out, "! {finding}")?;
    }
    Ok(())
}

/// What a sync did.
pub(super) fn report(report: &SyncReport, tongue: Tongue, out: &mut Vec<u8>) -> Result<(), Error> {
    writeln!(
        out,
        "{}: {} {}, {} B {}, {} B {}",
        tongue.say("同步", "sync"),
        report.requests,
        tongue.say("次请求", "requests"),
        report.bytes_sent,
        tongue.say("上行", "sent"),
        report.bytes_received,
        tongue.say("下行", "received"),
    )?;
    Ok(())
}

fn countdown(deadline: &DeadlineLine, tongue: Tongue) -> String {
    let title = match tongue.pick(&deadline.title) {
        "" => &deadline.code,
        title => title,
    };
    let standing = match (deadline.outcome, deadline.left) {
        (DeadlineOutcome::Running, Some(left)) => {
            let minutes = left.0.saturating_abs() / 60_000;
            let word = if left.0 >= 0 {
                tongue.say("剩余", "left")
            } else {
                tongue.say("已超时", "overdue")
            };
            let unsure = if deadline.unsure { "?" } else { "" };
            format!("{word} {minutes} min{unsure}")
        }
        (DeadlineOutcome::Met, _) => tongue.say("按时", "met").to_owned(),
        (DeadlineOutcome::MetUnsure, _) => tongue
            .say("按时（时间不确定）", "met (time not sure)")
            .to_owned(),
        (DeadlineOutcome::Missed, _) => tongue.say("超时", "missed").to_owned(),
        (DeadlineOutcome::Lapsed, _) => tongue.say("不再适用", "lapsed").to_owned(),
        _ => tongue.say("未开始", "not started").to_owned(),
    };
    format!("{title}: {standing}")
}

fn status_word(status: order::Status, tongue: Tongue) -> &'static str {
    match status {
        order::Status::Accepted => tongue.say("已受理", "accepted"),
        order::Status::Routed => tongue.say("已派单", "routed"),
        order::Status::Taken => tongue.say("已接单", "taken"),
        order::Status::Working => tongue.say("处理中", "working"),
        order::Status::Returned => tongue.say("已回单", "returned"),
    }
}

fn lane_word(state: LaneState, tongue: Tongue) -> &'static str {
    match state {
        LaneState::None => tongue.say("无", "none"),
        LaneState::Queued => tongue.say("待发送", "waiting"),
        LaneState::Held => tongue.say("已送达", "held"),
        LaneState::Refused => tongue.say("被拒绝", "refused"),
        LaneState::Damaged => tongue.say("文件损坏", "damaged"),
    }
}

/// A moment in Beijing time, in which all of the country lives.
fn moment(at: UnixMillis) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second]");
    OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1_000))
        .ok()
        .map(|moment| moment.to_offset(time::macros::offset!(+8)))
        .and_then(|moment| moment.format(format).ok())
        .unwrap_or_else(|| format!("{} ms", at.0))
}
