//! Files that are small, kept as long as they are what the disk has: each look asks the disk once. Knows no HTTP.

use super::content::{Content, SMALL, read};
use super::resolve;
use rustix::fs::{FileType, Stat, fstat, stat};
use rustix::io::Errno;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Bytes of content that a directory keeps in each worker; beyond it everything is forgotten.
const MOST: usize = 16 << 20;

/// A file that has changed within so many seconds may change again without its times telling.
const STILL: i64 = 2;

/// What is below a root.
#[derive(Debug)]
pub(super) struct Store {
    root: PathBuf,
    /// The root is the only file.
    single: bool,
    kept: RefCell<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    files: HashMap<Box<str>, Entry>,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    path: PathBuf,
    facts: Facts,
    content: Rc<[u8]>,
}

/// What tells that a file is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) size: u64,
    pub(super) modified: i64,
    pub(super) nanoseconds: u32,
    changed: (i64, u32),
    identity: (u64, u64),
}

/// What a path leads to.
#[derive(Debug)]
pub(super) enum Found {
    File(Facts, Content),
    Directory,
}

impl Store {
    /// `root` is absolute.
    pub(super) fn new(root: PathBuf, single: bool) -> Self {
        let kept = RefCell::default();
        Self { root, single, kept }
    }

    /// The file at `path`, which [`resolve::wanted`] has let through. Any error but the few that mean trouble of our own
    /// means that it is not there.
    pub(super) fn find(&self, path: &str) -> Result<Found, Errno> {
        if let Some(found) = self.known(path) {
            return Ok(found);
        }
        let file = if self.single {
            resolve::open_named(&self.root)?
        } else {
            resolve::open_below(&self.root, path)?
        };
        let status = fstat(&file)?;
        match FileType::from_raw_mode(status.st_mode) {
            FileType::RegularFile => {}
            FileType::Directory => return Ok(Found::Directory),
            // Devices, fifos, sockets.
            _ => return Err(Errno::NOENT),
        }
        let facts = Facts::of(&status);
        if facts.size > SMALL {
            return Ok(Found::File(facts, Content::There(Rc::new(file))));
        }
        let content: Rc<[u8]> = match read(&file, facts.size) {
            Ok(content) => content.into(),
            Err(error) => return Err(Errno::from_io_error(&error).unwrap_or(Errno::IO)),
        };
        self.keep(path, facts, &content);
        Ok(Found::File(facts, Content::Here(content)))
    }

    /// A file that is kept and still what it was. It was opened below the root; the same file by another way is the same.
    fn known(&self, path: &str) -> Option<Found> {
        let kept = self.kept.borrow();
        let entry = kept.files.get(path)?;
        let now = Facts::of(&stat(&entry.path).ok()?);
        (now == entry.facts).then(|| Found::File(now, Content::Here(Rc::clone(&entry.content))))
    }

    fn keep(&self, path: &str, facts: Facts, content: &Rc<[u8]>) {
        let now = i64::try_from(crate::server::now()).unwrap_or(i64::MAX);
        if now - facts.changed.0 < STILL {
            return;
        }
        let mut kept = self.kept.borrow_mut();
        if kept.bytes + content.len() > MOST || kept.files.len() >= MOST >> 10 {
            *kept = Kept::default();
        }
        let entry = Entry {
            path: self.path(path),
            facts,
            content: Rc::clone(content),
        };
        kept.bytes += content.len();
        if let Some(before) = kept.files.insert(path.into(), entry) {
            kept.bytes -= before.content.len();
        }
    }

    fn path(&self, path: &str) -> PathBuf {
        match self.single {
            true => self.root.clone(),
            false => self.root.join(Path::new(path)),
        }
    }
}

impl Facts {
    fn of(status: &Stat) -> Self {
        Self {
            size: u64::try_from(status.st_size).unwrap_or(0),
            modified: status.st_mtime,
            nanoseconds: status.st_mtime_nsec as u32,
            changed: (status.st_ctime, status.st_ctime_nsec as u32),
            identity: (status.st_dev, status.st_ino),
        }
    }
}
