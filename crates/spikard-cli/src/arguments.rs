//! The command line: verbs, flags and the help that teaches them. Does nothing.

use crate::output::Failure;
use clap::{Args, Parser, Subcommand};
use spikard::server::Listen;
use std::os::fd::RawFd;
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  spikard run                     serve the app.py, main.py or Cargo project of this folder
  spikard run app.py --port 9000  serve app.py on http://127.0.0.1:9000
  spikard run shop.web:api        serve the attribute `api` of the Python module shop.web
  spikard routes app.py           list method, path, handler and source line of each route
  spikard openapi app.py -o openapi.json
  spikard check app.py            report every mistake of the app's definition, serve nothing

Exit codes: 0 done; 1 the app failed or is wrong; 2 the command line is wrong.";

const APP: &str = "\
What to serve: a Python file (`app.py`), one of its attributes (`app.py:api`), a module (`shop.web:api`), or the folder of \
a Cargo project. Without it: app.py, main.py or Cargo.toml of this folder";

#[derive(Debug, Parser)]
#[command(name = "spikard", version, about = "Runs and describes Spikard apps", after_help = EXAMPLES)]
#[command(
    arg_required_else_help = true,
    max_term_width = 100,
    disable_help_subcommand = true
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Serves an app until SIGINT (Ctrl-C) or SIGTERM; open requests are finished, a second signal ends at once
    Run {
        #[arg(help = APP)]
        app: Option<String>,
        #[command(flatten)]
        listen: ListenArguments,
    },
    /// Lists the routes: method, path, handler, source line
    Routes {
        #[arg(help = APP)]
        app: Option<String>,
        /// Prints a JSON array for programs instead of a table
        #[arg(long)]
        json: bool,
    },
    /// Prints the OpenAPI 3.1 document
    Openapi {
        #[arg(help = APP)]
        app: Option<String>,
        /// Writes it to this file instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Indents it for reading; without, it is byte for byte what the app serves
        #[arg(long)]
        indent: bool,
    },
    /// Checks the app's definition and reports every mistake at once
    Check {
        #[arg(help = APP)]
        app: Option<String>,
    },
    /// Prints the error table and the options of an app as JSON, from which languages generate their classes
    #[command(hide = true)]
    Tables,
}

#[derive(Debug, Args)]
pub(crate) struct ListenArguments {
    /// Name or address to listen on; 0.0.0.0 for every IPv4 one [default: $SPIKARD_HOST or 127.0.0.1]
    #[arg(long, conflicts_with = "fd")]
    host: Option<String>,
    /// Port to listen on; 0 for a free one [default: $SPIKARD_PORT or 8000]
    #[arg(short, long, conflicts_with = "fd")]
    port: Option<u16>,
    /// Descriptor of a listening socket that this process inherited, instead of host and port
    #[arg(long, value_name = "N")]
    fd: Option<RawFd>,
}

impl ListenArguments {
    /// Flags over environment over defaults.
    pub(crate) fn listen(self) -> Result<Listen, Failure> {
        let environment = Listen::from_env().map_err(|error| Failure::usage(error.to_string()))?;
        let address_given = self.host.is_some() || self.port.is_some();
        Ok(Listen {
            fd: self.fd.or(environment.fd.filter(|_| !address_given)),
            host: self.host.unwrap_or(environment.host),
            port: self.port.unwrap_or(environment.port),
        })
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
}
