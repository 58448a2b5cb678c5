//! The command line: verbs, flags and the help that teaches them. Does nothing.

use crate::Interpreter;
use crate::app::App;
use crate::completions::CompletionsArguments;
use crate::doctor::DoctorArguments;
use crate::document::{self, DocumentArguments};
use crate::new::NewArguments;
use crate::output::Failure;
use crate::quantity;
use crate::settings::Settings;
use crate::supervisor::{Bounds, Format, Limits, Place, Plan};
use clap::{Args, Parser, Subcommand};
use spikard::Config;
use spikard::server::{Listen, check_tls, mode};
use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::os::fd::RawFd;
use std::path::PathBuf;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  spikard run                     serve the app.py, app.ts or Cargo project of this folder
  spikard run app.py --port 9000  serve app.py on http://127.0.0.1:9000
  spikard run app.py --workers 4  serve it by four processes; kill -HUP reloads them one by one
  spikard dev app.py              serve it while it is written, and again after each save
  spikard run shop.web:api        serve the attribute `api` of the Python module shop.web
  spikard routes app.py           list method, path, handler and source line of each route
  spikard openapi app.py -o openapi.json
  spikard config app.py           list the settings, their values, and who set them
  spikard new shop --lang python  make a small tested project in the folder shop
  spikard check app.py            report every mistake of the app's definition, serve nothing

Exit codes: 0 done; 1 the app failed or is wrong; 2 the command line or a setting is wrong.";

pub(crate) const APP: &str = "\
What to serve: a file of Python, Node, Ruby or PHP (`app.py`, `app.ts`, `app.rb`, `app.php`), one of its attributes (`app.py:api`; not in PHP), a Python module \
(`shop.web:api`), or the folder of a Cargo project. Without it: the app.py, main.py, app.ts, app.mts, app.mjs, app.js, app.rb, config.ru, app.php, public/index.php or Cargo.toml of this folder";

const SET: &str = "\
Sets an option of the app, over what its environment, spikard.toml and code say; may be repeated. `spikard config` lists \
the options";

const DEV: &str = "\
Examples:
  spikard dev                     serve the app of this folder, and again after each save
  spikard dev app.py --port 9000
  spikard dev app.py --set egress=warn

Looks at the files in the app's folder and below, but not at what git ignores. While the app does not start, its error is
shown and requests are answered with 503.";

const CONFIG: &str = "\
Examples:
  spikard config app.py
  SPIKARD_BODY_LIMIT=20MiB spikard config app.py --json

A flag goes before the environment, that before spikard.toml beside the app, that before the app's code.";

const RUN: &str = "\
Examples:
  spikard run app.py                  one process, which is the worker itself
  spikard run app.py --workers 4      four workers, restarted when they end, and a supervisor
  spikard run app.py --workers auto   one for each processor
  spikard run app.py --workers 4 --pid-file app.pid
  spikard run app.py --workers 4 --control 9000 --log-format json
  curl http://127.0.0.1:9000/metrics  what the workers do, from the supervisor
  spikard run --workers 4 -- python shop.py --stock 7           a program that ends with app.run()
  spikard run app.py --tls-cert cert.pem --tls-key key.pem      HTTPS, with HTTP/2
  spikard run app.py --uds /run/shop/app.sock --uds-mode 0660   a Unix socket, for a proxy in front

Signals of the supervisor:
  kill -HUP $(cat app.pid)            new workers, one by one; nothing is lost
  kill -TERM $(cat app.pid)           finish open requests and end; twice: now
  kill -TTIN / -TTOU $(cat app.pid)   one worker more / fewer";

/// What a program may take to start when it is compiled first.
const COMPILED: Duration = Duration::from_secs(1800);
/// More is a typing error.
const MOST_WORKERS: usize = 1024;
const SHORTEST_LIFE: Duration = Duration::from_secs(1);
const START: Duration = Duration::from_secs(60);
const STOP: Duration = Duration::from_secs(60);
const STUCK: Duration = Duration::from_secs(30);
const ROUTES: &str = "\
Examples:
  spikard routes                              a table of the routes of this folder's app; POLICIES are those that are not the default
  spikard routes app.py --json                also tags, and the limits and timeouts in force, for programs
  spikard routes app.py --json | jq -r '.[] | select(.handler_timeout_ms == 0) | .path'";

const CHECK: &str = "\
Examples:
  spikard check           the app of this folder
  spikard check app.py    before a commit or a deployment: everything that start-up would refuse
  spikard check app.py --json | jq -r '.mistakes[].message'

Exit codes: 0 no mistakes; 1 mistakes, or the app was not loaded; 2 the command line or a setting is wrong.";

#[derive(Debug, Parser)]
#[command(name = "spikard", version, about = "Runs and describes Spikard apps", after_help = EXAMPLES)]
#[command(arg_required_else_help = true, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// `python=/usr/bin/python3`: what starts apps of that language; each language's package says it
    #[arg(long, global = true, hide = true, value_name = "LANGUAGE=PROGRAM")]
    pub(crate) interpreter: Option<Interpreter>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Serves an app until SIGINT (Ctrl-C) or SIGTERM; open requests are finished, a second signal ends at once
    #[command(after_help = RUN)]
    Run {
        #[arg(help = APP)]
        app: Option<String>,
        #[command(flatten)]
        listen: Box<ListenArguments>,
        #[command(flatten)]
        supervise: SuperviseArguments,
        #[arg(long, value_name = "NAME=VALUE", help = SET)]
        set: Vec<String>,
        /// Instead of APP: a program that serves by its app's run(), and its arguments
        #[arg(last = true, conflicts_with = "app")]
        program: Vec<OsString>,
    },
    /// Serves an app while it is written: on this machine only, started anew when a file is saved, failures in full
    #[command(after_help = DEV)]
    Dev {
        #[arg(help = APP)]
        app: Option<String>,
        #[command(flatten)]
        listen: Box<ListenArguments>,
        #[arg(long, value_name = "NAME=VALUE", help = SET)]
        set: Vec<String>,
    },
    /// Shows every setting, its value, and who set it
    #[command(after_help = CONFIG)]
    Config {
        #[arg(help = APP)]
        app: Option<String>,
        #[arg(long, value_name = "NAME=VALUE", help = SET)]
        set: Vec<String>,
        /// Prints a JSON array for programs instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Lists the routes: method, path, handler, source line, policies that are not the default
    #[command(after_help = ROUTES)]
    Routes {
        #[arg(help = APP)]
        app: Option<String>,
        /// Prints a JSON array for programs instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Prints the OpenAPI 3.1 document, or compares a file with it
    #[command(after_help = document::OPENAPI)]
    Openapi(DocumentArguments),
    /// Prints the AsyncAPI 3.0 document, or compares a file with it
    #[command(after_help = document::ASYNCAPI)]
    Asyncapi(DocumentArguments),
    /// Checks the app's definition and reports every mistake at once
    #[command(after_help = CHECK)]
    Check {
        #[arg(help = APP)]
        app: Option<String>,
        /// Prints the mistakes as one JSON object for programs, also when there are none
        #[arg(long)]
        json: bool,
    },
    /// Makes a small tested project that runs at once
    New(NewArguments),
    /// Says which interpreters and packages of Spikard are here, and whether their versions agree
    Doctor(DoctorArguments),
    /// Prints what makes a shell complete this command
    Completions(CompletionsArguments),
    /// Prints the error table and the options of an app as JSON, from which languages generate their classes
    #[command(hide = true)]
    Tables,
}

#[derive(Debug, Default, Args)]
pub(crate) struct ListenArguments {
    /// Name or address to listen on; 0.0.0.0 for every IPv4 one [default: $SPIKARD_HOST, `host` in spikard.toml, or 127.0.0.1]
    #[arg(long, conflicts_with = "fd")]
    host: Option<String>,
    /// Port to listen on; 0 for a free one [default: $SPIKARD_PORT, `port` in spikard.toml, or 8000]
    #[arg(short, long, conflicts_with = "fd", value_parser = a_port, allow_negative_numbers = true)]
    port: Option<u16>,
    /// Descriptor of a listening socket that this process inherited, instead of host and port
    #[arg(long, value_name = "N", value_parser = descriptor, allow_negative_numbers = true)]
    fd: Option<RawFd>,
    /// Path of a Unix socket, instead of host and port; its file is removed at the end [default: $SPIKARD_UDS, or `uds` in
    /// spikard.toml]
    #[arg(long, value_name = "PATH", conflicts_with_all = ["fd", "host", "port"])]
    uds: Option<PathBuf>,
    /// Who may connect to it, in octal digits [default: $SPIKARD_UDS_MODE, `uds_mode` in spikard.toml, or the umask's]
    #[arg(long, value_name = "MODE", value_parser = octal)]
    uds_mode: Option<u32>,
    /// Serves HTTPS with this certificate (PEM, the chain included), read again when it changes; may be repeated, with as
    /// many --tls-key, for several names [default: $SPIKARD_TLS_CERT, `tls_cert` in spikard.toml, or no TLS]
    #[arg(long, value_name = "FILE")]
    tls_cert: Vec<String>,
    /// Private key of the certificate (PEM, not encrypted)
    #[arg(long, value_name = "FILE")]
    tls_key: Vec<String>,
    /// Serves only clients with a certificate that one of these authorities (PEM) signed
    #[arg(long, value_name = "FILE")]
    tls_client_ca: Option<String>,
}

impl ListenArguments {
    /// The arguments of a program's `run()`. A socket that the program was handed is what it serves, whatever it says.
    pub(crate) fn in_code(host: Option<String>, port: Option<u16>) -> Result<Self, Failure> {
        let environment = Listen::from_env().map_err(|error| Failure::usage(error.to_string()))?;
        Ok(match environment.fd {
            Some(_) => Self::default(),
            None => Self {
                host,
                port,
                ..Self::default()
            },
        })
    }

    /// `settings` with those that have flags of their own, once the files that they name are in order.
    pub(crate) fn secured(&self, mut settings: Settings) -> Result<Settings, Failure> {
        let own = [
            ("--tls-cert", "tls_cert", self.tls_cert.join(",")),
            ("--tls-key", "tls_key", self.tls_key.join(",")),
            (
                "--tls-client-ca",
                "tls_client_ca",
                self.tls_client_ca.clone().unwrap_or_default(),
            ),
        ];
        for (flag, name, files) in own.into_iter().filter(|(_, _, files)| !files.is_empty()) {
            settings.obey(flag, name, files).map_err(Failure::usage)?;
        }
        // What is set of both is whole; else the app's code may say the rest, and its worker checks that.
        if ["tls_cert", "tls_key"]
            .iter()
            .all(|name| settings.chosen(name).is_some())
        {
            let config = settings.applied(&Config::default());
            check_tls(&config).map_err(|error| Failure::usage(error.to_string()))?;
        }
        Ok(settings)
    }

    /// On this machine only, unless the flag says otherwise: what is shown to one who writes the app is not for others.
    pub(crate) fn at_home(self, settings: &Settings) -> Result<Listen, Failure> {
        let host = self.host.clone().unwrap_or_else(|| Listen::default().host);
        Ok(Listen {
            host,
            ..self.listen(settings)?
        })
    }

    /// Flags over environment over file over defaults.
    pub(crate) fn listen(self, settings: &Settings) -> Result<Listen, Failure> {
        let environment = Listen::from_env().map_err(|error| Failure::usage(error.to_string()))?;
        let others = settings.file.listen(environment);
        let address_given = self.host.is_some() || self.port.is_some();
        let uds = match self.uds {
            Some(path) => Some(path),
            None if address_given || self.fd.is_some() => None,
            None => others.uds,
        };
        Ok(Listen {
            fd: self
                .fd
                .or(others.fd.filter(|_| !address_given && uds.is_none())),
            uds,
            uds_mode: self.uds_mode.or(others.uds_mode),
            host: self.host.unwrap_or(others.host),
            port: self.port.unwrap_or(others.port),
        })
    }
}

#[derive(Debug, Default, Args)]
pub(crate) struct SuperviseArguments {
    /// Worker processes, kept running by a supervisor; `auto` for one per processor [default: $SPIKARD_WORKERS, or one
    /// without a supervisor]
    #[arg(short, long, value_name = "N", allow_negative_numbers = true)]
    workers: Option<String>,
    /// Writes the supervisor's process id to this file, and removes it at the end
    #[arg(long, value_name = "FILE")]
    pid_file: Option<PathBuf>,
    /// How long a worker may take from its start to being ready [default: 60s; 30m for a Cargo project]
    #[arg(long, value_name = "DURATION", value_parser = quantity::duration)]
    start_timeout: Option<Duration>,
    /// How long a worker may take to finish its requests; the rest is cut [default: 60s]
    #[arg(long, value_name = "DURATION", value_parser = quantity::duration)]
    stop_timeout: Option<Duration>,
    /// Replaces a worker that has served this long, ±10 % so that not all go at once; no request is lost [default: never]
    #[arg(long, value_name = "DURATION", value_parser = quantity::duration)]
    max_lifetime: Option<Duration>,
    /// Replaces a worker that holds more resident memory than this, looked at every second [default: never]
    #[arg(long, value_name = "SIZE", value_parser = quantity::size)]
    max_memory: Option<u64>,
    /// Replaces a worker that has answered this many requests, ±10 % so that not all go at once; no request is lost
    /// [default: never]
    #[arg(long, value_name = "N", value_parser = requests, allow_negative_numbers = true)]
    max_requests: Option<u64>,
    /// Shows where a worker is whose loop has not turned for this long, and replaces it; 0 for never [default: 30s]
    #[arg(long, value_name = "DURATION", value_parser = quantity::duration_or_never)]
    stuck_timeout: Option<Duration>,
    /// Answers /health/live, /health/ready, /metrics (Prometheus) and /workers (JSON) here, also while every worker is
    /// busy: an address, a port of this machine, or the path of a Unix socket. For those who may see that [default: off]
    #[arg(long, value_name = "PLACE")]
    control: Option<Place>,
    /// How the lines of workers and supervisor look: with the worker's name before each, or one JSON object each
    /// [default: text]
    #[arg(long, value_enum, value_name = "FORMAT")]
    log_format: Option<Format>,
}

impl SuperviseArguments {
    /// The argument of a program's `run()`.
    pub(crate) fn in_code(workers: Option<String>) -> Result<Self, Failure> {
        if let Some(text) = &workers {
            self::workers("workers", text)?;
        }
        Ok(Self {
            workers,
            ..Self::default()
        })
    }

    /// None when nothing asks for a supervisor.
    pub(crate) fn plan(self, app: &App, settings: &Settings) -> Result<Option<Plan>, Failure> {
        let environment = std::env::var("SPIKARD_WORKERS").ok();
        let (name, count) = match (self.workers, environment) {
            (Some(count), _) => ("--workers", Some(count)),
            (None, Some(count)) => ("SPIKARD_WORKERS", Some(count)),
            (None, None) => ("workers", settings.file.workers.clone()),
        };
        let count = count.map(|text| workers(name, &text)).transpose()?;
        let others = [
            self.pid_file.is_some(),
            self.max_memory.is_some(),
            self.max_requests.is_some(),
            self.control.is_some(),
            self.log_format.is_some(),
        ];
        let times = [
            self.start_timeout,
            self.stop_timeout,
            self.max_lifetime,
            self.stuck_timeout,
        ];
        if count.is_none() && others == [false; 5] && times == [None; 4] {
            return Ok(None);
        }
        if self.max_lifetime.is_some_and(|life| life < SHORTEST_LIFE) {
            return Err(Failure::usage("--max-lifetime is less than a second")
                .advice("it is meant for hours: --max-lifetime 12h"));
        }
        let stuck = self.stuck_timeout.unwrap_or(STUCK);
        if !stuck.is_zero() && stuck < Bounds::LEAST_STUCK {
            let least = Bounds::LEAST_STUCK;
            return Err(
                Failure::usage(format!("--stuck-timeout is less than {least:?}")).advice(
                    "a handler that computes is not stuck: --stuck-timeout 30s, or 0 for never",
                ),
            );
        }
        let start = match app {
            App::Python(_) | App::Node(_) | App::Ruby(_) | App::Php(_) | App::Program(_) => START,
            App::Cargo(_) => COMPILED,
        };
        Ok(Some(Plan {
            workers: count.unwrap_or(1),
            limits: Limits {
                start: self.start_timeout.unwrap_or(start),
                stop: self.stop_timeout.unwrap_or(STOP),
                life: self.max_lifetime,
            },
            bounds: Bounds {
                memory: self.max_memory,
                requests: self.max_requests,
                stuck: Some(stuck).filter(|stuck| !stuck.is_zero()),
            },
            pid_file: self.pid_file,
            control: self.control,
            format: self.log_format.unwrap_or_default(),
        }))
    }
}

fn a_port(text: &str) -> Result<u16, String> {
    let port = text.parse();
    port.map_err(|_| "write a number from 0 to 65535; 0 for a free port".to_owned())
}

fn descriptor(text: &str) -> Result<RawFd, String> {
    let number = text.parse().ok().filter(|number| *number >= 0);
    number.ok_or_else(|| "write the number of an inherited socket, for example 3".to_owned())
}

fn requests(text: &str) -> Result<u64, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "write a whole number: 100000".to_owned())
}

fn octal(text: &str) -> Result<u32, String> {
    mode(text).ok_or_else(|| "write octal digits, for example 0660".to_owned())
}

fn workers(name: &str, text: &str) -> Result<usize, Failure> {
    match text.parse() {
        Ok(count) if (1..=MOST_WORKERS).contains(&count) => Ok(count),
        _ if text == "auto" => {
            Ok(std::thread::available_parallelism().map_or(1, NonZeroUsize::get))
        }
        _ => Err(Failure::usage(format!(
            "{name} {text:?} is no number from 1 to {MOST_WORKERS}"
        ))
        .advice("one worker keeps one processor busy: --workers 4, or --workers auto")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_help_of_each_verb_has_an_example() {
        let command = Arguments::command();
        for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
            let help = verb.get_after_help().map(ToString::to_string);
            let example = format!("  spikard {} ", verb.get_name());
            assert!(
                help.is_some_and(|help| help.contains(&example)),
                "{}",
                verb.get_name()
            );
        }
    }
}
