//! What the sweeps work on: a server with one order, its owner's command-line handheld, and
//! the ledger; and the oracle that all of them end with.

use super::{
    cli::{Cli, Ran},
    ledger::{self, Attempt, Ledger},
    strace::{Injection, Strace},
    tally::Tally,
};
use crate::{Failure, Fallible, books::Books, postgres::TestDatabase, raw::picture, scene::Scene};
use gridcrew_mobile_core::Handheld;
use gridcrew_sync_protocol::{digest::Digest, ids::OrderId, journal::EntryId, record::Event};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// How often a sync is run until everything is with the server.
const SYNCS: u32 = 5;

/// A server, an order, its owner's handheld, and the ledger.
#[derive(Debug)]
pub struct Ground {
    /// The server and its township.
    pub scene: Scene,
    /// The order that everything is recorded on.
    pub order: OrderId,
    /// Its owner's handheld.
    pub cli: Cli,
    /// What was attempted and confirmed.
    pub ledger: Ledger,
    /// The next mark's number.
    next: u32,
}

impl Ground {
    /// Sets it up: the order is taken, the customer phoned, everything with the server.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn set(database: TestDatabase) -> Fallible<Self> {
        let scene = Scene::set(database).await?;
        let folder = scene.folder.path().join("handheld");
        Self::on(scene, &folder).await
    }

    /// The same with the handheld's folder at `folder`.
    ///
    /// # Errors
    /// When any of it fails.
    pub async fn on(scene: Scene, folder: &Path) -> Fallible<Self> {
        let order = scene.order("fault-1").await?;
        let owner = scene.owner(order).await?;
        let cli = Cli::on(folder)?;
        let code = scene.township.enrolment_code(owner).await?;
        let url = scene.server.url()?;
        cli.do_it(&["enrol", "--server", &url, "--code", &code])
            .await?;
        let mut ground = Self {
            scene,
            order,
            cli,
            ledger: Ledger::default(),
            next: 0,
        };
        ground.cli.do_it(&["sync", "--seconds", "20"]).await?;
        let id = order.to_string();
        ground.cli.do_it(&["take", &id]).await?;
        ground
            .cli
            .do_it(&["step", &id, "phone_customer", "reached=yes"])
            .await?;
        ground.heal().await?;
        Ok(ground)
    }

    /// A mark that nothing else has.
    pub fn mark(&mut self) -> String {
        self.next += 1;
        format!("mark-{:06}", self.next)
    }

    /// Attempts a note, with a fault if one is given, and notes what the handheld said.
    ///
    /// # Errors
    /// When the command cannot be run.
    pub async fn note(&mut self, fault: Option<(&Strace, &Injection)>) -> Fallible<Ran> {
        let (mark, arguments) = self.a_note();
        let ran = self.run(fault, &words(&arguments)).await?;
        self.heard(&mark, &ran);
        Ok(ran)
    }

    /// Attempts a step with a photo that nobody took before, as [`Ground::note`].
    ///
    /// # Errors
    /// When the command cannot be run.
    pub async fn step(&mut self, fault: Option<(&Strace, &Injection)>) -> Fallible<Ran> {
        let (mark, arguments) = self.a_step()?;
        let ran = self.run(fault, &words(&arguments)).await?;
        self.heard(&mark, &ran);
        Ok(ran)
    }

    /// Attempts a note, or a step with a photo, and kills the handheld after so long; then
    /// does `next`. What it had said by then is confirmed.
    ///
    /// # Errors
    /// When the command cannot be run, or what `next` fails with.
    pub async fn cut_off(
        &mut self,
        photo: bool,
        after: Duration,
        next: impl Future<Output = Fallible<()>>,
    ) -> Fallible<Ran> {
        let (mark, arguments) = if photo { self.a_step()? } else { self.a_note() };
        let ran = self
            .cli
            .run_and_kill(&words(&arguments), after, next)
            .await?;
        self.heard(&mark, &ran);
        Ok(ran)
    }

    /// The command of a note that is attempted, and its mark.
    fn a_note(&mut self) -> (String, Vec<String>) {
        let mark = self.mark();
        self.ledger.attempt(&mark, None);
        let arguments = vec!["note".to_owned(), self.order.to_string(), mark.clone()];
        (mark, arguments)
    }

    /// The command of a step with a new photo that is attempted, and its mark.
    fn a_step(&mut self) -> Fallible<(String, Vec<String>)> {
        self.next += 1;
        let bytes = picture(self.next)?;
        let path = self.scene.folder.path().join("taken.jpg");
        fs::write(&path, &bytes)?;
        let photo = Digest::of(&bytes);
        let mark = photo.to_string();
        self.ledger.attempt(&mark, Some(photo));
        let (order, slot) = (self.order.to_string(), format!("site={}", path.display()));
        let arguments = [
            "step",
            &order,
            "arrived",
            "told_how=in_person",
            "--photo",
            &slot,
            "--at",
            "116.605,32.85,WGS-84,8",
        ];
        Ok((mark, arguments.map(str::to_owned).to_vec()))
    }

    /// Runs a sync, with a fault if one is given.
    ///
    /// # Errors
    /// When the command cannot be run.
    pub async fn sync(&self, fault: Option<(&Strace, &Injection)>) -> Fallible<Ran> {
        self.run(fault, &["sync", "--seconds", "20"]).await
    }

    async fn run(&self, fault: Option<(&Strace, &Injection)>, arguments: &[&str]) -> Fallible<Ran> {
        match fault {
            Some((strace, injection)) => self.cli.run_with(strace, injection, arguments).await,
            None => self.cli.run(arguments).await,
        }
    }

    fn heard(&mut self, mark: &str, ran: &Ran) {
        match ran.saved() {
            Some(id) => self.ledger.saved(mark, id),
            None if ran.code.is_some_and(|code| code != 0) => self.ledger.refused(mark),
            None => {}
        }
    }

    /// Syncs until nothing waits.
    ///
    /// # Errors
    /// When something still waits after a few syncs.
    pub async fn heal(&mut self) -> Fallible<()> {
        let mut said = String::new();
        for _ in 0..SYNCS {
            let ran = self.sync(None).await?;
            said = [ran.out, ran.err].concat();
            if said.contains("everything is with the server") {
                self.ledger.synced();
                return Ok(());
            }
        }
        Err(Failure::new(format!("something still waits: {said}")))
    }

    /// What the handheld itself holds, looked at through its library: everything saved is
    /// there once, each photo that a record promises has its file unless the server holds it
    /// and space is short, and each file a record.
    ///
    /// # Errors
    /// When it cannot be opened or read.
    pub fn look_at_handheld(&self, tally: &mut Tally) -> Fallible<()> {
        let handheld = Handheld::open(&self.cli.folder)?;
        let mut ids: BTreeMap<EntryId, String> = BTreeMap::new();
        let mut promised = BTreeSet::new();
        // What others did on the order came by the feed, without their photos' files.
        let mut own: BTreeSet<_> = self
            .ledger
            .attempts
            .values()
            .filter_map(|attempt| attempt.saved)
            .map(|id| id.journal)
            .collect();
        own.extend(handheld.status()?.journal);
        for sourced in handheld.records(self.order)? {
            if let Some(mark) = ledger::mark_of(&sourced.record.event) {
                ids.insert(sourced.id, mark);
            }
            if let Event::StepDone(done) = &sourced.record.event
                && own.contains(&sourced.id.journal)
            {
                promised.extend(done.photos.iter().map(|photo| photo.digest));
            }
        }
        let found = self
            .ledger
            .compare(ids.values().map(String::as_str), is_saved);
        count(tally, "on the handheld", &found);
        for photo in &promised {
            let path = handheld.photo_path(*photo);
            let attempt = self.ledger.attempts.get(&photo.to_string());
            if !path.exists() && attempt.is_some_and(|attempt| attempt.synced) {
                continue;
            }
            let bytes = fs::read(path).unwrap_or_default();
            if Digest::of(&bytes) != *photo {
                tally.wrong(format!("the handheld's photo {photo} is not what it was"));
            }
        }
        let folder = handheld.photo_path(Digest::ZERO);
        for file in files_of(folder.parent().unwrap_or(&self.cli.folder))? {
            let name = name_of(&file);
            let known = name.parse().is_ok_and(|digest| promised.contains(&digest));
            if !known {
                tally.wrong(format!("the handheld's file {name} belongs to no record"));
            }
        }
        if let Some(finding) = handheld
            .status()?
            .findings
            .iter()
            .find(|finding| finding.contains("damaged"))
        {
            tally.wrong(format!("the handheld found: {finding}"));
        }
        Ok(())
    }

    /// The whole oracle: after healing, handheld, ledger, server rows, chains, folds and
    /// photos agree.
    ///
    /// # Errors
    /// When something cannot be looked at.
    pub async fn judge(&mut self, tally: &mut Tally) -> Fallible<()> {
        if let Err(failure) = self.heal().await {
            tally.wrong(failure.to_string());
        }
        self.look_at_handheld(tally)?;
        self.look_at_server(tally, |attempt| is_saved(attempt) || attempt.received)
            .await
    }

    /// The server's part of the oracle.
    ///
    /// # Errors
    /// When something cannot be looked at.
    pub async fn look_at_server(
        &mut self,
        tally: &mut Tally,
        promised: impl Fn(&Attempt) -> bool,
    ) -> Fallible<()> {
        let books = self.scene.books().await?;
        let entries = books.entries().await?;
        let marks = ledger::marks(&entries);
        let found = self
            .ledger
            .compare(marks.iter().map(String::as_str), &promised);
        tally.unconfirmed = u32::try_from(found.unconfirmed.len())?;
        count(tally, "on the server", &found);
        let mut heights: BTreeMap<_, u64> = BTreeMap::new();
        for row in &entries {
            let height = heights.entry(row.id.journal).or_default();
            *height += 1;
            if row.id.seq.0 != *height {
                tally.wrong(format!("a gap before {:?}", row.id));
            }
        }
        self.look_at_photos(&books, tally, promised).await?;
        books.close().await?;
        self.verify(tally).await
    }

    async fn look_at_photos(
        &self,
        books: &Books,
        tally: &mut Tally,
        promised: impl Fn(&Attempt) -> bool,
    ) -> Fallible<()> {
        let waited: BTreeSet<Digest> = self
            .ledger
            .attempts
            .values()
            .filter(|attempt| promised(attempt))
            .filter_map(|attempt| attempt.photo)
            .collect();
        let mut kept = BTreeSet::new();
        for row in books.query("SELECT digest FROM media_object").await? {
            let digest: Vec<u8> = row.try_get("", "digest")?;
            kept.insert(hex::encode(digest));
        }
        for photo in &waited {
            if !kept.contains(&photo.to_string()) {
                tally.lost += 1;
                tally.wrong(format!("the server does not hold photo {photo}"));
            }
        }
        let folder = self.scene.server.data().join("photos");
        let mut files = BTreeSet::new();
        for file in files_of(&folder)? {
            let name = name_of(&file);
            if Digest::of(&fs::read(&file)?).to_string() != name {
                tally.wrong(format!("the server's photo {name} is not what it was"));
            }
            if !kept.contains(&name) {
                tally.wrong(format!("the server's file {name} has no row"));
            }
            files.insert(name);
        }
        for missing in kept.difference(&files) {
            tally.wrong(format!("the server's row {missing} has no file"));
        }
        Ok(())
    }

    async fn verify(&self, tally: &mut Tally) -> Fallible<()> {
        let export = self.scene.folder.path().join("export");
        drop(fs::remove_dir_all(&export));
        fs::create_dir_all(&export)?;
        let to = export.display().to_string();
        let server = &self.scene.server;
        if let Err(failure) = server.run(&["trace export", "--all", "--to", &to]).await {
            tally.wrong(format!("the trace cannot be exported: {failure}"));
            return Ok(());
        }
        let (verified, said) = server.run_bare(&["trace", "verify", &to]).await?;
        if !verified {
            tally.wrong(format!("the trace does not verify: {said}"));
        }
        if let Err(failure) = server.run(&["rebuild", "--check"]).await {
            tally.wrong(format!("the projection is not what folds: {failure}"));
        }
        Ok(())
    }

    /// Starts the server again after it was killed by a fault.
    ///
    /// # Errors
    /// When it does not end, or cannot be started.
    pub async fn restart(&mut self) -> Fallible<()> {
        self.scene.server.gone().await?;
        self.scene.server.start().await
    }
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// K1.
#[must_use]
pub fn is_saved(attempt: &Attempt) -> bool {
    attempt.saved.is_some()
}

fn count(tally: &mut Tally, place: &str, found: &ledger::Found) {
    tally.lost += found.lost.len() as u32;
    tally.doubled += found.doubled.len() as u32;
    for (what, marks) in [
        ("lost", &found.lost),
        ("doubled", &found.doubled),
        ("foreign", &found.foreign),
    ] {
        if !marks.is_empty() {
            tally.wrong(format!("{what} {place}: {marks:?}"));
        }
    }
}

fn name_of(path: &Path) -> String {
    path.file_name()
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default()
}

/// Every file below a folder.
///
/// # Errors
/// When it cannot be read.
pub fn files_of(folder: &Path) -> Fallible<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.push(path);
            }
        }
    }
    Ok(files)
}
