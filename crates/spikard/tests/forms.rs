//! Forms, by the test client.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "tests, and what they call"
)]

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spikard::{App, Form, Json, TestClient};

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Colour {
    Red,
    Blue,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Order {
    #[schemars(length(min = 2))]
    sku: String,
    count: i64,
    gift: Option<bool>,
    colour: Option<Colour>,
    #[serde(default)]
    notes: Vec<String>,
}

async fn order(Form(order): Form<Order>) -> Json<Order> {
    Json(order)
}

fn client() -> TestClient {
    TestClient::new(App::new("Test", "1").post("/", order)).unwrap()
}

const FORM: &str = "application/x-www-form-urlencoded";

#[test]
fn fields_are_read_by_their_schema() {
    let client = client();
    for (form, expected) in [
        (
            "sku=01234&count=7",
            json!({"sku": "01234", "count": 7, "gift": null, "colour": null, "notes": []}),
        ),
        (
            "count=-1&sku=%C3%A9+%2B&gift=true&colour=blue&notes=a&notes=&other=1",
            json!({"sku": "\u{e9} +", "count": -1, "gift": true, "colour": "blue", "notes": ["a", ""]}),
        ),
    ] {
        let answer = client.post("/").body(FORM, form).wait();
        assert_eq!(answer.json::<Value>(), expected, "{form}");
    }
}

#[test]
fn all_that_is_wrong_is_told() {
    let client = client();
    for (form, wrong) in [
        ("", vec![""]),
        (
            "sku=a&count=x&colour=green&gift=yes",
            vec!["/sku", "/count", "/gift", "/colour"],
        ),
        ("sku=ab&count=1&count=2", vec!["/count"]),
        ("count=1.5", vec!["/sku", "/count"]),
        ("sku=ab&count=99999999999999999999", vec!["/count"]),
    ] {
        let answer = client.post("/").body(FORM, form).wait();
        let problem: Value = answer.json();
        assert_eq!(
            (answer.status, &problem["code"]),
            (422, &json!("invalid-request")),
            "{form}"
        );
        let errors = problem["errors"].as_array().unwrap().iter();
        let (mut pointers, mut wrong) = (Vec::new(), wrong);
        for error in errors {
            assert_eq!(error["in"], "body", "{form}");
            pointers.push(error["pointer"].as_str().unwrap());
        }
        pointers.sort_unstable();
        wrong.sort_unstable();
        assert_eq!(pointers, wrong, "{form}");
    }
    for form in [&b"sku=\xff"[..], b"sku=%FF"] {
        let answer = client.post("/").body(FORM, form).wait();
        assert_eq!(answer.json::<Value>()["code"], "malformed-request");
    }
    assert_eq!(client.post("/").json(&json!({})).wait().status, 415);
}

#[test]
fn the_document_has_the_form() {
    let document: Value = serde_json::from_slice(client().openapi()).unwrap();
    let content = &document["paths"]["/"]["post"]["requestBody"]["content"][FORM];
    assert_eq!(content["schema"]["$ref"], "#/components/schemas/Order");
}
