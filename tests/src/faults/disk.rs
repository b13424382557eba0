//! An ext4 file system of its own on a loop device: its power can be cut, and it can be full.
//!
//! Needs root, loop devices and Python, which makes the one call that the shutdown takes.

use crate::{Failure, Fallible, failure::ensure, server::said};
use std::{
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::process::Command;

/// `EXT4_IOC_SHUTDOWN`, with the flag as argument.
const SHUTDOWN: &str = "import fcntl, os, struct, sys
folder = os.open(sys.argv[1], os.O_RDONLY)
fcntl.ioctl(folder, 0x8004587d, struct.pack('I', int(sys.argv[2])))";

/// What happens to what the file system's journal has not written yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flush {
    /// It is written: names are there, and perhaps no content.
    Journal,
    /// It is gone.
    Nothing,
}

/// An ext4 file system in a file.
#[derive(Debug)]
pub struct Disk {
    image: PathBuf,
    mounted_at: PathBuf,
}

impl Disk {
    /// Makes one of so many MiB and mounts it at a new folder beside its image; `None` with
    /// the reason when this machine does not allow it.
    ///
    /// # Errors
    /// When something goes wrong that is no lack of rights or tools.
    pub async fn make(folder: &Path, name: &str, mib: u64) -> Fallible<Result<Self, String>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(Err("not root".to_owned()));
        }
        let image = folder.join(format!("{name}.ext4"));
        let mounted_at = folder.join(name);
        std::fs::File::create(&image)?.set_len(mib * 1024 * 1024)?;
        std::fs::create_dir_all(&mounted_at)?;
        let disk = Self { image, mounted_at };
        let image = disk.image.display().to_string();
        // Nothing kept back for root, which is who does this: full is full. Blocks as large
        // as a page of memory, as everywhere but in small images: SQLite counts on it when
        // it makes room for its shared memory.
        let make = ["mkfs.ext4", "-q", "-F", "-m", "0", "-b", "4096", &image];
        if let Err(failure) = run(&make).await {
            return Ok(Err(failure.to_string()));
        }
        match disk.mount().await {
            Ok(()) => Ok(Ok(disk)),
            Err(failure) => Ok(Err(failure.to_string())),
        }
    }

    /// Where it is mounted.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.mounted_at
    }

    async fn mount(&self) -> Fallible<()> {
        let (image, at) = (
            self.image.display().to_string(),
            self.mounted_at.display().to_string(),
        );
        run(&["mount", "-o", "loop", &image, &at]).await
    }

    async fn unmount(&self) -> Fallible<()> {
        run(&["umount", &self.mounted_at.display().to_string()]).await
    }

    /// Cuts the power: nothing reaches the disk any more.
    ///
    /// # Errors
    /// When the file system does not know the call.
    pub async fn shut_down(&self, flush: Flush) -> Fallible<()> {
        let flag = match flush {
            Flush::Journal => "1",
            Flush::Nothing => "2",
        };
        let at = self.mounted_at.display().to_string();
        run(&["python3", "-c", SHUTDOWN, &at, flag]).await
    }

    /// Brings the power back. No process may use the disk any more.
    ///
    /// # Errors
    /// When it cannot be mounted again.
    pub async fn come_back(&self) -> Fallible<()> {
        self.unmount().await?;
        self.mount().await
    }

    /// Unmounts it for good.
    ///
    /// # Errors
    /// When it is in use.
    pub async fn throw_away(self) -> Fallible<()> {
        self.unmount().await
    }
}

async fn run(command: &[&str]) -> Fallible<()> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| Failure::new("no command"))?;
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await?;
    ensure(output.status.success(), || {
        format!("{command:?}: {}", said(&output))
    })
}
