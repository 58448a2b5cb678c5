//! Settings of flags, environment and `spikard.toml`: who wins, what is refused, what reaches the worker. The fake
//! interpreter prints what it was told.

mod fake;

use fake::{READY, folder, output, spikard};
use serde_json::{Value, json};
use tempfile::TempDir;

/// An app whose worker prints the settings that it is told.
fn told(file: Option<&str>) -> TempDir {
    let folder = folder("echo \"${SPIKARD_CONFIG-nothing}\"");
    if let Some(text) = file {
        std::fs::write(folder.path().join("spikard.toml"), text).expect("a file");
    }
    folder
}

const RUN: [&str; 4] = ["run", "app.py", "--port", "0"];

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let folder = told(Some(
        "body_limit = \"1 MiB\"\nkeep_alive = \"1s\"\nheader_timeout_ms = 7\nhealth = false\n",
    ));
    let mut command = spikard(&folder, &RUN);
    command
        .args(["--set", "body_limit=3 KiB"])
        .env("SPIKARD_BODY_LIMIT", "2MiB")
        .env("SPIKARD_KEEP_ALIVE", "2m")
        .env("SPIKARD_DEBUG", "0")
        .env("SPIKARD_CONFIG", r#"{"debug": true}"#);
    let (code, stdout, stderr) = output(&mut command);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let config: Value = serde_json::from_str(&stdout).expect("JSON");
    let expected = json!({
        "body_limit": 3072, "keep_alive_ms": 120_000, "header_timeout_ms": 7, "health": false, "debug": true,
    });
    assert_eq!(config, expected);
}

#[test]
fn nothing_is_told_when_nothing_is_set() {
    for file in [None, Some("# nothing\n"), Some("port = 9\n")] {
        let (code, stdout, stderr) = output(&mut spikard(&told(file), &RUN));
        assert_eq!(
            (code, stdout.as_str(), stderr.as_str()),
            (0, "nothing\n", "")
        );
    }
}

#[test]
fn every_wrong_setting_is_named_with_file_and_line() {
    let folder = told(Some(
        "# of the shop\nbody_limt = 5\nport = 70000\nkeep_alive = 30\n\ndrain_timeout = \"1s\"\ndrain_timeout_ms = 5\n\n[server]\nworkers = 2\n",
    ));
    let mut command = spikard(&folder, &RUN);
    command
        .args(["--set", "egress=strict", "--set", "debug"])
        .env("SPIKARD_HEALTH", "maybe");
    let (code, stdout, stderr) = output(&mut command);
    assert_eq!((code, stdout.as_str()), (2, ""));
    let expected = "\
error: 8 settings are wrong:
  spikard.toml:2: unknown setting \"body_limt\"; did you mean \"body_limit\"?
  spikard.toml:3: port: 70000 is wrong; write a port from 0 to 65535
  spikard.toml:4: keep_alive: 30 is wrong; write a number and ms, s, m, h or d: 500ms, 30s, 1h30m
  spikard.toml:7: spikard.toml:6 sets this already; leave one of them
  spikard.toml:9: server: a setting is a text, a whole number, or true or false, at the top of the file
  SPIKARD_HEALTH: \"maybe\" is wrong; write true or false
  --set egress=strict: egress: \"strict\" is wrong; write one of: enforce, warn, off
  --set debug: write name=value, for example --set body_limit=20MiB
";
    assert_eq!(stderr, expected);
}

#[test]
fn a_file_that_is_no_toml_is_refused_with_its_line() {
    let (code, _, stderr) = output(&mut spikard(&told(Some("debug = true\nport = \n")), &RUN));
    assert_eq!(code, 2);
    assert!(stderr.starts_with("error: spikard.toml:2: "), "{stderr}");
}

#[test]
fn check_looks_at_the_settings_too() {
    let folder = told(Some("debg = true"));
    let (code, _, stderr) = output(&mut spikard(&folder, &["check"]));
    let expected = "error: spikard.toml:1: unknown setting \"debg\"; did you mean \"debug\"?\n";
    assert_eq!((code, stderr.as_str()), (2, expected));
}

#[test]
fn the_file_says_where_to_listen_unless_a_flag_or_variable_does() {
    let folder = folder(READY);
    let file = folder.path().join("spikard.toml");
    std::fs::write(file, "host = \"127.0.0.2\"\nport = 0\n").expect("a file");
    let (code, _, stderr) = output(&mut spikard(&folder, &["run"]));
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.starts_with("spikard: http://127.0.0.2:"), "{stderr}");
    let mut command = spikard(&folder, &["run"]);
    let (_, _, stderr) = output(command.env("SPIKARD_HOST", "127.0.0.3"));
    assert!(stderr.starts_with("spikard: http://127.0.0.3:"), "{stderr}");
    let (_, _, stderr) = output(&mut spikard(&folder, &["run", "--host", "127.0.0.4"]));
    assert!(stderr.starts_with("spikard: http://127.0.0.4:"), "{stderr}");
}

#[test]
fn the_file_lies_beside_the_app() {
    let folder = told(None);
    let shop = folder.path().join("shop");
    std::fs::create_dir(&shop).expect("a folder");
    std::fs::write(shop.join("app.py"), "").expect("an app");
    std::fs::write(shop.join("spikard.toml"), "debug = true").expect("a file");
    let (_, stdout, _) = output(&mut spikard(
        &folder,
        &["run", "shop/app.py", "--port", "0"],
    ));
    assert_eq!(stdout, "{\"debug\":true}\n");
}

/// An app whose code sets an option.
fn described() -> TempDir {
    let spec = json!({"title": "Shop", "version": "1", "config": {"target_limit": 100}});
    let folder = folder(&format!("cat <<'END'\n{spec}\nEND"));
    let file = folder.path().join("spikard.toml");
    std::fs::write(file, "# of the shop\nbody_limit = \"20 MiB\"\nworkers = 2").expect("a file");
    folder
}

#[test]
fn config_shows_values_as_people_write_them_and_who_set_them() {
    let folder = described();
    let mut command = spikard(&folder, &["config"]);
    command.args(["--set", "debug=on"]);
    let (code, stdout, stderr) = output(command.env("SPIKARD_PORT", "9"));
    assert_eq!((code, stderr.as_str()), (0, ""));
    let rows: Vec<Vec<&str>> = stdout
        .lines()
        .map(|line| {
            line.split("  ")
                .map(str::trim)
                .filter(|cell| !cell.is_empty())
                .collect()
        })
        .collect();
    for row in [
        ["SETTING", "VALUE", "FROM"],
        ["host", "127.0.0.1", "default"],
        ["port", "9", "SPIKARD_PORT"],
        ["workers", "2", "spikard.toml:3"],
        ["body_limit", "20 MiB", "spikard.toml:2"],
        ["target_limit", "100 B", "the code of app.py"],
        ["keep_alive", "75s", "default"],
        ["egress", "enforce", "default"],
        ["debug", "true", "--set"],
        ["docs_path", "\"/docs\"", "default"],
    ] {
        assert!(
            rows.iter().any(|other| *other == row),
            "{row:?} in\n{stdout}"
        );
    }
}

#[test]
fn config_is_json_for_programs() {
    let folder = described();
    let (code, stdout, _) = output(&mut spikard(&folder, &["config", "--json"]));
    let rows: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(code, 0);
    let row = |name: &str| rows.as_array()?.iter().find(|row| row["name"] == name);
    let limit = row("body_limit").expect("a row");
    assert_eq!(limit["value"], 20 << 20);
    assert_eq!(limit["from"], "spikard.toml:2");
    assert_eq!(
        limit["description"],
        "Largest request body in bytes (413). Default 10 MiB."
    );
    // All options of an app, and where and by how many processes it is served.
    let config = serde_json::to_value(spikard::Config::default()).expect("JSON");
    let options = config.as_object().map(serde_json::Map::len);
    assert_eq!(
        rows.as_array().map(Vec::len),
        options.map(|count| count + 5)
    );
}
