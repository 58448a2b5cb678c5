//! `spikard routes` and `check`: the app's program prints its AppSpec and ends; the core checks and describes
//! it here. Serves nothing.

use crate::Interpreter;
use crate::app::App;
use crate::launch;
use crate::output::{self, Failure};
use crate::settings as operator;
use serde_json::{Value, json};
use spikard::settings::{self, Setting};
use spikard::{Frozen, RouteLine};

const TEXTS: &str = "invariant: a route line has only texts and numbers";

/// Lists the routes in the order declared, as a table or as a JSON array.
pub(crate) fn routes(
    app: &App,
    json: bool,
    interpreter: Option<Interpreter>,
) -> Result<i32, Failure> {
    let frozen = freeze(app, interpreter)?;
    if json {
        let text = serde_json::to_string(frozen.routes()).expect(TEXTS);
        return output::print(&text);
    }
    let table = settings::all();
    let row = |route| cells(route, policies(&table, route));
    let rows: Vec<[String; 5]> = frozen.routes().iter().map(row).collect();
    output::print(&output::table(
        ["METHOD", "PATH", "HANDLER", "SOURCE", "POLICIES"],
        &rows,
    ))
}

/// Those in force that are not the default, as `spikard config` shows them.
fn policies(table: &[Setting], route: &RouteLine) -> String {
    let line = serde_json::to_value(route).expect(TEXTS);
    let others = table.iter().filter_map(|setting| {
        let value = line.get(&setting.name)?;
        let differs = *value != setting.default;
        differs.then(|| {
            format!(
                "{}={}",
                setting.short(),
                setting.show(value).replace(' ', "")
            )
        })
    });
    others.collect::<Vec<_>>().join(" ")
}

fn cells(route: &RouteLine, policies: String) -> [String; 5] {
    let source = match (route.file.as_str(), route.line) {
        ("", _) => String::new(),
        (file, 0) => file.to_owned(),
        (file, line) => format!("{file}:{line}"),
    };
    [
        route.method.clone(),
        route.path.clone(),
        route.handler.clone(),
        source,
        policies,
    ]
}

/// Says how many routes there are, or every mistake.
pub(crate) fn check(
    app: &App,
    json: bool,
    interpreter: Option<Interpreter>,
) -> Result<i32, Failure> {
    if json {
        let (code, answer) = match freeze(app, interpreter) {
            Ok(frozen) => (
                0,
                json!({"app": app.name(), "routes": frozen.routes().len(), "mistakes": []}),
            ),
            Err(failure) => (
                failure.code,
                json!({"app": app.name(), "routes": null, "mistakes": mistakes(&failure)}),
            ),
        };
        return output::print(&answer.to_string()).map(|_| code);
    }
    let count = freeze(app, interpreter)?.routes().len();
    let noun = if count == 1 { "route" } else { "routes" };
    output::print(&format!("{}: {count} {noun}, no mistakes", app.name()))
}

/// Those of the definition, each with its place; another failure is one of the whole app.
fn mistakes(failure: &Failure) -> Vec<Value> {
    if failure.mistakes.is_empty() {
        let message = [&*failure.message, &*failure.advice].join("\n");
        return vec![json!({"place": "", "message": message.trim()})];
    }
    let all = failure.mistakes.iter();
    all.map(|one| json!({"place": one.place, "message": one.message}))
        .collect()
}

/// The app after everything was checked, with the operator's settings in force as when it is served.
pub(crate) fn freeze(app: &App, interpreter: Option<Interpreter>) -> Result<Frozen, Failure> {
    let settings = operator::gather(app, &[], &[])?;
    let mut spec = launch::spec(app, interpreter)?;
    spec.config = settings.applied(&spec.config);
    Frozen::without_handlers(spec).map_err(|error| launch::wrong(app, &error))
}
