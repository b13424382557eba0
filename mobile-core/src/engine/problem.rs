//! Why not everything went through, in a form that can be stored and said in plain words.

use gridcrew_sync_protocol::workflow::Words;
use serde::{Deserialize, Serialize};

/// Why not everything went through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[non_exhaustive]
pub enum Problem {
    /// No connection, or it broke off.
    Unreachable {
        /// What the network said.
        detail: String,
    },
    /// Something answered that is not the server, or not in its language: a captive
    /// portal, a proxy.
    NotTheServer {
        /// What came.
        detail: String,
    },
    /// The server is busy or in maintenance.
    ServerBusy,
    /// The session is over; a person has to do something.
    SessionOver {
        /// The server's code.
        code: String,
    },
    /// The handheld was revoked.
    Revoked,
    /// The server refused something that should be right; to be reported.
    Refused {
        /// The server's code.
        code: String,
    },
    /// Another device goes on in this handheld's journal: one of the two was restored from
    /// a copy. The next record opens a new journal, and nothing is lost.
    Continued,
    /// Time or bytes of the budget ran out.
    BudgetSpent,
    /// Originals wait for a link that is not metered.
    Metered,
    /// Originals wait until the device no longer saves its battery.
    BatterySaver,
    /// Photos are stuck, each for its own reason.
    PhotosStuck,
    /// This device could not store what came.
    Storage {
        /// What the disk said.
        detail: String,
    },
}

impl Problem {
    /// In words, for the strip.
    #[must_use]
    pub fn words(&self) -> Words {
        let (zh, en) = match self {
            Self::Unreachable { detail } => (
                format!("连接不上服务器（{detail}），有网络后自动重试"),
                format!("The server cannot be reached ({detail}); it is tried again"),
            ),
            Self::NotTheServer { detail } => (
                format!("收到的不是服务器的答复（{detail}），可能需要先登录该网络"),
                format!("What answered is not the server ({detail}); the network may want a login"),
            ),
            Self::ServerBusy => (
                "服务器繁忙或维护中，稍后自动重试".to_owned(),
                "The server is busy or in maintenance; it is tried again".to_owned(),
            ),
            Self::SessionOver { code } => (
                format!(
                    "登录已失效（{code}），记录仍保存在本机，请重新登录；\
                     若登录被拒，请向供电所索取新注册码重新注册"
                ),
                format!(
                    "The session is over ({code}); records are safe here; sign in again, or, if \
                     that is refused, enrol again with a new code from the station"
                ),
            ),
            Self::Revoked => (
                "本机已被停用，记录仍保存在本机，请联系供电所".to_owned(),
                "This handheld was revoked; records are safe here; ask the station".to_owned(),
            ),
            Self::Refused { code } => (
                format!("服务器拒绝了数据（{code}），记录仍保存在本机，请报告此问题"),
                format!("The server refused data ({code}); records are safe here; report this"),
            ),
            Self::Continued => (
                "服务器上有本机没有的记录：本机或另一台设备是由备份恢复的；下次记录时自动另立日志，\
                 数据不会丢失"
                    .to_owned(),
                "The server holds records of this journal that this device does not have: one of \
                 two devices was restored from a copy; the next record opens a new journal, \
                 nothing is lost"
                    .to_owned(),
            ),
            Self::BudgetSpent => (
                "本次同步的时间或流量已用完，其余下次发送".to_owned(),
                "The time or bytes for this sync were used up; the rest goes next time".to_owned(),
            ),
            Self::Metered => (
                "原图等待非计费网络".to_owned(),
                "Original photos wait for a link that is not metered".to_owned(),
            ),
            Self::BatterySaver => (
                "省电模式下原图暂不发送".to_owned(),
                "Original photos wait while the device saves its battery".to_owned(),
            ),
            Self::PhotosStuck => (
                "有照片未能送达，请查看工单".to_owned(),
                "Some photos did not get through; see their orders".to_owned(),
            ),
            Self::Storage { detail } => (
                format!("本机无法保存收到的数据：{detail}"),
                format!("This device could not store what came: {detail}"),
            ),
        };
        Words { zh, en }
    }
}
