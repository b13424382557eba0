//! Every fuzz target over its seeds, without a fuzzer: what is valid is taken, what is not is
//! refused, and neither panics. `deploy/fuzz` goes on from the same seeds.

use gridcrew_tests::{Fallible, failure::ensure, fuzzing::TARGETS};
use std::{collections::BTreeSet, fs, path::Path};

/// All seeds together are no more than this, so that they stay what a person may look at.
const MOST_BYTES: usize = 200 * 1024;

fn seeds_of(target: &str) -> Fallible<Vec<(String, Vec<u8>)>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let mut seeds = Vec::new();
    for file in fs::read_dir(folder)? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        seeds.push((name, fs::read(file.path())?));
    }
    seeds.sort();
    Ok(seeds)
}

#[test]
fn every_seed_is_taken_or_refused_as_its_name_says() -> Fallible<()> {
    let mut bytes = 0;
    for (target, read) in TARGETS {
        let seeds = seeds_of(target)?;
        let mut taken = 0;
        for (name, seed) in seeds {
            bytes += seed.len();
            let valid = !name.starts_with("no-");
            ensure(read(&seed) == valid, || {
                let said = if valid { "refused" } else { "taken" };
                format!("the seed {target}/{name} is {said}")
            })?;
            taken += usize::from(valid);
        }
        ensure(taken > 0, || format!("{target} has no valid seed"))?;
    }
    ensure(bytes <= MOST_BYTES, || format!("{bytes} bytes of seeds"))
}

/// Cut short anywhere and with any one bit turned, a seed may be refused or taken, but never
/// does more than that. The steps keep it to about a hundred of each for one seed.
#[test]
fn a_seed_that_is_cut_or_altered_does_no_harm() -> Fallible<()> {
    for (target, read) in TARGETS {
        for (_, seed) in seeds_of(target)? {
            let step = seed.len() / 100 + 1;
            for at in (0..seed.len()).step_by(step) {
                read(seed.get(..at).unwrap_or_default());
                let mut altered = seed.clone();
                if let Some(byte) = altered.get_mut(at) {
                    *byte ^= 1 << (at % 8);
                }
                read(&altered);
            }
        }
    }
    Ok(())
}

#[test]
fn every_target_has_a_program_and_no_program_is_left_out() -> Fallible<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml"))?;
    let mut programs = BTreeSet::new();
    for file in fs::read_dir(folder.join("targets"))? {
        let name = file?.file_name().to_string_lossy().into_owned();
        let name = name.trim_end_matches(".rs").to_owned();
        ensure(manifest.contains(&format!("name = \"{name}\"")), || {
            format!("{name} is not in the manifest")
        })?;
        programs.insert(name);
    }
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    ensure(programs == targets, || format!("{programs:?}, {targets:?}"))
}
