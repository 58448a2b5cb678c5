//! What operators see of requests: the log of a process of its own, and the counters.
#![allow(missing_docs, clippy::panic, reason = "tests, and what they call")]

use serde_json::Value;
use spikard::{App, Config, Path, Problem, TestClient};
use std::process::Command;
use std::time::Duration;

const CHILD: &str = "OBSERVED_CHILD";

async fn slow(Path(ms): Path<u64>) -> String {
    std::thread::sleep(Duration::from_millis(ms));
    "done".to_owned()
}

async fn failing() -> Result<String, Problem> {
    Err(Problem::internal("").because("on purpose"))
}

fn client(config: Config) -> TestClient {
    let app = App::new("Observed", "1.0.0").config(config);
    let app = app.get("/slow/{ms}", slow).get("/failing", failing);
    TestClient::new(app).expect("a definition")
}

/// The events that the test `child`, run again in a process of its own, writes to the log.
fn log_of(child: &str) -> Vec<Value> {
    let program = std::env::current_exe().expect("this program");
    let ran = Command::new(program)
        .args(["--exact", child, "--nocapture"])
        .env(CHILD, child)
        .output()
        .expect("this program again");
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{said}");
    said.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}

fn is_child(name: &str) -> bool {
    std::env::var(CHILD).is_ok_and(|child| child == name)
}

#[test]
fn slow_handlers_are_told_by_their_route() {
    const NAME: &str = "slow_handlers_are_told_by_their_route";
    if is_child(NAME) {
        let client = client(Config {
            slow_handler_ms: 40,
            ..Config::default()
        });
        client.get("/slow/0").wait();
        client
            .get("/slow/60")
            .header("x-request-id", "the-slow")
            .wait();
        return;
    }
    let log = log_of(NAME);
    assert_eq!(log.len(), 1, "{log:?}");
    let event = &log[0];
    assert_eq!(event["event"], "slow-handler");
    assert_eq!(event["operation"], "GET /slow/{ms}");
    assert_eq!(event["request_id"], "the-slow");
    let cause = event["cause"].as_str().unwrap_or_default();
    let digits = cause.trim_matches(|c: char| !c.is_ascii_digit());
    assert!(
        (60..5_000).contains(&digits.parse().unwrap_or(0)),
        "{cause}"
    );
}

#[test]
fn counters_grow_with_each_request() {
    let client = client(Config {
        metrics_path: "/metrics".to_owned(),
        ..Config::default()
    });
    for _ in 0..3 {
        assert_eq!(client.get("/slow/0").wait().text(), "done");
    }
    client.get("/failing").wait();
    let answer = client.get("/metrics").wait();
    let text = answer.text();
    for (series, value) in [
        (
            r#"http_requests_total{route="/slow/{ms}",method="GET",status="200","#,
            3,
        ),
        (
            r#"http_request_duration_seconds_count{route="/slow/{ms}","#,
            3,
        ),
        (r#"http_response_body_bytes_sum{route="/slow/{ms}","#, 12),
        (r#"http_errors_total{route="/failing",kind="status","#, 1),
        ("http_requests_in_flight{", 1),
    ] {
        let line = text.lines().find(|line| line.starts_with(series));
        let line = line.unwrap_or_else(|| panic!("{series} is not in {text}"));
        assert!(line.ends_with(&format!(" {value}")), "{line}");
    }
}
