//! `spikard completions`: what makes a shell complete the command. Writes to standard output only.

use crate::arguments::Arguments;
use crate::output::{self, Failure};
use clap::{Args, Command, CommandFactory as _};
use clap_complete::{Generator, shells};

const EXAMPLES: &str = "\
Examples:
  spikard completions bash > ~/.local/share/bash-completion/completions/spikard
  spikard completions zsh > ~/.zfunc/_spikard        with `fpath+=~/.zfunc` before compinit
  spikard completions fish > ~/.config/fish/completions/spikard.fish";

/// `spikard completions`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArguments {
    /// Shell to write it for
    shell: Shell,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Prints the completions.
pub(crate) fn completions(arguments: &CompletionsArguments) -> Result<i32, Failure> {
    let text = match arguments.shell {
        Shell::Bash => generate(shells::Bash),
        Shell::Zsh => generate(shells::Zsh),
        Shell::Fish => generate(shells::Fish),
    };
    output::print(&text)
}

fn generate(shell: impl Generator) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut shown(), "spikard", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// What `--help` shows. The generators would offer what is hidden, too.
fn shown() -> Command {
    let all = Arguments::command();
    let verbs = all.get_subcommands().filter(|verb| !verb.is_hide_set());
    let arguments = all.get_arguments().filter(|one| !one.is_hide_set());
    Command::new("spikard")
        .version(env!("CARGO_PKG_VERSION"))
        .args(arguments.cloned().collect::<Vec<_>>())
        .subcommands(verbs.cloned().collect::<Vec<_>>())
}
