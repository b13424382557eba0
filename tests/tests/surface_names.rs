//! What the generated Kotlin and Swift export is what the apps were written against: the
//! names stand in `surface_names/*.txt`, and every name that the code of
//! `docs/embedding.md` uses is one of them, a name of its own, or one of the platform's in
//! `surface_names/platform.*.txt`. The document's code parses.
//!
//! After a wanted change run with `GRIDCREW_WRITE_NAMES=1`; the lists are written anew.

use gridcrew_mobile_bindgen::{Language, generate};
// Named, so that the library is built with this test.
use gridcrew_mobile as _;
use gridcrew_tests::{
    Fallible,
    failure::ensure,
    postgres::skipped,
    server::{program, said},
};
use std::{
    collections::BTreeSet,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where a language's bindings and lists lie, and how its names are found.
struct Tongue {
    language: Language,
    generated: &'static str,
    /// What the names of types are declared with.
    types: &'static [&'static str],
    /// What the names of members are declared with.
    members: &'static [&'static str],
    /// How code of it is fenced in the document.
    fence: &'static str,
}

const KOTLIN: Tongue = Tongue {
    language: Language::Kotlin,
    generated: "org/gridcrew/mobile/gridcrew_mobile.kt",
    types: &["class", "interface", "object"],
    members: &["fun", "val", "var"],
    fence: "```kotlin",
};

const SWIFT: Tongue = Tongue {
    language: Language::Swift,
    generated: "GridcrewMobile.swift",
    types: &["class", "protocol", "struct", "enum"],
    members: &["func", "let", "var", "case"],
    fence: "```swift",
};

/// What the generator needs for itself: types whose names begin so, and their insides.
const ITS_OWN: [&str; 17] = [
    "Uniffi",
    "uniffi",
    "Ffi",
    "RustBuffer",
    "ForeignBytes",
    "NoHandle",
    "NoPointer",
    "Integrity",
    "IntegrityCheck",
    "Disposable",
    "InternalException",
    "AutoClosable",
    "SyncListenerImpl",
    "PlatformKeyStoreImpl",
    "JavaLangRef",
    "AndroidSystemCleaner",
    "CallStatus",
];

fn lists() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/surface_names")
}

/// The generated code of a language.
fn generated(tongue: &Tongue) -> Fallible<String> {
    let library = program("libgridcrew_mobile.so", "GRIDCREW_MOBILE_LIBRARY")?;
    let folder = tempfile::tempdir()?;
    generate(&library, tongue.language, folder.path())?;
    Ok(fs::read_to_string(folder.path().join(tongue.generated))?)
}

/// Words of code, with comments and texts left out; what is glued with a backtick is one.
fn words(line: &str) -> Vec<String> {
    let code = line.split("//").next().unwrap_or_default();
    let mut out = Vec::new();
    for (number, part) in code.split('"').enumerate() {
        if number % 2 == 1 {
            continue;
        }
        let plain = part.replace('`', "");
        out.extend(
            plain
                .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .filter(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_'))
                .map(str::to_owned),
        );
    }
    out
}

/// `Type` and `Type.member` of everything that generated code exports: by lines, since
/// generated code has one declaration on each, and by depth of braces.
fn exported(tongue: &Tongue, code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    // The types around the line, each with the depth at which it was declared.
    let mut around: Vec<(String, usize)> = Vec::new();
    let mut depth = 0_usize;
    let mut in_comment = false;
    // A brace on a line of its own belongs to what stands above it.
    for line in code.replace("\n{", " {").lines() {
        in_comment |= line.trim_start().starts_with("/*");
        let line = match line.split_once("*/") {
            Some((_, rest)) if in_comment => rest,
            None if in_comment => continue,
            _ => line,
        };
        in_comment = false;
        let trimmed = line.trim();
        let words = words(&line.replace("::class", ""));
        let named = |keywords: &[&str]| {
            let at = words
                .iter()
                .position(|word| keywords.contains(&word.as_str()))?;
            words.get(at + 1).cloned()
        };
        let hidden = ["private", "internal", "fileprivate", "protected"]
            .iter()
            .any(|word| words.iter().any(|one| one == word))
            || line.contains("fun <")
            || line.contains("::class.java");
        while around.last().is_some_and(|(_, at)| *at > depth) {
            around.pop();
        }
        let path = |name: &str| {
            let path = around.iter().map(|(name, _)| name.as_str()).chain([name]);
            let path: Vec<&str> = path.filter(|part| !part.is_empty()).collect();
            path.join(".")
        };
        // Members stand one level inside of their type: deeper ones are local to a function.
        let level = around.last().map_or(0, |(_, at)| *at);
        let opens = line.matches(['{', '(']).count();
        let closes = line.matches(['}', ')']).count();
        if depth == level {
            if trimmed.starts_with("companion object") {
                // What is in it is called as if it were the type's own.
                around.push((String::new(), depth + 1));
            } else if let Some(name) = named(tongue.types) {
                if !hidden {
                    names.insert(path(&name));
                }
                let name = if hidden {
                    format!("Uniffi{name}")
                } else {
                    name
                };
                around.push((name, depth + 1));
            } else if let Some(name) = named(tongue.members).filter(|_| !hidden) {
                names.insert(path(&name));
            } else if tongue.language == Language::Kotlin && trimmed.ends_with([',', ';']) {
                // An entry of an enum.
                if let [name] = words.as_slice() {
                    names.insert(path(name));
                }
            }
        }
        depth = (depth + opens).saturating_sub(closes);
    }
    names
        .into_iter()
        .filter(|name| {
            !name
                .split('.')
                .any(|part| ITS_OWN.iter().any(|own| part.starts_with(own)))
        })
        .collect()
}

/// Compares with a list, or writes it.
fn compare(name: &str, found: &BTreeSet<String>) -> Fallible<()> {
    let path = lists().join(name);
    if env::var_os("GRIDCREW_WRITE_NAMES").is_some() {
        let lines: Vec<&str> = found.iter().map(String::as_str).collect();
        fs::write(&path, lines.join("\n") + "\n")?;
        return Ok(());
    }
    let text = fs::read_to_string(&path)?;
    let known: BTreeSet<String> = text.lines().map(str::to_owned).collect();
    let gone = known.difference(found).map(|name| format!("- {name}"));
    let new = found.difference(&known).map(|name| format!("+ {name}"));
    let differs: Vec<String> = gone.chain(new).collect();
    ensure(differs.is_empty(), || {
        format!(
            "{} is not what is exported (GRIDCREW_WRITE_NAMES=1 writes it anew):\n{}",
            path.display(),
            differs.join("\n")
        )
    })
}

#[test]
fn kotlin_exports_what_it_did() -> Fallible<()> {
    compare("kotlin.txt", &exported(&KOTLIN, &generated(&KOTLIN)?))
}

#[test]
fn swift_exports_what_it_did() -> Fallible<()> {
    compare("swift.txt", &exported(&SWIFT, &generated(&SWIFT)?))
}

/// The code of a language in the document.
fn examples(tongue: &Tongue) -> Fallible<Vec<String>> {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/embedding.md");
    let text = fs::read_to_string(document)?;
    let mut lines = Vec::new();
    let mut within = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            within = line.trim() == tongue.fence;
        } else if within && !line.trim_start().starts_with("/*") {
            lines.push(line.to_owned());
        }
    }
    Ok(lines)
}

/// The names that code declares itself: what follows a declaring word, and what has a type
/// behind it.
fn declared(tongue: &Tongue, lines: &[String]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let declaring = [tongue.types, tongue.members, &["for", "in", "catch", "if"]].concat();
    for line in lines {
        let words = words(&line.replace("fun <T> ", "fun "));
        for pair in words.windows(2) {
            if let [before, name] = pair
                && declaring.contains(&before.as_str())
            {
                names.insert(name.clone());
            }
        }
        // Parameters of functions and of closures.
        for parameter in line.split(['(', ',', '{']) {
            let parameter = parameter.trim_start();
            if let Some((name, _)) = parameter.split_once(':')
                && line.contains("fun")
            {
                names.extend(name.split_whitespace().map(str::to_owned));
            }
            if let Some((name, _)) = parameter.split_once(" ->") {
                names.insert(name.trim().to_owned());
            }
        }
        if let Some((closure, _)) = line.split_once(" in")
            && let Some((_, name)) = closure.rsplit_once("{ ")
        {
            names.insert(name.trim().to_owned());
        }
    }
    names
}

/// Every name that the document's code uses is exported, declared there, or the platform's.
fn all_names_are_known(tongue: &Tongue) -> Fallible<()> {
    let lines = examples(tongue)?;
    ensure(lines.len() > 20, || {
        "hardly any code in the document".into()
    })?;
    let name = format!("platform.{}.txt", tongue.language.name());
    let path = lists().join(name);
    let platform = fs::read_to_string(&path)?;
    let platform: BTreeSet<String> = platform.split_whitespace().map(str::to_owned).collect();
    let exported = exported(tongue, &generated(tongue)?);
    // Parameters are called by name too, and types are named in other files.
    let code = generated(tongue)?;
    let parameters: BTreeSet<String> = code
        .lines()
        .filter(|line| tongue.members.iter().any(|word| line.contains(word)))
        .flat_map(words)
        .collect();
    let mut known: BTreeSet<String> = exported
        .iter()
        .flat_map(|name| name.split('.'))
        .map(str::to_owned)
        .collect();
    let own = declared(tongue, &lines);
    let borrowed: Vec<&String> = platform.intersection(&known).collect();
    ensure(borrowed.is_empty(), || {
        format!(
            "exported, so not the platform's: {borrowed:?} in {}",
            path.display()
        )
    })?;
    known.extend(parameters.iter().cloned());
    let unknown: BTreeSet<String> = lines
        .iter()
        .flat_map(|line| words(line))
        .filter(|word| !known.contains(word) && !own.contains(word) && !platform.contains(word))
        .collect();
    ensure(unknown.is_empty(), || {
        format!(
            "docs/embedding.md uses names that are neither exported nor in {}:\n{}",
            path.display(),
            unknown.into_iter().collect::<Vec<_>>().join("\n")
        )
    })
}

#[test]
fn the_document_s_kotlin_uses_names_that_exist() -> Fallible<()> {
    all_names_are_known(&KOTLIN)
}

#[test]
fn the_document_s_swift_uses_names_that_exist() -> Fallible<()> {
    all_names_are_known(&SWIFT)
}

/// The code of a language in the document, each block for itself.
fn blocks(tongue: &Tongue) -> Fallible<Vec<String>> {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/embedding.md");
    let text = fs::read_to_string(document)?;
    let fence = format!("{}\n", tongue.fence);
    let blocks = text.split(&fence).skip(1);
    Ok(blocks
        .filter_map(|rest| rest.split("```").next().map(str::to_owned))
        .collect())
}

/// `GRIDCREW_TEST_PARSERS` names the Python of an environment with the grammars; without it
/// the test says aloud that it was skipped. They do not take all that the generator writes,
/// so that is not held against them.
#[test]
fn what_the_document_shows_parses() -> Fallible<()> {
    let Some(python) = env::var_os("GRIDCREW_TEST_PARSERS") else {
        skipped("Kotlin and Swift parsers, because GRIDCREW_TEST_PARSERS is not set");
        return Ok(());
    };
    let folder = tempfile::tempdir()?;
    let mut files = Vec::new();
    for (tongue, ending) in [(&KOTLIN, "kt"), (&SWIFT, "swift")] {
        let codes = blocks(tongue)?;
        ensure(codes.len() > 5, || "hardly any code".into())?;
        for (number, code) in codes.into_iter().enumerate() {
            let file = folder.path().join(format!("{number}.{ending}"));
            fs::write(&file, code)?;
            files.push(file);
        }
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/independent/parse.py");
    let output = Command::new(python).arg(script).args(files).output()?;
    ensure(output.status.success(), || said(&output))
}
