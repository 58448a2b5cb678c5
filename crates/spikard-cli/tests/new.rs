//! `spikard new`: what it refuses, and the Rust project, which is tested for real. Those of other
//! languages are tested where their packages are installed: packages/python/tests/test_new.py, packages/node/tests, packages/ruby/spec/new_spec.rb,
//! packages/php/tests/NewTest.php.

mod fake;

use fake::{folder, output, spikard};
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn nothing_that_exists_is_written_over() {
    let folder = folder("exit 1");
    std::fs::create_dir(folder.path().join("empty")).expect("a folder");
    let (code, stdout, stderr) =
        output(&mut spikard(&folder, &["new", "empty", "--lang", "python"]));
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(
        stdout.contains("\n  cd empty\n") && stdout.contains("\n  pytest\n"),
        "{stdout}"
    );
    let container = std::fs::read_to_string(folder.path().join("empty/Containerfile"));
    let container = container.expect("a container file");
    assert!(container.contains("/python:3.11-slim\n"), "{container}");
    let app = folder.path().join("empty/app.py");
    std::fs::write(&app, "mine").expect("a file");
    for lang in ["python", "typescript", "ruby", "php", "rust"] {
        let (code, stdout, stderr) =
            output(&mut spikard(&folder, &["new", "empty", "--lang", lang]));
        assert_eq!((code, stdout.as_str()), (1, ""));
        assert!(
            stderr.starts_with("error: empty exists and is not empty\n"),
            "{stderr}"
        );
    }
    assert_eq!(std::fs::read_to_string(&app).expect("a file"), "mine");
    let (code, _, stderr) = output(&mut spikard(
        &folder,
        &["new", "empty/app.py/shop", "--lang", "rust"],
    ));
    assert!(code != 0 && stderr.starts_with("error: "), "{stderr}");
    assert_eq!(std::fs::read_to_string(&app).expect("a file"), "mine");
}

#[test]
fn what_cannot_be_made_says_what_can() {
    let folder = folder("exit 1");
    for (arguments, part) in [
        (
            ["new", "shop", "--lang", "cobol"],
            "[possible values: python, typescript, ruby, php, rust]",
        ),
        (
            ["new", "Shop", "--lang", "rust"],
            "Shop is no name for a project",
        ),
        (
            ["new", "spikard", "--lang", "python"],
            "the name spikard is taken",
        ),
        (
            ["new", "zod", "--lang", "typescript"],
            "the name zod is taken",
        ),
        (
            ["new", "match", "--lang", "rust"],
            "the name match is taken",
        ),
    ] {
        let (code, stdout, stderr) = output(&mut spikard(&folder, &arguments));
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(stderr.contains(part), "{stderr}");
    }
    assert!(!folder.path().join("shop").exists());
}

/// Offline, with this workspace in the place of the checkout and its lock file, so that its crates are at hand.
#[test]
fn the_rust_project_passes_its_own_tests() {
    let folder = folder("exit 1");
    let (code, _, stderr) = output(&mut spikard(
        &folder,
        &["new", "web-shop", "--lang", "rust"],
    ));
    assert_eq!((code, stderr.as_str()), (0, ""));
    let project = folder.path().join("web-shop");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the workspace");
    let manifest = std::fs::read_to_string(project.join("Cargo.toml")).expect("a manifest");
    let here = manifest.replace("vendor/spikard", &workspace.display().to_string());
    assert_ne!(here, manifest);
    std::fs::write(project.join("Cargo.toml"), here).expect("a manifest");
    std::fs::copy(workspace.join("Cargo.lock"), project.join("Cargo.lock")).expect("a lock file");
    // The workspace's own, with its profile: most of what the project depends on is there already.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .parent()
        .expect("target");
    let cargo = |arguments: &[&str]| {
        let mut command = Command::new("timeout");
        command
            .args(["600", env!("CARGO")])
            .args(arguments)
            .current_dir(&project)
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
            .stdin(Stdio::null());
        let done = command.output().expect("cargo");
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
        assert!(done.status.success(), "cargo {arguments:?}\n{text}");
        text
    };
    let text = cargo(&["test"]);
    assert!(text.contains("test result: ok. 3 passed"), "{text}");
    assert!(!text.contains("warning"), "{text}");
    cargo(&["fmt", "--check"]);
    cargo(&["build"]);
    let mut check = spikard(&folder, &["check"]);
    let (code, stdout, stderr) = output(
        check
            .current_dir(&project)
            .env("CARGO_NET_OFFLINE", "true")
            .env("CARGO_TARGET_DIR", target)
            .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only"),
    );
    assert_eq!(
        (code, stdout.as_str()),
        (0, ".: 2 routes, no mistakes\n"),
        "{stderr}"
    );
}
