//! Who listens on a port, as far as Linux's `/proc` tells. For messages only: the answer may be gone when it is read.

use std::fmt;
use std::fs;

/// A process that listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Process id.
    pub pid: u32,
    /// Its command line, cut at 80 characters.
    pub command: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` (pid {})", self.command, self.pid)
    }
}

/// The process that listens on TCP port `port`; `None` when it belongs to another user or there is no `/proc`.
pub fn holder_of(port: u16) -> Option<Holder> {
    let link = format!("socket:[{}]", inode(port)?);
    let pids = fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let pid = pids.into_iter().find(|pid: &u32| holds(*pid, &link))?;
    Some(Holder {
        pid,
        command: command(pid)?,
    })
}

/// Inode of the socket that listens on `port` (columns of `/proc/net/tcp`: proc_pid_net(5)).
fn inode(port: u16) -> Option<String> {
    const LISTEN: &str = "0A";
    let wanted = format!(":{port:04X}");
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|path| fs::read_to_string(path).unwrap_or_default());
    tables
        .iter()
        .flat_map(|table| table.lines())
        .find_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let &[_, local, _, state, _, _, _, _, _, inode, ..] = columns.as_slice() else {
                return None;
            };
            (state == LISTEN && local.ends_with(&wanted)).then(|| inode.to_owned())
        })
}

fn holds(pid: u32, link: &str) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else {
        return false;
    };
    descriptors
        .flatten()
        .any(|entry| fs::read_link(entry.path()).is_ok_and(|target| target.as_os_str() == link))
}

fn command(pid: u32) -> Option<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let text = String::from_utf8_lossy(&line)
        .trim_end_matches('\0')
        .replace('\0', " ");
    Some(text.chars().take(80).collect())
}
