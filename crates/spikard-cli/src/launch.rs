//! The program that holds an app: which one, and the environment that tells it what to do. Waits for nothing but the
//! AppSpec.

use crate::app::App;
use crate::output::Failure;
use crate::{Interpreter, Language};
use serde_json::Value;
use spikard::spec::AppSpec;
use spikard::{DefinitionError, Mistake};
use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where the npm package keeps the program that serves an app.
const NODE_WORKER: &str = "node_modules/spikard/build/src/worker.js";

/// What Ruby runs: the gem's worker, or why there is none.
const RUBY_WORKER: &str = "\
begin
  require 'spikard/worker'
rescue LoadError => error
  raise unless error.path == 'spikard/worker'
  abort \"spikard: the gems of #{RbConfig.ruby} have no spikard; install the gem, or run this by bundle exec\"
end
exit Spikard::Worker.main(ARGV)";

/// The command that loads `app`, by `interpreter` where that is of its language. Another Python app is loaded by the active
/// environment's `python`, then `python3`; another app of Node by `node`, one of
/// Ruby by `ruby`.
pub(crate) fn command(app: &App, interpreter: Option<Interpreter>) -> Command {
    match app {
        App::Python(text) => {
            let mut command = Command::new(python(interpreter));
            command.args(["-m", "spikard._worker", text]);
            command
        }
        App::Node(text) => {
            let mut command = Command::new(node(interpreter));
            let worker = node_package(app).unwrap_or_else(|| PathBuf::from(NODE_WORKER));
            command.arg(worker).arg(text);
            command
        }
        App::Ruby(text) => {
            let mut command = Command::new(ruby(interpreter));
            command.args(["-e", RUBY_WORKER, text]);
            command
        }
        App::Php(text) => {
            let mut command = Command::new(php(interpreter));
            command.arg(text);
            command
        }
        App::Cargo(manifest) => {
            let mut command = Command::new("cargo");
            command
                .args(["run", "--quiet", "--manifest-path"])
                .arg(manifest);
            command
        }
        App::Program(words) => {
            let mut words = words.iter();
            let mut command = Command::new(words.next().map_or(OsStr::new(""), |word| word));
            command.args(words);
            command
        }
    }
}

/// The same for a worker whose output we pass on: Python would hold back lines that go to a pipe.
pub(crate) fn supervised(app: &App, interpreter: Option<Interpreter>) -> Command {
    let mut command = command(app, interpreter);
    if matches!(app, App::Python(_) | App::Program(_))
        && std::env::var_os("PYTHONUNBUFFERED").is_none()
    {
        command.env("PYTHONUNBUFFERED", "1");
    }
    command
}

/// Refuses an app whose language says less well that its package is missing. Python and PHP name it themselves.
pub(crate) fn installed(app: &App) -> Result<(), Failure> {
    match app {
        App::Node(name) if node_package(app).is_none() => Err(Failure::app(format!(
            "the npm package spikard is not installed for {name}"
        ))
        .advice("install it in the app's folder or one above: npm install PATH/TO/spikard*.tgz")),
        _ => Ok(()),
    }
}

/// The package that the app itself finds, as Node looks for it: in its folder or one above.
fn node_package(app: &App) -> Option<PathBuf> {
    let folder = std::path::absolute(app.folder()).unwrap_or_else(|_| app.folder());
    let mut workers = folder.ancestors().map(|above| above.join(NODE_WORKER));
    workers.find(|worker| worker.is_file())
}

/// `interpreter` when it is a Node, else `node`.
pub(crate) fn node(interpreter: Option<Interpreter>) -> PathBuf {
    of(Language::Node, interpreter).unwrap_or_else(|| PathBuf::from("node"))
}

/// `interpreter` when it is a Ruby, else `ruby`.
pub(crate) fn ruby(interpreter: Option<Interpreter>) -> PathBuf {
    of(Language::Ruby, interpreter).unwrap_or_else(|| PathBuf::from("ruby"))
}

/// `interpreter` when it is a PHP, else `php`.
pub(crate) fn php(interpreter: Option<Interpreter>) -> PathBuf {
    of(Language::Php, interpreter).unwrap_or_else(|| PathBuf::from("php"))
}

fn of(language: Language, interpreter: Option<Interpreter>) -> Option<PathBuf> {
    let interpreter = interpreter.filter(|interpreter| interpreter.language == language)?;
    Some(interpreter.path)
}

/// `interpreter` when it is a Python, else the active environment's, then `python3`.
pub(crate) fn python(interpreter: Option<Interpreter>) -> PathBuf {
    if let Some(path) = of(Language::Python, interpreter) {
        return path;
    }
    let active =
        std::env::var_os("VIRTUAL_ENV").map(|folder| PathBuf::from(folder).join("bin/python"));
    active
        .filter(|path| path.exists())
        .unwrap_or_else(|| PathBuf::from("python3"))
}

/// Why the program did not start.
pub(crate) fn not_started(program: &OsStr, error: &io::Error) -> Failure {
    let program = program.to_string_lossy();
    let failure = Failure::app(format!("cannot start {program}: {error}"));
    match (error.kind(), program.as_ref()) {
        (io::ErrorKind::NotFound, "cargo") => {
            failure.advice("install Rust (rustup.rs), or add cargo to PATH")
        }
        (io::ErrorKind::NotFound, "node") => {
            failure.advice("install Node 20.17 or later, or add node to PATH")
        }
        (io::ErrorKind::NotFound, "ruby") => {
            failure.advice("install Ruby 3.1 or later, or add ruby to PATH")
        }
        (io::ErrorKind::NotFound, "php") => failure
            .advice("install PHP 8.2 or later with the extension spikard, or add php to PATH"),
        (io::ErrorKind::NotFound, python) if python.contains("python") => {
            failure.advice("activate the environment that has spikard installed")
        }
        (io::ErrorKind::NotFound, _) => {
            failure.advice("name a program on PATH, or the path of one: spikard run -- ./shop")
        }
        _ => failure,
    }
}

/// Starts the app's program with `SPIKARD_EMIT=spec` and reads what it prints. Its standard error is ours.
pub(crate) fn spec(app: &App, interpreter: Option<Interpreter>) -> Result<AppSpec, Failure> {
    installed(app)?;
    let mut command = command(app, interpreter);
    command
        .env("SPIKARD_EMIT", "spec")
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let output = command
        .output()
        .map_err(|error| not_started(command.get_program(), &error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    // The app's module may print too; what is ours is the last line, and JSON text has no line breaks in its strings.
    let last = text.lines().rfind(|line| !line.trim().is_empty());
    if !output.status.success() {
        if let Some(found) = last.and_then(mistaken) {
            return Err(wrong(app, &found));
        }
        return Err(Failure::app(format!(
            "{} was not loaded ({})",
            app.name(),
            output.status
        )));
    }
    let Some(last) = last else {
        return Err(
            Failure::app(format!("{} printed no AppSpec", app.name())).advice(
                "a program must end with the app's run(), which prints it when SPIKARD_EMIT=spec",
            ),
        );
    };
    spikard_bridge::parse(last).map_err(|error| wrong(app, &error))
}

/// `{"mistakes": […]}`: what the app's language found wrong, with what the core did.
fn mistaken(line: &str) -> Option<DefinitionError> {
    let said: Value = serde_json::from_str(line).ok()?;
    let mistakes = said.get("mistakes")?.as_array()?.iter();
    let mistakes: Vec<Mistake> = mistakes
        .filter_map(Value::as_str)
        .map(Mistake::from)
        .collect();
    (!mistakes.is_empty()).then_some(DefinitionError { mistakes })
}

/// Every mistake of the app's definition, one per line.
pub(crate) fn wrong(app: &App, error: &DefinitionError) -> Failure {
    let headline = match error.mistakes.len() {
        1 => format!("{} has a mistake:", app.name()),
        several => format!("{} has {several} mistakes:", app.name()),
    };
    Failure {
        mistakes: error.mistakes.clone(),
        ..Failure::app(headline).advice(error.to_string())
    }
}
