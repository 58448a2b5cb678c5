//! `spikard openapi` and `spikard asyncapi`: print the document as JSON or YAML, write it, or compare a file with it. Judge
//! no document.

use crate::Interpreter;
use crate::app::{self, App};
use crate::describe;
use crate::differ;
use crate::output::{self, Failure};
use clap::Args;
use serde_json::{Value, json};
use serde_saphyr::UserMessageFormatter;
use spikard::Frozen;
use std::path::{Path, PathBuf};

pub(crate) const OPENAPI: &str = "\
Examples:
  spikard openapi app.py                         compact JSON, byte for byte what the app serves
  spikard openapi app.py --indent                JSON for reading
  spikard openapi app.py --yaml                  YAML
  spikard openapi app.py -o openapi.yaml         to a file; its ending decides
  spikard openapi app.py --check openapi.yaml    exit code 1, and what differs, when the file is not as the app says

Exit codes: 0 done, or the same; 1 the app is wrong, or the file differs; 2 the command line or a setting is wrong.";

pub(crate) const ASYNCAPI: &str = "\
Examples:
  spikard asyncapi app.py                          compact JSON
  spikard asyncapi app.py --yaml                   YAML; --indent for JSON to read
  spikard asyncapi app.py -o asyncapi.yaml         to a file; its ending decides
  spikard asyncapi app.py --check asyncapi.yaml    exit code 1, and what differs, when the file is not as the app says

Its channels are those on which an app sends or hears messages; routes that answer requests are in `spikard openapi`.

Exit codes: 0 done, or the same; 1 the app is wrong, or the file differs; 2 the command line or a setting is wrong.";

/// More differences are counted, not shown.
const MOST_SHOWN: usize = 40;

/// `spikard openapi` and `spikard asyncapi`.
#[derive(Debug, Args)]
pub(crate) struct DocumentArguments {
    #[arg(help = crate::arguments::APP)]
    app: Option<String>,
    /// Writes it to this file instead of standard output; as YAML when its name ends with .yaml or .yml
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Indents the JSON for reading
    #[arg(long, conflicts_with = "yaml")]
    indent: bool,
    /// Writes YAML instead of JSON
    #[arg(long)]
    yaml: bool,
    /// Compares this file, JSON or YAML, with the app; prints and writes nothing else
    #[arg(long, value_name = "FILE", conflicts_with_all = ["output", "indent", "yaml"])]
    check: Option<PathBuf>,
}

/// One of the documents that describe an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Document {
    OpenApi,
    AsyncApi,
}

impl Document {
    /// Of the command line.
    fn verb(self) -> &'static str {
        match self {
            Self::OpenApi => "openapi",
            Self::AsyncApi => "asyncapi",
        }
    }

    fn text(self, frozen: &Frozen) -> String {
        let bytes = match self {
            Self::OpenApi => frozen.openapi(),
            Self::AsyncApi => &frozen.asyncapi(),
        };
        String::from_utf8_lossy(bytes).into_owned()
    }
}

/// Prints, writes or compares the document.
pub(crate) fn document(
    kind: Document,
    arguments: DocumentArguments,
    interpreter: Option<Interpreter>,
) -> Result<i32, Failure> {
    let app = app::find(arguments.app)?;
    let frozen = describe::freeze(&app, interpreter)?;
    let text = kind.text(&frozen);
    if kind == Document::AsyncApi && read_json(&text)["channels"] == json!({}) {
        output::note(&format!(
            "{} has no channels; its routes are in `spikard openapi`",
            app.name()
        ));
    }
    if let Some(file) = arguments.check {
        return compare(kind, &file, &app, &read_json(&text));
    }
    let yaml = arguments.yaml || arguments.output.as_deref().is_some_and(is_yaml);
    let text = match (yaml, arguments.indent) {
        (true, _) => to_yaml(&read_json(&text))?,
        (false, true) => format!("{:#}\n", read_json(&text)),
        (false, false) => text + "\n",
    };
    let Some(file) = arguments.output else {
        return output::print(&text);
    };
    std::fs::write(&file, text)
        .map(|()| 0)
        .map_err(|error| Failure::app(format!("cannot write {}: {error}", file.display())))
}

fn read_json(text: &str) -> Value {
    serde_json::from_str(text).expect("invariant: the core writes JSON")
}

fn to_yaml(document: &Value) -> Result<String, Failure> {
    serde_saphyr::to_string(document)
        .map_err(|error| Failure::app(format!("the document cannot be written as YAML: {error}")))
}

fn is_yaml(file: &Path) -> bool {
    file.extension()
        .is_some_and(|ending| ending == "yaml" || ending == "yml")
}

fn compare(kind: Document, file: &Path, app: &App, wanted: &Value) -> Result<i32, Failure> {
    let shown = file.display();
    let again = format!(
        "write it anew: spikard {} {} -o {shown}",
        kind.verb(),
        app.name()
    );
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::app(format!("cannot read {shown}: {error}")).advice(&*again))?;
    let found = read(file, &text)?;
    let differences = differ::differences(&found, wanted);
    if differences.is_empty() {
        return output::print(&format!("{shown}: as {} says", app.name()));
    }
    let mut lines: Vec<String> = differences
        .iter()
        .take(MOST_SHOWN)
        .map(ToString::to_string)
        .collect();
    if differences.len() > MOST_SHOWN {
        lines.push(format!("… and {} more", differences.len() - MOST_SHOWN));
    }
    lines.push(again);
    Err(Failure::app(format!("{shown} is not as {} says:", app.name())).advice(lines.join("\n")))
}

/// JSON or YAML, by the file's name; other names by what the text begins with.
fn read(file: &Path, text: &str) -> Result<Value, Failure> {
    let json = !is_yaml(file) && text.trim_start().starts_with('{');
    let read = if json {
        serde_json::from_str(text).map_err(|error| error.to_string())
    } else {
        serde_saphyr::from_str(text).map_err(|error| {
            error
                .without_snippet()
                .render_with_formatter(&UserMessageFormatter)
        })
    };
    read.map_err(|error| {
        let format = if json { "JSON" } else { "YAML" };
        Failure::app(format!("{} is no {format}: {error}", file.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::{read, to_yaml};
    use serde_json::json;
    use std::path::Path;

    /// Texts that YAML 1.1 or 1.2 would read as something else without quotes.
    #[test]
    fn yaml_brings_every_text_back() {
        let document = json!({
            "openapi": "3.1.0", "version": "1.0", "null": null, "~": "~", "": "",
            "responses": {"200": {"description": "yes"}, "4XX": {"description": "no"}},
            "texts": ["true", "Null", "0755", "0x10", "1e3", ".inf", "12:30:45", "2026-01-01", "- a", "a: b", "# c", " d ",
                      "é\n\ttwo\n\nlines\n", "{x}", "[y]", "&z", "*z", "!t", "%", "@", "`", "\"'", "\u{7f}\u{85}\u{2028}", "=", "<<"],
            "numbers": [0, -1, 1.5, 1e300, 18_446_744_073_709_551_615_u64, 0.1], "flags": [true, false], "none": [], "nothing": {},
            "pattern": "^[A-Z]{3}-\\d+$", "long": "word ".repeat(60),
        });
        let text = to_yaml(&document).expect("YAML");
        assert_eq!(read(Path::new("a.yaml"), &text), Ok(document), "{text}");
    }

    #[test]
    fn the_ending_decides_and_else_the_first_letter() {
        for (file, text) in [
            ("a.yaml", "{a: 1}"),
            ("a.json", "{\"a\":\n\t1}"),
            ("a", "{\"a\":\n\t1}"),
            ("a", "a: 1"),
        ] {
            assert_eq!(read(Path::new(file), text), Ok(json!({"a": 1})), "{file}");
        }
    }

    #[test]
    fn what_cannot_be_read_names_file_and_place() {
        for (file, text, part) in [
            (
                "a.json",
                "{\"a\": }",
                "a.json is no JSON: expected value at line 1",
            ),
            (
                "a.yaml",
                "a: [1\nb: }",
                "a.yaml is no YAML: illegal placement of ':' indicator at line 2",
            ),
            (
                "a.yaml",
                "a: 1\na: 2",
                "a.yaml is no YAML: duplicate mapping key `a` is not allowed here at line 2",
            ),
        ] {
            let failure = read(Path::new(file), text).expect_err(file);
            assert!(failure.message.contains(part), "{failure:?}");
        }
    }
}
