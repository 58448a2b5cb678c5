//! `spikard routes`, `openapi` and `check`: a fake interpreter prints an AppSpec.

mod fake;

use fake::{folder, output, spikard};
use serde_json::{Value, json};
use tempfile::TempDir;

/// An app whose module prints a line of its own before the AppSpec.
fn app(spec: &Value) -> TempDir {
    let script =
        format!("test \"$SPIKARD_EMIT\" = spec || exit 3\necho loading\ncat <<'END'\n{spec}\nEND");
    folder(&script)
}

fn inventory() -> Value {
    let route = |method: &str, path: &str, name: &str, line: u32| json!({"method": method, "path": path, "handler": 0, "declared": {"name": name, "file": "app.py", "line": line}});
    json!({
        "title": "Inventory", "version": "1.0.0",
        "routes": [route("GET", "/", "home", 3)],
        "groups": [{"prefix": "/items", "routes": [route("GET", "/{id}", "show", 9), route("DELETE", "/{id}", "remove", 12)]}],
    })
}

#[test]
fn routes_are_a_table_of_aligned_columns() {
    let (code, stdout, stderr) = output(&mut spikard(&app(&inventory()), &["routes"]));
    assert_eq!((code, stderr.as_str()), (0, ""));
    let expected = "\
METHOD  PATH         HANDLER  SOURCE     POLICIES
GET     /            home     app.py:3
GET     /items/{id}  show     app.py:9
DELETE  /items/{id}  remove   app.py:12
";
    assert_eq!(stdout, expected);
}

#[test]
fn routes_are_json_for_programs() {
    let (code, stdout, _) = output(&mut spikard(
        &app(&inventory()),
        &["routes", "app.py", "--json"],
    ));
    let routes: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(code, 0);
    assert_eq!(routes.as_array().map(Vec::len), Some(3));
    assert_eq!(
        (&routes[1]["method"], &routes[1]["path"]),
        (&json!("GET"), &json!("/items/{id}"))
    );
}

#[test]
fn each_route_has_the_policies_in_force() {
    let mut spec = inventory();
    spec["config"] = json!({"body_limit": 1000, "egress": "enforce"});
    spec["groups"][0]["policy"] = json!({"handler_timeout_ms": 500, "body_limit": 20});
    spec["groups"][0]["routes"][1]["policy"] =
        json!({"body_limit": 3, "egress": "off", "additional_query": "reject"});
    let folder = app(&spec);
    // Settings win over the code's options, as when the app is served, but not over a route's own.
    std::fs::write(folder.path().join("spikard.toml"), "egress = \"warn\"").expect("a file");
    let (_, stdout, stderr) = output(&mut spikard(&folder, &["routes", "--json"]));
    let routes: Vec<Value> = serde_json::from_str(&stdout).expect(&stderr);
    let policies: Vec<Value> = routes
        .iter()
        .map(|route| {
            [
                "body_limit",
                "handler_timeout_ms",
                "egress",
                "additional_query",
            ]
            .map(|policy| route[policy].clone())
            .into()
        })
        .collect();
    let expected = [
        json!([1000, 0, "warn", "ignore"]),
        json!([20, 500, "warn", "ignore"]),
        json!([3, 500, "off", "reject"]),
    ];
    assert_eq!(policies, expected);
    // For people, those that are not the default.
    let (_, stdout, _) = output(&mut spikard(&folder, &["routes"]));
    let told: Vec<&str> = stdout
        .lines()
        .filter_map(|line| line.split_once("app.py:")?.1.split_once("  "))
        .map(|(_, told)| told.trim())
        .collect();
    let expected = [
        "body_limit=1000B egress=warn",
        "body_limit=20B handler_timeout=500ms egress=warn",
        "body_limit=3B handler_timeout=500ms egress=off additional_query=reject",
    ];
    assert_eq!(told, expected);
}

#[test]
fn check_refuses_the_settings_that_start_up_would_refuse() {
    let folder = app(&inventory());
    std::fs::write(
        folder.path().join("spikard.toml"),
        "\nbody_limit = \"much\"",
    )
    .expect("a file");
    let (code, stdout, stderr) = output(&mut spikard(&folder, &["check"]));
    assert_eq!((code, stdout.as_str()), (2, ""));
    assert!(
        stderr.starts_with("error: spikard.toml:2: body_limit: "),
        "{stderr}"
    );
}

#[test]
fn openapi_is_printed_compact_indented_or_to_a_file() {
    let folder = app(&inventory());
    let (code, compact, _) = output(&mut spikard(&folder, &["openapi"]));
    assert_eq!((code, compact.lines().count()), (0, 1));
    let document: Value = serde_json::from_str(&compact).expect("JSON");
    assert!(
        document["openapi"]
            .as_str()
            .is_some_and(|version| version.starts_with("3.1")),
        "{compact}"
    );
    assert!(
        document["paths"]["/items/{id}"]["delete"].is_object(),
        "{compact}"
    );
    let (_, indented, _) = output(&mut spikard(&folder, &["openapi", "--indent"]));
    assert!(indented.lines().count() > 10, "{indented}");
    let (code, stdout, _) = output(&mut spikard(
        &folder,
        &["openapi", "--output", "openapi.json"],
    ));
    assert_eq!((code, stdout.as_str()), (0, ""));
    assert_eq!(
        std::fs::read_to_string(folder.path().join("openapi.json")).expect("a file"),
        compact
    );
    let (code, _, stderr) = output(&mut spikard(
        &folder,
        &["openapi", "--output", "no/such/folder.json"],
    ));
    assert!(
        code == 1 && stderr.starts_with("error: cannot write no/such/folder.json: "),
        "{stderr}"
    );
}

#[test]
fn programs_read_mistakes_with_their_places() {
    let told = |folder: &TempDir| {
        let (code, stdout, _) = output(&mut spikard(folder, &["check", "--json"]));
        let value: Value = serde_json::from_str(&stdout).expect("JSON");
        (code, value)
    };
    assert_eq!(
        told(&app(&inventory())),
        (0, json!({"app": "app.py", "routes": 3, "mistakes": []}))
    );
    let mut wrong = inventory();
    wrong["groups"][0]["routes"][1]["path"] = json!("/{id");
    let (code, value) = told(&app(&wrong));
    assert_eq!(code, 1, "{value}");
    assert_eq!(
        value["mistakes"][0]["place"], "app.py:12: DELETE /items/{id",
        "{value}"
    );
    let (code, value) = told(&folder("exit 3"));
    let message = "app.py was not loaded (exit status: 3)";
    let mistakes = json!([{"place": "", "message": message}]);
    assert_eq!(
        (code, value),
        (
            1,
            json!({"app": "app.py", "routes": null, "mistakes": mistakes})
        )
    );
}

/// What `--help` and docs/cli.md say of exit codes.
#[test]
fn each_verb_ends_with_the_code_that_is_documented() {
    let right = app(&inventory());
    let broken = folder("exit 3");
    let unset = app(&inventory());
    std::fs::write(unset.path().join("spikard.toml"), "body_limt = 1").expect("a file");
    for verb in ["routes", "openapi", "check", "config"] {
        for (folder, arguments, code) in [
            (&right, [verb, "app.py"], 0),
            (&broken, [verb, "app.py"], 1),
            (&unset, [verb, "app.py"], 2),
            (&right, [verb, "nothing.py"], 2),
            (&right, [verb, "--nothing"], 2),
        ] {
            let (found, _, stderr) = output(&mut spikard(folder, &arguments));
            assert_eq!(found, code, "{arguments:?}: {stderr}");
        }
    }
}

#[test]
fn check_counts_the_routes_or_reports_every_mistake() {
    let (code, stdout, _) = output(&mut spikard(&app(&inventory()), &["check", "app.py"]));
    assert_eq!(
        (code, stdout.as_str()),
        (0, "app.py: 3 routes, no mistakes\n")
    );
    let mut wrong = inventory();
    wrong["routes"][0]["sumary"] = json!("x");
    wrong["groups"][0]["routes"][1]["handler"] = json!("remove");
    let (code, stdout, stderr) = output(&mut spikard(&app(&wrong), &["check"]));
    assert_eq!(
        (code, stdout.as_str(), stderr.lines().count()),
        (1, "", 3),
        "{stderr}"
    );
    assert!(
        stderr.contains("GET /: at /routes/0/sumary: unknown field"),
        "{stderr}"
    );
    assert!(
        stderr.starts_with("error: app.py has 2 mistakes:\n  app.py:3: GET /: "),
        "{stderr}"
    );
    assert!(
        stderr.contains("app.py:12: DELETE /items/{id}: at /groups/0/routes/1/handler: "),
        "{stderr}"
    );
}

#[test]
fn a_program_that_prints_nothing_is_told_how_to() {
    let (code, _, stderr) = output(&mut spikard(&folder("exit 0"), &["routes"]));
    assert!(
        code == 1 && stderr.contains("app.py printed no AppSpec") && stderr.contains("run()"),
        "{stderr}"
    );
}

#[test]
fn tables_are_json_for_generators() {
    let (code, stdout, _) = output(&mut spikard(&folder("exit 1"), &["tables"]));
    let tables: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(code, 0);
    assert_eq!(
        tables["problems"][0],
        json!({"code": "malformed-request", "status": 400, "title": "The request is malformed"})
    );
    assert_eq!(
        tables["config"]["properties"]["body_limit"]["default"],
        json!(10_485_760)
    );
}
