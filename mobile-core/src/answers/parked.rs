//! What the server did not count or did not take, with the reason in plain words and what
//! the person can do. A record that does not count is not lost: the server keeps it as
//! evidence.

use crate::{error::Error, store::journal};
use gridcrew_sync_protocol::{
    code::Code,
    ids::OrderId,
    journal::{Entry, EntryId},
    record::Event,
    workflow::Words,
};
use rusqlite::Connection;

/// What a stable code means for the person, and what he can do.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Reason {
    /// The stable code.
    pub code: String,
    /// What it means.
    pub meaning: Words,
    /// What the person can do.
    pub action: Words,
}

/// A record that the server holds but does not count.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct ParkedRecord {
    /// Which.
    pub id: EntryId,
    /// The order that it is about, if it names one.
    pub order: Option<OrderId>,
    /// What was recorded; `None` of an entry that is no record.
    pub event: Option<Event>,
    /// Why it does not count, and what to do.
    pub reason: Reason,
}

/// Every record that the server holds but does not count, oldest first.
pub(crate) fn records(db: &Connection) -> Result<Vec<ParkedRecord>, Error> {
    let rows = journal::parked(db)?.into_iter();
    Ok(rows
        .map(|row| ParkedRecord {
            id: row.id,
            order: row.order,
            event: match Entry::from_bytes(&row.bytes) {
                Ok(Entry::Record(record)) => Some(record.event),
                _ => None,
            },
            reason: reason(&row.code),
        })
        .collect())
}

/// What a code means for the person. One that is not in the table is told by its name: the
/// server may be newer.
#[must_use]
pub fn reason(code: &str) -> Reason {
    let known = Code::ALL.iter().find(|known| known.as_str() == code);
    let [meaning_zh, meaning_en, action_zh, action_en] =
        known.copied().and_then(explained).unwrap_or([
            "服务器已收到，但未说明本机认识的原因",
            "The server has it and gives a reason that this program does not know",
            "请升级程序；如仍不明白，请联系供电所",
            "Update the program; if that does not help, ask the station",
        ]);
    Reason {
        code: code.to_owned(),
        meaning: words(meaning_zh, meaning_en),
        action: words(action_zh, action_en),
    }
}

fn words(zh: &str, en: &str) -> Words {
    Words {
        zh: zh.to_owned(),
        en: en.to_owned(),
    }
}

/// Meaning and action, each in Chinese and English.
fn explained(code: Code) -> Option<[&'static str; 4]> {
    Some(match code {
        Code::RecordUnknownKind => [
            "服务器版本较旧，不认识这种记录",
            "The server is older than this program and does not know such a record",
            "无需重录：服务器已留存，升级后可查；请告知供电所",
            "Nothing to record again: the server keeps it; tell the station",
        ],
        Code::RecordUnknownOrder => [
            "服务器上没有这张工单",
            "The server knows no such order",
            "请先同步；若工单仍不出现，请联系供电所核对工单号",
            "Sync first; if the order does not appear, ask the station about it",
        ],
        Code::RecordBadSlot => [
            "照片的位置名称不可用，未计入",
            "A photo was recorded for a place that cannot be, so the record does not count",
            "记录和照片已作为证据留存；请更新应用后重做该步骤",
            "Record and photo are kept as evidence; update the app and do the step again",
        ],
        Code::RecordCopied => [
            "您的另一本日志已上传这条记录，在那里计入",
            "Another journal of yours brought this very record before; it counts there",
            "无需处理：记录只计一次；若终端数据曾被复制，请告知供电所",
            "Nothing to do: it counts once; if this handheld's data was copied, tell the station",
        ],
        Code::RecordNeverAssigned => [
            "这张工单从未派给您",
            "The order was never given to you",
            "已作为证据留存；如确是您处理的，请联系供电所改派",
            "It is kept as evidence; if the work was yours, ask the station to assign it to you",
        ],
        Code::RecordPreviousOwner => [
            "记录时您已不是责任人，工单已转给他人",
            "The order was no longer yours when this was recorded",
            "已作为证据留存；请把现场情况告诉现责任人",
            "It is kept as evidence; tell the present owner what you found",
        ],
        Code::RecordNotFromServer => [
            "这类内容只能由服务器记录",
            "Only the server may record this",
            "无需处理；请升级程序并告知供电所",
            "Nothing to do; update the program and tell the station",
        ],
        Code::RecordUnknownStep => [
            "工单所用的流程中没有这一步",
            "The order's workflow has no such step",
            "请同步后按“下一步”重新记录",
            "Sync, then record the step that is named as next",
        ],
        Code::RecordAfterReturn => [
            "工单在此之前已回单",
            "The order had been returned before",
            "已作为证据留存；如需继续处理，请联系供电所另立工单",
            "It is kept as evidence; if work remains, ask the station for a new order",
        ],
        Code::MediaNoPicture => [
            "服务器认为这不是允许的图片格式",
            "The server takes this for no picture of an allowed kind",
            "请用 JPEG 格式重新拍照并补记",
            "Take it again as JPEG and record it",
        ],
        Code::MediaTooManyPixels | Code::MediaTooLarge => [
            "照片过大",
            "The photo is too large",
            "请调低相机分辨率，重新拍照并补记",
            "Lower the camera's resolution, take it again and record it",
        ],
        Code::MediaNotPromised => [
            "服务器还没有收到对应的记录",
            "The server has no record that promises this photo",
            "请同步后选择“重试”",
            "Sync, then retry",
        ],
        Code::MediaPreviewNotWanted => [
            "同一张照片已由另一台终端上传预览",
            "Another handheld brought the preview of this photo already",
            "无需处理，原图照常上传",
            "Nothing to do; the original is sent as usual",
        ],
        Code::MediaDigest | Code::MediaChecksum => [
            "传输中照片内容出错",
            "The photo's bytes were changed on the way",
            "请选择“重试”；若反复出现，请联系供电所",
            "Retry; if it comes again, ask the station",
        ],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_for_which_a_record_does_not_count_is_explained_in_both_languages() {
        // The codes that are only ever a reason inside an answer.
        let reasons: Vec<Code> = Code::ALL
            .iter()
            .copied()
            .filter(|code| code.status() == 200)
            .collect();
        assert!(reasons.len() >= 7);
        for code in reasons {
            let lines = explained(code).unwrap_or_else(|| panic!("{code} is not explained"));
            assert!(lines.iter().all(|line| !line.is_empty()), "{code}");
            let reason = reason(code.as_str());
            assert_eq!(reason.code, code.as_str());
            assert!(!reason.meaning.zh.is_ascii() && reason.meaning.en.is_ascii());
            assert!(!reason.action.zh.is_ascii() && reason.action.en.is_ascii());
        }
    }

    #[test]
    fn a_code_of_a_newer_server_is_shown_by_its_name() {
        let reason = reason("record.from_the_future");
        assert_eq!(reason.code, "record.from_the_future");
        assert!(!reason.action.zh.is_empty());
    }
}
