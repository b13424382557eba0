//! Faults of the handheld's process: while it makes a store, records, saves a photo, syncs.
//!
//! The handheld's folder is the same from the first point to the last, so whatever a kill
//! left is what the next command begins with. After each point the handheld is looked at,
//! after the last one the whole oracle is asked.

use super::{
    cli::Cli,
    ground::Ground,
    strace::{Fault, Strace},
    sweep::{DISK, Extent, Points, WIRE},
    tally::Tally,
};
use crate::{Fallible, failure::ensure};
use gridcrew_mobile_core::Handheld;
use std::fs;

/// What is done at each point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// A note is recorded.
    Record,
    /// A step with a photo is recorded.
    Photo,
    /// A note, a photo and its preview are sent, an order is fetched.
    Sync,
}

impl Deed {
    fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Photo => "photo",
            Self::Sync => "sync",
        }
    }

    fn calls(self, fault: Fault) -> Vec<&'static str> {
        match self {
            Self::Record | Self::Photo => DISK.to_vec(),
            Self::Sync => talking(fault),
        }
    }
}

/// The calls of a program that talks. Its executor's threads wake one another by a `write`
/// that no disk can make fail, so that call is killed at, but not failed.
fn talking(fault: Fault) -> Vec<&'static str> {
    let all = DISK.iter().chain(WIRE);
    all.filter(|call| fault == Fault::Kill || **call != "write")
        .copied()
        .collect()
}

/// What a sweep is called.
#[must_use]
pub fn name(deed: Deed, fault: Fault) -> String {
    format!("handheld-{}-{}", deed.name(), name_of(fault))
}

/// Sweeps one fault over every call of one deed.
///
/// # Errors
/// When the sweep itself cannot go on; what it finds is in the tally.
pub async fn sweep(
    ground: &mut Ground,
    strace: &Strace,
    deed: Deed,
    fault: Fault,
    extent: Extent,
) -> Fallible<Tally> {
    let mut tally = Tally::of(name(deed, fault));
    let calls = deed.calls(fault);
    let mut points = Points::of(&calls, fault, extent, 1);
    while let Some(point) = points.next_point() {
        let by = Some((strace, &point));
        let ran = match deed {
            Deed::Record => ground.note(by).await?,
            Deed::Photo => ground.step(by).await?,
            Deed::Sync => {
                ground.note(None).await?;
                ground.step(None).await?;
                let number = format!("fault-{}", ground.mark());
                ground.scene.order(&number).await?;
                let ran = ground.sync(by).await?;
                ground.heal().await?;
                ran
            }
        };
        points.happened(ran.hit);
        tally.points += 1;
        tally.hits += u32::from(ran.hit);
        let recorded = ran.saved().is_some() || (deed == Deed::Sync && ran.done());
        tally.confirmed += u32::from(recorded);
        tally.refused += u32::from(ran.code.is_some_and(|code| code != 0));
        if let Some(wrong) = ran.fault(Some(&point)) {
            tally.wrong(format!("{point}: {wrong}"));
        }
        let before = tally.wrong.len();
        ground.look_at_handheld(&mut tally)?;
        if tally.wrong.len() > before {
            tally.wrong(format!("(after {point})"));
            return Ok(tally);
        }
    }
    ground.judge(&mut tally).await?;
    Ok(tally)
}

/// Sweeps one fault over the making of a store, and so over every version of its schema:
/// killed anywhere, the next start finishes it.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn sweep_making(
    ground: &Ground,
    strace: &Strace,
    fault: Fault,
    extent: Extent,
) -> Fallible<Tally> {
    let mut tally = Tally::of(format!("handheld-make-{}", name_of(fault)));
    let folder = ground.scene.folder.path().join("made");
    let cli = Cli::on(&folder)?;
    let mut points = Points::of(DISK, fault, extent, 1);
    while let Some(point) = points.next_point() {
        drop(fs::remove_dir_all(&folder));
        let ran = cli.run_with(strace, &point, &["status"]).await?;
        points.happened(ran.hit);
        tally.points += 1;
        tally.hits += u32::from(ran.hit);
        tally.refused += u32::from(ran.code.is_some_and(|code| code != 0));
        if let Some(wrong) = ran.fault(Some(&point)) {
            tally.wrong(format!("{point}: {wrong}"));
        }
        // The next start finishes it, and finds nothing damaged.
        let opened = Handheld::open(&folder).and_then(|handheld| handheld.status());
        match opened {
            Ok(status) if status.findings.is_empty() => {}
            Ok(status) => tally.wrong(format!("{point}: {:?}", status.findings)),
            Err(error) => tally.wrong(format!("{point}: cannot be opened: {error}")),
        }
    }
    Ok(tally)
}

/// Sweeps one fault over an enrolment: whatever the handheld did not keep of it, a new code
/// brings it to work in the same folder.
///
/// # Errors
/// When the sweep itself cannot go on.
pub async fn sweep_enrolment(
    ground: &Ground,
    strace: &Strace,
    fault: Fault,
    extent: Extent,
) -> Fallible<Tally> {
    let mut tally = Tally::of(format!("handheld-enrol-{}", name_of(fault)));
    let folder = ground.scene.folder.path().join("enrolled");
    let cli = Cli::on(&folder)?;
    let owner = ground.scene.owner(ground.order).await?;
    let (township, url) = (&ground.scene.township, ground.scene.server.url()?);
    let calls = talking(fault);
    let mut points = Points::of(&calls, fault, extent, 1);
    while let Some(point) = points.next_point() {
        drop(fs::remove_dir_all(&folder));
        let code = township.enrolment_code(owner).await?;
        let enrol = ["enrol", "--server", &url, "--code", &code];
        let ran = cli.run_with(strace, &point, &enrol).await?;
        points.happened(ran.hit);
        tally.points += 1;
        tally.hits += u32::from(ran.hit);
        tally.confirmed += u32::from(ran.done());
        tally.refused += u32::from(ran.code.is_some_and(|code| code != 0));
        if let Some(wrong) = ran.fault(Some(&point)) {
            tally.wrong(format!("{point}: {wrong}"));
        }
        if !cli.run(&["list"]).await?.done() {
            ensure(!ran.done(), || format!("{point}: enrolled, and not"))?;
            let code = township.enrolment_code(owner).await?;
            let again = ["enrol", "--server", &url, "--code", &code];
            let ran = cli.run(&again).await?;
            if !ran.done() {
                tally.wrong(format!("{point}: cannot be enrolled again: {}", ran.err));
            }
        }
        let synced = cli.run(&["sync", "--seconds", "20"]).await?;
        if !synced.out.contains("everything is with the server") {
            let said = [synced.out, synced.err].concat();
            tally.wrong(format!("{point}: does not sync: {said}"));
        }
    }
    Ok(tally)
}

/// What a fault is called in a sweep's name.
#[must_use]
pub fn name_of(fault: Fault) -> &'static str {
    match fault {
        Fault::Kill => "kill",
        Fault::Error(name) => name,
        Fault::Lie => "lie",
    }
}
