//! Which files of an app changed since the last look, by their times and sizes. Waits for nothing and starts nothing.

use ignore::{DirEntry, WalkBuilder};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Folders that hold nothing an app is made of, also where git was not told.
const FOLDERS: [&str; 5] = [".git", "target", "node_modules", "__pycache__", ".venv"];
/// Ends of names that databases and editors use beside an app's files.
const ENDS: [&str; 7] = [
    ".sqlite",
    ".sqlite-journal",
    ".sqlite-shm",
    ".sqlite-wal",
    ".pyc",
    ".swp",
    "~",
];

/// The files below a folder, as they were at the last look.
#[derive(Debug)]
pub(crate) struct Watch {
    root: PathBuf,
    seen: BTreeMap<PathBuf, Stamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    folder: bool,
    seconds: i64,
    nanoseconds: i64,
    size: u64,
    /// Editors that write a new file and rename it keep even the time, now and then.
    inode: u64,
}

impl Watch {
    pub(crate) fn new(root: PathBuf) -> Self {
        let seen = look(&root);
        Self { root, seen }
    }

    /// Files that came, went or changed. While nothing does, one `stat` per file and folder, and no folder is listed.
    pub(crate) fn changes(&mut self) -> Vec<PathBuf> {
        let same = |(path, stamp): (&PathBuf, &Stamp)| Stamp::of(path).as_ref() == Some(stamp);
        if self.seen.iter().all(same) {
            return Vec::new();
        }
        let now = look(&self.root);
        let before = std::mem::replace(&mut self.seen, now);
        let now = &self.seen;
        let differs = |path: &&PathBuf| now.get(*path) != before.get(*path);
        let gone = before.keys().filter(|path| !now.contains_key(*path));
        let changed = now.keys().chain(gone).filter(differs);
        let is_file = |path: &&PathBuf| {
            let stamp = now.get(*path).or(before.get(*path));
            stamp.is_some_and(|stamp| !stamp.folder)
        };
        changed.filter(is_file).cloned().collect()
    }
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let found = path.metadata().ok()?;
        Some(Self {
            folder: found.is_dir(),
            seconds: found.mtime(),
            nanoseconds: found.mtime_nsec(),
            size: found.size(),
            inode: found.ino(),
        })
    }
}

/// Everything below `root` that git would not ignore.
fn look(root: &Path) -> BTreeMap<PathBuf, Stamp> {
    let mut walk = WalkBuilder::new(root);
    walk.hidden(false)
        .ignore(false)
        .require_git(false)
        .filter_entry(of_app);
    let entries = walk.build().filter_map(Result::ok);
    let stamped = entries.filter_map(|entry| {
        let path = entry.into_path();
        Stamp::of(&path).map(|stamp| (path, stamp))
    });
    stamped.collect()
}

fn of_app(entry: &DirEntry) -> bool {
    let name = entry.file_name().to_string_lossy();
    // The folder that was asked for is looked at, whatever its name.
    if entry.depth() == 0 {
        return true;
    }
    match entry.file_type().is_some_and(|kind| kind.is_dir()) {
        true => !FOLDERS.contains(&&*name) && !entry.path().join("pyvenv.cfg").exists(),
        false => !ENDS.iter().any(|end| name.ends_with(end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn files_of_the_app_are_seen_to_come_change_and_go() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("app.py");
        fs::write(&file, "1").expect("a file");
        let mut watch = Watch::new(folder.path().to_owned());
        assert!(watch.changes().is_empty());
        fs::write(&file, "22").expect("a file");
        assert_eq!(watch.changes(), std::slice::from_ref(&file));
        let inner = folder.path().join("shop");
        fs::create_dir(&inner).expect("a folder");
        fs::write(inner.join("items.py"), "").expect("a file");
        assert_eq!(watch.changes(), [inner.join("items.py")]);
        fs::remove_dir_all(&inner).expect("removed");
        assert_eq!(watch.changes(), [inner.join("items.py")]);
        let other = folder.path().join("other");
        fs::write(&other, "33").expect("a file");
        fs::rename(&other, &file).expect("renamed");
        assert_eq!(watch.changes(), [file]);
        assert!(watch.changes().is_empty());
    }

    #[test]
    fn what_git_ignores_and_what_no_app_is_made_of_is_not_looked_at() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(".gitignore"), "*.log\nuploads/\n").expect("a file");
        for inner in ["uploads", "target", "shop/__pycache__", "env"] {
            fs::create_dir_all(folder.path().join(inner)).expect("a folder");
        }
        fs::write(folder.path().join("env/pyvenv.cfg"), "").expect("a file");
        let mut watch = Watch::new(folder.path().to_owned());
        for file in [
            "a.log",
            "uploads/a",
            "target/a",
            "shop/__pycache__/a",
            "env/a.py",
            "shop.sqlite",
            "shop.sqlite-journal",
            ".app.py.swp",
        ] {
            fs::write(folder.path().join(file), "").expect("a file");
            assert!(watch.changes().is_empty(), "{file}");
        }
        fs::write(folder.path().join(".env"), "").expect("a file");
        assert_eq!(watch.changes(), [folder.path().join(".env")]);
    }
}
