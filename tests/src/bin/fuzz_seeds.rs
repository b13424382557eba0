//! Writes the seeds of the fuzz targets: `cargo run -p gridcrew-tests --bin fuzz-seeds`.
//! Run it when the form of something changes, and check in what it wrote.

#![expect(clippy::print_stdout, reason = "a program says what it wrote")]

use gridcrew_tests::{Fallible, fuzzing::seeds};
use std::{fs, path::Path};

fn main() -> Fallible<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let mut written = (0, 0);
    for seed in seeds::all() {
        let folder = folder.join(seed.target);
        fs::create_dir_all(&folder)?;
        fs::write(folder.join(seed.name), &seed.bytes)?;
        written = (written.0 + 1, written.1 + seed.bytes.len());
    }
    let (files, bytes) = written;
    println!("{files} seeds, {bytes} bytes, in {}", folder.display());
    Ok(())
}
