//! `spikard openapi` and `asyncapi` as YAML and against a file: a fake interpreter prints an AppSpec.

mod fake;

use fake::{folder, output, spikard};
use serde_json::{Value, json};
use tempfile::TempDir;

/// An app whose module prints its AppSpec.
fn app() -> TempDir {
    let route = |method: &str, path: &str, name: &str| json!({"method": method, "path": path, "handler": 0, "declared": {"name": name}});
    let spec = json!({
        "title": "Inventory", "version": "1.0",
        "routes": [route("GET", "/items", "search"), route("DELETE", "/items/{id}", "remove")],
    });
    folder(&format!("cat <<'END'\n{spec}\nEND"))
}

fn run(folder: &TempDir, arguments: &[&str]) -> (i32, String, String) {
    output(&mut spikard(folder, arguments))
}

fn written(folder: &TempDir, file: &str) -> String {
    std::fs::read_to_string(folder.path().join(file)).expect("a file")
}

#[test]
fn yaml_is_printed_or_written_to_a_file_of_that_name() {
    let folder = app();
    let (code, yaml, stderr) = run(&folder, &["openapi", "--yaml"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(yaml.starts_with("openapi: "), "{yaml}");
    assert!(
        yaml.contains("\n  \"/items/{id}\":\n    delete:\n"),
        "{yaml}"
    );
    // Without quotes it would be the number 1.
    assert!(yaml.contains("version: \"1.0\""), "{yaml}");
    let (code, stdout, _) = run(&folder, &["openapi", "-o", "openapi.yaml"]);
    assert_eq!((code, stdout.as_str()), (0, ""));
    assert_eq!(written(&folder, "openapi.yaml"), yaml);
}

#[test]
fn a_file_as_the_app_says_passes_in_each_format() {
    let folder = app();
    for (file, flags) in [
        ("openapi.json", &[][..]),
        ("indented.json", &["--indent"][..]),
        ("openapi.yml", &[][..]),
        ("openapi", &["--yaml"][..]),
    ] {
        let (code, _, stderr) = run(&folder, &[&["openapi", "-o", file], flags].concat());
        assert_eq!(code, 0, "{stderr}");
        let (code, stdout, stderr) = run(&folder, &["openapi", "--check", file]);
        assert_eq!(
            (code, stdout, stderr.as_str()),
            (0, format!("{file}: as app.py says\n"), "")
        );
    }
}

#[test]
fn a_file_that_differs_is_explained_by_operation() {
    let folder = app();
    run(&folder, &["openapi", "-o", "openapi.json"]);
    let mut document: Value =
        serde_json::from_str(&written(&folder, "openapi.json")).expect("JSON");
    document["info"]["title"] = json!("Stock");
    let paths = document["paths"].as_object_mut().expect("paths");
    paths.remove("/items/{id}");
    paths.insert("/old".to_owned(), json!({"get": {}}));
    paths["/items"]["get"]["operationId"] = json!("find");
    std::fs::write(folder.path().join("openapi.json"), document.to_string()).expect("a file");
    let expected = "\
error: openapi.json is not as app.py says:
  ~ GET /items: operationId: \"find\" in the file, \"search\" in the app
  - GET /old: only in the file
  + DELETE /items/{id}: only in the app
  ~ info/title: \"Stock\" in the file, \"Inventory\" in the app
  write it anew: spikard openapi app.py -o openapi.json
";
    let (code, stdout, stderr) = run(&folder, &["openapi", "--check", "openapi.json"]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (1, "", expected));
}

#[test]
fn a_file_that_cannot_be_read_is_told_how_to_be_made() {
    let folder = app();
    let (code, _, stderr) = run(&folder, &["openapi", "--check", "openapi.json"]);
    assert_eq!(code, 1);
    assert!(
        stderr.starts_with("error: cannot read openapi.json: ")
            && stderr.contains("write it anew: spikard openapi app.py -o openapi.json"),
        "{stderr}"
    );
    let (code, _, stderr) = run(&folder, &["openapi", "--check", "a.json", "--yaml"]);
    assert_eq!(code, 2, "{stderr}");
}

#[test]
fn an_app_without_channels_has_an_asyncapi_document_that_says_so() {
    let folder = app();
    let (code, text, stderr) = run(&folder, &["asyncapi"]);
    let said = "spikard: app.py has no channels; its routes are in `spikard openapi`\n";
    assert_eq!((code, stderr.as_str()), (0, said));
    let document: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        document,
        json!({
            "asyncapi": "3.0.0",
            "info": {"title": "Inventory", "version": "1.0"},
            "defaultContentType": "application/json",
            "channels": {},
            "operations": {},
        })
    );
    let (code, _, stderr) = run(&folder, &["asyncapi", "-o", "asyncapi.yaml"]);
    assert_eq!(code, 0, "{stderr}");
    assert!(written(&folder, "asyncapi.yaml").starts_with("asyncapi: "));
    let check = &["asyncapi", "--check", "asyncapi.yaml"];
    let (code, stdout, stderr) = run(&folder, check);
    assert_eq!(
        (code, stdout.as_str()),
        (0, "asyncapi.yaml: as app.py says\n"),
        "{stderr}"
    );
    let other =
        written(&folder, "asyncapi.yaml").replace("channels: {}", "channels:\n  prices: {}");
    std::fs::write(folder.path().join("asyncapi.yaml"), other).expect("a file");
    let (code, _, stderr) = run(&folder, check);
    let expected = "\
error: asyncapi.yaml is not as app.py says:
  - channels/prices: only in the file
  write it anew: spikard asyncapi app.py -o asyncapi.yaml
";
    assert_eq!(code, 1);
    assert!(stderr.ends_with(expected), "{stderr}");
}
