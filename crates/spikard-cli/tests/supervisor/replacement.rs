//! Workers that are replaced, and who serves meanwhile.

use crate::client::{Client, Load};
use crate::fake::program;
use crate::supervised::{Supervised, is_alive, number};
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn a_worker_that_holds_too_much_is_replaced_without_loss() {
    let supervised = Supervised::with(1, &["--max-memory", "1MB"]);
    let load = Load::on(&supervised);
    let first = supervised.pid().expect("an answer");
    supervised.line(" MB of memory: replaced");
    while supervised.pid().expect("an answer") == first {
        load.go_on(1);
    }
    load.go_on(200);
    assert_eq!(load.failures(), vec![Vec::<String>::new(); 8]);
}

#[test]
fn workers_are_replaced_after_so_many_requests_without_loss() {
    let supervised = Supervised::with(2, &["--max-requests", "300"]);
    let before = supervised.pids(2);
    let load = Load::on(&supervised);
    for _ in 0..4 {
        let said = supervised.line(" requests: replaced");
        let words: Vec<&str> = said.split(' ').collect();
        let answered: u64 = words[words.len() - 3].parse().expect("a number");
        assert!(answered >= 270, "{said}");
    }
    // Chance may give one of them more of the load.
    while before.iter().any(|&pid| is_alive(pid)) {
        load.go_on(100);
    }
    assert_eq!(load.failures(), vec![Vec::<String>::new(); 8]);
}

#[test]
fn workers_are_replaced_after_so_long_without_loss() {
    let supervised = Supervised::with(2, &["--max-lifetime", "1s"]);
    let before = supervised.pids(2);
    let load = Load::on(&supervised);
    while before.iter().any(|&pid| is_alive(pid)) {
        load.go_on(100);
    }
    assert_eq!(load.failures(), vec![Vec::<String>::new(); 8]);
}

#[test]
fn a_worker_whose_loop_does_not_turn_is_replaced() {
    let supervised = Supervised::with(1, &["--stuck-timeout", "1s"]);
    let first = supervised.pid().expect("an answer");
    let mut client = Client::connect(&supervised.address).expect("a connection");
    client.ask("/blocked", "close").expect("sent");
    let said = supervised.line("with 1 request open: replaced");
    assert!(
        said.contains("worker 1 has not turned its loop for "),
        "{said}"
    );
    assert_ne!(supervised.pid().expect("an answer"), first);
    // Had it come back in time, its request would be answered.
    supervised.open_gate();
    assert_eq!(number(&client.answer().expect("an answer")), first);
    supervised.send(Signal::TERM);
    assert_eq!(supervised.end().code(), Some(0));
}

#[test]
fn a_worker_that_never_comes_back_is_killed() {
    let options = ["--stuck-timeout", "1s", "--stop-timeout", "1s"];
    let supervised = Supervised::with(1, &options);
    let mut client = Client::connect(&supervised.address).expect("a connection");
    client.ask("/blocked", "close").expect("sent");
    supervised.line("with 1 request open: replaced");
    supervised.line("worker 1 did not end within 1s: its open requests are cut");
    client.answer().expect_err("the worker is gone");
    supervised.pid().expect("an answer of the next one");
}

#[test]
fn nobody_waits_for_a_worker_that_is_not_there() {
    let supervised = Supervised::start(2);
    let first = supervised.pids(2);
    // The next one to start hangs before it serves.
    program(
        &supervised.folder.path().join("bin/python"),
        "echo hanging >&2; exec tail -f /dev/null",
    );
    let dead = *first.first().expect("a worker");
    kill_process(Pid::from_raw(dead).expect("a pid"), Signal::KILL).expect("a signal");
    supervised.line("hanging");
    for _ in 0..50 {
        let pid = supervised.pid().expect("an answer").as_raw_nonzero().get();
        assert!(first.contains(&pid) && pid != dead, "{pid}");
    }
}
