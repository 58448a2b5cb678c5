//! What workers print, passed on line by line with the worker's name before each. Understands none of it.

use crate::output;
use std::io::{self, IsTerminal as _, Read, Write};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

/// A longer line is cut in two.
const LONGEST_LINE: usize = 64 * 1024;
/// How long a dead worker's last words are waited for: a process it started may hold its streams open.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// The two streams of one worker, read by a thread each: a reader who stopped reading us stops that worker, as without
/// a supervisor, and not the supervisor.
#[derive(Debug)]
pub(super) struct Streams {
    /// Nobody sends; it is disconnected when both threads have ended.
    ended: Receiver<()>,
}

impl Streams {
    /// Takes both from `child`, whose outputs are pipes. `labelled` is looked at for each piece.
    pub(super) fn pass_on(child: &mut Child, number: usize, labelled: &Arc<AtomicBool>) -> Self {
        let (alive, ended) = mpsc::channel();
        if let Some(pipe) = child.stdout.take() {
            let label = output::worker_label(io::stdout().is_terminal(), number);
            follow(pipe, io::stdout(), label, labelled, alive.clone());
        }
        if let Some(pipe) = child.stderr.take() {
            let label = output::worker_label(io::stderr().is_terminal(), number);
            follow(pipe, io::stderr(), label, labelled, alive);
        }
        Self { ended }
    }

    /// Waits until the last words are out, shortly.
    pub(super) fn finish(&self) {
        let until = Instant::now() + LAST_WORDS;
        let left = || until.saturating_duration_since(Instant::now());
        while self.ended.recv_timeout(left()) == Err(RecvTimeoutError::Timeout) && !left().is_zero()
        {
        }
    }
}

fn follow(
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
    label: String,
    labelled: &Arc<AtomicBool>,
    alive: mpsc::Sender<()>,
) {
    let labelled = Arc::clone(labelled);
    std::thread::spawn(move || {
        let _alive = alive;
        let mut lines = Lines::default();
        let mut piece = [0; 8 * 1024];
        loop {
            let read = match from.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => break,
                Ok(read) => read,
            };
            let shown = if labelled.load(Ordering::Relaxed) {
                &label
            } else {
                ""
            };
            // A reader that left is no reason to stop the worker: go on emptying the pipe.
            let _ = to
                .write_all(lines.add(&piece[..read], shown))
                .and_then(|()| to.flush());
        }
        let shown = if labelled.load(Ordering::Relaxed) {
            &label
        } else {
            ""
        };
        let _ = to.write_all(lines.end(shown)).and_then(|()| to.flush());
    });
}

/// Cuts pieces into whole lines.
#[derive(Debug, Default)]
struct Lines {
    /// The beginning of a line whose end has not come.
    open: Vec<u8>,
    out: Vec<u8>,
}

impl Lines {
    /// The lines that `piece` completes, each after `label`.
    fn add(&mut self, piece: &[u8], label: &str) -> &[u8] {
        self.out.clear();
        for part in piece.split_inclusive(|&byte| byte == b'\n') {
            self.open.extend_from_slice(part);
            if part.ends_with(b"\n") || self.open.len() >= LONGEST_LINE {
                self.complete(label);
            }
        }
        &self.out
    }

    /// What came after the last line's end.
    fn end(&mut self, label: &str) -> &[u8] {
        self.out.clear();
        if !self.open.is_empty() {
            self.complete(label);
        }
        &self.out
    }

    fn complete(&mut self, label: &str) {
        self.out.extend_from_slice(label.as_bytes());
        self.out.append(&mut self.open);
        if !self.out.ends_with(b"\n") {
            self.out.push(b'\n');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_labelled_whole_however_they_come() {
        let mut lines = Lines::default();
        assert_eq!(lines.add(b"on", "1 | "), b"");
        assert_eq!(
            lines.add(b"e\ntwo\n\nth", "1 | "),
            b"1 | one\n1 | two\n1 | \n"
        );
        assert_eq!(lines.end("1 | "), b"1 | th\n");
        assert_eq!(lines.end("1 | "), b"");
        let long = vec![b'x'; LONGEST_LINE];
        assert_eq!(lines.add(&long, "").len(), LONGEST_LINE + 1);
    }
}
