//! The path of a request to an open file below a root. What must not be reached is not found, whatever the reason.

use rustix::fs::{Mode, OFlags, open, openat};
use rustix::io::Errno;
use spikard_contract::urlencoded::percent_decode;
use std::borrow::Cow;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

/// What a path names, before anybody looked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wanted<'p> {
    /// Relative to the root, decoded; empty for the root itself.
    pub(super) path: Cow<'p, str>,
    /// It ends with `/`.
    pub(super) directory: bool,
}

/// Reads the raw path below a root (no leading `/`). `None` for what no file of ours is called: `.`, `..`, empty segments,
/// separators that were percent-encoded, NUL, and, unless they are asked for, names that begin with a dot.
pub(super) fn wanted(raw: &str, dotfiles: bool) -> Option<Wanted<'_>> {
    if raw.is_empty() {
        let (path, directory) = (Cow::Borrowed(""), true);
        return Some(Wanted { path, directory });
    }
    let (raw, directory) = match raw.strip_suffix('/') {
        Some(shorter) => (shorter, true),
        None => (raw, false),
    };
    let mut decoded = raw.contains('%').then(String::new);
    for segment in raw.split('/') {
        let text = percent_decode(segment).ok()?;
        let hides = text.starts_with('.') && !dotfiles;
        let odd = |byte: u8| matches!(byte, b'/' | b'\\' | 0);
        if text.is_empty() || text == "." || text == ".." || hides || text.bytes().any(odd) {
            return None;
        }
        if let Some(path) = &mut decoded {
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(&text);
        }
    }
    let path = decoded.map_or(Cow::Borrowed(raw), Cow::Owned);
    Some(Wanted { path, directory })
}

/// Opening a fifo does not wait for its other end, and a terminal does not become ours.
const FLAGS: OFlags = OFlags::RDONLY
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY)
    .union(OFlags::CLOEXEC);

/// Opens the file at `path` (from [`wanted`]) below `root`. The root is looked up each time, so that a directory that took
/// its place is seen.
pub(super) fn open_below(root: &Path, path: &str) -> Result<File, Errno> {
    let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = open(root, folder, Mode::empty())?;
    let path = if path.is_empty() { "." } else { path };
    if crate::defects::defect("files-symlinks-followed") {
        return openat(&root, path, FLAGS, Mode::empty()).map(File::from);
    }
    beneath(&root, path).map(File::from)
}

/// Opens what the operator named, links followed.
pub(super) fn open_named(path: &Path) -> Result<File, Errno> {
    open(path, FLAGS, Mode::empty()).map(File::from)
}

/// The kernel refuses to leave `root` at any step, so nothing can be swapped between a check and its use.
#[cfg(target_os = "linux")]
fn beneath(root: &OwnedFd, path: &str) -> Result<OwnedFd, Errno> {
    use rustix::fs::{ResolveFlags, openat2};
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    match openat2(root, path, FLAGS, Mode::empty(), resolve) {
        // Kernels before 5.6, sandboxes that know no such call, and a rename at the same moment.
        Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => step_by_step(root, path),
        opened => opened,
    }
}

#[cfg(not(target_os = "linux"))]
fn beneath(root: &OwnedFd, path: &str) -> Result<OwnedFd, Errno> {
    step_by_step(root, path)
}

/// The same without the kernel's help: no link is followed at all.
fn step_by_step(root: &OwnedFd, path: &str) -> Result<OwnedFd, Errno> {
    let mut at = root.try_clone().map_err(|_| Errno::MFILE)?;
    let (folders, last) = path.rsplit_once('/').unwrap_or(("", path));
    for folder in folders.split('/').filter(|folder| !folder.is_empty()) {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        at = openat(&at, folder, flags, Mode::empty())?;
    }
    openat(&at, last, FLAGS | OFlags::NOFOLLOW, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_wanted() {
        for (raw, path, directory) in [
            ("", "", true),
            ("a.css", "a.css", false),
            ("a/b%20c.css", "a/b c.css", false),
            ("docs/", "docs", true),
            ("caf%C3%A9", "caf\u{e9}", false),
            ("a..b", "a..b", false),
        ] {
            let path = Cow::Borrowed(path);
            assert_eq!(
                wanted(raw, false),
                Some(Wanted { path, directory }),
                "{raw}"
            );
        }
        for raw in [
            "/",
            "//",
            "..",
            ".",
            "a/../b",
            "a/./b",
            "a//b",
            "/a",
            "%2e%2e/a",
            ".%2E",
            "a%2Fb",
            "a%5Cb",
            "a\\b",
            "a%00",
            ".env",
            "a/.git/config",
            "a//",
            "%2e",
            "%2Fetc",
        ] {
            assert_eq!(wanted(raw, false), None, "{raw}");
        }
        assert!(wanted(".well-known/x", true).is_some());
        assert_eq!(wanted("../x", true), None);
    }

    #[test]
    fn without_the_kernels_help_no_link_is_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("root/sub")).expect("a folder");
        std::fs::write(at("root/sub/in"), "in").expect("a file");
        std::fs::write(at("out"), "out").expect("a file");
        std::os::unix::fs::symlink(at("out"), at("root/link")).expect("a link");
        std::os::unix::fs::symlink("sub", at("root/inner")).expect("a link");
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let root = open(at("root"), flags, Mode::empty()).expect("the root");
        assert!(step_by_step(&root, "sub/in").is_ok());
        assert!(step_by_step(&root, "link").is_err());
        assert!(step_by_step(&root, "inner/in").is_err());
        assert!(open_below(&at("root"), "inner/in").is_ok());
        assert!(open_below(&at("root"), "link").is_err());
    }
}
