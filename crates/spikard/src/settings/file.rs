//! `spikard.toml`: options of the app, where it listens, and by how many workers. Asks no environment but for what goes
//! before the file.

use super::{Setting, find, unknown};
use crate::server::{Listen, mode};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What the file is called.
pub const NAME: &str = "spikard.toml";

/// What it may say beside the options of the app.
pub const OF_SERVER: [&str; 5] = ["host", "port", "uds", "uds_mode", "workers"];

/// What a file says; nothing where there is none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct File {
    /// Values for [`Config`](crate::Config), by the option's name.
    pub options: BTreeMap<String, Value>,
    /// Name or address to listen on.
    pub host: Option<String>,
    /// Port to listen on.
    pub port: Option<u16>,
    /// Path of a Unix socket, from the current folder.
    pub uds: Option<PathBuf>,
    /// Who may connect to it.
    pub uds_mode: Option<u32>,
    /// As `--workers` takes it.
    pub workers: Option<String>,
    /// `spikard.toml:3`, by the name of what is set there.
    pub lines: BTreeMap<String, String>,
}

impl File {
    /// Reads the file of `folder`, with everything that is wrong in it.
    ///
    /// ```
    /// use spikard::settings::{all, file::File};
    ///
    /// let folder = std::env::temp_dir().join(format!("spikard-{}", std::process::id()));
    /// std::fs::create_dir_all(&folder)?;
    /// std::fs::write(folder.join("spikard.toml"), "port = 9000\nbody_limit = \"1 MiB\"\nbody_limt = 1\n")?;
    /// let (file, wrong) = File::read(&folder, &all());
    /// assert_eq!((file.port, &file.options["body_limit"]), (Some(9000), &(1 << 20).into()));
    /// assert!(wrong[0].ends_with("spikard.toml:3: unknown setting \"body_limt\"; did you mean \"body_limit\"?"));
    /// # std::fs::remove_dir_all(&folder)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn read(folder: &Path, settings: &[Setting]) -> (Self, Vec<String>) {
        let (mut file, mut wrong) = (Self::default(), Vec::new());
        file.read_all(&folder.join(NAME), settings, &mut wrong);
        (file, wrong)
    }

    /// Where to listen: what the environment says, else what the file does. A host or a port of the environment goes before
    /// a path of the file.
    pub fn listen(&self, environment: Listen) -> Listen {
        let is_set = |name: &str| std::env::var_os(name).is_some();
        let unless = |names: &[&str]| !names.iter().any(|name| is_set(name));
        let addressed = ["SPIKARD_HOST", "SPIKARD_PORT", "SPIKARD_FD"];
        let host = self.host.clone().filter(|_| unless(&["SPIKARD_HOST"]));
        let port = self.port.filter(|_| unless(&["SPIKARD_PORT"]));
        let uds = self.uds.clone().filter(|_| unless(&addressed));
        Listen {
            fd: environment.fd,
            uds: environment.uds.or(uds),
            uds_mode: environment.uds_mode.or(self.uds_mode),
            host: host.unwrap_or(environment.host),
            port: port.unwrap_or(environment.port),
        }
    }

    fn read_all(&mut self, path: &Path, settings: &[Setting], wrong: &mut Vec<String>) {
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
            let value = plain(value).map_err(|message| format!("{name}: {message}"));
            let read = value.and_then(|value| match OF_SERVER.contains(&name) {
                true => self.serve(name, &value, path),
                false => self.choose(name, value, settings, path),
            });
            // `keep_alive` and `keep_alive_ms` are one.
            let name = find(settings, name).map_or(name, |setting| &setting.name);
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

    /// An option of the app. Paths in the file count from where it lies.
    fn choose(
        &mut self,
        name: &str,
        value: Value,
        settings: &[Setting],
        file: &Path,
    ) -> Result<(), String> {
        let setting = find(settings, name).ok_or_else(|| unknown(settings, name, &OF_SERVER))?;
        let value = match file.parent() {
            Some(folder) => setting.from_folder(folder, value),
            None => value,
        };
        let value = setting
            .read(name, &value)
            .map_err(|message| format!("{name}: {message}"))?;
        self.options.insert(setting.name.clone(), value);
        Ok(())
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
