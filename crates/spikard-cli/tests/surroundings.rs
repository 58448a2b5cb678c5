//! `spikard doctor`, `completions` and the help of each verb.

mod fake;

use fake::{folder, output, program, spikard};
use serde_json::{Value, json};
use std::process::Command;

/// An interpreter that answers the probe.
fn python(package: Value, error: Value) -> String {
    let found =
        json!({"version": "3.13.1", "path": "/opt/python", "package": package, "error": error});
    format!("echo '{found}'")
}

#[test]
fn the_doctor_says_whether_versions_agree() {
    for (package, error, code, part) in [
        (json!(env!("CARGO_PKG_VERSION")), json!(null), 0, "ready"),
        (
            json!("0.0.9"),
            json!(null),
            1,
            "its package is 0.0.9, this command is ",
        ),
        (
            json!(null),
            json!("ImportError: no _native"),
            1,
            "import spikard fails: ImportError: no _native",
        ),
        (
            json!(null),
            json!(null),
            1,
            "spikard is not installed in it",
        ),
    ] {
        let folder = folder(&python(package, error));
        // Only the fake interpreter is to be found.
        let mut command = spikard(&folder, &["doctor"]);
        let (found, stdout, stderr) = output(command.env("PATH", folder.path()));
        assert_eq!((found, stderr.as_str()), (code, ""), "{stdout}");
        let row = stdout
            .lines()
            .find(|line| line.starts_with("python"))
            .expect("a row");
        assert!(row.contains("3.13.1") && row.contains(part), "{stdout}");
    }
}

#[test]
fn the_doctor_answers_programs() {
    let folder = folder(&python(json!(env!("CARGO_PKG_VERSION")), json!(null)));
    program(
        &folder.path().join("bin/cargo"),
        "echo cargo 1.95.0 '(abc)'",
    );
    let node = r#"echo '{"version": "24.0.1", "path": "/opt/node", "package": "9.0.0"}'"#;
    program(&folder.path().join("bin/node"), node);
    std::fs::write(
        folder.path().join("Cargo.lock"),
        "[[package]]\nname = \"spikard\"\nversion = \"9.0.0\"\n",
    )
    .expect("a lock file");
    let path = format!("{}:/usr/bin:/bin", folder.path().join("bin").display());
    let (code, stdout, _) = output(spikard(&folder, &["doctor", "--json"]).env("PATH", path));
    let report: Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(
        (code, &report["version"]),
        (1, &json!(env!("CARGO_PKG_VERSION")))
    );
    let row = |name: &str| {
        let mut rows = report["languages"].as_array().expect("rows").iter();
        rows.find(|row| row["language"] == name)
            .cloned()
            .expect("a row")
    };
    assert_eq!(
        (&row("python")["ready"], &row("python")["path"]),
        (&json!(true), &json!("/opt/python"))
    );
    assert_eq!(
        (
            &row("rust")["wrong"],
            &row("rust")["version"],
            &row("rust")["package"]
        ),
        (&json!(true), &json!("1.95.0"), &json!("9.0.0"))
    );
    assert_eq!(
        (
            &row("typescript")["wrong"],
            &row("typescript")["version"],
            &row("typescript")["package"]
        ),
        (&json!(true), &json!("24.0.1"), &json!("9.0.0"))
    );
}

#[test]
fn a_shell_completes_verbs_and_flags() {
    let folder = folder("exit 1");
    for (shell, part) in [
        ("bash", "complete -F _spikard"),
        ("zsh", "#compdef spikard"),
        ("fish", "complete -c spikard"),
    ] {
        let (code, stdout, stderr) = output(&mut spikard(&folder, &["completions", shell]));
        assert_eq!((code, stderr.as_str()), (0, ""));
        for part in [part, "routes", "json", "openapi"] {
            assert!(stdout.contains(part), "{shell}: {part}");
        }
        for hidden in ["--interpreter", "-l interpreter", "tables"] {
            assert!(!stdout.contains(hidden), "{shell}: {hidden}");
        }
    }
    let (_, script, _) = output(&mut spikard(&folder, &["completions", "bash"]));
    std::fs::write(folder.path().join("completions"), script).expect("a file");
    let asked = "source ./completions; COMP_WORDS=(spikard op); COMP_CWORD=1; _spikard spikard op spikard; echo ${COMPREPLY[@]}";
    let mut bash = Command::new("timeout");
    let bash = bash
        .args(["10", "bash", "-c", asked])
        .current_dir(folder.path());
    let done = bash.output().expect("bash");
    assert_eq!(String::from_utf8_lossy(&done.stdout), "openapi\n");
    let (code, _, stderr) = output(&mut spikard(&folder, &["completions", "tcsh"]));
    assert!(code == 2 && stderr.contains("bash, zsh, fish"), "{stderr}");
}
