//! What a person or a program reads: failures, tables, colours. Knows nothing of apps.

use spikard::Mistake;
use std::io::{self, IsTerminal as _, Write as _};

/// Why the command ends without having done its work.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The exit code: 1 or 2.
    pub(crate) code: i32,
    /// What was wrong; empty when the child has said it.
    pub(crate) message: String,
    /// What to do instead; empty for nothing.
    pub(crate) advice: String,
    /// Those of the app's definition that the advice lists.
    pub(crate) mistakes: Vec<Mistake>,
}

impl Failure {
    /// The command line is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            code: 2,
            message: message.into(),
            advice: String::new(),
            mistakes: Vec::new(),
        }
    }

    /// The app failed or is wrong.
    pub(crate) fn app(message: impl Into<String>) -> Self {
        Self {
            code: 1,
            message: message.into(),
            advice: String::new(),
            mistakes: Vec::new(),
        }
    }

    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = advice.into();
        self
    }
}

/// Says it on standard error; gives the exit code.
pub(crate) fn report(failure: &Failure) -> i32 {
    let label = paint(io::stderr().is_terminal(), "1;31", "error:");
    let mut text = String::new();
    if !failure.message.is_empty() {
        text.push_str(&format!("{label} {}\n", failure.message));
    }
    for line in failure.advice.lines() {
        text.push_str(&format!("  {line}\n"));
    }
    let _ = io::stderr().write_all(text.as_bytes());
    failure.code
}

/// A line for the person who watches, as it looks on standard error.
pub(crate) fn noted(line: &str) -> String {
    let label = paint(io::stderr().is_terminal(), "1;32", "spikard:");
    format!("{label} {line}")
}

/// Says such a line.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr(), "{}", noted(line));
}

/// What stands before each line that a worker prints.
pub(crate) fn worker_label(terminal: bool, number: usize) -> String {
    const COLOURS: [&str; 5] = ["36", "35", "33", "34", "32"];
    let colour = COLOURS[number.saturating_sub(1) % COLOURS.len()];
    format!(
        "{} ",
        paint(terminal, colour, &format!("worker {number} |"))
    )
}

/// The result, on standard output, with a newline at its end. A reader that left early (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<i32, Failure> {
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    let mut out = io::stdout().lock();
    match write!(out, "{text}{newline}").and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::app(format!(
            "cannot write to standard output: {error}"
        ))),
        _ => Ok(0),
    }
}

/// Columns aligned by their widest cell, two spaces apart, header in bold on a terminal.
pub(crate) fn table<const N: usize>(header: [&str; N], rows: &[[String; N]]) -> String {
    draw(io::stdout().is_terminal(), header, rows)
}

fn draw<const N: usize>(terminal: bool, header: [&str; N], rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells
            .chain([header[column].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let line = |cells: [&str; N]| {
        let padded = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut text = paint(terminal, "1", &line(header));
    for row in rows {
        text.push('\n');
        text.push_str(&line(row.each_ref().map(String::as_str)));
    }
    text
}

/// Whether a stream that is a terminal, or is none, is written to in colours: unless `NO_COLOR` is set and not empty
/// (no-color.org).
pub(crate) fn colours(terminal: bool) -> bool {
    terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Coloured for a terminal.
pub(crate) fn paint(terminal: bool, code: &str, text: &str) -> String {
    if colours(terminal) {
        format!("\x1b[{code}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            ["GET".to_owned(), "/".to_owned()],
            ["DELETE".to_owned(), "/ä".to_owned()],
        ];
        assert_eq!(
            draw(false, ["METHOD", "PATH"], &rows),
            "METHOD  PATH\nGET     /\nDELETE  /ä"
        );
    }
}
