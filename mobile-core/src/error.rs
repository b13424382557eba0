//! What the handheld refuses or cannot do, each with its stable code and with words for
//! the person who holds it, Chinese first.

use crate::lock::Lock;
use gridcrew_sync_protocol::{
    code::Code,
    media::MAX_ORIGINAL_BYTES,
    time::Millis,
    wire::WireError,
    workflow::{Missing, Words},
};
use std::{io, path::PathBuf};

/// Something that the handheld refuses or cannot do. Nothing was recorded when one of
/// these comes back from a call that records.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing can be done before the handheld is enrolled.
    #[error("this handheld is not enrolled; ask the station for a code and enrol it")]
    NotEnrolled,
    /// The data folder belongs to someone already.
    #[error("this handheld is enrolled already, for {0}; use another data folder")]
    AlreadyEnrolled(String),
    /// No such order here.
    #[error("there is no order {0:?} on this handheld; sync, or look at the list")]
    UnknownOrder(String),
    /// The text names more than one order.
    #[error("{given:?} fits {count} orders; give more of the id")]
    AmbiguousOrder {
        /// What was given.
        given: String,
        /// How many orders it fits.
        count: usize,
    },
    /// Only the present owner may do this.
    #[error("the order is not yours (any more); only a note can be added")]
    NotOwner,
    /// The work on the order is closed.
    #[error("the work on this order is closed")]
    Closed,
    /// The workflow has no such step.
    #[error("the workflow has no step {given:?}; it has {known}")]
    UnknownStep {
        /// What was given.
        given: String,
        /// The codes that there are.
        known: String,
    },
    /// The workflow has no such reason.
    #[error("the workflow has no reason {given:?}; it has {known}")]
    UnknownReason {
        /// What was given.
        given: String,
        /// The codes that there are.
        known: String,
    },
    /// The step is not complete.
    #[error("the step is not complete: {}", list_missing(.0))]
    Incomplete(Vec<Missing>),
    /// The order's workflow has not come yet.
    #[error("the order's workflow has not come to this handheld yet; sync first")]
    NoTemplate,
    /// A value is outside what it may be.
    #[error("{0}")]
    Invalid(String),
    /// The file is no picture of an allowed kind.
    #[error("{} is no JPEG, PNG, WebP or HEIC picture", .0.display())]
    NoPicture(PathBuf),
    /// The picture's file is too large.
    #[error("{} has {bytes} bytes; at most {MAX_ORIGINAL_BYTES} are taken", .path.display())]
    PictureTooLarge {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: u64,
    },
    /// The server refused, with one of its codes.
    #[error("the server refused ({code}): {detail}")]
    Refused {
        /// The code.
        code: Code,
        /// What it said.
        detail: String,
    },
    /// The server could not be reached, or what came back was not its answer.
    #[error("the server could not be reached: {0}")]
    Unreachable(String),
    /// Another process syncs this data folder.
    #[error("another sync of this handheld is running")]
    SyncRunning,
    /// The disk is full.
    #[error("the disk is full; nothing was recorded: {0}")]
    DiskFull(String),
    /// The store cannot be read or written.
    #[error("the handheld's store: {0}")]
    Storage(String),
    /// The store was written by a newer version of this program.
    #[error("the store has version {found}; this program knows up to {known}: update it")]
    TooNew {
        /// The store's version.
        found: i64,
        /// The newest version known.
        known: i64,
    },
    /// The handheld is locked.
    #[error("this handheld is locked: {}", lock_words(.0).en)]
    Locked(Lock),
    /// The server ordered it: everything that was here is removed.
    #[error(
        "the server ordered that this handheld be wiped; nothing is left on it, open it again to use it"
    )]
    Wiped,
    /// The PIN was wrong; how long to wait before the next try.
    #[error("the PIN is wrong; the next try in {} s", .0.0.saturating_add(999) / 1_000)]
    WrongPin(Millis),
    /// The data folder is sealed, and the keystore has no key for it.
    #[error("the data is sealed and the keystore has no key for it; nothing was touched")]
    KeyMissing,
    /// The data folder is sealed with another key; it is not taken for damaged.
    #[error("the data is sealed with another key; nothing was touched")]
    WrongKey,
    /// A key was given to a program that cannot encrypt the store.
    #[error("this program was built without SQLCipher and cannot seal the store")]
    NoCipher,
    /// The keystore failed.
    #[error("the keystore: {0}")]
    KeyStore(String),
}

impl Error {
    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::NotEnrolled => Code::AuthRequired,
            Self::AlreadyEnrolled(_) | Self::NoTemplate | Self::SyncRunning => Code::Conflict,
            Self::UnknownOrder(_) => Code::NotFound,
            Self::AmbiguousOrder { .. } | Self::UnknownStep { .. } | Self::Invalid(_) => {
                Code::RequestInvalid
            }
            Self::NotOwner => Code::OrderNotOwner,
            Self::Closed => Code::OrderClosed,
            Self::UnknownReason { .. } => Code::OrderUnknownReason,
            Self::Incomplete(_) => Code::RecordIncomplete,
            Self::NoPicture(_) => Code::MediaNoPicture,
            Self::PictureTooLarge { .. } => Code::MediaTooLarge,
            Self::Refused { code, .. } => *code,
            Self::Unreachable(_) => Code::Unavailable,
            Self::DiskFull(_) => Code::StorageFull,
            Self::Locked(_) => Code::DeviceLocked,
            Self::WrongPin(_) => Code::DeviceWrongPin,
            Self::Wiped => Code::DeviceWiped,
            Self::KeyMissing | Self::WrongKey | Self::NoCipher | Self::KeyStore(_) => {
                Code::DeviceKey
            }
            Self::Storage(_) | Self::TooNew { .. } => Code::Internal,
        }
    }

    /// In words, for the screen.
    #[must_use]
    pub fn words(&self) -> Words {
        let zh = match self {
            Self::NotEnrolled => "本机尚未注册，请向供电所索取注册码后注册。".to_owned(),
            Self::AlreadyEnrolled(name) => format!("本机已由 {name} 注册，请换一个数据目录。"),
            Self::UnknownOrder(given) => format!("本机没有工单“{given}”，请先同步或查看列表。"),
            Self::AmbiguousOrder { given, count } => {
                format!("“{given}”对应 {count} 张工单，请多输入几位编号。")
            }
            Self::NotOwner => "您不是（或已不是）该工单的责任人，只能添加备注。".to_owned(),
            Self::Closed => "该工单的现场工作已结束。".to_owned(),
            Self::UnknownStep { given, known } => {
                format!("流程中没有步骤“{given}”，可选：{known}。")
            }
            Self::UnknownReason { given, known } => {
                format!("流程中没有原因“{given}”，可选：{known}。")
            }
            Self::Incomplete(missing) => {
                let all: Vec<String> = missing.iter().map(|one| missing_words(one).zh).collect();
                format!("该步骤未填完整：{}。", all.join("；"))
            }
            Self::NoTemplate => "该工单的流程尚未下载，请先同步。".to_owned(),
            Self::Invalid(what) => format!("输入无效：{what}"),
            Self::NoPicture(path) => {
                format!("{} 不是 JPEG、PNG、WebP 或 HEIC 图片。", path.display())
            }
            Self::PictureTooLarge { path, bytes } => format!(
                "{} 有 {bytes} 字节，超过上限 {MAX_ORIGINAL_BYTES} 字节。",
                path.display()
            ),
            Self::Refused { code, detail } => format!("服务器拒绝（{code}）：{detail}"),
            Self::Unreachable(why) => format!("连接不上服务器：{why}"),
            Self::SyncRunning => "本机正在进行另一次同步。".to_owned(),
            Self::DiskFull(why) => format!("存储空间已满，未作记录：{why}"),
            Self::Storage(why) => format!("本机存储出错：{why}"),
            Self::Locked(lock) => format!("本机已锁定：{}。", lock_words(lock).zh),
            Self::Wiped => "服务器已下令清除本机，数据已全部删除。".to_owned(),
            Self::WrongPin(wait) => {
                let seconds = wait.0.saturating_add(999) / 1_000;
                format!("PIN 错误，{seconds} 秒后可再试。")
            }
            Self::KeyMissing => "本机数据已加密，密钥库中没有其密钥；数据未作改动。".to_owned(),
            Self::WrongKey => "本机数据以另一密钥加密；数据未作改动。".to_owned(),
            Self::NoCipher => "本程序未带 SQLCipher，不能加密数据。".to_owned(),
            Self::KeyStore(why) => format!("密钥库出错：{why}"),
            Self::TooNew { .. } => "本机数据由更新的版本写入，请升级程序。".to_owned(),
        };
        Words {
            zh,
            en: self.to_string(),
        }
    }
}

/// What is missing, in words.
#[must_use]
pub fn missing_words(missing: &Missing) -> Words {
    let (zh, en) = match missing {
        Missing::Field(code) => (format!("缺少 {code}"), format!("{code} is empty")),
        Missing::WrongValue(code) => (
            format!("{code} 的值不合要求"),
            format!("{code} does not take this value"),
        ),
        Missing::UnknownField(code) => {
            (format!("没有 {code} 这一项"), format!("there is no {code}"))
        }
        Missing::Photos { slot, have, need } => (
            format!("{slot} 照片需 {need} 张，现有 {have} 张"),
            format!("{slot} needs {need} photo(s) and has {have}"),
        ),
        Missing::TooManyPhotos(slot) => (
            format!("{slot} 照片过多"),
            format!("{slot} has too many photos"),
        ),
        Missing::StepBefore(step) => (
            format!("须先完成 {step}"),
            format!("{step} has to be done first"),
        ),
    };
    Words { zh, en }
}

/// What a lock wants, in words.
#[must_use]
pub fn lock_words(lock: &Lock) -> Words {
    let (zh, en) = match lock {
        Lock::Open => ("未锁定".to_owned(), "it is open".to_owned()),
        Lock::Pin { wait } if wait.0 > 0 => {
            let seconds = wait.0.saturating_add(999) / 1_000;
            (
                format!("请在 {seconds} 秒后输入 PIN"),
                format!("the PIN can be tried again in {seconds} s"),
            )
        }
        Lock::Pin { .. } => ("请输入 PIN".to_owned(), "the PIN is wanted".to_owned()),
        Lock::Offline { .. } => (
            "长时间未联系服务器，请联网同步".to_owned(),
            "the server was not heard for too long; sync".to_owned(),
        ),
        Lock::Broken => (
            "PIN 文件缺失，请联网用密码重设 PIN".to_owned(),
            "the PIN's file is gone; set a new PIN with your password".to_owned(),
        ),
    };
    Words { zh, en }
}

fn list_missing(missing: &[Missing]) -> String {
    let all: Vec<String> = missing.iter().map(|one| missing_words(one).en).collect();
    all.join("; ")
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        // No room for the index of the log is a full disk too, by another name.
        let no_room = error
            .sqlite_error()
            .is_some_and(|error| error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE);
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::DiskFull(error.to_string()),
            _ if no_room => Self::DiskFull(error.to_string()),
            _ => Self::Storage(error.to_string()),
        }
    }
}

impl From<crate::seal::KeyFault> for Error {
    fn from(fault: crate::seal::KeyFault) -> Self {
        Self::KeyStore(fault.0)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::StorageFull {
            Self::DiskFull(error.to_string())
        } else {
            Self::Storage(error.to_string())
        }
    }
}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        Self::Storage(format!("a stored value cannot be read: {error}"))
    }
}
