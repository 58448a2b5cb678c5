//! Running an app of this process: checks it, describes it when asked, else hands it to the server.

use super::{App, workers};
use crate::server::{self, Listen, ListenError, run};
use crate::settings::file::File;
use crate::{DefinitionError, Mistake, settings};
use std::io::{self, Write as _};
use std::path::Path;

/// Why an app does not run. `main` may return it: its `Debug` is its message, for a person to read.
///
/// ```
/// use spikard::{App, RunError};
///
/// let wrong = App::new("Shop", "1.0.0").get("items", || async {}).freeze().map_err(RunError::from);
/// let error = wrong.err().expect("a mistake");
/// assert!(matches!(error, RunError::Definition(_)) && error.to_string().contains("write \"/items\""));
/// ```
#[non_exhaustive]
pub enum RunError {
    /// The app has mistakes.
    Definition(DefinitionError),
    /// It cannot be served.
    Server(server::RunError),
    /// The program that supervises workers cannot be started.
    Workers(io::Error),
    /// It cannot be described.
    Output(io::Error),
}

impl std::fmt::Display for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Definition(error) => error.fmt(f),
            Self::Server(error) => error.fmt(f),
            Self::Workers(error) => write!(
                f,
                "several workers are supervised by the `spikard` program, which cannot be started: {error}; put it beside \
                 this program or on PATH: `cargo install spikard-cli`"
            ),
            Self::Output(error) => write!(f, "cannot write the app: {error}"),
        }
    }
}

impl std::fmt::Debug for RunError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the app does not run\n{self}")
    }
}

impl std::error::Error for RunError {}

impl From<DefinitionError> for RunError {
    fn from(error: DefinitionError) -> Self {
        Self::Definition(error)
    }
}

impl From<server::RunError> for RunError {
    fn from(error: server::RunError) -> Self {
        Self::Server(error)
    }
}

impl From<ListenError> for RunError {
    fn from(error: ListenError) -> Self {
        Self::Server(error.into())
    }
}

impl App {
    /// Serves the app on this thread until SIGTERM or SIGINT; then open requests are finished. A second signal ends at
    /// once. Listens where the environment (`SPIKARD_HOST`, `SPIKARD_PORT`) or else `spikard.toml` in the current folder
    /// says; default `127.0.0.1:8000`. What they say of other options goes before the code too. Must not be called inside a
    /// Tokio runtime: it starts one of its own, whose timers and sockets handlers may use.
    ///
    /// With [`App::workers`], `SPIKARD_WORKERS`, or `workers` in that file, this process becomes the supervisor of `spikard run --workers`, which
    /// starts the same command line again for each worker; `run` does not return.
    ///
    /// With `SPIKARD_EMIT=spec` in the environment the app is printed as JSON instead, and the process exits with 0;
    /// or `{"mistakes": […]}`, which are the reader's to show, and it exits with 1.
    ///
    /// ```no_run
    /// use spikard::App;
    ///
    /// fn main() -> Result<(), spikard::RunError> {
    ///     App::new("Ping", "1.0.0").get("/ping", || async { "pong" }).run()
    /// }
    /// ```
    pub fn run(self) -> Result<(), RunError> {
        if std::env::var("SPIKARD_EMIT").as_deref() == Ok("spec") {
            self.emit()?;
            std::process::exit(0)
        }
        let mut app = self;
        let mut listen = Listen::from_env()?;
        let mut workers = None;
        // Whoever started a worker has read the file.
        if std::env::var_os("SPIKARD_FD").is_none() {
            let file = app.obey_file()?;
            workers = workers::wanted(app.workers, file.workers.clone());
            listen = file.listen(listen);
        }
        let app = app.freeze()?;
        if let Some(workers) = workers {
            return Err(RunError::Workers(workers::supervise(&workers)));
        }
        Ok(run(app, &listen)?)
    }

    /// Lets the options of `spikard.toml` in the current folder win over what the code says; the environment wins over both
    /// when the app is frozen.
    fn obey_file(&mut self) -> Result<File, DefinitionError> {
        let (mut file, mut wrong) = File::read(Path::new("."), &settings::all());
        let options = std::mem::take(&mut file.options);
        if let Err(error) = settings::choose(&mut self.config, options) {
            wrong.push(format!("{}: {error}", settings::file::NAME));
        }
        if wrong.is_empty() {
            return Ok(file);
        }
        let mistakes = wrong.into_iter().map(Mistake::of_app).collect();
        Err(DefinitionError { mistakes })
    }

    /// Mistakes of the app as data are the reader's to report.
    fn emit(self) -> Result<(), RunError> {
        let (spec, _, mistakes) = self.into_parts();
        if !mistakes.is_empty() {
            let lines: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            let text = serde_json::json!({ "mistakes": lines });
            writeln!(io::stdout(), "{text}").map_err(RunError::Output)?;
            std::process::exit(1)
        }
        let text = serde_json::to_string(&spec).map_err(|error| RunError::Output(error.into()))?;
        writeln!(io::stdout(), "{text}").map_err(RunError::Output)
    }
}
