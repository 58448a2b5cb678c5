//! What the operator sets, and where: flags over the environment over `spikard.toml` beside the app. Which options there
//! are, the core's table says; this module only adds where to listen and how many workers there are.

use crate::Variable;
use crate::app::App;
use crate::output::{self, Failure};
use serde_json::{Map, Value};
use spikard::server::mode;
use spikard::settings::{self, Setting};
use spikard::{Config, did_you_mean};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The file beside the app.
pub(crate) const FILE: &str = "spikard.toml";
/// What the file may say beside the options of the app.
const OF_SERVER: [&str; 5] = ["host", "port", "uds", "uds_mode", "workers"];
/// What supervisors, workers and this command tell each other.
const PROTOCOL: [&str; 8] = [
    "SPIKARD_CONFIG",
    "SPIKARD_DEFECT",
    "SPIKARD_EMIT",
    "SPIKARD_FD",
    "SPIKARD_NODE_LOOP",
    "SPIKARD_READY_FD",
    "SPIKARD_READY_LINE",
    "SPIKARD_STATUS_FD",
];

/// Options that somebody set, and what the file says of the server.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) table: Vec<Setting>,
    /// By the option's name.
    chosen: BTreeMap<String, Chosen>,
    pub(crate) host: Option<String>,
    pub(crate) port: Option<u16>,
    uds: Option<PathBuf>,
    pub(crate) uds_mode: Option<u32>,
    /// As `--workers` takes it.
    pub(crate) workers: Option<String>,
    /// `spikard.toml:3` by the name.
    lines: BTreeMap<String, String>,
}

/// A value of an option and who chose it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chosen {
    pub(crate) value: Value,
    /// `--set`, `SPIKARD_DEBUG`, `spikard.toml:3`.
    pub(crate) origin: String,
}

/// Reads all of them. `flags` are `name=value`; `base` is what `spikard dev`
/// wants when nobody says anything.
pub(crate) fn gather(
    app: &App,
    flags: &[String],
    base: &[(&str, bool)],
) -> Result<Settings, Failure> {
    let mut gathered = Settings {
        table: settings::all(),
        chosen: BTreeMap::new(),
        host: None,
        port: None,
        uds: None,
        uds_mode: None,
        workers: None,
        lines: BTreeMap::new(),
    };
    let mut wrong = Vec::new();
    for (name, value) in base {
        let chosen = Chosen {
            value: Value::Bool(*value),
            origin: "spikard dev".to_owned(),
        };
        gathered.chosen.insert((*name).to_owned(), chosen);
    }
    gathered.read_file(&app.folder().join(FILE), &mut wrong);
    gathered.read_environment(|name| std::env::var(name).ok(), &mut wrong);
    gathered.read_flags(flags, &mut wrong);
    match wrong.len() {
        0 => Ok(gathered),
        1 => Err(Failure::usage(wrong.remove(0))),
        count => {
            Err(Failure::usage(format!("{count} settings are wrong:")).advice(wrong.join("\n")))
        }
    }
}

impl Settings {
    /// What makes the worker obey: nothing when nobody set anything.
    pub(crate) fn variables(&self) -> Vec<Variable> {
        if self.chosen.is_empty() {
            return Vec::new();
        }
        let chosen = self.chosen.iter();
        let object: Map<String, Value> = chosen
            .map(|(name, chosen)| (name.clone(), chosen.value.clone()))
            .collect();
        vec![(settings::VARIABLE, Value::Object(object).to_string())]
    }

    /// Says which variables look like ours and set nothing. They are no failure: the environment has other writers, such as
    /// Kubernetes, which sets `SPIKARD_SERVICE_HOST` for a service of that name.
    pub(crate) fn warn(&self) {
        let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
        for line in self.strangers(names) {
            output::note(&line);
        }
    }

    fn strangers(&self, names: impl Iterator<Item = String>) -> Vec<String> {
        let mut known: Vec<String> = PROTOCOL.map(str::to_owned).to_vec();
        let options = self.table.iter().flat_map(|one| [one.short(), &one.name]);
        known.extend(
            OF_SERVER
                .into_iter()
                .chain(options)
                .map(|name| format!("SPIKARD_{}", name.to_uppercase())),
        );
        let mut strange: Vec<String> = names
            .filter(|name| name.starts_with("SPIKARD_") && !known.contains(name))
            .collect();
        strange.sort();
        let told = strange.iter().map(|name| {
            let meant = did_you_mean(name, known.iter().map(String::as_str));
            format!("{name} is no setting and does nothing{meant}")
        });
        told.collect()
    }

    /// The options of an app's code, with those in their place that were chosen.
    pub(crate) fn applied(&self, code: &Config) -> Config {
        let invariant = "invariant: settings have the names and types of the options";
        let mut options = serde_json::to_value(code).expect(invariant);
        for (name, chosen) in &self.chosen {
            options[name] = chosen.value.clone();
        }
        serde_json::from_value(options).expect(invariant)
    }

    /// Where the app's documents are, as far as one can know without asking its code.
    pub(crate) fn docs_path(&self) -> String {
        let chosen = self.chosen.get("docs_path").map(|chosen| &chosen.value);
        let default = settings::find(&self.table, "docs_path").map(|setting| &setting.default);
        let path = chosen.or(default).and_then(Value::as_str);
        path.unwrap_or_default().to_owned()
    }

    /// `environment` when a variable set it, else what the file says, else that default.
    pub(crate) fn host(&self, environment: String) -> String {
        let file = self.host.clone().filter(|_| !is_set("SPIKARD_HOST"));
        file.unwrap_or(environment)
    }

    /// The same of the path; a host or a port of the environment goes before that of the file.
    pub(crate) fn uds(&self, environment: Option<PathBuf>) -> Option<PathBuf> {
        let addressed = ["SPIKARD_HOST", "SPIKARD_PORT", "SPIKARD_FD"];
        let file = self
            .uds
            .clone()
            .filter(|_| !addressed.into_iter().any(is_set));
        environment.or(file)
    }

    /// The same of the port.
    pub(crate) fn port(&self, environment: u16) -> u16 {
        let file = self.port.filter(|_| !is_set("SPIKARD_PORT"));
        file.unwrap_or(environment)
    }

    /// Takes the value of a flag that is an option's own.
    pub(crate) fn obey(&mut self, flag: &str, name: &str, text: String) -> Result<(), String> {
        let value = Value::String(text);
        self.choose(name, &value, flag)
            .map_err(|message| format!("{flag}: {message}"))
    }

    /// How addresses are shown, as far as one can know without asking the app's code.
    pub(crate) fn scheme(&self) -> &'static str {
        let certificate = self.chosen("tls_cert");
        match certificate.is_some_and(|chosen| chosen.value != "") {
            true => "https",
            false => "http",
        }
    }

    /// What was set of an option.
    pub(crate) fn chosen(&self, name: &str) -> Option<&Chosen> {
        self.chosen.get(name)
    }

    /// `spikard.toml:3`, where the file sets this.
    pub(crate) fn line(&self, name: &str) -> Option<&str> {
        self.lines.get(name).map(String::as_str)
    }

    /// Takes `value` for the option that is written `name`, or says what is wrong.
    fn choose(&mut self, name: &str, value: &Value, origin: &str) -> Result<(), String> {
        let setting = settings::find(&self.table, name)
            .ok_or_else(|| settings::unknown(&self.table, name, &OF_SERVER))?;
        let value = setting.read(name, value);
        let chosen = Chosen {
            value: value.map_err(|message| format!("{name}: {message}"))?,
            origin: origin.to_owned(),
        };
        self.chosen.insert(setting.name.clone(), chosen);
        Ok(())
    }

    fn read_file(&mut self, path: &Path, wrong: &mut Vec<String>) {
        let shown = path.strip_prefix(".").unwrap_or(path).display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return,
            Err(error) => return wrong.push(format!("cannot read {shown}: {error}")),
        };
        let place = |offset: usize| {
            let before = text.get(..offset).unwrap_or(&text);
            format!("{shown}:{}", before.matches('\n').count() + 1)
        };
        let table = match DeTable::parse(&text) {
            Ok(table) => table.into_inner(),
            Err(error) => {
                let place = place(error.span().map_or(0, |span| span.start));
                return wrong.push(format!("{place}: {}", error.message()));
            }
        };
        // The table is in alphabetical order.
        let mut members: Vec<_> = table.iter().collect();
        members.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in members {
            let (name, place) = (key.get_ref().as_ref(), place(key.span().start));
            let read = plain(value).and_then(|value| match OF_SERVER.contains(&name) {
                true => self.serve(name, &value, path),
                false => self.choose(name, &self.beside(path, name, value), &place),
            });
            // `keep_alive` and `keep_alive_ms` are one.
            let name = settings::find(&self.table, name).map_or(name, |setting| &setting.name);
            match read {
                Ok(()) if self.lines.contains_key(name) => wrong.push(format!(
                    "{place}: {} sets this already; leave one of them",
                    self.lines[name]
                )),
                Ok(()) => _ = self.lines.insert(name.to_owned(), place),
                Err(message) => wrong.push(format!("{place}: {message}")),
            }
        }
    }

    /// Paths in the file count from where it lies.
    fn beside(&self, file: &Path, name: &str, value: Value) -> Value {
        match (settings::find(&self.table, name), file.parent()) {
            (Some(setting), Some(folder)) => setting.from_folder(folder, value),
            _ => value,
        }
    }

    fn serve(&mut self, name: &str, value: &Value, file: &Path) -> Result<(), String> {
        let wrong = |right: &str| Err(format!("{name}: {value} is wrong; write {right}"));
        match (name, value) {
            ("host", Value::String(host)) => self.host = Some(host.clone()),
            ("host", _) => return wrong("a name or an address in quotes: \"127.0.0.1\""),
            ("port", Value::Number(_)) => match value.as_u64().map(u16::try_from) {
                Some(Ok(port)) => self.port = Some(port),
                _ => return wrong("a port from 0 to 65535"),
            },
            ("port", _) => return wrong("a port from 0 to 65535"),
            ("uds", Value::String(path)) => {
                self.uds = Some(file.parent().unwrap_or(Path::new("")).join(path));
            }
            ("uds", _) => return wrong("a path in quotes: \"app.sock\""),
            ("uds_mode", Value::String(text)) if mode(text).is_some() => self.uds_mode = mode(text),
            ("uds_mode", _) => return wrong("octal digits in quotes: \"0660\""),
            (_, Value::Number(count)) if value.as_u64().is_some_and(|count| count > 0) => {
                self.workers = Some(count.to_string());
            }
            (_, Value::String(word)) if word == "auto" => self.workers = Some(word.clone()),
            _ => return wrong("a number of workers, or \"auto\""),
        }
        Ok(())
    }

    fn read_environment(
        &mut self,
        variable: impl Fn(&str) -> Option<String>,
        wrong: &mut Vec<String>,
    ) {
        match settings::variables(&self.table, &variable) {
            Ok(found) => {
                let found = found.into_iter().map(|(setting, origin, value)| {
                    (setting.name.clone(), Chosen { value, origin })
                });
                self.chosen.extend(found.collect::<Vec<_>>());
            }
            Err(messages) => wrong.extend(messages),
        }
        let Some(text) = variable(settings::VARIABLE) else {
            return;
        };
        let Ok(Value::Object(object)) = serde_json::from_str(&text) else {
            let example = "write {\"debug\": true}";
            return wrong.push(format!(
                "{} is no JSON object; {example}",
                settings::VARIABLE
            ));
        };
        for (name, value) in object {
            if let Err(message) = self.choose(&name, &value, settings::VARIABLE) {
                wrong.push(format!("{}: {message}", settings::VARIABLE));
            }
        }
    }

    fn read_flags(&mut self, flags: &[String], wrong: &mut Vec<String>) {
        for flag in flags {
            let chosen = match flag.split_once('=') {
                None => Err("write name=value, for example --set body_limit=20MiB".to_owned()),
                Some((name, text)) => {
                    self.choose(name.trim(), &Value::String(text.trim().to_owned()), "--set")
                }
            };
            if let Err(message) = chosen {
                wrong.push(format!("--set {flag}: {message}"));
            }
        }
    }
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some()
}

/// A value of the file that an option can have.
fn plain(value: &Spanned<DeValue<'_>>) -> Result<Value, String> {
    match value.get_ref() {
        DeValue::String(text) => Ok(Value::String(text.to_string())),
        DeValue::Boolean(on) => Ok(Value::Bool(*on)),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Value::from)
            .map_err(|_| "the number is too large".to_owned()),
        _ => Err(
            "a setting is a text, a whole number, or true or false, at the top of the file"
                .to_owned(),
        ),
    }
}
