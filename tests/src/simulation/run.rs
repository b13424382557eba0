//! Running schedules: one, or many on all cores; and making a failing one short.

use super::{
    fault::Faults,
    origin::Origin,
    step::{Schedule, Step},
    world::World,
};
use crate::{Failure, Fallible};
use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread,
};
use tempfile::TempDir;

/// A folder for the files of simulated devices: in memory where there is such a place, as
/// they make many small durable writes.
#[derive(Debug)]
pub struct Scratch(TempDir);

impl Scratch {
    /// A new one, removed when it is dropped.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Fallible<Self> {
        let memory = Path::new("/dev/shm");
        Ok(Self(if memory.is_dir() {
            tempfile::tempdir_in(memory)?
        } else {
            tempfile::tempdir()?
        }))
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// What came of a schedule.
#[derive(Clone, Debug, Default)]
pub struct Course {
    /// What was not as it must be, if anything.
    pub failure: Option<String>,
    /// What happened, sentence by sentence.
    pub story: Vec<String>,
    /// The faults that happened.
    pub faults: Faults,
    /// Hash of everything that was sent, answered and told.
    pub trace: String,
    /// Records that people made.
    pub records: u64,
}

/// Runs a schedule.
///
/// # Errors
/// When the place to run it in cannot be set up.
pub fn run(origin: &Origin, schedule: &Schedule) -> Fallible<Course> {
    let scratch = Scratch::new()?;
    let root: PathBuf = scratch.path().to_owned();
    let mut world = World::begin(origin, &root, schedule.seed)?;
    let came = catch_unwind(AssertUnwindSafe(|| play(&mut world, &schedule.steps)));
    let failure = match came {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => Some(failure.to_string()),
        Err(payload) => Some(format!("a panic: {}", panic_words(payload.as_ref()))),
    };
    Ok(Course {
        failure,
        trace: world.trace_hash(),
        records: world.ledger.lines.len() as u64,
        story: std::mem::take(&mut world.story),
        faults: std::mem::take(&mut world.faults),
    })
}

fn play(world: &mut World, steps: &[Step]) -> Fallible<()> {
    for step in steps {
        world.carry_out(step)?;
    }
    world.settle()?;
    world.note_seen();
    world.check()
}

fn panic_words(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without words".to_owned())
}

/// Makes a failing schedule short: leaves out whatever it fails without, in the same way.
///
/// # Errors
/// As [`run`].
pub fn shrink(origin: &Origin, schedule: &Schedule) -> Fallible<Schedule> {
    let kind = |course: &Course| course.failure.as_deref().map(kind_of);
    let wanted = kind(&run(origin, schedule)?);
    let mut steps = schedule.steps.clone();
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut from = 0;
        while from < steps.len() {
            let mut fewer = steps.clone();
            fewer.drain(from..(from + size).min(steps.len()));
            let candidate = Schedule {
                seed: schedule.seed,
                steps: fewer,
            };
            if kind(&run(origin, &candidate)?) == wanted {
                steps = candidate.steps;
            } else {
                from += size;
            }
        }
        size /= 2;
    }
    Ok(Schedule {
        seed: schedule.seed,
        steps,
    })
}

/// In which way a schedule failed: the first words, without numbers.
fn kind_of(failure: &str) -> String {
    let words = failure.split([':', '(']).next().unwrap_or_default();
    words.chars().filter(|one| !one.is_ascii_digit()).collect()
}

/// A failing schedule as numbered sentences.
#[must_use]
pub fn story(schedule: &Schedule, course: &Course) -> String {
    let mut text = format!(
        "seed {}: {}\n",
        schedule.seed,
        course.failure.as_deref().unwrap_or("all is well")
    );
    for (number, sentence) in (1..).zip(&course.story) {
        text.push_str(&format!("{number:>4}. {sentence}\n"));
    }
    text
}

/// What came of many schedules.
#[derive(Debug, Default)]
pub struct Soak {
    /// How many ran.
    pub schedules: u64,
    /// The seeds that failed, each with how.
    pub failures: BTreeMap<u64, String>,
    /// The faults that happened.
    pub faults: Faults,
    /// Records that people made.
    pub records: u64,
}

/// Runs the schedules of the seeds `from..from + count` on `threads` threads; stops after
/// `most` failures.
///
/// # Errors
/// As [`run`].
pub fn soak(origin: &Origin, from: u64, count: u64, threads: usize, most: usize) -> Fallible<Soak> {
    let next = AtomicU64::new(from);
    let stop = AtomicBool::new(false);
    let total = Mutex::new(Soak::default());
    let failed: Mutex<Option<Failure>> = Mutex::new(None);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !stop.load(SeqCst) {
                    let seed = next.fetch_add(1, SeqCst);
                    if seed >= from.saturating_add(count) {
                        return;
                    }
                    match run(origin, &Schedule::of(seed)) {
                        Ok(course) => {
                            let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                            total.schedules += 1;
                            total.records += course.records;
                            total.faults.add(&course.faults);
                            if let Some(failure) = course.failure {
                                total.failures.insert(seed, failure);
                                if total.failures.len() >= most {
                                    stop.store(true, SeqCst);
                                }
                            }
                        }
                        Err(failure) => {
                            stop.store(true, SeqCst);
                            *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
                        }
                    }
                }
            });
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(failure) => Err(failure),
        None => Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner)),
    }
}
