//! `spikard run` with certificates, and real workers that serve them.
#![allow(clippy::panic, reason = "a failed test")]

mod fake;

use fake::{folder, output, spikard};
use std::path::PathBuf;
use tempfile::TempDir;

fn with_worker() -> TempDir {
    let worker = PathBuf::from(env!("CARGO_BIN_EXE_spikard")).with_file_name("examples/worker");
    let folder = folder(&format!("exec {}", worker.display()));
    issue(&folder, "a");
    issue(&folder, "b");
    folder
}

fn issue(folder: &TempDir, name: &str) {
    let pair = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a pair");
    let write = |end: &str, text: String| {
        let file = folder.path().join(format!("{name}.{end}"));
        std::fs::write(file, text).expect("written");
    };
    write("pem", pair.cert.pem());
    write("key", pair.signing_key.serialize_pem());
}

#[test]
fn wrong_files_are_refused_before_anything_starts() {
    let folder = with_worker();
    for (arguments, message) in [
        (
            &["--tls-cert", "a.pem", "--tls-key", "b.key"][..],
            "b.key is not the private key of a.pem",
        ),
        (
            &["--tls-cert", "none.pem", "--tls-key", "a.key"],
            "tls_cert: cannot read none.pem: ",
        ),
        (
            &[
                "--tls-cert",
                "a.pem",
                "--tls-cert",
                "b.pem",
                "--tls-key",
                "a.key",
            ],
            "names 2 files and tls_key 1",
        ),
        (
            &["--set", "tls_cert=a.pem", "--tls-key", "a.pem"],
            "-----BEGIN PRIVATE KEY-----",
        ),
    ] {
        for workers in [&[][..], &["--workers", "2"]] {
            let all = [&["run", "--port", "0"], workers, arguments].concat();
            let (code, _, said) = output(&mut spikard(&folder, &all));
            assert_eq!(code, 2, "{said}");
            assert!(said.contains(message), "{said}");
        }
    }
}

#[test]
fn the_file_beside_the_app_names_files_beside_itself() {
    let folder = with_worker();
    let text = "tls_cert = \"a.pem\"\ntls_key = \"b.key\"\n";
    std::fs::write(folder.path().join("spikard.toml"), text).expect("written");
    let app = folder.path().join("app.py");
    let app = app.to_str().expect("text");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let mut command = spikard(&folder, &["run", app, "--port", "0"]);
    let (_, _, said) = output(command.current_dir(elsewhere.path()));
    assert!(
        said.contains("/b.key is not the private key of /"),
        "{said}"
    );
}
