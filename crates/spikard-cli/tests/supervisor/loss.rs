//! What is lost under load when a worker is killed, or all of them are reloaded or ended. Clients of HTTP/2 are their own file's.

use crate::client::{Client, Load};
use crate::fake::{folder, spikard};
use crate::supervised::{LIMIT, Supervised, is_alive, number, until_ended, worker};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[test]
fn a_killed_worker_is_back_and_its_queue_is_answered() {
    // How long it takes is bounded; what else the machine does meanwhile is not.
    let times: Vec<Duration> = (0..3).map(|_| killed_with_a_queue()).collect();
    let best = times.iter().min().expect("three");
    assert!(best < &Duration::from_secs(1), "{times:?}");
}

/// How long it takes until all are answered that were in the queues of two workers when these were killed.
fn killed_with_a_queue() -> Duration {
    let supervised = Supervised::start(2);
    let pids = supervised.pids(2);
    let each = |signal| {
        for &pid in &pids {
            kill_process(Pid::from_raw(pid).expect("a pid"), signal).expect("a signal");
        }
    };
    // Stopped, they accept nothing: all of these wait in the sockets' queues.
    each(Signal::STOP);
    let mut clients: Vec<Client> = (0..100)
        .map(|_| Client::connect(&supervised.address).expect("not refused"))
        .collect();
    for client in &mut clients {
        client.ask("/pid", "close").expect("not reset");
    }
    let killed = Instant::now();
    each(Signal::KILL);
    let mut answering = BTreeSet::new();
    for client in &mut clients {
        let pid = client.answer().expect("an answer");
        answering.insert(number(&pid).as_raw_nonzero().get());
    }
    let back = killed.elapsed();
    assert!(
        answering.is_disjoint(&pids) && answering.len() == 2,
        "{pids:?} {answering:?}"
    );
    supervised.line("ended (signal: 9 (SIGKILL)): started again");
    back
}

#[test]
fn killing_a_worker_under_load_costs_no_more_than_what_it_was_doing() {
    let supervised = Supervised::start(2);
    supervised.pids(2);
    let load = Load::on(&supervised);
    for _ in 0..3 {
        load.go_on(200);
        kill_process(supervised.pid().expect("a worker"), Signal::KILL).expect("a signal");
        supervised.line("ended (signal: 9 (SIGKILL))");
    }
    load.go_on(200);
    for failures in load.failures() {
        // A client does one thing at a time, so a kill can cut one request of it.
        assert!(failures.len() <= 3, "{failures:?}");
        assert!(
            !failures
                .iter()
                .any(|failure| failure.starts_with("connect")),
            "{failures:?}"
        );
    }
}

#[test]
fn a_reload_under_load_loses_nothing() {
    let supervised = Supervised::start(2);
    let before = supervised.pids(2);
    let load = Load::on(&supervised);
    load.go_on(500);
    supervised.send(Signal::HUP);
    supervised.line("reloaded: 2 workers");
    load.go_on(500);
    until_ended(&before);
    assert_eq!(load.failures(), vec![Vec::<String>::new(); 8]);
    let after = supervised.pids(2);
    assert!(before.is_disjoint(&after), "{before:?} {after:?}");
    let resident = supervised.resident_kilobytes();
    assert!(resident <= 12 * 1024, "{resident} kB");
}

#[test]
fn a_signal_loses_none_of_two_thousand_open_requests() {
    let supervised = Supervised::start(2);
    supervised.pids(2);
    let mut clients: Vec<Client> = (0..2_000)
        .map(|_| Client::connect(&supervised.address).expect("not refused"))
        .collect();
    for client in &mut clients {
        client.ask("/held", "keep-alive").expect("sent");
    }
    supervised.send(Signal::TERM);
    // Both have stopped to accept, and have everything before them that was sent.
    let until = Instant::now() + LIMIT;
    while TcpStream::connect(&supervised.address).is_ok() {
        assert!(Instant::now() < until, "new connections are still let in");
    }
    supervised.open_gate();
    for client in &mut clients {
        client.answer().expect("an answer");
    }
    let address = supervised.address.clone();
    assert_eq!(supervised.end().code(), Some(0));
    TcpStream::connect(address).expect_err("nobody listens");
}

#[test]
fn a_reload_loses_none_of_two_thousand_open_requests() {
    let supervised = Supervised::with(2, &["--control", "./control"]);
    let before = supervised.pids(2);
    let mut clients: Vec<Client> = (0..2_000)
        .map(|_| Client::connect(&supervised.address).expect("not refused"))
        .collect();
    for (number, client) in clients.iter_mut().enumerate() {
        // Every second one has been used before, as connections of a pool have.
        if number % 2 == 0 {
            client.ask("/pid", "keep-alive").expect("sent");
            client.answer().expect("an answer");
        }
        client.ask("/held", "keep-alive").expect("sent");
    }
    // One that still waits to be accepted may be the new worker's.
    let until = Instant::now() + LIMIT;
    while supervised.open_requests().iter().sum::<usize>() < clients.len() {
        assert!(Instant::now() < until, "{:?}", supervised.open_requests());
    }
    let idle = supervised.idle_at(&before);
    supervised.send(Signal::HUP);
    supervised.line("reloaded: 2 workers");
    // The old ones are busy: they take a moment to hear that they drain, and only then say so in their answers.
    idle.into_iter().for_each(Client::until_closed);
    supervised.open_gate();
    for client in &mut clients {
        let pid = number(&client.answer().expect("an answer"));
        assert!(before.contains(&pid.as_raw_nonzero().get()) && client.1);
    }
}

#[test]
fn workers_are_added_and_taken_away_under_load_without_loss() {
    let supervised = Supervised::start(1);
    let load = Load::on(&supervised);
    load.go_on(200);
    supervised.send(Signal::TTIN);
    let both = supervised.pids(2);
    supervised.send(Signal::TTOU);
    supervised.line("spikard: 1 worker");
    while both.iter().filter(|&&pid| is_alive(pid)).count() > 1 {
        load.go_on(100);
    }
    load.go_on(200);
    assert_eq!(load.failures(), vec![Vec::<String>::new(); 8]);
}

#[test]
fn dev_loses_no_request_when_it_starts_its_worker_again() {
    let folder = folder(&format!("exec {}", worker().display()));
    let dev = spikard(&folder, &["dev", "--port", "0"]);
    let supervised = Supervised::announced(dev, folder);
    supervised.line("serving after ");
    let load = Load::on(&supervised);
    for _ in 0..5 {
        load.go_on(200);
        supervised.send(Signal::HUP);
        supervised.line("serving after ");
    }
    load.go_on(200);
    assert_eq!(load.failures(), vec![Vec::<String>::new(); 8]);
}

#[test]
fn a_request_that_does_not_finish_holds_up_no_save() {
    let folder = folder(&format!("exec {}", worker().display()));
    let dev = spikard(&folder, &["dev", "--port", "0"]);
    let supervised = Supervised::announced(dev, folder);
    supervised.line("serving after ");
    let mut client = Client::connect(&supervised.address).expect("a connection");
    client.ask("/held", "close").expect("sent");
    let first = supervised.pid().expect("an answer");
    supervised.send(Signal::HUP);
    supervised.line("serving after ");
    assert_ne!(supervised.pid().expect("an answer"), first);
    supervised.line("a request does not finish: cut");
    client.answer().expect_err("it was cut");
    supervised.send(Signal::TERM);
    assert_eq!(supervised.end().code(), Some(0));
}
