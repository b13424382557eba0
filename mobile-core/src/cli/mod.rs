//! The command-line handheld: `args` is what it takes, `act` what records, `ask` what is
//! answered without a network, `show` what is printed, `device` whose handheld it is. Exit codes: 0 done, 1 refused (the message
//! names the code), 2 wrong usage.

mod act;
mod args;
mod ask;
mod device;
mod show;

use args::{Cli, Command, Lang};
use clap::Parser;
use gridcrew_mobile_core::{
    Budget, Error, Handheld, KeyStore, KeysInFolder, PhotoPolicy, SentOriginal, Settings,
};
use gridcrew_sync_protocol::workflow::Words;
use std::{
    env,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

/// The language that the person reads.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tongue(Lang);

impl Tongue {
    fn of(cli: &Cli) -> Self {
        let by_environment = || {
            let lang = env::var("LC_ALL").or_else(|_| env::var("LANG"));
            match lang {
                Ok(lang) if lang.starts_with("zh") => Lang::Zh,
                _ => Lang::En,
            }
        };
        Self(cli.lang.unwrap_or_else(by_environment))
    }

    /// The text in this language.
    pub(crate) fn pick(self, words: &Words) -> &str {
        self.say(&words.zh, &words.en)
    }

    /// One of two texts.
    pub(crate) fn say<'t>(self, zh: &'t str, en: &'t str) -> &'t str {
        match self.0 {
            Lang::Zh => zh,
            Lang::En => en,
        }
    }
}

/// Runs the command line.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let tongue = Tongue::of(&cli);
    let Some(data) = cli.data.clone() else {
        let line = tongue.say(
            "请用 --data 或环境变量 GRIDCREW_HANDHELD 指定数据目录。",
            "Name the data folder with --data or the variable GRIDCREW_HANDHELD.",
        );
        complain(line);
        return ExitCode::from(2);
    };
    let sent = match cli.photo_side {
        Some(side) => SentOriginal::Smaller {
            side,
            quality: cli.photo_quality,
        },
        None => SentOriginal::AsTaken,
    };
    let settings = Settings {
        photos: PhotoPolicy {
            sent,
            ..PhotoPolicy::default()
        },
        ..Settings::default()
    };
    let mut out = Vec::new();
    let keys = cli.keys.as_deref().map(KeysInFolder::new);
    let place = Place {
        data,
        keys: keys.map(|keys| Arc::new(keys) as Arc<dyn KeyStore>),
        person: cli.person,
        pin: cli.pin,
        settings,
    };
    let done = match cli.command {
        command @ (Command::People { .. } | Command::Join { .. }) => {
            device::carry_out(&place, command, tongue, &mut out)
        }
        command => device::open(&place)
            .and_then(|handheld| carry_out(&handheld, &place, command, tongue, &mut out)),
    };
    // What was done stays done when no one reads what is said about it.
    drop(io::stdout().write_all(&out));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!(
                "{}: {}",
                error.code(),
                tongue.pick(&error.words())
            ));
            ExitCode::FAILURE
        }
    }
}

/// Where the command line works, and as whom.
pub(crate) struct Place {
    data: PathBuf,
    keys: Option<Arc<dyn KeyStore>>,
    person: Option<String>,
    pin: Option<String>,
    settings: Settings,
}

fn complain(line: &str) {
    drop(writeln!(io::stderr(), "{line}"));
}

fn carry_out(
    handheld: &Handheld,
    place: &Place,
    command: Command,
    tongue: Tongue,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    match command {
        Command::Enrol { server, code, name } => {
            let person = wait_for(handheld.enrol(&server, &code, &name))??;
            let line = tongue.say("已注册：", "enrolled for ");
            writeln!(out, "{line}{person}")?;
            Ok(())
        }
        Command::Login { login } => {
            let mut password = String::new();
            io::stdin().read_line(&mut password)?;
            wait_for(handheld.login(&login, password.trim_end_matches(['\r', '\n'])))??;
            writeln!(out, "{}", tongue.say("已登录", "signed in"))?;
            Ok(())
        }
        Command::SetPin { forgotten } => set_pin(handheld, place, forgotten, tongue, out),
        Command::Export { file } => {
            let done = handheld.export_unsynced(&file)?;
            let line = tongue.say("已导出记录/照片/缺失", "exported records/photos/missing");
            let (records, photos) = (done.records, done.photos);
            writeln!(out, "{line}: {records}/{photos}/{}", done.missing)?;
            Ok(())
        }
        Command::List { which } => show::lists(handheld, which, tongue, out),
        Command::Show { order } => show::order(handheld, handheld.find(&order)?, tongue, out),
        Command::Next { order } => show::next(handheld, handheld.find(&order)?, tongue, out),
        Command::Where { place } => ask::cell(handheld, &place, tongue, out),
        Command::Near { place } => ask::near(handheld, &place, tongue, out),
        Command::Arrival { order, at } => act::arrival(handheld, &order, &at, tongue, out),
        Command::Photo { photo, file } => {
            let name = photo.parse();
            let name = name.map_err(|_| Error::Invalid(format!("{photo} names no photo")))?;
            handheld.copy_photo(name, &file)
        }
        Command::Search { words, limit } => {
            ask::search(handheld, &words.join(" "), limit, tongue, out)
        }
        Command::Sync {
            seconds,
            bytes,
            metered,
            battery_saver,
        } => {
            let budget = Budget {
                seconds: Some(seconds),
                bytes,
                metered,
                battery_saver,
            };
            let report = wait_for(handheld.sync(budget))??;
            show::report(&report, tongue, out)?;
            show::status(&handheld.status()?, tongue, out)
        }
        Command::Status => show::status(&handheld.status()?, tongue, out),
        Command::Thin => {
            let thinned = handheld.thin()?;
            let line = tongue.say("已清理原图", "originals removed");
            writeln!(out, "{line}: {} ({} B)", thinned.photos, thinned.bytes)?;
            Ok(())
        }
        Command::Retry => {
            let count = handheld.retry_refused()?;
            let line = tongue.say("重新排队的照片", "uploads queued again");
            writeln!(out, "{line}: {count}")?;
            Ok(())
        }
        act => act::record(handheld, act, tongue, out),
    }
}

fn set_pin(
    handheld: &Handheld,
    place: &Place,
    forgotten: Option<String>,
    tongue: Tongue,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let mut lines = io::stdin().lines();
    let mut line = || lines.next().transpose().map(Option::unwrap_or_default);
    let new = line()?;
    match forgotten {
        Some(login) => wait_for(handheld.reset_pin(&login, &line()?, &new))??,
        None => {
            let old = handheld.has_pin().then_some(place.pin.as_deref()).flatten();
            device::refuse_unless_open(handheld.set_pin(old, &new)?)?;
        }
    }
    writeln!(out, "{}", tongue.say("PIN 已设置", "the PIN is set"))?;
    Ok(())
}

/// Runs the network's part of a command.
fn wait_for<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok(runtime.block_on(work))
}
