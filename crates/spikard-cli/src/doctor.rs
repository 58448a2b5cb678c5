//! `spikard doctor`: which interpreters and which packages of Spikard are here, and whether their versions agree. Repairs
//! nothing.

use crate::output::{self, Failure};
use crate::{Interpreter, launch};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const EXAMPLES: &str = "\
Examples:
  spikard doctor           a table of languages, interpreters and packages
  spikard doctor --json    the same for programs

Exit codes: 0 apps can be run; 1 a package is broken or of another version, or no language is ready.";

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Prints the interpreter's version, its path, and the version of the package or why it is not to be had.
const PROBE: &str = "\
import json, platform, sys
found = {'version': platform.python_version(), 'path': sys.executable, 'package': None, 'error': None}
try:
    from importlib.metadata import PackageNotFoundError, version
    import spikard, spikard._native
    found['package'] = version('spikard')
except PackageNotFoundError:
    found['package'] = 'unknown'
except ModuleNotFoundError as error:
    if error.name != 'spikard':
        found['error'] = f'{type(error).__name__}: {error}'
except Exception as error:
    found['error'] = f'{type(error).__name__}: {error}'
print(json.dumps(found))";

/// `spikard doctor`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArguments {
    /// Prints a JSON object for programs instead of a table
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    /// Of the command.
    version: &'static str,
    /// The running file: the command's own, or the interpreter whose package carries it.
    program: Option<PathBuf>,
    /// One for each language that Spikard speaks or will.
    languages: Vec<Language>,
}

/// One row.
#[derive(Debug, Default, Serialize)]
struct Language {
    language: &'static str,
    /// Apps in it can be run.
    ready: bool,
    /// Something is wrong, which is more than absent.
    wrong: bool,
    /// Version of the interpreter or compiler.
    version: Option<String>,
    /// Its file.
    path: Option<String>,
    /// Version of its package of Spikard.
    package: Option<String>,
    /// What is missing, and what to do.
    advice: Option<String>,
}

/// Says what is here; 1 when nothing can be run or versions disagree.
pub(crate) fn doctor(
    arguments: &DoctorArguments,
    interpreter: Option<Interpreter>,
) -> Result<i32, Failure> {
    let report = Report {
        version: VERSION,
        program: std::env::current_exe().ok(),
        languages: vec![
            python(launch::python(interpreter.clone())),
            rust(Path::new("Cargo.lock")),
            node(&launch::node(interpreter.clone())),
            ruby(&launch::ruby(interpreter.clone())),
            php(&launch::php(interpreter)),
        ],
    };
    output::print(&if arguments.json {
        serde_json::to_string(&report).expect("invariant: a report has only texts and flags")
    } else {
        table(&report)
    })?;
    let languages = &report.languages;
    let well = languages.iter().any(|language| language.ready)
        && !languages.iter().any(|language| language.wrong);
    Ok(i32::from(!well))
}

fn table(report: &Report) -> String {
    let rows: Vec<[String; 5]> = report.languages.iter().map(cells).collect();
    let program = report.program.as_deref();
    let program = program.map_or_else(String::new, |path| format!(", run by {}", path.display()));
    let header = ["LANGUAGE", "", "VERSION", "PACKAGE", "NOTE"];
    format!(
        "spikard {VERSION}{program}\n\n{}",
        output::table(header, &rows)
    )
}

fn cells(language: &Language) -> [String; 5] {
    let state = match (language.wrong, language.ready) {
        (true, _) => "WRONG",
        (false, true) => "ready",
        (false, false) => "-",
    };
    let text = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let note = language.advice.clone().or(language.path.clone());
    [
        language.language.to_owned(),
        state.to_owned(),
        text(&language.version),
        text(&language.package),
        note.unwrap_or_default(),
    ]
}

/// Of the Python at hand, as `3.13`.
pub(crate) fn python_version(interpreter: Option<Interpreter>) -> Option<String> {
    let version = python(launch::python(interpreter)).version?;
    let (major_minor, _) = version.rsplit_once('.')?;
    Some(major_minor.to_owned())
}

fn python(interpreter: PathBuf) -> Language {
    let absent = format!(
        "{} does not run; install Python 3.11 or newer, or activate an environment",
        interpreter.display()
    );
    probe(
        "python",
        Command::new(&interpreter).args(["-c", PROBE]),
        &absent,
        "spikard is not installed in it; activate another environment, or pip install PATH/TO/spikard-*.whl",
    )
}

/// Prints what npm installed for the current folder, as Node would look for it.
const NODE_PROBE: &str = "\
const found = { version: process.versions.node, path: process.execPath, package: null };
for (const folder of require('module')._nodeModulePaths(process.cwd())) {
  try { found.package ??= JSON.parse(require('fs').readFileSync(folder + '/spikard/package.json', 'utf8')).version; } catch {}
}
console.log(JSON.stringify(found));";

fn node(interpreter: &Path) -> Language {
    probe(
        "typescript",
        Command::new(interpreter).args(["-e", NODE_PROBE]),
        "node does not run; install Node 20.17 or later",
        "spikard is not installed for this folder: npm install PATH/TO/spikard*.tgz",
    )
}

/// Prints the extension that this PHP loads.
const PHP_PROBE: &str = "echo json_encode(['version' => PHP_VERSION, 'path' => PHP_BINARY, 'package' => phpversion('spikard') ?: null]);";

fn php(interpreter: &Path) -> Language {
    probe(
        "php",
        Command::new(interpreter).args(["-r", PHP_PROBE]),
        "php does not run; install PHP 8.2 or later",
        "it does not load the extension: add extension=/path/to/spikard.so to its ini file",
    )
}

/// Prints the gem that this Ruby finds.
const RUBY_PROBE: &str = "require 'json'; print JSON.generate(version: RUBY_VERSION, path: RbConfig.ruby, \
    package: Gem::Specification.find_all_by_name('spikard').map { |gem| gem.version.to_s }.first)";

fn ruby(interpreter: &Path) -> Language {
    probe(
        "ruby",
        Command::new(interpreter).args(["-e", RUBY_PROBE]),
        "ruby does not run; install Ruby 3.1",
        "its gems have no spikard: gem install PATH/TO/spikard-*.gem",
    )
}

/// A language whose interpreter tells `version`, `path`, `package` and, when that is broken, `error` as a JSON object.
/// `absent` is the advice where it does not run, `bare` where it has no package.
fn probe(language: &'static str, ask: &mut Command, absent: &str, bare: &str) -> Language {
    let mut row = Language {
        language,
        ..Language::default()
    };
    let found = said(ask);
    let Some(found) = found.and_then(|text| serde_json::from_str::<serde_json::Value>(&text).ok())
    else {
        row.advice = Some(absent.to_owned());
        return row;
    };
    let text = |key: &str| found[key].as_str().map(str::to_owned);
    row.version = text("version");
    row.path = text("path");
    row.package = text("package");
    if let Some(error) = text("error") {
        row.wrong = true;
        row.advice = Some(format!(
            "import spikard fails: {error}; install its package anew"
        ));
    } else if row.package.is_none() {
        row.advice = Some(bare.to_owned());
    } else {
        agree(&mut row);
    }
    row
}

fn rust(lock: &Path) -> Language {
    let mut row = Language {
        language: "rust",
        version: said(Command::new("cargo").arg("--version")).and_then(|text| second_word(&text)),
        package: std::fs::read_to_string(lock)
            .ok()
            .and_then(|text| locked(&text)),
        ..Language::default()
    };
    match (&row.version, &row.package) {
        (None, _) => row.advice = Some("cargo does not run; install Rust (rustup.rs)".to_owned()),
        (Some(_), None) => row.ready = true,
        (Some(_), Some(_)) => agree(&mut row),
    }
    row
}

/// A package and the command are one release.
fn agree(row: &mut Language) {
    let package = row.package.as_deref().unwrap_or_default();
    row.ready = package == VERSION;
    row.wrong = !row.ready;
    if row.wrong {
        row.advice = Some(format!(
            "its package is {package}, this command is {VERSION}: install the same release of both"
        ));
    }
}

/// The version of `spikard` in a Cargo.lock.
fn locked(text: &str) -> Option<String> {
    let mut lines = text
        .lines()
        .skip_while(|line| *line != "name = \"spikard\"");
    let version = lines.nth(1)?.strip_prefix("version = \"")?;
    Some(version.trim_end_matches('"').to_owned())
}

/// Of `cargo 1.95.0 (…)`.
fn second_word(text: &str) -> Option<String> {
    text.split_whitespace().nth(1).map(str::to_owned)
}

/// What a program prints that ends well.
fn said(command: &mut Command) -> Option<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::locked;

    #[test]
    fn the_version_of_a_crate_is_found_in_a_lock_file() {
        let lock = "[[package]]\nname = \"spikard-contract\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"spikard\"\nversion = \"0.2.0\"\n";
        assert_eq!(locked(lock).as_deref(), Some("0.2.0"));
        assert_eq!(locked(""), None);
    }
}
