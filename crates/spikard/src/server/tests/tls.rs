//! TLS over loopback, against the client of the crate below; certificates are made here.

use super::scene::{double, listening, on_a_loop};
use crate::Config;
use crate::server::accept::serve_with;
use crate::server::{Life, check_tls};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::spawn_local;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const LAST: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

/// Files of certificates that one authority signed.
struct Papers {
    folder: TempDir,
    authority: Issuer<'static, KeyPair>,
    root: String,
}

impl Papers {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let root = params.self_signed(&key).expect("a certificate").pem();
        let papers = Self {
            folder: TempDir::new().expect("a folder"),
            authority: Issuer::new(params, key),
            root,
        };
        std::fs::write(papers.path("ca.pem"), &papers.root).expect("written");
        papers
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `NAME.pem` and `NAME.key` for these names.
    fn issue(&self, name: &str, names: &[&str]) {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let params = CertificateParams::new(names).expect("names");
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.authority).expect("signed");
        let write = |end: &str, text: String| {
            std::fs::write(self.path(&format!("{name}.{end}")), text).expect("written");
        };
        write("key", key.serialize_pem());
        write("pem", certificate.pem());
    }

    fn config(&self, names: &[&str]) -> Config {
        let list = |end: &str| {
            let files = names.iter().map(|name| self.path(&format!("{name}.{end}")));
            let files: Vec<_> = files.map(|file| file.display().to_string()).collect();
            files.join(", ")
        };
        Config {
            tls_cert: list("pem"),
            tls_key: list("key"),
            ..Config::default()
        }
    }

    fn client(&self, spoken: &[&str], own: Option<&str>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        let root = CertificateDer::from_pem_slice(self.root.as_bytes()).expect("PEM");
        roots.add(root).expect("a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match own {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let file = |end: &str| self.path(&format!("{name}.{end}"));
                let chain = CertificateDer::from_pem_file(file("pem")).expect("PEM");
                let key = PrivateKeyDer::from_pem_file(file("key")).expect("PEM");
                let own = builder.with_client_auth_cert(vec![chain], key);
                own.expect("a pair")
            }
        };
        config.alpn_protocols = spoken.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }
}

fn serving<F: Future>(config: Config, run: impl FnOnce(SocketAddr, Rc<Life>) -> F) {
    on_a_loop(async {
        let (listener, address) = listening();
        let app = double(config);
        let life = Life::new();
        let serving = spawn_local(serve_with(app, listener, Rc::clone(&life)));
        let test = async {
            run(address, Rc::clone(&life)).await;
            life.drain();
            serving.await.expect("no panic").expect("no error");
        };
        tokio::time::timeout(Duration::from_secs(20), test)
            .await
            .expect("the test ends in time");
    });
}

async fn connect(
    client: &TlsConnector,
    address: SocketAddr,
    name: &'static str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::try_from(name).expect("a name");
    client.connect(name, stream).await
}

async fn ask(stream: &mut TlsStream<TcpStream>) -> std::io::Result<String> {
    stream.write_all(LAST).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

/// The certificate that a client of this name is shown.
async fn shown(papers: &Papers, address: SocketAddr, name: &'static str) -> Vec<u8> {
    let stream = connect(&papers.client(&[], None), address, name).await;
    let stream = stream.expect("a connection");
    let (_, session) = stream.get_ref();
    session.peer_certificates().expect("a certificate")[0].to_vec()
}

fn certificate(file: &Path) -> Vec<u8> {
    CertificateDer::from_pem_file(file).expect("PEM").to_vec()
}

#[test]
fn each_version_is_served_to_who_asks_for_it() {
    let papers = Papers::new();
    papers.issue("a", &["a.test"]);
    serving(papers.config(&["a"]), |address, _| async move {
        for spoken in [&[][..], &["http/1.1"], &["http/1.1", "h2"][..1]] {
            let client = papers.client(spoken, None);
            let mut stream = connect(&client, address, "a.test").await.expect("TLS");
            // Read to the end: without a last word of the server that is an error.
            let answer = ask(&mut stream).await.expect("an orderly end");
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        }
        let client = papers.client(&["h2", "http/1.1"], None);
        let stream = connect(&client, address, "a.test").await.expect("TLS");
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let (client, connection) = h2::client::handshake(stream).await.expect("HTTP/2");
        spawn_local(connection);
        let mut client = client.ready().await.expect("settings");
        let request = http::Request::get("https://a.test/").body(());
        let (answer, _) = client
            .send_request(request.expect("a request"), true)
            .expect("sent");
        assert_eq!(answer.await.expect("an answer").status(), 200);
    });
}

#[test]
fn the_certificate_is_that_of_the_name() {
    let papers = Papers::new();
    papers.issue("a", &["a.test", "other.test"]);
    papers.issue("b", &["B.test", "*.b.test"]);
    serving(papers.config(&["a", "b"]), |address, _| async move {
        for (name, file) in [
            ("a.test", "a.pem"),
            ("other.test", "a.pem"),
            ("b.test", "b.pem"),
            ("sub.b.test", "b.pem"),
        ] {
            let shown = shown(&papers, address, name).await;
            assert_eq!(shown, certificate(&papers.path(file)), "{name}");
        }
        // Those that nobody has are for the first, which the client then refuses.
        let unknown = connect(&papers.client(&[], None), address, "c.test").await;
        assert!(unknown.is_err());
    });
}

#[test]
fn changed_files_are_read_again_and_wrong_ones_are_not_served() {
    let papers = Papers::new();
    papers.issue("a", &["a.test"]);
    serving(papers.config(&["a"]), |address, _| async move {
        let first = certificate(&papers.path("a.pem"));
        assert_eq!(shown(&papers, address, "a.test").await, first);
        std::fs::write(papers.path("a.pem"), "nothing").expect("written");
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(1_200) {
            assert_eq!(shown(&papers, address, "a.test").await, first);
        }
        papers.issue("a", &["a.test"]);
        let second = certificate(&papers.path("a.pem"));
        while shown(&papers, address, "a.test").await != second {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "never read again"
            );
        }
    });
}

#[test]
fn clients_need_a_certificate_of_the_authority() {
    let (papers, strangers) = (Papers::new(), Papers::new());
    papers.issue("a", &["a.test"]);
    papers.issue("me", &["me.test"]);
    strangers.issue("me", &["me.test"]);
    let config = Config {
        tls_client_ca: papers.path("ca.pem").display().to_string(),
        ..papers.config(&["a"])
    };
    serving(config, |address, _| async move {
        let stranger = strangers.path("me");
        for (client, served) in [
            (papers.client(&[], Some("me")), true),
            (papers.client(&[], None), false),
            (papers.client(&[], stranger.to_str()), false),
        ] {
            // In TLS 1.3 the client is done before the server has judged it.
            let answer = match connect(&client, address, "a.test").await {
                Ok(mut stream) => ask(&mut stream).await,
                Err(error) => Err(error),
            };
            assert_eq!(answer.is_ok(), served, "{answer:?}");
        }
    });
}

#[test]
fn who_does_not_speak_tls_is_let_go() {
    let papers = Papers::new();
    papers.issue("a", &["a.test"]);
    let config = Config {
        header_timeout_ms: 300,
        ..papers.config(&["a"])
    };
    serving(config, |address, life| async move {
        for said in [LAST, b"", b"\x16\x03\x01"] {
            let mut stream = TcpStream::connect(address).await.expect("a connection");
            stream.write_all(said).await.expect("sent");
            let mut answer = Vec::new();
            // Closed, or reset with what was sent unread.
            let _ = stream.read_to_end(&mut answer).await;
            assert!(!answer.starts_with(b"HTTP"), "{said:?}");
        }
        while life.connections() > 0 {
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn wrong_files_are_refused_with_what_is_right() {
    let papers = Papers::new();
    papers.issue("a", &["a.test"]);
    papers.issue("b", &["b.test"]);
    std::fs::write(papers.path("empty"), "").expect("written");
    let file = |name: &str| match name {
        "" => String::new(),
        name => papers.path(name).display().to_string(),
    };
    for (cert, key, ca, message) in [
        ("a.pem", "a.key", "ca.pem", ""),
        ("a.pem", "", "", "tls_cert is set without tls_key"),
        ("", "a.key", "", "tls_key is set without tls_cert"),
        (
            "",
            "",
            "ca.pem",
            "tls_client_ca is set without a certificate",
        ),
        ("none", "a.key", "", "tls_cert: cannot read "),
        ("a.pem", "none", "", "tls_key: cannot read "),
        ("empty", "a.key", "", "-----BEGIN CERTIFICATE-----"),
        ("a.pem", "a.pem", "", "-----BEGIN PRIVATE KEY-----"),
        ("a.pem", "b.key", "", "b.key is not the private key of "),
        ("a.pem", "a.key", "empty", "tls_client_ca: "),
    ] {
        let config = Config {
            tls_cert: file(cert),
            tls_key: file(key),
            tls_client_ca: file(ca),
            ..Config::default()
        };
        let found = check_tls(&config).map_or_else(|error| error.to_string(), |()| String::new());
        assert_eq!(found.is_empty(), message.is_empty(), "{found}");
        assert!(found.contains(message), "{found}");
    }
    let two = Config {
        tls_key: file("a.key"),
        ..papers.config(&["a", "b"])
    };
    let found = check_tls(&two).expect_err("one key for two").to_string();
    assert!(found.contains("names 2 files and tls_key 1"), "{found}");
}
