//! Compiles the C side against the headers of the PHP that `php-config` tells of (`PHP_CONFIG` names another).

use std::process::Command;

const SOURCES: [&str; 4] = [
    "shim/engine.c",
    "shim/handler.c",
    "shim/module.c",
    "shim/values.c",
];

fn main() {
    println!("cargo:rerun-if-env-changed=PHP_CONFIG");
    println!("cargo:rerun-if-changed=shim");
    let config = std::env::var("PHP_CONFIG").unwrap_or_else(|_| "php-config".into());
    let told = Command::new(&config).arg("--includes").output();
    let Some(includes) = told.ok().filter(|told| told.status.success()) else {
        // The Rust side can be checked without PHP; `nox -s build-php` says what is missing.
        println!("cargo:warning={config} does not run: the C side is left out (install php-dev)");
        return;
    };
    let mut build = cc::Build::new();
    for flag in String::from_utf8_lossy(&includes.stdout).split_whitespace() {
        build.flag(flag);
    }
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    build
        .files(SOURCES)
        .define("SPIKARD_VERSION", format!("\"{version}\"").as_str())
        .opt_level(2)
        .flag("-Wno-unused-parameter")
        .flag("-Wno-clobbered")
        .compile("spikard_php_shim");
}
