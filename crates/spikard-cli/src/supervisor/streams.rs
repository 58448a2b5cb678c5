//! What workers print, passed on line by line as `journal` dresses it. Understands none of it.

use super::journal::{Dress, Format, Stream};
use std::io::{self, Read, Write};
use std::process::Child;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
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
    /// Takes both from `child`, whose outputs are pipes. `labelled` is looked at for each line.
    pub(super) fn pass_on(
        child: &mut Child,
        number: usize,
        format: Format,
        labelled: &Arc<AtomicBool>,
    ) -> Self {
        let (alive, ended) = mpsc::channel();
        let whose = (number, child.id());
        let dress = |stream| Dress::new(format, stream, whose, labelled);
        if let Some(pipe) = child.stdout.take() {
            follow(pipe, io::stdout(), dress(Stream::Stdout), alive.clone());
        }
        if let Some(pipe) = child.stderr.take() {
            follow(pipe, io::stderr(), dress(Stream::Stderr), alive);
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
    dress: Dress,
    alive: mpsc::Sender<()>,
) {
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
            // A reader that left is no reason to stop the worker: go on emptying the pipe.
            let _ = to
                .write_all(lines.add(&piece[..read], &dress))
                .and_then(|()| to.flush());
        }
        let _ = to.write_all(lines.end(&dress)).and_then(|()| to.flush());
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
    /// The lines that `piece` completes.
    fn add(&mut self, piece: &[u8], dress: &Dress) -> &[u8] {
        self.out.clear();
        for part in piece.split_inclusive(|&byte| byte == b'\n') {
            self.open.extend_from_slice(part);
            if part.ends_with(b"\n") || self.open.len() >= LONGEST_LINE {
                self.complete(dress);
            }
        }
        &self.out
    }

    /// What came after the last line's end.
    fn end(&mut self, dress: &Dress) -> &[u8] {
        self.out.clear();
        if !self.open.is_empty() {
            self.complete(dress);
        }
        &self.out
    }

    fn complete(&mut self, dress: &Dress) {
        dress.put(&self.open, &mut self.out);
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_labelled_whole_however_they_come() {
        let dress = |shown| Dress::Label("1 | ".to_owned(), Arc::new(AtomicBool::new(shown)), None);
        let (label, none) = (&dress(true), &dress(false));
        let mut lines = Lines::default();
        assert_eq!(lines.add(b"on", label), b"");
        assert_eq!(
            lines.add(b"e\ntwo\n\nth", label),
            b"1 | one\n1 | two\n1 | \n"
        );
        assert_eq!(lines.end(label), b"1 | th\n");
        assert_eq!(lines.end(label), b"");
        let long = vec![b'x'; LONGEST_LINE];
        assert_eq!(lines.add(&long, none).len(), LONGEST_LINE + 1);
    }
}
