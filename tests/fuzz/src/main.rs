//! Three ways to feed the codec what nobody would send, chosen by `SPIKARD_FUZZ`: `head`, `chunked`, `connection`. Whatever
//! is taken for a request must be the same request to another reader and however its bytes are cut; every request is answered,
//! by what a client can read. A panic anywhere is a crash, also one that the pipeline would have answered with 500.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spikard::server::exchange_cut;
use spikard::{Body, Config, Endpoint, Flow, Frozen, Request, Response};
use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

/// In process nothing is waited for: a connection that is not done after so many polls never will be.
const POLLS: usize = 10_000;

const END: &[u8] = b"\r\n\r\n";
const CHUNKED: &[u8] = b"POST /a HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";

/// The handler's status, which nothing else answers with.
const SEEN_IT: u16 = 299;

/// Method, target and body of a request as the handler saw it.
type Seen = (String, String, Vec<u8>);

thread_local! {
    static APP: Rc<Frozen> = app();
    static SEEN: RefCell<Vec<Seen>> = const { RefCell::new(Vec::new()) };
}

fuzz_target!(|bytes: &[u8]| {
    match std::env::var("SPIKARD_FUZZ").as_deref() {
        Ok("head") => head(bytes),
        Ok("chunked") => chunked(bytes),
        Ok("connection") => connection(bytes),
        _ => panic!("SPIKARD_FUZZ is head, chunked or connection"),
    }
});

/// A head, alone: what we accept httparse accepts, and reads alike.
fn head(mut bytes: &[u8]) {
    // Empty lines before a request are passed over; a second request is `connection`'s.
    while let Some(rest) = bytes.strip_prefix(b"\r\n") {
        bytes = rest;
    }
    let end = bytes.windows(4).position(|four| four == END);
    let request = [&bytes[..end.unwrap_or(bytes.len())], END].concat();
    let (seen, _) = ask(&request);
    let Some((method, target, _)) = seen.first() else {
        return;
    };
    let mut fields = [httparse::EMPTY_HEADER; 200];
    let mut other = httparse::Request::new(&mut fields);
    let read = other.parse(&request);
    assert!(
        matches!(read, Ok(httparse::Status::Complete(_))),
        "httparse says {read:?}"
    );
    assert_eq!(other.method, Some(method.as_str()));
    let theirs = other.path.unwrap_or_default();
    assert!(
        theirs.ends_with(target.as_str()) || target == "/",
        "{theirs} {target}"
    );
}

/// A chunked body, decoded a second time in the plainest way.
fn chunked(bytes: &[u8]) {
    let (seen, _) = ask(&[CHUNKED, bytes].concat());
    if let Some((_, _, body)) = seen.first() {
        assert_eq!(Some(body.as_slice()), unchunked(bytes).as_deref());
    }
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let digits = rest[..end].split(|byte| *byte == b';').next()?;
        let digits = std::str::from_utf8(digits).ok()?;
        let size = usize::from_str_radix(digits, 16)
            .ok()
            .filter(|_| !digits.starts_with('+'))?;
        rest = &rest[end + 2..];
        if size == 0 {
            // Trailers, then an empty line.
            return (rest.starts_with(b"\r\n") || rest.windows(4).any(|four| four == b"\r\n\r\n"))
                .then_some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size..)?.strip_prefix(b"\r\n")?;
    }
}

/// All that a connection brings.
fn connection(bytes: &[u8]) {
    ask(bytes);
}

/// The statuses of the answers, each of which a client can read; interim ones are left out.
fn answers(mut bytes: &[u8]) -> Vec<u16> {
    let mut finals = Vec::new();
    while !bytes.is_empty() {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut answer = httparse::Response::new(&mut fields);
        let Ok(httparse::Status::Complete(length)) = answer.parse(bytes) else {
            panic!("no answer: {:?}", bytes.escape_ascii().to_string());
        };
        let status = answer.code.unwrap_or_default();
        let field = |name: &str| {
            let mut found = answer.headers.iter().filter(|field| field.name == name);
            let first = found.next().map(|field| field.value);
            assert!(found.next().is_none(), "{name} twice");
            first
        };
        let size = field("content-length").map_or(0, |value| {
            std::str::from_utf8(value)
                .ok()
                .and_then(|text| text.parse().ok())
                .expect("a length")
        });
        bytes = &bytes[length..];
        // An answer to HEAD says a length and has no body.
        let whole = bytes
            .get(..size)
            .is_some_and(|_| !bytes.starts_with(b"HTTP/1.1 "));
        if whole {
            bytes = &bytes[size..];
        }
        if status >= 200 {
            finals.push(status);
        }
    }
    finals
}

/// The requests that reached the handler and the statuses that came back, which are the same in one piece, byte by byte and in
/// pieces of a size that the input decides.
fn ask(bytes: &[u8]) -> (Vec<Seen>, Vec<u16>) {
    let whole = ask_in(bytes, usize::MAX);
    // Who waits for `100 Continue` and has sent the body before goes on, who has not is let go.
    let expects = bytes.to_ascii_lowercase();
    if expects.windows(8).all(|eight| eight != b"continue") {
        let sum = bytes.iter().map(|byte| usize::from(*byte)).sum::<usize>();
        for most in [1, sum % bytes.len().max(1) + 1] {
            assert_eq!(ask_in(bytes, most), whole, "{most} bytes at a time");
        }
    }
    whole
}

fn ask_in(bytes: &[u8], most: usize) -> (Vec<Seen>, Vec<u16>) {
    SEEN.take();
    let answer = APP.with(|app| {
        let mut exchange = pin!(exchange_cut(Rc::clone(app), bytes.to_vec(), most));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..POLLS {
            if let Poll::Ready(answer) = exchange.as_mut().poll(&mut context) {
                return answer;
            }
        }
        panic!("the connection makes no progress");
    });
    let (seen, mut statuses) = (SEEN.take(), answers(&answer));
    let answered = statuses.iter().filter(|status| **status == SEEN_IT).count();
    assert_eq!(answered, seen.len(), "requests and answers");
    // What is wrong with a head that has several mistakes depends on which of them is there first.
    for status in &mut statuses {
        if let 414 | 431 | 501 = *status {
            *status = 400;
        }
    }
    (seen, statuses)
}

fn app() -> Rc<Frozen> {
    let routes: Vec<String> = ["GET", "POST", "PUT", "DELETE", "PATCH"]
        .iter()
        .flat_map(|method| ["/", "/{*rest}"].map(|path| format!(r#"{{"method":"{method}","path":"{path}","handler":0,"declared":{{"name":"echo","file":"main.rs","line":1}},"operation_id":"{method}{}"}}"#, path.len())))
        .collect();
    let spec = format!(
        r#"{{"title":"fuzz","version":"1","routes":[{}]}}"#,
        routes.join(",")
    );
    let mut spec: spikard::spec::AppSpec = serde_json::from_str(&spec).expect("a right app");
    spec.config = Config {
        body_limit: 2_000,
        header_limit: 2_000,
        header_count: 20,
        target_limit: 200,
        ..Config::default()
    };
    Rc::new(Frozen::new(spec, vec![Box::new(Echo)]).expect("a right app"))
}

struct Echo;

impl Endpoint for Echo {
    fn call(&self, request: Request<'_>, _: &mut Context<'_>) -> Flow {
        let head = request.head;
        let seen = (
            head.method.to_owned(),
            head.target.to_owned(),
            request.body.to_vec(),
        );
        SEEN.with_borrow_mut(|all| all.push(seen));
        Flow::Done(Ok(Response {
            status: SEEN_IT,
            content_type: Some("text/plain".into()),
            headers: Vec::new(),
            body: Body::Full(b"seen".to_vec()),
        }))
    }
}
