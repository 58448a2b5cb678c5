//! What operators see of requests: the log of a process of its own, and the counters.
#![allow(missing_docs, clippy::panic, reason = "tests, and what they call")]

use serde_json::Value;
use spikard::{App, Config, Path, Problem, TestClient};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const CHILD: &str = "OBSERVED_CHILD";

async fn slow(Path(ms): Path<u64>) -> String {
    thread::sleep(Duration::from_millis(ms));
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

const CALLER: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn traced(endpoint: String) -> Config {
    Config {
        trace: true,
        access_log: true,
        otlp_endpoint: endpoint,
        ..Config::default()
    }
}

/// A collector that answers `requests` requests with `status`: their heads and bodies.
fn collector(
    requests: usize,
    status: &'static str,
) -> (String, thread::JoinHandle<Vec<(String, Value)>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serving = move || {
        let mut got = Vec::new();
        for _ in 0..requests {
            let (mut socket, _) = listener.accept().expect("the exporter");
            let mut reader = BufReader::new(socket.try_clone().expect("a socket"));
            let (mut head, mut length) = (String::new(), 0);
            while !head.ends_with("\r\n\r\n") {
                let from = head.len();
                assert!(reader.read_line(&mut head).expect("a line") > 0, "{head}");
                let line = head[from..].to_lowercase();
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("the body");
            got.push((head, serde_json::from_slice(&body).expect("JSON")));
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
            socket.write_all(answer.as_bytes()).expect("the exporter");
        }
        got
    };
    (format!("http://{address}"), thread::spawn(serving))
}

fn attribute<'v>(of: &'v Value, key: &str) -> &'v Value {
    let all = of["attributes"].as_array().expect("attributes");
    let found = all.iter().find(|attribute| attribute["key"] == key);
    &found.unwrap_or_else(|| panic!("{key} is not in {of}"))["value"]
}

#[test]
fn spans_reach_the_collector_before_the_worker_ends() {
    let (endpoint, collector) = collector(1, "200 OK");
    let began = Instant::now();
    let client = client(traced(endpoint));
    client
        .get("/slow/20?secret=1")
        .header("traceparent", CALLER)
        .header("tracestate", "a=1")
        .wait();
    client.get("/failing").wait();
    let unsampled = format!("{}00", &CALLER[..53]);
    client
        .get("/slow/0")
        .header("traceparent", &unsampled)
        .wait();
    drop(client);
    let got = collector.join().expect("a collector");
    assert!(began.elapsed() < Duration::from_secs(3));
    let (head, body) = &got[0];
    assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
    assert!(
        head.to_lowercase()
            .contains("content-type: application/json\r\n"),
        "{head}"
    );
    assert!(!body.to_string().contains("secret"), "{body}");
    let resource = &body["resourceSpans"][0];
    assert_eq!(
        attribute(&resource["resource"], "service.name")["stringValue"],
        "Observed"
    );
    let spans = resource["scopeSpans"][0]["spans"]
        .as_array()
        .expect("spans");
    assert_eq!(spans.len(), 2, "{body}");
    let first = &spans[0];
    assert_eq!(first["traceId"], CALLER[3..35]);
    assert_eq!(first["parentSpanId"], CALLER[36..52]);
    assert_eq!(first["traceState"], "a=1");
    assert_eq!(first["name"], "GET /slow/{ms}");
    assert_eq!(first["kind"], 2);
    assert_eq!(attribute(first, "http.route")["stringValue"], "/slow/{ms}");
    assert_eq!(attribute(first, "url.path")["stringValue"], "/slow/20");
    assert_eq!(
        attribute(first, "http.response.status_code")["intValue"],
        "200"
    );
    let nanoseconds = |key: &str| {
        first[key]
            .as_str()
            .and_then(|text| text.parse::<u128>().ok())
    };
    let (start, end) = (
        nanoseconds("startTimeUnixNano"),
        nanoseconds("endTimeUnixNano"),
    );
    let taken = end.expect("an end") - start.expect("a start");
    assert!((20_000_000..2_000_000_000).contains(&taken), "{taken}");
    let second = &spans[1];
    assert!(second.get("parentSpanId").is_none());
    assert_eq!(second["status"]["code"], 2);
    assert_eq!(attribute(second, "error.type")["stringValue"], "500");
}

#[test]
fn a_collector_that_is_away_is_told_once_and_the_log_has_the_ids() {
    const NAME: &str = "a_collector_that_is_away_is_told_once_and_the_log_has_the_ids";
    if is_child(NAME) {
        let (endpoint, collector) = collector(2, "503 Service Unavailable");
        let client = client(traced(endpoint));
        for _ in 0..2 {
            client.get("/slow/0").header("traceparent", CALLER).wait();
            // Another batch.
            thread::sleep(Duration::from_millis(1_300));
        }
        collector.join().expect("a collector");
        return;
    }
    let log = log_of(NAME);
    let of = |event: &str| -> Vec<_> { log.iter().filter(|line| line["event"] == event).collect() };
    let told = of("spans-dropped");
    assert_eq!(told.len(), 1, "{log:?}");
    assert!(
        told[0]["cause"]
            .as_str()
            .is_some_and(|cause| cause.contains("503"))
    );
    let requests = of("request");
    assert_eq!(requests.len(), 2);
    assert_eq!(requests[0]["trace_id"], CALLER[3..35]);
    let spans: Vec<_> = requests
        .iter()
        .map(|line| line["span_id"].as_str())
        .collect();
    assert!(
        spans[0].is_some_and(|span| span.len() == 16) && spans[0] != spans[1],
        "{spans:?}"
    );
}
