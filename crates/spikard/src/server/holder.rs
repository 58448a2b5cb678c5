//! Who listens on a port, as far as Linux's `/proc` tells. For messages only: the answer may be gone when it is read.

use std::fmt;
use std::fs;

/// What listens on a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A process.
    Process {
        /// Process id.
        pid: u32,
        /// Its command line, cut at 80 characters.
        command: String,
    },
    /// A process of a user whose processes we may not look into: the user's name, else its number.
    User(String),
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process { pid, command } => write!(f, "`{command}` (pid {pid})"),
            Self::User(user) => write!(f, "a process of the user {user}"),
        }
    }
}

/// Who listens on TCP port `port`; `None` where there is no `/proc`.
pub fn holder_of(port: u16) -> Option<Holder> {
    let (user, inode) = socket(port)?;
    let link = format!("socket:[{inode}]");
    let pids = fs::read_dir("/proc")
        .ok()?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    match pids.into_iter().find(|pid: &u32| holds(*pid, &link)) {
        Some(pid) => command(pid).map(|command| Holder::Process { pid, command }),
        None => Some(Holder::User(name(&user).unwrap_or(user))),
    }
}

/// User and inode of the socket that listens on `port` (columns of `/proc/net/tcp`: proc_pid_net(5)).
fn socket(port: u16) -> Option<(String, String)> {
    const LISTEN: &str = "0A";
    let wanted = format!(":{port:04X}");
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"]
        .map(|path| fs::read_to_string(path).unwrap_or_default());
    tables
        .iter()
        .flat_map(|table| table.lines())
        .find_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let &[_, local, _, state, _, _, _, user, _, inode, ..] = columns.as_slice() else {
                return None;
            };
            let found = state == LISTEN && local.ends_with(&wanted);
            found.then(|| (user.to_owned(), inode.to_owned()))
        })
}

/// Of the user with this number (passwd(5)).
fn name(number: &str) -> Option<String> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == number).then(|| name.to_owned())
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

#[cfg(test)]
mod tests {
    use super::name;

    #[test]
    fn a_user_has_a_name() {
        assert_eq!(name("0").as_deref(), Some("root"));
        assert_eq!(name("no number"), None);
    }
}
