//! Hooks through the whole pipeline, by the test client and over both versions of HTTP.
#![allow(missing_docs, clippy::panic, reason = "tests, and what they call")]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use spikard::response::Chunks;
use spikard::{
    Answer, App, Body, Bytes, Fields, HeaderParams, Json, Kept, Moment, Passage, Path, Problem,
    Query, Response, TestClient,
};
use std::rc::Rc;

const MOMENTS: [(Moment, &str); 5] = [
    (Moment::OnRequest, "on_request"),
    (Moment::PreValidation, "pre_validation"),
    (Moment::PreHandler, "pre_handler"),
    (Moment::OnError, "on_error"),
    (Moment::OnResponse, "on_response"),
];

/// The hooks that ran, in order, in the field `x-ran`.
#[derive(Clone, Default)]
struct Ran(Vec<String>);

async fn note(passage: Rc<Passage>, who: &'static str) {
    tokio::task::yield_now().await;
    let at = passage.moment().expect("a hook runs");
    let name = MOMENTS.iter().find(|(moment, _)| *moment == at);
    let mut ran = passage
        .kept::<Ran>()
        .map(|ran| (*ran).clone())
        .unwrap_or_default();
    ran.0.push(format!("{who}.{}", name.expect("a moment").1));
    let text = ran.0.join(" ");
    passage.keep(ran);
    passage.response(|response| {
        response.headers.retain(|(name, _)| name != "x-ran");
        response.headers.push(("x-ran".into(), text.into()));
    });
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Item {
    #[schemars(range(min = 0))]
    count: i64,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Wanted {
    #[serde(default)]
    limit: u32,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Marks {
    x_mark: Option<String>,
}

async fn create(Json(item): Json<Item>) -> Json<Item> {
    Json(item)
}

/// An app whose every part notes every moment.
fn noted() -> TestClient {
    let mut app = App::new("Noted", "1.0.0");
    for (moment, _) in MOMENTS {
        app = app.hook(moment, |passage| note(passage, "app"));
    }
    let app = app.group("/shop", |mut group| {
        for (moment, _) in MOMENTS {
            group = group.hook(moment, |passage| note(passage, "shop"));
        }
        let mut group = group.post("/items", create);
        for (moment, _) in MOMENTS {
            group = group.route_hook(moment, |passage| note(passage, "items"));
        }
        group
    });
    TestClient::new(app).expect("an app")
}

fn ran(answer: &Answer) -> Vec<&str> {
    answer
        .header("x-ran")
        .unwrap_or_default()
        .split(' ')
        .collect()
}

fn of(who: &[&str], moments: &[&str]) -> Vec<String> {
    let each = |moment: &&str| -> Vec<String> {
        who.iter().map(|who| format!("{who}.{moment}")).collect()
    };
    moments.iter().flat_map(each).collect()
}

#[test]
fn hooks_run_in_the_order_of_their_registration_the_outer_first() {
    let client = noted();
    let answer = client.post("/shop/items").json(&json!({"count": 1})).wait();
    assert_eq!(answer.status, 200);
    let moments = ["on_request", "pre_validation", "pre_handler", "on_response"];
    assert_eq!(ran(&answer), of(&["app", "shop", "items"], &moments));
}

#[test]
fn what_is_not_valid_comes_to_no_pre_handler_and_passes_on_error() {
    let client = noted();
    let answer = client
        .post("/shop/items")
        .json(&json!({"count": -1}))
        .wait();
    assert_eq!(answer.status, 422);
    let moments = ["on_request", "pre_validation", "on_error", "on_response"];
    assert_eq!(ran(&answer), of(&["app", "shop", "items"], &moments));
}

#[test]
fn a_body_that_is_refused_unread_passes_the_hooks_before_and_behind() {
    let client = noted();
    for (answer, status) in [
        (
            client.post("/shop/items").body("text/plain", "x").wait(),
            415,
        ),
        (
            client
                .post("/shop/items")
                .body("application/json", vec![b' '; 11 << 20])
                .wait(),
            413,
        ),
    ] {
        assert_eq!(answer.status, status);
        let moments = ["on_request", "on_error", "on_response"];
        assert_eq!(
            ran(&answer),
            of(&["app", "shop", "items"], &moments),
            "{status}"
        );
    }
}

#[test]
fn what_no_route_takes_passes_the_hooks_of_the_app() {
    let client = noted();
    for (method, path, status) in [("GET", "/", 404), ("PUT", "/shop/items", 405)] {
        let answer = client.request(method, path).wait();
        assert_eq!(answer.status, status);
        assert_eq!(
            ran(&answer),
            of(&["app"], &["on_error", "on_response"]),
            "{path}"
        );
    }
    let options = client.request("OPTIONS", "/shop/items").wait();
    assert_eq!(
        (options.status, options.header("allow")),
        (204, Some("POST, OPTIONS"))
    );
    assert_eq!(ran(&options), ["app.on_response"]);
    let live = client.get("/health/live").wait();
    assert_eq!(ran(&live).len(), 4, "{:?}", live.headers);
}

#[test]
fn an_edit_is_seen_by_all_that_follows() {
    async fn edit(passage: Rc<Passage>) -> Result<(), String> {
        passage.set_header("content-type", b"application/json")?;
        passage.set_header("x-mark", b"edited")?;
        passage.set_query("limit=7")
    }
    async fn double(passage: Rc<Passage>) -> Result<(), Wrong> {
        let body = String::from_utf8_lossy(&passage.body()).replace("one", "1");
        passage.set_body(body.into_bytes()).map_err(|_| Wrong)
    }
    async fn keep(passage: Rc<Passage>) {
        passage.keep(passage.target());
    }
    #[derive(Debug)]
    struct Wrong;
    impl From<Wrong> for Problem {
        fn from(_: Wrong) -> Self {
            Problem::internal("")
        }
    }
    async fn all(
        Json(item): Json<Item>,
        Query(wanted): Query<Wanted>,
        HeaderParams(marks): HeaderParams<Marks>,
        Fields(fields): Fields,
        Kept(target): Kept<String>,
    ) -> Json<serde_json::Value> {
        let marked = fields.iter().filter(|(name, _)| name == "x-mark").count();
        Json(json!([
            item.count,
            wanted.limit,
            marks.x_mark,
            marked,
            target
        ]))
    }
    let app = App::new("Edited", "1.0.0")
        .hook(Moment::OnRequest, |passage| async {
            edit(passage).await.map_err(|_| Wrong)
        })
        .hook(Moment::PreValidation, double)
        .hook(Moment::PreHandler, keep)
        .post("/items", all);
    let client = TestClient::new(app).expect("an app");
    let request = client.post("/items?limit=x").header("x-mark", "sent");
    let answer = request.body("text/plain", "{\"count\":one}").wait();
    let expected = json!([1, 7, "edited", 1, "/items?limit=7"]);
    assert_eq!(answer.json::<serde_json::Value>(), expected);
}

#[test]
fn an_answer_ends_the_way_in() {
    for (moment, _) in &MOMENTS[..3] {
        let moment = *moment;
        let app = App::new("Answered", "1.0.0")
            .hook(moment, |_| async { Response::text(203, "hook") })
            .hook(moment, |_| async {
                if true {
                    panic!("the first has answered")
                }
            })
            .hook(Moment::OnResponse, |passage| note(passage, "app"))
            .post("/", |Bytes(_): Bytes| async {
                if true {
                    panic!("a hook has answered")
                }
            });
        let app = app.hook(Moment::OnError, |_| async {
            if true {
                panic!("there is no error")
            }
        });
        let client = TestClient::new(app).expect("an app");
        let answer = client.post("/").body("text/plain", "x").wait();
        assert_eq!((answer.status, answer.text()), (203, "hook"), "{moment:?}");
        assert_eq!(ran(&answer), ["app.on_response"]);
    }
}

#[test]
fn a_hook_may_turn_the_request_away() {
    async fn guard(_: Rc<Passage>) -> Result<Option<Response>, Problem> {
        Err(Problem::forbidden("not you"))
    }
    let app = App::new("Guarded", "1.0.0")
        .get("/", || async { "in" })
        .route_hook(Moment::OnRequest, guard)
        .get("/open", || async { "in" });
    let client = TestClient::new(app).expect("an app");
    let answer = client.get("/").wait();
    assert_eq!(answer.status, 403);
    assert!(
        answer.text().contains("\"code\":\"forbidden\""),
        "{}",
        answer.text()
    );
    assert_eq!(client.get("/open").wait().text(), "in");
}

#[test]
fn the_problem_of_an_error_can_be_replaced_by_another_or_by_a_response() {
    async fn hide(passage: Rc<Passage>) -> Result<(), Problem> {
        match passage.problem(|problem| problem.status) {
            Some(500) => Err(Problem::unavailable("come back later")),
            _ => Ok(()),
        }
    }
    async fn page(passage: Rc<Passage>) -> Option<Response> {
        let status = passage.problem(|problem| problem.status)?;
        (status == 404).then(|| Response::of(404, "text/html; charset=utf-8", "<h1>gone</h1>"))
    }
    async fn fails() -> Result<String, Problem> {
        Err(Problem::internal("a secret"))
    }
    let app = App::new("Mended", "1.0.0")
        .hook(Moment::OnError, hide)
        .hook(Moment::OnError, page)
        .get("/fails", fails)
        .get("/panics", || async {
            if true { panic!("a secret") } else { "" }
        })
        .get("/conflict", || async {
            Err::<String, _>(Problem::conflict("taken"))
        });
    let client = TestClient::new(app).expect("an app");
    for path in ["/fails", "/panics"] {
        let answer = client.get(path).wait();
        assert_eq!(answer.status, 503, "{path}");
        assert!(answer.text().contains("come back later"));
        assert!(!answer.text().contains("secret"));
    }
    let page = client.get("/nowhere").wait();
    assert_eq!((page.status, page.text()), (404, "<h1>gone</h1>"));
    assert_eq!(client.get("/conflict").wait().status, 409);
}

#[test]
fn the_response_can_be_edited_and_replaced() {
    async fn shout(passage: Rc<Passage>) {
        passage.response(|response| {
            if let Body::Full(text) = &mut response.body {
                text.make_ascii_uppercase();
            }
            response.status = 201;
        });
    }
    async fn replace(passage: Rc<Passage>) -> Option<Response> {
        let found = passage.response(|response| response.status)?;
        (passage.target() == "/other").then(|| Response::text(found + 1, "other"))
    }
    let app = App::new("Edited", "1.0.0")
        .hook(Moment::OnResponse, shout)
        .hook(Moment::OnResponse, replace)
        .get("/", || async { "text".to_owned() })
        .get("/other", || async { "text" })
        .get("/stream", || async {
            Response::stream(200, "text/plain", Chunks(["a", "b"].into_iter()))
        });
    let client = TestClient::new(app).expect("an app");
    let answer = client.get("/").wait();
    assert_eq!((answer.status, answer.text()), (201, "TEXT"));
    let other = client.get("/other").wait();
    assert_eq!((other.status, other.text()), (202, "other"));
    let stream = client.get("/stream").wait();
    assert_eq!((stream.status, stream.text()), (201, "ab"));
    let head = client.request("HEAD", "/").wait();
    assert_eq!(
        (head.status, head.header("content-length")),
        (201, Some("4"))
    );
}

#[test]
fn a_hook_that_fails_is_a_problem_and_the_next_request_is_answered() {
    for (moment, _) in MOMENTS {
        let app = App::new("Broken", "1.0.0")
            .get("/", || async {
                Err::<String, _>(Problem::conflict("taken"))
            })
            .get("/fine", || async { "fine" })
            .get("/hooked", || async {
                Err::<String, _>(Problem::conflict("taken"))
            })
            .route_hook(moment, |_| async {
                if true {
                    panic!("a secret")
                }
            });
        let client = TestClient::new(app).expect("an app");
        let answer = client.get("/hooked").wait();
        assert_eq!(answer.status, 500, "{moment:?}");
        assert!(!answer.text().contains("secret"), "{}", answer.text());
        assert_eq!(client.get("/").wait().status, 409);
        assert_eq!(client.get("/fine").wait().text(), "fine");
    }
}

#[test]
fn a_field_that_cannot_be_sent_is_a_problem() {
    let app = App::new("Odd", "1.0.0").get("/", || async { "" }).hook(
        Moment::OnResponse,
        |passage| async move {
            passage.response(|response| response.headers.push(("x".into(), "1\r\n2".into())));
        },
    );
    let answer = TestClient::new(app).expect("an app").get("/").wait();
    assert_eq!((answer.status, answer.header("x")), (500, None));
}

#[test]
fn a_response_of_a_hook_is_what_the_route_declares() {
    async fn wrong(_: Rc<Passage>) -> Response {
        Response::json(200, br#"{"count":"none"}"#.to_vec())
    }
    async fn item(Path(_): Path<u32>) -> Json<Item> {
        Json(Item { count: 1 })
    }
    let app = App::new("Strict", "1.0.0")
        .get("/{id}", item)
        .route_hook(Moment::PreHandler, wrong);
    let answer = TestClient::new(app).expect("an app").get("/1").wait();
    assert_eq!(answer.status, 500);
    assert!(
        answer.text().contains("response-invalid"),
        "{}",
        answer.text()
    );
}

#[test]
fn what_no_hook_kept_is_a_problem() {
    let app = App::new("Lost", "1.0.0").get("/", |Kept(n): Kept<u8>| async move { n.to_string() });
    assert_eq!(
        TestClient::new(app).expect("an app").get("/").wait().status,
        500
    );
}

#[test]
fn pipelined_requests_keep_their_order_past_hooks_that_wait() {
    let app = App::new("Piped", "1.0.0").hook(Moment::OnRequest, |passage| async move {
        if passage.target() == "/1" {
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
    });
    let app = app.post(
        "/{id}",
        |Path(id): Path<u32>, Bytes(body): Bytes| async move {
            format!("{id}{}.", String::from_utf8_lossy(&body))
        },
    );
    let frozen = Rc::new(app.freeze().expect("an app"));
    let one = "POST /1 HTTP/1.1\r\nhost: a\r\ncontent-type: a/b\r\ncontent-length: 1\r\n\r\nx";
    let two = "POST /2 HTTP/1.1\r\nhost: a\r\ncontent-type: a/b\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n1\r\ny\r\n0\r\n\r\n";
    let run = spikard::server::exchange(frozen, [one, two].concat().into_bytes());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let bytes = runtime.block_on(run);
    let text = String::from_utf8_lossy(&bytes);
    let (first, second) = (
        text.find("1x.").expect("the first"),
        text.find("2y.").expect("the second"),
    );
    assert!(first < second, "{text}");
}
