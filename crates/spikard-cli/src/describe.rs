//! `spikard routes`, `openapi` and `check`: the app's program prints its AppSpec and ends; the rest is here. Serves
//! nothing.

use crate::app::App;
use crate::launch;
use crate::output::{self, Failure};
use serde_json::{Value, json};
use spikard::spec::{AppSpec, Declared, GroupSpec, RouteSpec};
use spikard::{Endpoint, Flow, Frozen, Problem, Request};
use std::path::PathBuf;
use std::task::Context;

/// Lists the routes in the order declared, as a table or as a JSON array.
pub(crate) fn routes(app: &App, json: bool, interpreter: Option<PathBuf>) -> Result<i32, Failure> {
    let spec = launch::spec(app, interpreter)?;
    let lines = lines(&spec);
    freeze(spec)?;
    if json {
        return output::print(&Value::Array(lines.iter().map(Line::json).collect()).to_string());
    }
    let rows: Vec<[String; 4]> = lines.into_iter().map(Line::cells).collect();
    output::print(&output::table(
        ["METHOD", "PATH", "HANDLER", "SOURCE"],
        &rows,
    ))
}

/// Prints the document, or writes it to a file.
pub(crate) fn openapi(
    app: &App,
    file: Option<PathBuf>,
    indent: bool,
    interpreter: Option<PathBuf>,
) -> Result<i32, Failure> {
    let frozen = freeze(launch::spec(app, interpreter)?)?;
    let mut text = String::from_utf8_lossy(frozen.openapi()).into_owned();
    if indent {
        let document: Value = serde_json::from_str(&text).expect("invariant: the core writes JSON");
        text = format!("{document:#}");
    }
    let Some(file) = file else {
        return output::print(&text);
    };
    let written = std::fs::write(&file, text + "\n");
    written
        .map(|()| 0)
        .map_err(|error| Failure::app(format!("cannot write {}: {error}", file.display())))
}

/// Says how many routes there are, or every mistake.
pub(crate) fn check(app: &App, interpreter: Option<PathBuf>) -> Result<i32, Failure> {
    let spec = launch::spec(app, interpreter)?;
    let count = lines(&spec).len();
    freeze(spec)?;
    let noun = if count == 1 { "route" } else { "routes" };
    output::print(&format!("{}: {count} {noun}, no mistakes", app.name()))
}

fn freeze(spec: AppSpec) -> Result<Frozen, Failure> {
    let endpoints = (0..handlers(&spec.routes, &spec.groups))
        .map(|_| -> Box<dyn Endpoint> { Box::new(Elsewhere) })
        .collect();
    Frozen::new(spec, endpoints).map_err(|error| Failure::app(error.to_string()))
}

/// How many handlers the routes refer to.
fn handlers(routes: &[RouteSpec], groups: &[GroupSpec]) -> usize {
    let here = routes.iter().map(|route| route.handler.saturating_add(1));
    let below = groups
        .iter()
        .map(|group| handlers(&group.routes, &group.groups));
    here.chain(below).max().unwrap_or(0)
}

/// A handler that lives in the program which printed the AppSpec; never called.
struct Elsewhere;

impl Endpoint for Elsewhere {
    fn call(&self, _request: Request<'_>, _context: &mut Context<'_>) -> Flow {
        Flow::Done(Err(Box::new(Problem::unavailable(
            "the handler lives in another process",
        ))))
    }
}

struct Line {
    method: String,
    path: String,
    declared: Declared,
}

impl Line {
    fn source(&self) -> String {
        match self.declared.file.as_str() {
            "" => String::new(),
            file => format!("{file}:{}", self.declared.line),
        }
    }

    fn cells(self) -> [String; 4] {
        let source = self.source();
        [self.method, self.path, self.declared.name, source]
    }

    fn json(&self) -> Value {
        let Declared { name, file, line } = &self.declared;
        json!({"method": self.method, "path": self.path, "handler": name, "file": file, "line": line})
    }
}

fn lines(spec: &AppSpec) -> Vec<Line> {
    let mut lines = Vec::new();
    collect("", &spec.routes, &spec.groups, &mut lines);
    lines
}

fn collect(prefix: &str, routes: &[RouteSpec], groups: &[GroupSpec], lines: &mut Vec<Line>) {
    for RouteSpec {
        method,
        path,
        declared,
        ..
    } in routes
    {
        let below = if prefix.is_empty() || path != "/" {
            path
        } else {
            ""
        };
        lines.push(Line {
            method: method.clone(),
            path: format!("{prefix}{below}"),
            declared: declared.clone(),
        });
    }
    for group in groups {
        collect(
            &format!("{prefix}{}", group.prefix),
            &group.routes,
            &group.groups,
            lines,
        );
    }
}
