//! What the command line takes.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The command-line handheld: works on orders without a network, and syncs when there is
/// one.
#[derive(Debug, Parser)]
#[command(name = "gridcrew-handheld", version, about)]
pub(crate) struct Cli {
    /// The data folder of this handheld.
    #[arg(long, env = "GRIDCREW_HANDHELD", global = true, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Sends photos made smaller: at most so many pixels on the longest side. Else they are
    /// sent as they were taken.
    #[arg(
        long,
        env = "GRIDCREW_PHOTO_SIDE",
        global = true,
        value_name = "PIXELS"
    )]
    pub(crate) photo_side: Option<u32>,
    /// The JPEG quality of photos made smaller, 40 to 95.
    #[arg(long, global = true, value_name = "QUALITY", default_value_t = 85)]
    pub(crate) photo_quality: u8,
    /// A folder with keys, in the place of a platform's keystore: the data is sealed. It must
    /// lie where a thief of the data does not get.
    #[arg(
        long,
        env = "GRIDCREW_HANDHELD_KEYS",
        global = true,
        value_name = "DIR"
    )]
    pub(crate) keys: Option<PathBuf>,
    /// The PIN, where one was set.
    #[arg(
        long,
        env = "GRIDCREW_HANDHELD_PIN",
        global = true,
        hide_env_values = true
    )]
    pub(crate) pin: Option<String>,
    /// A person of a device that several people use (`people`, `join`), by name or id; the
    /// data folder is the device's.
    #[arg(long, global = true, value_name = "PERSON")]
    pub(crate) person: Option<String>,
    /// The language of messages; by LANG when it is not given.
    #[arg(long, global = true)]
    pub(crate) lang: Option<Lang>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// A language of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    /// Simplified Chinese.
    Zh,
    /// English.
    En,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Enrols this handheld with a one-time code from the station; again, when the server
    /// was restored from a backup and no longer knows it.
    Enrol {
        /// The server, such as `https://gridcrew.example`.
        #[arg(long)]
        server: String,
        /// The one-time code.
        #[arg(long)]
        code: String,
        /// What the handheld calls itself.
        #[arg(long, default_value = "gridcrew-handheld")]
        name: String,
    },
    /// Signs in again after the session ended; reads the password from standard input.
    Login {
        /// The login.
        login: String,
    },
    /// Sets the PIN, or another: the new one is read from standard input.
    SetPin {
        /// The PIN was forgotten: this login's password, the second line of standard input,
        /// counts in its place.
        #[arg(long, value_name = "LOGIN")]
        forgotten: Option<String>,
    },
    /// Lists the people of this device, and what waits of each.
    People {
        /// Sends and fetches for each of them, for at most so many seconds.
        #[arg(long, value_name = "SECONDS")]
        sync: Option<u32>,
    },
    /// Enrols another person on this device, with the PIN given.
    Join {
        /// The server, such as `https://gridcrew.example`.
        #[arg(long)]
        server: String,
        /// The one-time code.
        #[arg(long)]
        code: String,
        /// What the handheld calls itself.
        #[arg(long, default_value = "gridcrew-handheld")]
        name: String,
    },
    /// Writes what was not sent into a file that `gridcrew import` takes in.
    Export {
        /// The new file. It is not encrypted.
        file: PathBuf,
    },
    /// Lists orders: to do, waiting to send, sent.
    List {
        /// Only one of the lists.
        which: Option<Which>,
    },
    /// Shows an order with what is next and what waits.
    Show {
        /// The order, by the beginning or the end of its id.
        order: String,
    },
    /// Shows the steps that can be done now and what each needs.
    Next {
        /// The order, by the beginning or the end of its id.
        order: String,
    },
    /// Says in which of your cells a place is, and whose that is.
    Where {
        /// The place: longitude, latitude, datum (WGS-84, GCJ-02, BD-09, CGCS2000).
        #[arg(value_name = "LON,LAT,DATUM", allow_hyphen_values = true)]
        place: String,
    },
    /// Lists your open orders by their distance from a place.
    Near {
        /// The place: longitude, latitude, datum (WGS-84, GCJ-02, BD-09, CGCS2000).
        #[arg(value_name = "LON,LAT,DATUM", allow_hyphen_values = true)]
        place: String,
    },
    /// Says what an arrival at an order would prove at a place now.
    Arrival {
        /// The order, by the beginning or the end of its id.
        order: String,
        #[command(flatten)]
        at: At,
    },
    /// Writes a photo into a file for showing it, also out of sealed data.
    Photo {
        /// Its name: the hash of its bytes.
        photo: String,
        /// The file. It is not encrypted.
        file: PathBuf,
    },
    /// Searches your customers by name, address, pinyin or its initials, account or meter
    /// number.
    Search {
        /// What to look for; several words must all fit.
        #[arg(required = true)]
        words: Vec<String>,
        /// Most customers to show.
        #[arg(long, default_value_t = 20)]
        limit: usize,
    },
    /// Takes an order.
    Take {
        /// The order, by the beginning or the end of its id.
        order: String,
        /// Minutes until you are there, as told to the customer.
        #[arg(long)]
        eta: Option<u32>,
        #[command(flatten)]
        at: At,
    },
    /// Declines an order.
    Decline {
        /// The order, by the beginning or the end of its id.
        order: String,
        /// A reason code of the workflow.
        #[arg(long)]
        reason: String,
        /// In words.
        #[arg(long, default_value = "")]
        note: String,
        #[command(flatten)]
        at: At,
    },
    /// Asks that another person become the owner.
    HandOver {
        /// The order, by the beginning or the end of its id.
        order: String,
        /// The person, by id or by name.
        to: String,
        /// Why.
        #[arg(long, default_value = "")]
        note: String,
        #[command(flatten)]
        at: At,
    },
    /// Records a step of the workflow with its fields and photos.
    Step {
        /// The order, by the beginning or the end of its id.
        order: String,
        /// The step's code.
        step: String,
        /// Fields that were filled in.
        #[arg(value_name = "FIELD=VALUE", value_parser = pair)]
        fields: Vec<(String, String)>,
        /// A picture for a slot; may be given more than once.
        #[arg(long = "photo", value_name = "SLOT=PATH", value_parser = pair)]
        photos: Vec<(String, String)>,
        #[command(flatten)]
        at: At,
    },
    /// Adds a remark.
    Note {
        /// The order, by the beginning or the end of its id.
        order: String,
        /// The text.
        text: String,
        #[command(flatten)]
        at: At,
    },
    /// Sends and fetches what there is, within a budget.
    Sync {
        /// Most seconds.
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// Most bytes, both ways together.
        #[arg(long)]
        bytes: Option<u64>,
        /// The link costs by the byte: original photos wait.
        #[arg(long)]
        metered: bool,
        /// The device saves its battery: original photos wait.
        #[arg(long)]
        battery_saver: bool,
    },
    /// Says what waits, when the last sync succeeded, and why not since.
    Status,
    /// Removes original photos that the server has held for 30 days; when storage is short,
    /// also those that it has held for less.
    Thin,
    /// Tries photos again that the server refused.
    Retry,
}

/// Which orders are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Which {
    /// Your own orders whose work is not closed.
    Todo,
    /// Orders with records or photos that the server does not hold yet.
    Waiting,
    /// Orders that you worked on, of which nothing waits.
    Sent,
    /// All orders here.
    All,
}

/// Where it was done.
#[derive(Clone, Debug, Args)]
pub(crate) struct At {
    /// Where: longitude, latitude, datum (WGS-84, GCJ-02, BD-09, CGCS2000), accuracy in
    /// metres.
    #[arg(
        long,
        value_name = "LON,LAT,DATUM,ACCURACY",
        allow_hyphen_values = true
    )]
    pub(crate) at: Option<String>,
    /// How many seconds old that place is.
    #[arg(long, value_name = "SECONDS", default_value_t = 0, requires = "at")]
    pub(crate) fix_age: u32,
    /// How fast you were moving by the receiver, in metres a second.
    #[arg(long, value_name = "M/S", requires = "at")]
    pub(crate) speed: Option<f64>,
    /// The system says that a mock provider gave the place.
    #[arg(long, requires = "at")]
    pub(crate) mock: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("give it as name=value".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_step_takes_fields_photos_and_a_place() {
        let cli = Cli::try_parse_from([
            "gridcrew-handheld",
            "step",
            "ab12",
            "restored",
            "voltage=219.5",
            "--photo",
            "meter=/tmp/a=b.jpg",
            "--at",
            "-1.5,30,WGS-84,5",
        ])
        .unwrap();
        let Command::Step {
            fields, photos, at, ..
        } = cli.command
        else {
            panic!("not a step");
        };
        assert_eq!(fields, [("voltage".into(), "219.5".into())]);
        assert_eq!(photos, [("meter".into(), "/tmp/a=b.jpg".into())]);
        assert_eq!(at.at.as_deref(), Some("-1.5,30,WGS-84,5"));
    }
}
