//! The whole app through the test client: no socket, a database in memory.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    reason = "tests, and what they call"
)]

use inventory::store::Store;
use serde_json::{Value, json};
use spikard::TestClient;

fn client() -> TestClient {
    TestClient::new(inventory::app(Store::open(":memory:").unwrap())).unwrap()
}

fn bolt(number: u32) -> Value {
    json!({"sku": format!("ABC-{number:04}"), "name": "Bolt", "price": 0.25, "quantity": 40, "tags": ["steel"]})
}

#[test]
fn an_item_is_added_and_found() {
    let client = client();
    let added = client.post("/items").json(&bolt(1)).wait();
    assert_eq!(added.status, 201, "{}", added.text());
    assert_eq!(added.header("location"), Some("/items/1"));
    assert_eq!(added.header("etag"), Some("\"1\""));
    let found = client.get("/items/1").wait();
    assert_eq!(found.status, 200);
    assert_eq!(found.body, added.body);
    assert_eq!(found.json::<Value>()["sku"], "ABC-0001");
}

#[test]
fn what_breaks_a_rule_is_refused_with_every_reason() {
    let refused = client()
        .post("/items")
        .json(&json!({"sku": "abc", "name": "", "price": -1, "quantity": 1.5}))
        .wait();
    assert_eq!(refused.status, 422);
    assert_eq!(
        refused.header("content-type"),
        Some("application/problem+json")
    );
    let problem: Value = refused.json();
    let errors = problem["errors"].as_array().unwrap();
    let mut broken: Vec<_> = errors
        .iter()
        .map(|error| {
            (
                error["pointer"].as_str().unwrap(),
                error["keyword"].as_str().unwrap(),
            )
        })
        .collect();
    broken.sort_unstable();
    assert_eq!(
        broken,
        [
            ("/name", "minLength"),
            ("/price", "minimum"),
            ("/quantity", "type"),
            ("/sku", "pattern")
        ]
    );
}

#[test]
fn a_sku_is_taken_once() {
    let client = client();
    client.post("/items").json(&bolt(1)).wait();
    let again = client.post("/items").json(&bolt(1)).wait();
    assert_eq!(again.status, 409);
    assert_eq!(again.json::<Value>()["code"], "conflict");
}

#[test]
fn a_search_filters_and_pages() {
    let client = client();
    for number in 1..=5 {
        let mut item = bolt(number);
        item["price"] = json!(number);
        item["tags"] = if number % 2 == 0 {
            json!(["even"])
        } else {
            json!([])
        };
        assert_eq!(client.post("/items").json(&item).wait().status, 201);
    }
    for (query, ids, total) in [
        ("", vec![1, 2, 3, 4, 5], 5),
        ("?limit=2", vec![1, 2], 5),
        ("?limit=2&offset=4", vec![5], 5),
        ("?tag=even", vec![2, 4], 2),
        ("?tag=even&max_price=2.5", vec![2], 1),
    ] {
        let page: Value = client.get(&format!("/items{query}")).wait().json();
        let found: Vec<_> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_i64().unwrap())
            .collect();
        assert_eq!(
            (found, page["total"].as_i64()),
            (ids, Some(total)),
            "{query}"
        );
    }
    assert_eq!(client.get("/items?limit=0").wait().status, 422);
}

#[test]
fn a_change_needs_the_etag_of_what_was_seen() {
    let client = client();
    client.post("/items").json(&bolt(1)).wait();
    let replace = || client.put("/items/1").json(&bolt(2));
    assert_eq!(replace().wait().status, 412);
    let replaced = replace().header("if-match", "\"1\"").wait();
    assert_eq!(
        (replaced.status, replaced.header("etag")),
        (200, Some("\"2\""))
    );
    let late = replace().header("if-match", "\"1\"").wait();
    assert_eq!(late.status, 412);
    assert_eq!(
        late.json::<Value>()["detail"],
        "the item has changed: its etag is \"2\""
    );
    assert_eq!(
        client
            .delete("/items/1")
            .header("if-match", "\"2\"")
            .wait()
            .status,
        204
    );
    assert_eq!(
        client.get("/items/1").wait().json::<Value>()["detail"],
        "no item 1"
    );
}

/// One contract in every language: each example's tests compare their document with this file.
#[test]
fn the_document_is_the_contract_to_the_byte() {
    let contract = include_str!("../../contract.openapi.json");
    let document = client().get("/openapi.json").wait();
    assert_eq!(document.text(), contract.trim_end());
}
