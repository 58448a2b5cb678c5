//! One request through the whole pipeline, by the test client.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests, and what they call"
)]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spikard::config::{AdditionalQuery, Egress, TrailingSlash};
use spikard::{
    Answer, App, Cookies, ETag, HeaderParams, Json, OwnedRequest, Path, Problem, Query, RequestId,
    Response, State, TestClient, Text,
};

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
struct Item {
    #[schemars(length(min = 1))]
    name: String,
    #[schemars(range(min = 0))]
    count: i64,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Filter {
    tag: Option<String>,
    #[serde(default)]
    ids: Vec<u64>,
    #[schemars(range(min = 1, max = 100))]
    #[serde(default = "twenty")]
    limit: u32,
}

fn twenty() -> u32 {
    20
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Marks {
    if_match: Option<String>,
    #[serde(rename = "x-tag")]
    tags: Option<Vec<String>>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Session {
    session: Option<String>,
}

async fn show(Path((shop, id)): Path<(String, i64)>) -> Json<Value> {
    Json(json!([shop, id]))
}

async fn search(Query(filter): Query<Filter>) -> Json<Filter> {
    Json(filter)
}

async fn marks(
    HeaderParams(marks): HeaderParams<Marks>,
    Cookies(session): Cookies<Session>,
) -> Json<Value> {
    Json(json!([marks.if_match, marks.tags, session.session]))
}

async fn add(Query(filter): Query<Filter>, Json(item): Json<Item>) -> (u16, Json<Value>) {
    (201, Json(json!([filter.limit, item])))
}

async fn wrong() -> Json<Item> {
    Json(Item {
        name: String::new(),
        count: 1,
    })
}

async fn crash() -> &'static str {
    panic!("secret text")
}

async fn late_crash() -> &'static str {
    let mut first = true;
    std::future::poll_fn(|context| {
        if std::mem::take(&mut first) {
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        } else {
            std::task::Poll::Ready(())
        }
    })
    .await;
    panic!("secret text")
}

async fn split(_: State<u8>) -> Response {
    let mut response = Response::empty(204);
    response.headers.push(("x-a".into(), "1\r\nx-b: 2".into()));
    response
}

async fn tagged(RequestId(id): RequestId) -> (ETag, String) {
    (ETag::strong(7), id)
}

async fn text(Text(text): Text) -> String {
    text
}

async fn files(Path(path): Path<String>) -> String {
    path
}

fn app() -> App {
    App::new("Test", "1")
        .state(1_u8)
        .get("/shops/{shop}/items/{id}", show)
        .get("/items", search)
        .post("/items", add)
        .get("/marks", marks)
        .get("/wrong", wrong)
        .get("/crash", crash)
        .get("/late", late_crash)
        .get("/split", split)
        .get("/tagged", tagged)
        .post("/text", text)
        .get("/files/{*path}", files)
}

fn client() -> TestClient {
    TestClient::new(app()).unwrap()
}

fn problem(answer: &Answer) -> (u16, String) {
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    let problem: Value = answer.json();
    assert_eq!(problem["status"], answer.status);
    assert_eq!(
        problem["request_id"].as_str(),
        answer.header("x-request-id")
    );
    (answer.status, problem["code"].as_str().unwrap().to_owned())
}

/// `in pointer keyword` of every error, sorted.
fn errors(answer: &Answer) -> Vec<String> {
    let problem: Value = answer.json();
    let text = |error: &Value, member: &str| error[member].as_str().unwrap().to_owned();
    let list = problem["errors"].as_array().unwrap().iter();
    let mut list: Vec<_> = list
        .map(|error| {
            [
                text(error, "in"),
                text(error, "pointer"),
                text(error, "keyword"),
            ]
            .join(" ")
        })
        .collect();
    list.sort();
    list
}

#[test]
fn parameters_arrive_typed() {
    let client = client();
    for (target, expected) in [
        ("/shops/a%2Fb/items/7", json!(["a/b", 7])),
        ("/items", json!({"tag": null, "ids": [], "limit": 20})),
        (
            "/items?tag=a+b&ids=1&ids=18446744073709551615&limit=5",
            json!({"tag": "a b", "ids": [1, u64::MAX], "limit": 5}),
        ),
    ] {
        let answer = client.get(target).wait();
        assert_eq!(
            (answer.status, answer.json::<Value>()),
            (200, expected),
            "{target}"
        );
    }
    let answer = client
        .get("/marks")
        .header("If-Match", "\"1\"")
        .header("x-tag", "a")
        .header("X-Tag", "b")
        .header("cookie", "a=b; session=\"x%20y\"")
        .wait();
    assert_eq!(
        answer.json::<Value>(),
        json!(["\"1\"", ["a", "b"], "\"x%20y\""])
    );
    assert_eq!(client.get("/files/a/b%2Fc").wait().text(), "a/b/c");
}

#[test]
fn parameters_and_body_are_refused_together() {
    let answer = client()
        .post("/items?limit=0&ids=x")
        .json(&json!({"name": "", "count": -1}))
        .wait();
    assert_eq!(problem(&answer), (422, "invalid-request".to_owned()));
    assert_eq!(
        errors(&answer),
        [
            "body /count minimum",
            "body /name minLength",
            "query /ids/0 type",
            "query /limit minimum"
        ]
    );
}

#[test]
fn bodies_are_read_by_their_media_type() {
    let client = client();
    let item = r#"{"name":"bolt","count":2}"#;
    for (media_type, body, status, code) in [
        ("application/json", item, 201, ""),
        (
            "application/merge-patch+json; charset=\"UTF-8\"",
            item,
            201,
            "",
        ),
        (
            "application/json",
            r#"{"name":"a","name":"bolt","count":2.0}"#,
            201,
            "",
        ),
        (
            "application/json; charset=latin1",
            item,
            415,
            "unsupported-media-type",
        ),
        ("text/plain", item, 415, "unsupported-media-type"),
        ("application/json", "{\"name\":", 400, "malformed-json"),
        ("application/json", "\u{feff}{}", 400, "malformed-json"),
        ("application/json", "", 422, "invalid-request"),
    ] {
        let answer = client.post("/items").body(media_type, body).wait();
        assert_eq!(
            answer.status,
            status,
            "{media_type} {body}: {}",
            answer.text()
        );
        if status < 400 {
            assert_eq!(
                answer.json::<Value>(),
                json!([20, {"name": "bolt", "count": 2}])
            );
        } else {
            assert_eq!(problem(&answer), (status, code.to_owned()));
        }
    }
    let untyped = client
        .request("POST", "/items")
        .body("application/json", "x")
        .wait();
    assert_eq!(untyped.status, 400);
    let refused = client.post("/items").body("text/plain", "x").wait();
    assert_eq!(refused.header("accept"), Some("application/json"));
    assert_eq!(
        client.post("/text").body("text/csv", "a,b").wait().text(),
        "a,b"
    );
    assert_eq!(
        client
            .post("/text")
            .body("text/csv", vec![0xff])
            .wait()
            .status,
        400
    );
}

#[test]
fn methods_and_paths_that_are_not_there() {
    let client = client();
    for (method, target, expected, allow) in [
        ("GET", "/nowhere", (404, "not-found"), None),
        (
            "PUT",
            "/items",
            (405, "method-not-allowed"),
            Some("GET, HEAD, POST, OPTIONS"),
        ),
        ("BREW", "/items", (501, "not-implemented"), None),
        ("GET", "/files/%ff", (400, "malformed-request"), None),
        ("GET", "/items?tag=%ff", (400, "malformed-request"), None),
    ] {
        let answer = client.request(method, target).wait();
        assert_eq!(
            problem(&answer),
            (expected.0, expected.1.to_owned()),
            "{method} {target}"
        );
        assert_eq!(answer.header("allow"), allow);
    }
    let options = client.options("/items").wait();
    assert_eq!(
        (options.status, options.header("allow")),
        (204, Some("GET, HEAD, POST, OPTIONS"))
    );
    let (get, head) = (client.get("/items").wait(), client.head("/items").wait());
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), get.header("content-length"));
}

#[test]
fn what_fails_inside_says_nothing_outside() {
    let client = client();
    for (target, code) in [
        ("/crash", "internal"),
        ("/late", "internal"),
        ("/split", "internal"),
        ("/wrong", "response-invalid"),
    ] {
        let answer = client.get(target).wait();
        assert_eq!(problem(&answer), (500, code.to_owned()), "{target}");
        assert!(!answer.text().contains("secret") && !answer.text().contains("minLength"));
    }
    let debug = TestClient::new(app().debug(true)).unwrap();
    assert!(debug.get("/crash").wait().text().contains("secret text"));
    let sent = debug
        .post("/items")
        .json(&json!({"name": "a", "count": -7}))
        .wait();
    assert_eq!(sent.json::<Value>()["errors"][0]["value"], -7);
}

#[test]
fn egress_as_configured() {
    for (egress, status) in [
        (Egress::Enforce, 500),
        (Egress::Warn, 200),
        (Egress::Off, 200),
    ] {
        let client = TestClient::new(app().egress(egress)).unwrap();
        assert_eq!(client.get("/wrong").wait().status, status, "{egress:?}");
    }
}

#[test]
fn a_request_id_is_kept_or_made() {
    let client = client();
    let kept = client.get("/tagged").header("x-request-id", "abc").wait();
    assert_eq!(
        (
            kept.text(),
            kept.header("x-request-id"),
            kept.header("etag")
        ),
        ("abc", Some("abc"), Some("\"7\""))
    );
    let made = client.get("/tagged").header("x-request-id", "a b").wait();
    assert_eq!(made.header("x-request-id"), Some(made.text()));
    assert_ne!(made.text(), "a b");
}

#[test]
fn unknown_query_parameters_are_refused_on_request() {
    let client = TestClient::new(app().additional_query(AdditionalQuery::Reject)).unwrap();
    let answer = client.get("/items?tga=1&limit=2").wait();
    assert_eq!(errors(&answer), ["query /tga additionalProperties"]);
    assert_eq!(client.get("/items?tag=1").wait().status, 200);
}

#[test]
fn trailing_slashes_as_configured() {
    let redirect = TestClient::new(app().trailing_slash(TrailingSlash::Redirect)).unwrap();
    let answer = redirect.get("/items/?tag=a").wait();
    assert_eq!(
        (answer.status, answer.header("location")),
        (308, Some("/items?tag=a"))
    );
    let ignore = TestClient::new(app().trailing_slash(TrailingSlash::Ignore)).unwrap();
    assert_eq!(ignore.get("/items/").wait().status, 200);
}

#[test]
fn health_document_and_page_go_the_same_way() {
    let client = client();
    assert_eq!(
        client.get("/health/live").wait().json::<Value>(),
        json!({"status": "ok"})
    );
    assert_eq!(client.get("/health/ready").wait().status, 200);
    assert_eq!(client.get("/openapi.json").wait().body, client.openapi());
    let page = client.get("/docs").wait();
    assert_eq!(
        page.header("content-type"),
        Some("text/html; charset=utf-8")
    );
    assert!(page.text().contains("data-document=\"/openapi.json\""));
    assert!(
        !page.text().contains("http://") && !page.text().contains("https://"),
        "no external asset"
    );
    let problem = client.post("/docs").wait();
    assert_eq!(
        (problem.status, problem.header("allow")),
        (405, Some("GET, HEAD, OPTIONS"))
    );
}

#[test]
fn an_own_route_takes_the_place_of_a_built_in_one() {
    async fn own() -> String {
        "own".to_owned()
    }
    let alone = App::new("t", "1").get("/health/live", own);
    let grouped = App::new("t", "1").group("/health", |health| health.get("/live", own));
    for app in [alone, grouped] {
        let client = TestClient::new(app).unwrap();
        assert_eq!(client.get("/health/live").wait().text(), "own");
        assert_eq!(client.get("/health/ready").wait().status, 200);
    }
}

#[test]
fn an_operation_from_data_sees_typed_values() {
    let spec = serde_json::from_value(json!({
        "method": "POST", "path": "/{id:int}", "handler": 0, "status": 202, "declared": {"name": "generic"},
        "parameters": [{"name": "q", "in": "query", "schema": {"type": "number"}}],
        "body": {"content": {"application/json": {"type": "object"}}},
    }))
    .unwrap();
    let app = App::new("t", "1").operation(spec, |request: OwnedRequest| async move {
        Ok::<_, Problem>(Json(json!([
            format!("{:?}", request.parameters),
            request.body.len()
        ])))
    });
    let answer = TestClient::new(app)
        .unwrap()
        .post("/7?q=1.5")
        .json(&json!({}))
        .wait();
    assert_eq!(answer.status, 202, "{}", answer.text());
    assert_eq!(
        answer.json::<Value>(),
        json!([
            "[(Query, \"q\", Number(1.5)), (Path, \"id\", Integer(7))]",
            2
        ])
    );
}
