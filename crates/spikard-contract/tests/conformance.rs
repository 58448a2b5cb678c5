//! Third-party suites, read from the directory that `SPIKARD_DATA` names: JSON Schema Test Suite, JSONTestSuite, the
//! web platform's urlencoded cases. Without it the tests say that they skip. A known failure that passes fails here.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "tests, and what they call"
)]

use serde_json::Value;
use spikard_contract::{Dialect, Schema, Source, Violations, json, urlencoded};
use std::path::{Path, PathBuf};

/// Start of `draft/file: group: case`, and why it fails.
const KNOWN_FAILURES: &[(&str, &str)] = &[
    (
        "draft2020-12/format.json",
        "`format` is asserted here, where the suite wants an annotation",
    ),
    (
        "draft2020-12/vocabulary.json",
        "vocabularies of custom metaschemas are not looked at",
    ),
    (
        "draft2020-12/defs.json: validate definition against metaschema",
        METASCHEMA,
    ),
    (
        "draft2020-12/ref.json: remote ref, containing refs itself",
        METASCHEMA,
    ),
    (
        "draft7/definitions.json: validate definition against metaschema",
        METASCHEMA,
    ),
    (
        "draft7/ref.json: remote ref, containing refs itself",
        METASCHEMA,
    ),
    ("draft2020-12/optional/cross-draft.json", OTHER_DRAFT),
    ("draft7/optional/cross-draft.json", OTHER_DRAFT),
    (
        "draft7/optional/content.json",
        "contents of strings are annotations, as from 2019-09 on",
    ),
    (
        "draft2020-12/optional/format/hostname.json: validation of A-label (punycode) host names",
        PUNYCODE,
    ),
    (
        "draft7/optional/format/hostname.json: validation of A-label (punycode) host names",
        PUNYCODE,
    ),
    (
        "draft2020-12/optional/format/idn-hostname.json: validation of internationalized host names",
        PUNYCODE,
    ),
    (
        "draft7/optional/format/idn-hostname.json: validation of internationalized host names",
        PUNYCODE,
    ),
];

const METASCHEMA: &str = "the metaschemas are not built in";
const OTHER_DRAFT: &str = "refers to draft 2019-09, which is not read";
const PUNYCODE: &str = "`hostname` does not decode Punycode, `idn-hostname` is lenient";

fn data(folder: &str) -> Option<PathBuf> {
    let Some(data) = std::env::var_os("SPIKARD_DATA") else {
        let required = std::env::var_os("SPIKARD_DATA_REQUIRED").is_some();
        assert!(
            !required,
            "SPIKARD_DATA is not set, but SPIKARD_DATA_REQUIRED is"
        );
        println!("skipped: SPIKARD_DATA names no directory of third-party suites");
        return None;
    };
    Some(Path::new(&data).join(folder))
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn read(path: &Path) -> Value {
    json::parse(&std::fs::read(path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Runs the suite of a draft; gives the names of what failed and the number of cases.
fn run_draft(suite: &Path, draft: &str, dialect: Dialect) -> (Vec<String>, usize) {
    let remotes = suite.join("remotes");
    let mut documents = Vec::new();
    for path in files(&remotes, "json") {
        let name = path
            .strip_prefix(&remotes)
            .unwrap()
            .to_str()
            .unwrap()
            .replace('\\', "/");
        // Other drafts' remotes hold keywords that mean nothing here.
        let of_other_draft =
            name.starts_with("draft") && !name.starts_with(draft) || name.starts_with("v1/");
        if !of_other_draft {
            documents.push((format!("http://localhost:1234/{name}"), read(&path)));
        }
    }
    let documents: Vec<(&str, &Value)> = documents
        .iter()
        .map(|(uri, value)| (uri.as_str(), value))
        .collect();
    let tests = suite.join("tests").join(draft);
    let (mut failed, mut cases) = (Vec::new(), 0);
    for path in files(&tests, "json") {
        let file = path
            .strip_prefix(&tests)
            .unwrap()
            .to_str()
            .unwrap()
            .replace('\\', "/");
        for group in read(&path).as_array().unwrap() {
            let group_name = group["description"].as_str().unwrap();
            let compiled =
                Schema::compile_among(&group["schema"], &group["schema"], &documents, dialect);
            for case in group["tests"].as_array().unwrap() {
                cases += 1;
                let name = format!(
                    "{draft}/{file}: {group_name}: {}",
                    case["description"].as_str().unwrap()
                );
                let expected = case["valid"].as_bool().unwrap();
                match &compiled {
                    Err(mistakes) => failed.push(format!("{name} (refused: {})", mistakes[0])),
                    Ok(schema) => {
                        let text = case["data"].to_string();
                        let mut violations = Violations::default();
                        schema.validate(&case["data"], Source::Body, "", &mut violations);
                        let accepted = schema.accepts(text.as_bytes());
                        assert_eq!(
                            accepted,
                            violations.is_empty(),
                            "accepts and validate differ: {name}"
                        );
                        if accepted != expected {
                            failed.push(name);
                        }
                    }
                }
            }
        }
    }
    (failed, cases)
}

#[test]
fn json_schema_test_suite() {
    let Some(suite) = data("json-schema-test-suite") else {
        return;
    };
    let (mut failed, cases) = run_draft(&suite, "draft2020-12", Dialect::Draft2020);
    let (failed_7, cases_7) = run_draft(&suite, "draft7", Dialect::Draft7);
    failed.extend(failed_7);
    println!(
        "JSON Schema Test Suite: {} of {} cases pass",
        cases + cases_7 - failed.len(),
        cases + cases_7
    );
    let listed = |name: &str| {
        KNOWN_FAILURES
            .iter()
            .any(|(known, _)| name.starts_with(known))
    };
    let new: Vec<_> = failed.iter().filter(|name| !listed(name)).collect();
    assert!(
        new.is_empty(),
        "{} cases fail:\n{}",
        new.len(),
        new.iter()
            .map(|name| format!("  {name}\n"))
            .collect::<String>()
    );
    let fixed: Vec<_> = KNOWN_FAILURES
        .iter()
        .filter(|(known, _)| !failed.iter().any(|name| name.starts_with(known)))
        .collect();
    assert!(
        fixed.is_empty(),
        "known failures that pass now, take them off the list: {fixed:?}"
    );
}

#[test]
fn json_test_suite() {
    let Some(suite) = data("jsontestsuite/test_parsing") else {
        return;
    };
    let mut cases = 0;
    for path in files(&suite, "json") {
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read(&path).unwrap();
        let parsed = json::parse(&text);
        cases += 1;
        match name.as_bytes()[0] {
            b'y' => assert!(parsed.is_ok(), "{name}: {parsed:?}"),
            b'n' => assert!(parsed.is_err(), "{name}: {parsed:?}"),
            // Left to the implementation: what is not text, not finite or too deep is refused.
            _ => assert_eq!(
                parsed.is_ok(),
                ALLOWED.contains(&name),
                "{name}: {parsed:?}"
            ),
        }
        let anything = Schema::compile(&Value::Bool(true), &Value::Null).unwrap();
        assert_eq!(
            anything.accepts(&text),
            parsed.is_ok(),
            "accepts and parse differ: {name}"
        );
    }
    assert!(cases > 300, "only {cases} cases found");
}

/// Of the cases that RFC 8259 leaves open, those that are read: numbers that an `f64` holds, if inexactly.
const ALLOWED: &[&str] = &[
    "i_number_double_huge_neg_exp.json",
    "i_number_real_underflow.json",
    "i_number_too_big_neg_int.json",
    "i_number_too_big_pos_int.json",
    "i_number_very_big_negative_int.json",
];

#[test]
fn urlencoded_cases_of_the_web_platform() {
    let Some(folder) = data("urlencoded") else {
        return;
    };
    let mut cases = 0;
    for path in files(&folder, "json") {
        for case in read(&path).as_array().unwrap() {
            let input = case["input"].as_str().unwrap();
            let expected: Vec<(String, String)> =
                serde_json::from_value(case["output"].clone()).unwrap();
            // The web replaces what is not UTF-8, a server refuses it.
            if expected
                .iter()
                .any(|(name, value)| name.contains('\u{FFFD}') || value.contains('\u{FFFD}'))
            {
                assert!(
                    urlencoded::pairs(input).any(|pair| pair.is_err()),
                    "{input}"
                );
            } else {
                let found: Result<Vec<_>, _> = urlencoded::pairs(input).collect();
                let found: Vec<_> = found
                    .unwrap()
                    .into_iter()
                    .map(|(n, v)| (n.into_owned(), v.into_owned()))
                    .collect();
                assert_eq!(found, expected, "{input}");
            }
            cases += 1;
        }
    }
    assert!(cases > 20, "only {cases} cases found");
}
