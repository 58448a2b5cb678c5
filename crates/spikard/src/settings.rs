//! What the operator sets: the options of [`Config`] by name, as people write their values, and those that the
//! environment holds. Names, descriptions, units and defaults come from the schema of `Config`; this module lists none.
//!
//! The environment wins over what the app's code says, and `SPIKARD_CONFIG` over the other variables:
//!
//! | Variable | Holds |
//! | --- | --- |
//! | `SPIKARD_CONFIG` | one JSON object of options, which the `spikard` command hands to its workers |
//! | `SPIKARD_BODY_LIMIT`, … | one option: its name in capitals |

pub mod file;

use crate::{Config, Mistake, did_you_mean};
use serde_json::{Map, Value};
use std::path::Path;

/// The variable with a JSON object of options.
pub const VARIABLE: &str = "SPIKARD_CONFIG";

/// One option of an app.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The field of [`Config`].
    pub name: String,
    /// What it does, with its default.
    pub description: String,
    /// The value that holds when nobody says anything.
    pub default: Value,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Count,
    Bytes,
    Milliseconds,
    Switch,
    Text,
    /// Paths, separated by commas.
    Files,
    OneOf(Vec<String>),
}

const SIZES: [(&str, u64); 7] = [
    ("b", 1),
    ("kb", 1_000),
    ("mb", 1_000_000),
    ("gb", 1_000_000_000),
    ("kib", 1 << 10),
    ("mib", 1 << 20),
    ("gib", 1 << 30),
];
const TIMES: [(&str, u64); 5] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
];
const A_SIZE: &str = "write a number and B, kB, MB, GB, KiB, MiB or GiB: 512MB, 1.5 GiB";
const A_DURATION: &str = "write a number and ms, s, m, h or d: 500ms, 30s, 1h30m";
const SWITCHES: [(&str, bool); 8] = [
    ("true", true),
    ("1", true),
    ("yes", true),
    ("on", true),
    ("false", false),
    ("0", false),
    ("no", false),
    ("off", false),
];

/// Every option, in the order of [`Config`].
///
/// ```
/// use serde_json::json;
/// use spikard::settings;
///
/// let settings = settings::all();
/// let limit = settings::find(&settings, "body_limit").unwrap();
/// assert_eq!(limit.read("body_limit", &json!("20 MiB")), Ok(json!(20 << 20)));
/// let pause = settings::find(&settings, "keep_alive").unwrap();
/// assert_eq!(pause.name, "keep_alive_ms");
/// assert_eq!(pause.read("keep_alive", &json!("30s")), Ok(json!(30_000)));
/// ```
pub fn all() -> Vec<Setting> {
    let schema = schemars::schema_for!(Config).to_value();
    let defaults = serde_json::to_value(Config::default())
        .expect("invariant: the config has only texts, numbers and switches");
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .map(|(name, property)| Setting {
            name: name.clone(),
            description: described(property),
            default: defaults[name].clone(),
            kind: kind(property, &schema),
        })
        .collect()
}

fn described(property: &Value) -> String {
    let text = property["description"].as_str().unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn kind(property: &Value, schema: &Value) -> Kind {
    let choice = property["$ref"]
        .as_str()
        .and_then(|reference| schema.pointer(reference.trim_start_matches('#')));
    if let Some(choice) = choice {
        let members = choice["oneOf"].as_array().into_iter().flatten();
        let words = members.filter_map(|member| member["const"].as_str());
        return Kind::OneOf(words.map(str::to_owned).collect());
    }
    match (property["type"].as_str(), property["x-unit"].as_str()) {
        (Some("boolean"), _) => Kind::Switch,
        (Some("integer"), Some("ms")) => Kind::Milliseconds,
        (Some("integer"), Some("bytes")) => Kind::Bytes,
        (Some("integer"), _) => Kind::Count,
        (_, Some("files")) => Kind::Files,
        _ => Kind::Text,
    }
}

/// The option that is written `name`: the field's own name, or without `_ms` where the value carries its unit.
pub fn find<'s>(settings: &'s [Setting], name: &str) -> Option<&'s Setting> {
    settings
        .iter()
        .find(|setting| setting.name == name || setting.short() == name)
}

/// What to say of a name that no option has. `others` are allowed beside the options.
pub fn unknown(settings: &[Setting], name: &str, others: &[&str]) -> String {
    let names = settings.iter().flat_map(|one| [one.short(), &one.name]);
    let meant = did_you_mean(name, others.iter().copied().chain(names));
    format!("unknown setting \"{name}\"{meant}")
}

impl Setting {
    /// How it is written where the value carries its unit: `header_timeout` for `header_timeout_ms`.
    pub fn short(&self) -> &str {
        match self.kind {
            Kind::Milliseconds => self.name.strip_suffix("_ms").unwrap_or(&self.name),
            _ => &self.name,
        }
    }

    /// The variable of the environment that sets it.
    pub fn variable(&self) -> String {
        format!("SPIKARD_{}", self.short().to_uppercase())
    }

    /// The value for [`Config`] of what a person wrote as `written`: `"20 MiB"`, `"30s"`, `"on"`, or a plain value.
    ///
    /// # Errors
    /// What came and what is right, with an example; without the name of the setting.
    pub fn read(&self, written: &str, value: &Value) -> Result<Value, String> {
        let wrong = |right: &str| Err(format!("{value} is wrong; {right}"));
        match (&self.kind, value) {
            (Kind::Switch, Value::Bool(_)) => Ok(value.clone()),
            (Kind::Text | Kind::Files, Value::String(_)) => Ok(value.clone()),
            (Kind::Switch, Value::String(text)) => {
                let word = text.to_lowercase();
                match SWITCHES.iter().find(|(name, _)| *name == word) {
                    Some((_, on)) => Ok(Value::Bool(*on)),
                    None => wrong("write true or false"),
                }
            }
            (Kind::Switch, _) => wrong("write true or false"),
            (Kind::Text, _) => wrong("write a text in quotes"),
            (Kind::Files, _) => wrong("write the path of a file in quotes"),
            (Kind::OneOf(words), Value::String(text)) if words.contains(text) => Ok(value.clone()),
            (Kind::OneOf(words), _) => wrong(&format!("write one of: {}", words.join(", "))),
            (Kind::Count, _) => {
                whole(value, &[], true).map_or_else(|| wrong("write a whole number: 100"), Ok)
            }
            (Kind::Bytes, _) => whole(value, &SIZES, true).map_or_else(|| wrong(A_SIZE), Ok),
            (Kind::Milliseconds, _) => {
                whole(value, &TIMES, written == self.name).map_or_else(|| wrong(A_DURATION), Ok)
            }
        }
    }

    /// The value where relative paths count from `folder`; values that are no paths stay as they are.
    ///
    /// ```
    /// use serde_json::json;
    /// use spikard::settings;
    ///
    /// let settings = settings::all();
    /// let certificate = settings::find(&settings, "tls_cert").unwrap();
    /// let value = certificate.from_folder("shop".as_ref(), json!("a.pem, /b.pem"));
    /// assert_eq!(value, json!("shop/a.pem,/b.pem"));
    /// ```
    pub fn from_folder(&self, folder: &Path, value: Value) -> Value {
        match (&self.kind, value.as_str()) {
            (Kind::Files, Some(text)) if !text.is_empty() => {
                let paths = text.split(',').map(|path| folder.join(path.trim()));
                let paths: Vec<_> = paths.map(|path| path.display().to_string()).collect();
                Value::String(paths.join(","))
            }
            _ => value,
        }
    }

    /// The value as a person writes it.
    pub fn show(&self, value: &Value) -> String {
        let units: &[(&str, u64)] = match self.kind {
            Kind::Bytes => &[
                ("GiB", 1 << 30),
                ("MiB", 1 << 20),
                ("KiB", 1 << 10),
                ("B", 1),
            ],
            Kind::Milliseconds => &[("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)],
            _ => &[],
        };
        let number = value.as_u64().filter(|number| *number > 0);
        let unit = number.and_then(|number| {
            let unit = units.iter().find(|(_, size)| number.is_multiple_of(*size));
            unit.map(|(name, size)| (number / size, name))
        });
        match (unit, &self.kind) {
            (Some((count, name)), Kind::Bytes) => format!("{count} {name}"),
            (Some((count, name)), _) => format!("{count}{name}"),
            (None, Kind::OneOf(_)) => value.as_str().unwrap_or_default().to_owned(),
            (None, _) => value.to_string(),
        }
    }
}

/// Milliseconds of a duration as people write it: `500ms`, `30s`, `1.5h`, `1h30m`, `2 d`.
///
/// ```
/// use spikard::settings::milliseconds;
///
/// assert_eq!(milliseconds("1h 30m"), milliseconds("1.5h"));
/// assert!(milliseconds("30").is_err());
/// ```
///
/// # Errors
/// What is right, with examples.
pub fn milliseconds(text: &str) -> Result<u64, String> {
    quantity(text, &TIMES, false).ok_or_else(|| A_DURATION.to_owned())
}

/// Bytes of a size as people write it: `500B`, `64KiB`, `1.5 GiB`; `kB`, `MB` and `GB` count in thousands.
///
/// # Errors
/// What is right, with examples.
pub fn bytes(text: &str) -> Result<u64, String> {
    quantity(text, &SIZES, false).ok_or_else(|| A_SIZE.to_owned())
}

/// A whole number, without a unit where `bare` allows it.
fn whole(value: &Value, units: &[(&str, u64)], bare: bool) -> Option<Value> {
    let number = match value {
        // Nothing is nothing in every unit.
        Value::Number(number) => number.as_u64().filter(|number| bare || *number == 0),
        Value::String(text) => quantity(text, units, bare),
        _ => None,
    };
    number.map(Value::from)
}

fn quantity(text: &str, units: &[(&str, u64)], bare: bool) -> Option<u64> {
    let text = text.trim().to_lowercase();
    if let Ok(number) = text.parse::<u64>() {
        return (bare || number == 0).then_some(number);
    }
    // Several parts, largest first, are durations only: `1h30m`. Who writes a size has one unit in mind.
    let parts = if units == TIMES { units.len() } else { 1 };
    let (mut total, mut rest, mut larger) = (0_u64, text.as_str(), u64::MAX);
    for _ in 0..parts {
        let (amount, size, after) = part(rest, units)?;
        if size >= larger {
            return None;
        }
        total = total.checked_add(amount)?;
        (rest, larger) = (after, size);
        if rest.is_empty() {
            return Some(total);
        }
    }
    None
}

/// A number with its unit at the beginning of a text: what they make, the unit's size, and what comes after them.
fn part<'t>(text: &'t str, units: &[(&str, u64)]) -> Option<(u64, u64, &'t str)> {
    let is_digit = |letter: char| letter.is_ascii_digit() || letter == '.';
    let (number, rest) = text.split_at(text.find(|letter| !is_digit(letter))?);
    let rest = rest.trim_start();
    let (unit, rest) = rest.split_at(rest.find(is_digit).unwrap_or(rest.len()));
    let (_, size) = units.iter().find(|(name, _)| *name == unit.trim_end())?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, "0"));
    let scale = 10_u128.checked_pow(u32::try_from(decimals.len()).ok()?)?;
    let amount = u128::from(whole.parse::<u64>().ok()?).checked_mul(scale)?;
    let amount = amount.checked_add(decimals.parse().ok()?)?;
    let made = u64::try_from(amount.checked_mul(u128::from(*size))? / scale).ok()?;
    // Less than the smallest is not nothing, which has a meaning of its own.
    (made > 0 || amount == 0).then_some((made, *size, rest))
}

/// Options that single variables set, in the order of [`Config`]: setting, variable, value for [`Config`].
///
/// # Errors
/// Every value that is wrong, with its variable.
pub fn variables(
    settings: &[Setting],
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Vec<(&Setting, String, Value)>, Vec<String>> {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for setting in settings {
        let long = format!("SPIKARD_{}", setting.name.to_uppercase());
        let names = [(setting.short(), setting.variable()), (&setting.name, long)];
        let set = names
            .into_iter()
            .find_map(|(written, name)| variable(&name).map(|text| (written, name, text)));
        let Some((written, name, text)) = set else {
            continue;
        };
        match setting.read(written, &Value::String(text)) {
            Ok(value) => found.push((setting, name, value)),
            Err(message) => wrong.push(format!("{name}: {message}")),
        }
    }
    if wrong.is_empty() {
        Ok(found)
    } else {
        Err(wrong)
    }
}

/// Puts values, by the names of options, in the place of those that are there.
pub(crate) fn choose(
    config: &mut Config,
    chosen: impl IntoIterator<Item = (String, Value)>,
) -> Result<(), serde_json::Error> {
    let mut value = serde_json::to_value(&*config)
        .expect("invariant: the config has only texts, numbers and switches");
    for (name, chosen) in chosen {
        value[name] = chosen;
    }
    *config = serde_json::from_value(value)?;
    Ok(())
}

/// Lets the environment win over what the code says. What is wrong there is a mistake of the app.
pub(crate) fn obey(config: &mut Config, variable: impl Fn(&str) -> Option<String>) -> Vec<Mistake> {
    let settings = all();
    let mut wrong = Vec::new();
    let mut chosen = Map::new();
    match variables(&settings, &variable) {
        Ok(found) => chosen.extend(
            found
                .into_iter()
                .map(|(one, _, value)| (one.name.clone(), value)),
        ),
        Err(messages) => wrong.extend(messages),
    }
    match variable(VARIABLE).map(|text| serde_json::from_str(&text)) {
        None => {}
        Some(Ok(Value::Object(object))) => {
            for (name, value) in object {
                let read = find(&settings, &name)
                    .ok_or_else(|| unknown(&settings, &name, &[]))
                    .and_then(|setting| {
                        let value = setting.read(&name, &value);
                        let value = value.map_err(|message| format!("{name}: {message}"))?;
                        Ok((setting.name.clone(), value))
                    });
                match read {
                    Ok((name, value)) => _ = chosen.insert(name, value),
                    Err(message) => wrong.push(format!("{VARIABLE}: {message}")),
                }
            }
        }
        Some(_) => wrong.push(format!(
            "{VARIABLE} is no JSON object; write {{\"debug\": true}}"
        )),
    }
    if let Err(error) = choose(config, chosen) {
        wrong.push(format!("the environment: {error}"));
    }
    wrong.into_iter().map(Mistake::of_app).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Egress;
    use serde_json::json;

    fn obeyed(variables: &[(&str, &str)]) -> (Config, Vec<String>) {
        let mut config = Config {
            body_limit: 5,
            ..Config::default()
        };
        let mistakes = obey(&mut config, |name| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        let messages = mistakes.iter().map(ToString::to_string).collect();
        (config, messages)
    }

    #[test]
    fn every_option_is_read_as_people_write_it() {
        let settings = all();
        for (name, written, value) in [
            ("body_limit", json!("20 MiB"), json!(20 << 20)),
            ("body_limit", json!("20mb"), json!(20_000_000)),
            ("body_limit", json!(7), json!(7)),
            ("header_count", json!("50"), json!(50)),
            ("body_limit", json!("1.5 GiB"), json!(1_610_612_736)),
            ("keep_alive", json!("2m"), json!(120_000)),
            ("keep_alive", json!("1h30m"), json!(5_400_000)),
            ("keep_alive", json!("1d 2h 3m 4s 5ms"), json!(93_784_005)),
            ("keep_alive", json!("0.5s"), json!(500)),
            ("keep_alive_ms", json!(5), json!(5)),
            ("handler_timeout", json!("0"), json!(0)),
            ("egress", json!("warn"), json!("warn")),
            ("debug", json!("on"), json!(true)),
            ("docs_path", json!(""), json!("")),
        ] {
            let setting = find(&settings, name).expect(name);
            assert_eq!(setting.read(name, &written), Ok(value), "{name} {written}");
        }
        for (name, written, part) in [
            ("body_limit", json!("20 MiBs"), "1.5 GiB"),
            ("body_limit", json!(-1), "a number and B"),
            (
                "body_limit",
                json!("99999999999999999999"),
                "a number and B",
            ),
            ("body_limit", json!("1MiB5B"), "a number and B"),
            ("body_limit", json!("1.5"), "a number and B"),
            ("header_count", json!("1.5"), "whole number"),
            ("keep_alive", json!("30m1h"), "1h30m"),
            ("keep_alive", json!("1h1h"), "1h30m"),
            ("keep_alive", json!("1h30"), "1h30m"),
            ("keep_alive", json!("0.0001s"), "1h30m"),
            ("keep_alive", json!(".5s"), "1h30m"),
            ("keep_alive", json!("1.s"), "1h30m"),
            ("keep_alive", json!("1.2.3s"), "1h30m"),
            ("header_count", json!("1 KiB"), "whole number"),
            ("keep_alive", json!(30), "500ms, 30s, 1h30m"),
            ("keep_alive", json!("30"), "500ms, 30s, 1h30m"),
            ("egress", json!("strict"), "enforce, warn, off"),
            ("debug", json!("maybe"), "true or false"),
            ("docs_path", json!(1), "in quotes"),
        ] {
            let setting = find(&settings, name).expect(name);
            let message = setting.read(name, &written).expect_err(name);
            assert!(message.contains(part), "{name} {written}: {message}");
        }
    }

    #[test]
    fn what_is_shown_is_read_back() {
        for setting in all() {
            let shown = setting.show(&setting.default);
            let value = serde_json::from_str(&shown).unwrap_or(Value::String(shown));
            let read = setting.read(setting.short(), &value);
            assert_eq!(read.as_ref(), Ok(&setting.default), "{}", setting.name);
            assert!(!setting.description.is_empty(), "{}", setting.name);
        }
    }

    #[test]
    fn units_are_told_by_the_schema() {
        let settings = all();
        for setting in &settings {
            let time = setting.name.ends_with("_ms");
            assert_eq!(setting.kind == Kind::Milliseconds, time, "{}", setting.name);
            let size = setting.name.ends_with("_limit") || setting.name.ends_with("_min");
            assert_eq!(setting.kind == Kind::Bytes, size, "{}", setting.name);
        }
    }

    #[test]
    fn the_environment_wins_over_the_code_and_one_text_over_single_variables() {
        assert_eq!(obeyed(&[]).0.body_limit, 5);
        let (config, mistakes) = obeyed(&[
            ("SPIKARD_DEBUG", "1"),
            ("SPIKARD_EGRESS", "off"),
            ("SPIKARD_KEEP_ALIVE", "1s"),
            ("SPIKARD_HEADER_TIMEOUT_MS", "9"),
            (VARIABLE, r#"{"egress": "warn", "drain_timeout_ms": 7}"#),
        ]);
        assert_eq!(mistakes, [""; 0]);
        let expected = Config {
            body_limit: 5,
            debug: true,
            egress: Egress::Warn,
            keep_alive_ms: 1000,
            header_timeout_ms: 9,
            drain_timeout_ms: 7,
            ..Config::default()
        };
        assert_eq!(config, expected);
    }

    #[test]
    fn all_that_is_wrong_in_the_environment_is_said_at_once() {
        let (config, mistakes) = obeyed(&[
            ("SPIKARD_DEBUG", "maybe"),
            ("SPIKARD_KEEP_ALIVE", "1"),
            (VARIABLE, r#"{"body_limt": 1, "egress": 3}"#),
        ]);
        assert_eq!(
            mistakes,
            [
                "SPIKARD_KEEP_ALIVE: \"1\" is wrong; write a number and ms, s, m, h or d: 500ms, 30s, 1h30m",
                "SPIKARD_DEBUG: \"maybe\" is wrong; write true or false",
                "SPIKARD_CONFIG: unknown setting \"body_limt\"; did you mean \"body_limit\"?",
                "SPIKARD_CONFIG: egress: 3 is wrong; write one of: enforce, warn, off",
            ]
        );
        assert_eq!(config.body_limit, 5);
        let no_object = obeyed(&[(VARIABLE, "[]")]).1;
        assert_eq!(
            no_object,
            ["SPIKARD_CONFIG is no JSON object; write {\"debug\": true}"]
        );
    }
}
