//! The link to the app's own documents, shown once, where there is such a page. Asks the app; opens nothing.

use crate::output;
use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// By which our own request is told from those worth a line.
pub(crate) const REQUEST_ID: &str = "spikard-dev";
const PATIENCE: Duration = Duration::from_secs(2);

/// Says where the page is, soon. The app's code may have moved it elsewhere; then nothing is said.
pub(crate) fn announce(address: SocketAddr, path: &str) {
    let address = SocketAddr::new(reachable(address.ip()), address.port());
    let path = path.to_owned();
    std::thread::spawn(move || {
        if !path.is_empty() && is_there(address, &path).unwrap_or(false) {
            output::note(&format!("documents at http://{address}{path}"));
        }
    });
}

/// An address to call where the given one is every address.
fn reachable(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(any) if any.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(any) if any.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

fn is_there(address: SocketAddr, path: &str) -> io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!(
        "HEAD {path} HTTP/1.1\r\nhost: {address}\r\nx-request-id: {REQUEST_ID}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(1 << 16).read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}
