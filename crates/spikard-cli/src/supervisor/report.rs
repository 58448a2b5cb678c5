//! What the supervisor says of its workers to who asks by `--control`: health, metrics in the text format of Prometheus
//! (0.0.4), and a list for programs. Asks nobody: it is given what there is to say.

use super::control::Answer;
use serde_json::{Value, json};
use spikard::status::Status;
use std::fmt::Write as _;
use std::time::Duration;

/// One process, or a place that waits for one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Worker {
    /// Its place, counted from 1: what stands before its lines.
    pub(super) number: usize,
    /// In a word: `starting`, `serving`, `leaving`, `killed`, or `waiting` for the next start.
    pub(super) state: &'static str,
    pub(super) pid: Option<u32>,
    /// In this state.
    pub(super) since: Duration,
    pub(super) resident: Option<u64>,
    /// Since its loop was last seen turning.
    pub(super) heartbeat: Option<Duration>,
    pub(super) status: Option<Status>,
}

/// One place, over all processes that it has had.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Tally {
    /// Processes started after the first.
    pub(super) restarts: u64,
    /// Of the processes that have ended, and of those that are there.
    pub(super) responses: [u64; 6],
    pub(super) ended: u64,
    pub(super) duration: Duration,
}

impl Tally {
    pub(super) fn add(&mut self, status: &Status) {
        for (total, more) in self.responses.iter_mut().zip(status.responses) {
            *total += more;
        }
        self.ended += status.ended;
        self.duration += status.duration;
    }
}

/// Everything.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Report {
    pub(super) stopping: bool,
    pub(super) workers: Vec<Worker>,
    /// By number.
    pub(super) tallies: Vec<(usize, Tally)>,
    /// Of the supervisor.
    pub(super) resident: Option<u64>,
}

const PATHS: &str = "/health/live, /health/ready, /metrics, /workers";
const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];
const STATES: [&str; 5] = ["starting", "serving", "leaving", "killed", "waiting"];

/// The answer for a path.
pub(super) fn answer(path: &str, report: &Report) -> Answer {
    let json = |body: Value| Answer {
        status: 200,
        content_type: "application/json",
        body: body.to_string(),
    };
    match path {
        "/health/live" => json(json!({"status": "ok"})),
        "/health/ready" => match report.serving() {
            0 => unready("no worker serves"),
            _ if report.stopping => unready("the supervisor is stopping"),
            serving => json(json!({"status": "ok", "serving": serving})),
        },
        "/metrics" => Answer {
            status: 200,
            content_type: "text/plain; version=0.0.4; charset=utf-8",
            body: report.metrics(),
        },
        "/workers" => json(report.workers.iter().map(Worker::json).collect()),
        _ => {
            let detail = format!("the supervisor answers {PATHS}");
            Answer::problem(404, "not-found", "Not found", &detail)
        }
    }
}

fn unready(detail: &str) -> Answer {
    Answer::problem(503, "unavailable", "Service unavailable", detail)
}

impl Report {
    fn serving(&self) -> usize {
        self.in_state("serving").count()
    }

    fn in_state(&self, state: &str) -> impl Iterator<Item = &Worker> {
        self.workers
            .iter()
            .filter(move |worker| worker.state == state)
    }

    fn metrics(&self) -> String {
        let mut text = Text::default();
        text.family("spikard_workers", "gauge", "Worker processes by state.");
        for state in STATES {
            let count = self.in_state(state).count();
            text.sample("spikard_workers", &[("state", state)], count as f64);
        }
        if let Some(resident) = self.resident {
            let name = "spikard_supervisor_resident_bytes";
            text.family(name, "gauge", "Memory that the supervisor holds.");
            text.sample(name, &[], resident as f64);
        }
        for (name, help, value) in GAUGES {
            text.family(name, "gauge", help);
            for worker in &self.workers {
                if let (Some(pid), Some(value)) = (worker.pid, value(worker)) {
                    let (number, pid) = (worker.number.to_string(), pid.to_string());
                    let labels = [
                        ("worker", &*number),
                        ("pid", &*pid),
                        ("state", worker.state),
                    ];
                    text.sample(name, &labels, value);
                }
            }
        }
        self.counters(&mut text);
        text.0
    }

    /// They only grow, whatever becomes of the processes.
    fn counters(&self, text: &mut Text) {
        let tallies = || {
            self.tallies
                .iter()
                .map(|(number, tally)| (number.to_string(), tally))
        };
        let name = "spikard_worker_restarts_total";
        text.family(name, "counter", "Processes started after the first.");
        for (number, tally) in tallies() {
            text.sample(name, &[("worker", &number)], tally.restarts as f64);
        }
        let name = "spikard_responses_total";
        text.family(name, "counter", "Responses by class of status.");
        for (number, tally) in tallies() {
            // No status begins with 0, and final ones not with 1.
            for (class, &count) in CLASSES.iter().zip(&tally.responses).skip(2) {
                text.sample(name, &[("worker", &number), ("class", class)], count as f64);
            }
        }
        let name = "spikard_request_duration_seconds";
        text.family(name, "summary", "From a request's head to its answer.");
        for (number, tally) in tallies() {
            let labels = [("worker", &*number)];
            text.sample(
                &format!("{name}_sum"),
                &labels,
                tally.duration.as_secs_f64(),
            );
            text.sample(&format!("{name}_count"), &labels, tally.ended as f64);
        }
    }
}

type Gauge = (&'static str, &'static str, fn(&Worker) -> Option<f64>);

/// What there is to say of one process.
const GAUGES: [Gauge; 5] = [
    (
        "spikard_worker_state_seconds",
        "Time in this state.",
        |worker| Some(worker.since.as_secs_f64()),
    ),
    (
        "spikard_worker_resident_bytes",
        "Memory that the worker holds.",
        |worker| worker.resident.map(|bytes| bytes as f64),
    ),
    (
        "spikard_worker_heartbeat_age_seconds",
        "Since the worker's loop was last seen turning, looked at every second.",
        |worker| worker.heartbeat.map(|age| age.as_secs_f64()),
    ),
    (
        "spikard_requests_open",
        "Requests that are not answered yet.",
        |worker| worker.status.map(|status| status.open as f64),
    ),
    (
        "spikard_connections_open",
        "Open connections, as of the last heartbeat.",
        |worker| worker.status.map(|status| status.connections as f64),
    ),
];

/// The text format: a family's comments, then its samples.
#[derive(Default)]
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Labels are our own words and numbers: nothing in them needs escaping.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, text)| format!("{label}=\"{text}\""))
            .collect();
        let labels = match labels.len() {
            0 => String::new(),
            _ => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

impl Worker {
    fn json(&self) -> Value {
        let seconds = |time: Duration| (time.as_secs_f64() * 1000.0).round() / 1000.0;
        let status = self.status.unwrap_or_default();
        let told = |value: u64| self.status.map(|_| value);
        let classes = || {
            let classes = CLASSES.iter().zip(status.responses).skip(2);
            classes.map(|(&class, count)| (class.to_owned(), json!(count)))
        };
        json!({
            "worker": self.number,
            "state": self.state,
            "pid": self.pid,
            "seconds_in_state": seconds(self.since),
            "resident_bytes": self.resident,
            "heartbeat_age_seconds": self.heartbeat.map(seconds),
            "connections": told(status.connections),
            "open_requests": told(status.open),
            "requests": told(status.requests()),
            "responses": self.status.map(|_| classes().collect::<serde_json::Map<_, _>>()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let status = Status {
            open: 3,
            responses: [0, 0, 20, 0, 1, 0],
            ended: 21,
            duration: Duration::from_millis(1_500),
            ..Status::default()
        };
        let mut tally = Tally {
            restarts: 1,
            ..Tally::default()
        };
        tally.add(&status);
        tally.add(&status);
        let worker = Worker {
            number: 1,
            state: "serving",
            pid: Some(99),
            since: Duration::from_secs(2),
            resident: Some(1_000),
            heartbeat: Some(Duration::from_millis(300)),
            status: Some(status),
        };
        let waiting = Worker {
            number: 2,
            state: "waiting",
            pid: None,
            resident: None,
            heartbeat: None,
            status: None,
            ..worker
        };
        Report {
            stopping: false,
            workers: vec![worker, waiting],
            tallies: vec![(1, tally)],
            resident: Some(5_000_000),
        }
    }

    #[test]
    fn metrics_are_families_of_samples() {
        let text = answer("/metrics", &report()).body;
        for line in [
            "spikard_workers{state=\"serving\"} 1",
            "spikard_workers{state=\"waiting\"} 1",
            "spikard_workers{state=\"killed\"} 0",
            "spikard_supervisor_resident_bytes 5000000",
            "spikard_requests_open{worker=\"1\",pid=\"99\",state=\"serving\"} 3",
            "spikard_worker_heartbeat_age_seconds{worker=\"1\",pid=\"99\",state=\"serving\"} 0.3",
            "spikard_worker_restarts_total{worker=\"1\"} 1",
            "spikard_responses_total{worker=\"1\",class=\"2xx\"} 40",
            "spikard_responses_total{worker=\"1\",class=\"4xx\"} 2",
            "spikard_request_duration_seconds_sum{worker=\"1\"} 3",
            "spikard_request_duration_seconds_count{worker=\"1\"} 42",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        let mut families = std::collections::BTreeSet::new();
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(family) => {
                    let name = family.split(' ').next().expect("a name").to_owned();
                    assert!(families.insert(name), "twice: {line}");
                }
                None if line.starts_with('#') => {}
                None => {
                    let known = families.iter().any(|name| line.starts_with(name.as_str()));
                    assert!(known, "before its family: {line}");
                    let value = line.rsplit(' ').next().expect("a value");
                    value.parse::<f64>().expect(line);
                }
            }
        }
    }

    #[test]
    fn ready_while_somebody_serves_and_live_always() {
        let mut report = report();
        let status = |path: &str, report: &Report| answer(path, report).status;
        assert_eq!(status("/health/ready", &report), 200);
        report.stopping = true;
        assert_eq!(status("/health/ready", &report), 503);
        report.stopping = false;
        report.workers.remove(0);
        assert_eq!(status("/health/ready", &report), 503);
        assert_eq!(status("/health/live", &report), 200);
        assert_eq!(status("/nothing", &report), 404);
    }
}
