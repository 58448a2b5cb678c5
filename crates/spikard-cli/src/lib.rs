//! The `spikard` command as a library: each language's package carries it, so `spikard` exists after installing any of
//! them. Holds no interpreter: it starts one, and does the rest in Rust.
#![deny(unsafe_code)]

mod app;
mod arguments;
mod completions;
mod config;
mod describe;
mod dev;
mod differ;
mod doctor;
mod document;
mod launch;
mod new;
mod output;
mod quantity;
mod run;
mod settings;
mod supervisor;

use app::App;
use arguments::{Arguments, ListenArguments, SuperviseArguments, Verb};
use clap::Parser as _;
use document::Document;
use output::Failure;
use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::Command;
use std::str::FromStr;

/// The process of a language whose package carries this library.
pub struct Host<'h> {
    /// Its interpreter, which starts apps of its language.
    pub interpreter: Interpreter,
    /// Serves the app of this name in this very process, with these variables in its environment; gives the exit code.
    /// `None`: the interpreter is started anew, in the place of this process.
    pub serve: Option<&'h Serve<'h>>,
    /// This command as a program of its own, where the package has it. It takes the place of the process for `dev` and for
    /// a supervisor, which stay as long as the app is served and need no interpreter. `None`, or nothing there that can be
    /// run (a package built from sources): they run in this process.
    pub program: Option<PathBuf>,
}

impl Host<'_> {
    /// An interpreter of `language` that is started anew for each app. `program` may be where the package has none.
    pub fn new(language: Language, path: impl Into<PathBuf>, program: Option<PathBuf>) -> Self {
        Self {
            interpreter: Interpreter {
                language,
                path: path.into(),
            },
            serve: None,
            program,
        }
    }
}

/// An interpreter and what it runs.
#[derive(Debug, Clone)]
pub struct Interpreter {
    /// What it runs.
    pub language: Language,
    /// Its program.
    pub path: PathBuf,
}

impl Interpreter {
    /// As `--interpreter` takes it.
    fn flag(&self) -> OsString {
        let language = LANGUAGES.iter().find(|(_, one)| *one == self.language);
        let mut flag = OsString::from(language.expect("invariant: every language has a name").0);
        flag.push("=");
        flag.push(&self.path);
        flag
    }
}

impl FromStr for Interpreter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once('=').and_then(|(name, path)| {
            let (_, language) = LANGUAGES.iter().find(|(one, _)| *one == name)?;
            Some((*language, path))
        });
        let (language, path) = parts
            .ok_or_else(|| "write a language and a program: python=/usr/bin/python3".to_owned())?;
        Ok(Self {
            language,
            path: path.into(),
        })
    }
}

/// Languages by the names that `--interpreter` knows.
const LANGUAGES: [(&str, Language); 4] = [
    ("python", Language::Python),
    ("node", Language::Node),
    ("ruby", Language::Ruby),
    ("php", Language::Php),
];

/// A language whose package carries this library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// `spikard` of Python.
    Python,
    /// `spikard` of Node: TypeScript and JavaScript.
    Node,
    /// `spikard` of Ruby.
    Ruby,
    /// `spikard/spikard` of PHP.
    Php,
}

/// Serves the app of a name in this process, with variables in its environment; its exit code.
pub type Serve<'h> = dyn Fn(&str, &[Variable]) -> i32 + 'h;

/// Name and value of a variable of the environment.
pub type Variable = (&'static str, String);

/// Runs the command and returns its exit code: 0 done, 1 the app failed or is wrong, 2 the command line or a setting is;
/// `run` returns its worker's code, or does not return because this process becomes the worker. `args` starts with the
/// program's name.
pub fn main(args: Vec<OsString>, host: Option<&Host<'_>>) -> i32 {
    let arguments = match Arguments::try_parse_from(&args) {
        Ok(arguments) => arguments,
        Err(refusal) => {
            // Help and version come this way too, with code 0 and on standard output. A closed pipe is no failure.
            let _ = refusal.print();
            return refusal.exit_code();
        }
    };
    perform(arguments, &args, host).unwrap_or_else(|failure| output::report(&failure))
}

/// Lets the package's program take the place of this process; comes back where there is none.
fn leave_interpreter<'a>(
    host: Option<&Host<'_>>,
    variables: &[Variable],
    args: impl Iterator<Item = &'a OsString>,
) {
    if let Some((host, program)) = host.and_then(|host| Some((host, host.program.as_ref()?))) {
        let mut command = Command::new(program);
        command
            .arg0("spikard")
            .arg("--interpreter")
            .arg(host.interpreter.flag());
        // Not found, or of another machine: what it would have done is done here.
        let _ = command.envs(variables.iter().cloned()).args(args).exec();
    }
}

/// What a program says that serves its app by itself (`app.run()`). What it says goes before what the environment and
/// `spikard.toml` say, as flags of `spikard run` do.
#[derive(Debug, Clone, Default)]
pub struct Program {
    /// The command line that starts the program again, as a worker.
    pub again: Vec<OsString>,
    /// Name or address to listen on.
    pub host: Option<String>,
    /// Port to listen on; 0 for a free one.
    pub port: Option<u16>,
    /// How many workers, or `auto`; `None` for none beside the program itself.
    pub workers: Option<String>,
}

/// What `app.run()` does in a program that was not started as a worker: gives the variables of the one worker, which is
/// this process, or supervises workers and gives their exit code. Settings are those of `spikard run -- PROGRAM`.
pub fn start(program: Program, host: &Host<'_>) -> Result<Vec<Variable>, i32> {
    let failed = |failure: Failure| output::report(&failure);
    let app = App::Program(program.again);
    let settings = settings::gather(&app, &[], &[]).map_err(failed)?;
    let arguments = ListenArguments::in_code(program.host, program.port).map_err(failed)?;
    let settings = arguments.secured(settings).map_err(failed)?;
    let listen = arguments.listen(&settings).map_err(failed)?;
    let supervise = SuperviseArguments::in_code(program.workers).map_err(failed)?;
    let Some(plan) = supervise.plan(&app, &settings).map_err(failed)? else {
        settings.warn();
        let opened = run::open(&app, &listen, &settings).map_err(failed)?;
        return Ok(opened.handed_over());
    };
    if let (App::Program(again), None) = (&app, listen.fd) {
        let said = [
            "run".to_owned(),
            format!("--host={}", listen.host),
            format!("--port={}", listen.port),
            format!("--workers={}", plan.workers),
            "--".to_owned(),
        ];
        let said = said.map(OsString::from);
        leave_interpreter(Some(host), &settings.variables(), said.iter().chain(again));
    }
    settings.warn();
    let interpreter = Some(host.interpreter.clone());
    Err(supervisor::supervise(&app, &listen, plan, &settings, interpreter).unwrap_or_else(failed))
}

fn perform(
    arguments: Arguments,
    args: &[OsString],
    host: Option<&Host<'_>>,
) -> Result<i32, Failure> {
    let Arguments { verb, interpreter } = arguments;
    let interpreter = interpreter.or_else(|| host.map(|host| host.interpreter.clone()));
    match verb {
        Verb::Run {
            app,
            listen,
            supervise,
            set,
            program,
        } => {
            let app = match program.is_empty() {
                true => app::find(app)?,
                false => App::Program(program),
            };
            launch::installed(&app)?;
            let settings = listen.secured(settings::gather(&app, &set, &[])?)?;
            let listen = listen.listen(&settings)?;
            match supervise.plan(&app, &settings)? {
                Some(plan) => {
                    leave_interpreter(host, &[], args.iter().skip(1));
                    settings.warn();
                    supervisor::supervise(&app, &listen, plan, &settings, interpreter)
                }
                None => {
                    settings.warn();
                    let serve = host.and_then(|host| host.serve);
                    run::run(&app, &listen, &settings, serve, interpreter)
                }
            }
        }
        Verb::Dev { app, listen, set } => {
            leave_interpreter(host, &[], args.iter().skip(1));
            let app = app::find(app)?;
            launch::installed(&app)?;
            let settings = listen.secured(settings::gather(&app, &set, &dev::BASE)?)?;
            settings.warn();
            dev::dev(&app, &listen.at_home(&settings)?, &settings, interpreter)
        }
        Verb::Config { app, set, json } => {
            let app = app::find(app)?;
            let settings = settings::gather(&app, &set, &[])?;
            settings.warn();
            config::show(&app, &settings, json, interpreter)
        }
        Verb::Routes { app, json } => describe::routes(&app::find(app)?, json, interpreter),
        Verb::Openapi(arguments) => document::document(Document::OpenApi, arguments, interpreter),
        Verb::Asyncapi(arguments) => document::document(Document::AsyncApi, arguments, interpreter),
        Verb::Check { app, json } => describe::check(&app::find(app)?, json, interpreter),
        Verb::New(arguments) => new::new(&arguments, interpreter),
        Verb::Doctor(arguments) => doctor::doctor(&arguments, interpreter),
        Verb::Completions(arguments) => completions::completions(&arguments),
        Verb::Tables => output::print(&spikard_bridge::tables()),
    }
}
