//! What the compiler says of wrong handlers, hooks and mounts. Each file of `teaching/` is compiled alone: its `//~` lines must be
//! among what the compiler says of it; one without such lines must compile.
#![allow(missing_docs, clippy::panic, reason = "tests, and what they call")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The crate as this test was linked with it, or a later build: they differ in nothing that is looked at here.
fn library(folder: &Path) -> PathBuf {
    let entries = fs::read_dir(folder).expect("the folder of this test");
    let built = entries.filter_map(|entry| {
        let path = entry.ok()?.path();
        let name = path.file_name()?.to_str()?;
        let is_it = name.starts_with("libspikard-") && name.ends_with(".rlib");
        let built = fs::metadata(&path).ok()?.modified().ok()?;
        is_it.then_some((built, path))
    });
    built.max().expect("the crate is built").1
}

fn compile(case: &Path) -> (bool, String) {
    let test = std::env::current_exe().expect("a path");
    let folder = test.parent().expect("a folder");
    let out = tempfile::tempdir().expect("a folder");
    let output = Command::new("rustc")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["--edition", "2024", "--emit", "metadata", "--out-dir"])
        .arg(out.path())
        .arg("-L")
        .arg(format!("dependency={}", folder.display()))
        .arg("--extern")
        .arg(format!("spikard={}", library(folder).display()))
        .arg(case)
        .output()
        .expect("rustc runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), said)
}

#[test]
fn the_compiler_says_what_is_wrong_and_what_to_write() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/teaching");
    let entries = fs::read_dir(folder).expect("the cases");
    let cases: Vec<PathBuf> = entries.map(|entry| entry.expect("a case").path()).collect();
    assert!(cases.len() >= 10, "{cases:?}");
    let mut wrong = String::new();
    for case in &cases {
        let text = fs::read_to_string(case).expect("a case");
        let expected: Vec<&str> = text
            .lines()
            .filter_map(|line| line.strip_prefix("//~ "))
            .collect();
        let (compiles, said) = compile(case);
        let missing: Vec<&&str> = expected
            .iter()
            .filter(|line| !said.contains(**line))
            .collect();
        if compiles != expected.is_empty() || !missing.is_empty() {
            wrong += &format!("{}: missing {missing:#?} in:\n{said}\n", case.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
