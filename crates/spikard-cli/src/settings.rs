//! What the operator sets, and where: flags over the environment over `spikard.toml` beside the app. Which options there
//! are, the core's table says; this module only adds where to listen and how many workers there are.

use crate::Variable;
use crate::app::App;
use crate::output::{self, Failure};
use serde_json::{Map, Value};
use spikard::settings::file::{File, OF_SERVER};
use spikard::settings::{self, Setting};
use spikard::{Config, did_you_mean};
use std::collections::BTreeMap;
use std::path::Path;

/// What supervisors, workers and this command tell each other.
const PROTOCOL: [&str; 9] = [
    "SPIKARD_CONFIG",
    "SPIKARD_DEFECT",
    "SPIKARD_EMIT",
    "SPIKARD_FD",
    "SPIKARD_MEMORY_TOLD",
    "SPIKARD_NODE_LOOP",
    "SPIKARD_READY_FD",
    "SPIKARD_READY_LINE",
    "SPIKARD_STATUS_FD",
];

/// Options that somebody set, and the file beside the app.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) table: Vec<Setting>,
    /// By the option's name.
    chosen: BTreeMap<String, Chosen>,
    /// What it says of the server.
    pub(crate) file: File,
}

/// A value of an option and who chose it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Chosen {
    pub(crate) value: Value,
    /// `--set`, `SPIKARD_DEBUG`, `spikard.toml:3`.
    pub(crate) origin: String,
}

/// What has a flag, a variable and a line of the file instead.
fn unknown(table: &[Setting], name: &str) -> String {
    if OF_SERVER.contains(&name) {
        let flag = name.replace('_', "-");
        return format!("\"{name}\" is no option of an app; write --{flag}");
    }
    let message = settings::unknown(table, name, &[]);
    match message.contains("did you mean") {
        true => message,
        false => message + "; `spikard config` lists them",
    }
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
        file: File::default(),
    };
    let mut wrong = Vec::new();
    for (name, value) in base {
        let chosen = Chosen {
            value: Value::Bool(*value),
            origin: "spikard dev".to_owned(),
        };
        gathered.chosen.insert((*name).to_owned(), chosen);
    }
    gathered.read_file(&app.folder(), &mut wrong);
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

    /// Takes `value` for the option that is written `name`, or says what is wrong.
    fn choose(&mut self, name: &str, value: &Value, origin: &str) -> Result<(), String> {
        let setting =
            settings::find(&self.table, name).ok_or_else(|| unknown(&self.table, name))?;
        let value = setting.read(name, value);
        let chosen = Chosen {
            value: value.map_err(|message| format!("{name}: {message}"))?,
            origin: origin.to_owned(),
        };
        self.chosen.insert(setting.name.clone(), chosen);
        Ok(())
    }

    fn read_file(&mut self, folder: &Path, wrong: &mut Vec<String>) {
        let (mut file, mistakes) = File::read(folder, &self.table);
        wrong.extend(mistakes);
        for (name, value) in std::mem::take(&mut file.options) {
            let origin = file.lines.get(&name).cloned().unwrap_or_default();
            self.chosen.insert(name, Chosen { value, origin });
        }
        self.file = file;
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
