//! `spikard config`: every setting, its effective value, and who set it. Serves nothing.

use crate::Interpreter;
use crate::app::App;
use crate::launch;
use crate::output::{self, Failure};
use crate::settings::Settings;
use serde_json::{Value, json};
use spikard::server::Listen;

/// One row: name, value for programs, value for people, who set it, what it does.
struct Row {
    name: String,
    value: Value,
    shown: String,
    origin: String,
    description: String,
}

/// Prints them as a table or as a JSON array.
pub(crate) fn show(
    app: &App,
    settings: &Settings,
    json: bool,
    interpreter: Option<Interpreter>,
) -> Result<i32, Failure> {
    let mut rows = server(settings)?;
    rows.extend(options(app, settings, interpreter)?);
    if json {
        let object = |row: &Row| {
            json!({
                "name": row.name,
                "value": row.value,
                "from": row.origin,
                "description": row.description,
            })
        };
        let list: Vec<Value> = rows.iter().map(object).collect();
        return output::print(&Value::Array(list).to_string());
    }
    let cells: Vec<[String; 3]> = rows
        .into_iter()
        .map(|row| [row.name, row.shown, row.origin])
        .collect();
    output::print(&output::table(["SETTING", "VALUE", "FROM"], &cells))
}

fn server(settings: &Settings) -> Result<Vec<Row>, Failure> {
    let environment = Listen::from_env().map_err(|error| Failure::usage(error.to_string()))?;
    let listen = settings.file.listen(environment);
    let workers = std::env::var("SPIKARD_WORKERS").ok();
    let workers = workers.or(settings.file.workers.clone());
    let workers = match workers.as_ref().map(|text| text.parse::<u64>()) {
        None => Value::from(1),
        Some(Ok(count)) => Value::from(count),
        Some(Err(_)) => Value::from(workers.unwrap_or_default()),
    };
    let row = |name: &str, value: Value, description: &str| {
        let variable = format!("SPIKARD_{}", name.to_uppercase());
        let origin = match (std::env::var_os(&variable), settings.file.lines.get(name)) {
            (Some(_), _) => variable,
            (None, Some(line)) => line.clone(),
            (None, None) => "default".to_owned(),
        };
        Row {
            name: name.to_owned(),
            shown: value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
            value,
            origin,
            description: description.to_owned(),
        }
    };
    Ok(vec![
        row("host", listen.host.into(), "Name or address to listen on."),
        row(
            "port",
            listen.port.into(),
            "Port to listen on; 0 for a free one.",
        ),
        row(
            "uds",
            listen
                .uds
                .map_or_else(String::new, |path| path.display().to_string())
                .into(),
            "Path of a Unix socket to listen on, instead of host and port.",
        ),
        row(
            "uds_mode",
            listen
                .uds_mode
                .map_or_else(String::new, |mode| format!("{mode:04o}"))
                .into(),
            "Who may connect to it, in octal digits; empty for what the umask says.",
        ),
        row(
            "workers",
            workers,
            "Worker processes; auto for one per processor.",
        ),
    ])
}

/// The options of the app; those that nobody set are asked of its code.
fn options(
    app: &App,
    settings: &Settings,
    interpreter: Option<Interpreter>,
) -> Result<Vec<Row>, Failure> {
    let code = serde_json::to_value(launch::spec(app, interpreter)?.config)
        .expect("invariant: the config has only texts, numbers and switches");
    let row = |setting: &spikard::settings::Setting| {
        let own = &code[&setting.name];
        let (value, origin) = match settings.chosen(&setting.name) {
            Some(chosen) => (&chosen.value, chosen.origin.clone()),
            None if *own == setting.default => (own, "default".to_owned()),
            None => (own, format!("the code of {}", app.name())),
        };
        Row {
            name: setting.short().to_owned(),
            value: value.clone(),
            shown: setting.show(value),
            origin,
            description: setting.description.clone(),
        }
    };
    Ok(settings.table.iter().map(row).collect())
}
