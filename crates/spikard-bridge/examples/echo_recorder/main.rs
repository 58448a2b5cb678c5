//! The bridge's recording app for the fixtures: an app whose every handler belongs to a guest in Rust, so that the bridge
//! runs all fixtures without an interpreter. Speaks the recorder protocol on standard input and output; checks nothing.
#![allow(
    clippy::print_stdout,
    reason = "standard output is the control channel"
)]
#![allow(clippy::panic, reason = "a fixture may ask for a panic")]

mod contract;
#[path = "../../../../tests/recorders/rust/src/edits.rs"]
mod edits;
mod observe;
mod reply;

use observe::Operation;
use reply::Recorder;
use serde_json::{Value, json};
use spikard::server::{self, Listen};
use std::io::BufRead as _;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// What the runner has told and what the handlers have seen since the last case.
#[derive(Default)]
pub(crate) struct Case {
    /// What the next calls do.
    pub(crate) reply: Value,
    /// What hooks do, by name, and those that ran.
    pub(crate) hooks: Value,
    pub(crate) ran: Vec<String>,
    /// Calls since the case began.
    pub(crate) called: u64,
    /// What the last of them saw.
    pub(crate) seen: serde_json::Map<String, Value>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let start: Value = serde_json::from_str(&line)?;
    let spec = contract::app_spec(&start["start"]["contract"], &start["start"]["config"]);
    let parsed = spikard_bridge::parse(&spec.to_string())?;
    let case = Arc::new(Mutex::new(Case::default()));
    let guest = Rc::new(Recorder::new(Arc::clone(&case)));
    let app = spikard_bridge::build(
        &spec.to_string(),
        Operation::all(&parsed),
        &guest,
        guest.completion(),
    )?;
    println!("{}", json!({"ready": true}));
    std::thread::spawn(move || control(&case));
    Ok(server::run(app, &Listen::from_env()?)?)
}

/// Answers the runner until it says stop or goes away.
fn control(case: &Mutex<Case>) {
    for line in std::io::stdin().lock().lines().map_while(Result::ok) {
        let message: Value = serde_json::from_str(&line).unwrap_or_default();
        if message.get("case").is_some() {
            let (reply, hooks) = (message["reply"].clone(), message["hooks"].clone());
            *case.lock().expect("invariant: no holder panics") = Case {
                reply,
                hooks,
                ..Case::default()
            };
            println!("{}", json!({"ok": true}));
        } else if message.get("observed").is_some() {
            let case = case.lock().expect("invariant: no holder panics");
            let mut seen = case.seen.clone();
            seen.insert("called".to_owned(), case.called.into());
            seen.insert("hooks".to_owned(), json!(case.ran));
            println!("{}", Value::Object(seen));
        } else {
            break;
        }
    }
    std::process::exit(0);
}
