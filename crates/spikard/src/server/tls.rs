//! TLS of one worker: certificates by file, chosen by the name that the client asks for, and read again when their files
//! change. Speaks no HTTP; which version follows, the client has said by then (ALPN, RFC 7301).

use super::connection::converse;
use super::http2;
use super::life::Watch;
use super::link::Remote;
use super::service::Serve;
use super::transport::Transport;
use crate::{Config, log};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, RootCertStore, ServerConfig};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::future::{Future as _, poll_fn};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// Between two looks at the files, which only new connections cause.
const LOOK: Duration = Duration::from_secs(1);

/// A client that is not done with its handshake when draining begins may take this much longer.
const DRAINING_MS: u64 = 1_000;

/// Checks the files of `tls_cert`, `tls_key` and `tls_client_ca`, so that a wrong one is known before anybody connects.
///
/// # Errors
/// Which option and file is wrong, and what is right.
pub fn check_tls(config: &Config) -> io::Result<()> {
    Tls::of(config).map(|_| ())
}

/// The certificates of a worker.
pub(crate) struct Tls {
    sources: Sources,
    acceptor: RefCell<TlsAcceptor>,
    stamps: RefCell<Vec<Option<Stamp>>>,
    looked: Cell<Instant>,
}

/// Tells one state of a file from another.
type Stamp = (i64, i64, u64, u64);

struct Sources {
    /// Certificate chain and private key; the first is for clients that ask for no name that we have.
    pairs: Vec<(PathBuf, PathBuf)>,
    client_ca: Option<PathBuf>,
    http2: bool,
}

impl Tls {
    /// None when the config names no certificate.
    pub(crate) fn of(config: &Config) -> io::Result<Option<Self>> {
        let Some(sources) = Sources::of(config)? else {
            return Ok(None);
        };
        // Before the files: one that changes meanwhile is read again.
        let stamps = sources.stamps();
        let server = Arc::new(sources.load()?);
        Ok(Some(Self {
            sources,
            acceptor: RefCell::new(server.into()),
            stamps: RefCell::new(stamps),
            looked: Cell::new(Instant::now()),
        }))
    }

    /// What accepts the next connection, with the files as they are now. While they are wrong, those before serve on.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        if self.looked.get().elapsed() >= LOOK {
            self.look();
        }
        self.acceptor.borrow().clone()
    }

    fn look(&self) {
        self.looked.set(Instant::now());
        let stamps = self.sources.stamps();
        if self.stamps.replace(stamps.clone()) == stamps {
            return;
        }
        match self.sources.load() {
            Ok(server) => _ = self.acceptor.replace(Arc::new(server).into()),
            Err(error) => {
                let cause = format!("{error}; the certificates before serve on");
                log::failure(log::Level::Error, "tls-reload", None, "", &cause);
            }
        }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

fn wrong(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

fn files(text: &str) -> Vec<PathBuf> {
    let names = text.split(',').map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(Into::into)
        .collect()
}

impl Sources {
    fn of(config: &Config) -> io::Result<Option<Self>> {
        let (certificates, keys) = (files(&config.tls_cert), files(&config.tls_key));
        let client_ca = files(&config.tls_client_ca).pop();
        let advice = match (certificates.len(), keys.len()) {
            (0, 0) if client_ca.is_none() => return Ok(None),
            (0, 0) => {
                "tls_client_ca is set without a certificate; set tls_cert and tls_key".to_owned()
            }
            (_, 0) => {
                "tls_cert is set without tls_key; set it to the file of the private key".to_owned()
            }
            (0, _) => {
                "tls_key is set without tls_cert; set it to the file of the certificate".to_owned()
            }
            (count, same) if count == same => {
                return Ok(Some(Self {
                    pairs: certificates.into_iter().zip(keys).collect(),
                    client_ca,
                    http2: config.http2_streams > 0,
                }));
            }
            (count, other) => format!(
                "tls_cert names {count} files and tls_key {other}; name the key of each certificate, in the same order"
            ),
        };
        Err(wrong(advice))
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        let pairs = self.pairs.iter();
        let files = pairs.flat_map(|(certificate, key)| [certificate, key]);
        let stamp = |file: &PathBuf| {
            let data = std::fs::metadata(file).ok()?;
            Some((data.mtime(), data.mtime_nsec(), data.ino(), data.size()))
        };
        files.chain(&self.client_ca).map(stamp).collect()
    }

    fn load(&self) -> io::Result<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let broken = |error: Error| wrong(format!("TLS: {error}"));
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(broken)?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let roots = roots(file)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(
                    roots.into(),
                    Arc::clone(&provider),
                )
                .build()
                .map_err(|error| wrong(format!("tls_client_ca: {}: {error}", file.display())))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut keys = Names::default();
        for (certificate, key) in &self.pairs {
            keys.add(certified(certificate, key, &provider)?);
        }
        let mut server = builder.with_cert_resolver(Arc::new(keys));
        let spoken: &[&[u8]] = match self.http2 {
            true => &[b"h2", b"http/1.1"],
            false => &[b"http/1.1"],
        };
        server.alpn_protocols = spoken.iter().map(|name| name.to_vec()).collect();
        Ok(server)
    }
}

fn certificates(option: &str, file: &Path) -> io::Result<Vec<CertificateDer<'static>>> {
    let shown = file.display();
    let text = std::fs::read(file)
        .map_err(|error| wrong(format!("{option}: cannot read {shown}: {error}")))?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        Ok(_) => Err(wrong(format!(
            "{option}: {shown} holds no certificate; it must be PEM text, with -----BEGIN CERTIFICATE-----"
        ))),
        Err(error) => Err(wrong(format!("{option}: {shown} is not PEM text: {error}"))),
    }
}

fn roots(file: &Path) -> io::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for root in certificates("tls_client_ca", file)? {
        roots
            .add(root)
            .map_err(|error| wrong(format!("tls_client_ca: {}: {error}", file.display())))?;
    }
    Ok(roots)
}

fn certified(
    certificate: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> io::Result<CertifiedKey> {
    let chain = certificates("tls_cert", certificate)?;
    let shown = key.display();
    let text = std::fs::read(key)
        .map_err(|error| wrong(format!("tls_key: cannot read {shown}: {error}")))?;
    let secret = PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
        wrong(format!(
            "tls_key: {shown} holds no private key; it must be PEM text, with -----BEGIN PRIVATE KEY-----. An encrypted \
             one is decrypted by: openssl pkey -in {shown} -out plain.pem"
        ))
    })?;
    CertifiedKey::from_der(chain, secret, provider).map_err(|error| match error {
        Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => wrong(format!(
            "tls_key: {shown} is not the private key of {}",
            certificate.display()
        )),
        other => wrong(format!("tls_cert: {}: {other}", certificate.display())),
    })
}

/// Certificates by the names that they are for (RFC 6066 section 3).
#[derive(Debug, Default)]
struct Names {
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what follows `*.`.
    wild: HashMap<String, Arc<CertifiedKey>>,
    first: Option<Arc<CertifiedKey>>,
}

impl Names {
    fn add(&mut self, key: CertifiedKey) {
        let key = Arc::new(key);
        let parsed = key.cert.first().map(webpki::EndEntityCert::try_from);
        if let Some(Ok(certificate)) = parsed {
            for name in certificate.valid_dns_names() {
                let name = name.to_ascii_lowercase();
                let (map, name) = match name.strip_prefix("*.") {
                    Some(rest) => (&mut self.wild, rest.to_owned()),
                    None => (&mut self.exact, name),
                };
                map.entry(name).or_insert_with(|| Arc::clone(&key));
            }
        }
        self.first.get_or_insert(key);
    }

    fn find(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        let name = name.to_ascii_lowercase();
        let wild = || {
            name.split_once('.')
                .and_then(|(_, rest)| self.wild.get(rest))
        };
        self.exact.get(&name).or_else(wild)
    }
}

impl ResolvesServerCert for Names {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.find(name));
        named.or(self.first.as_ref()).map(Arc::clone)
    }
}

/// Shakes hands with a client and serves it. One that fails to is left alone: rustls has told it why.
pub(super) async fn greet<S: Serve, T: Transport>(
    app: Rc<S>,
    acceptor: TlsAcceptor,
    io: T,
    remote: Remote,
) {
    let limit = app.config().header_timeout_ms;
    let Some(stream) = shake_hands(acceptor, io, remote.watch.as_ref(), limit).await else {
        return;
    };
    match stream.get_ref().1.alpn_protocol() {
        Some(b"h2") => http2::converse(app, stream, Vec::new(), remote).await,
        _ => converse(app, stream, remote).await,
    }
}

async fn shake_hands<T: Transport>(
    acceptor: TlsAcceptor,
    io: T,
    watch: Option<&Watch>,
    limit: u64,
) -> Option<TlsStream<T>> {
    let mut accepting = pin!(acceptor.accept(io));
    let mut hurried = false;
    if let Some(watch) = watch {
        watch.arm(limit);
    }
    poll_fn(|context| {
        if let Poll::Ready(done) = accepting.as_mut().poll(context) {
            return Poll::Ready(done.ok());
        }
        let Some(watch) = watch else {
            return Poll::Pending;
        };
        watch.register(context);
        if watch.is_draining() && !hurried {
            hurried = true;
            watch.arm(DRAINING_MS);
        }
        match watch.is_cut() || watch.is_late() {
            true => Poll::Ready(None),
            false => Poll::Pending,
        }
    })
    .await
}
