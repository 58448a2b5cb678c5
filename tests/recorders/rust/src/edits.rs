//! What a case wants of a hook, done to a passage. Also part of the bridge's recording app.

use serde_json::Value;
use spikard::{Body, Passage};

/// What a hook leaves for the handler.
pub(crate) struct Kept(pub(crate) String);

/// The edits that are wanted, in their order.
pub(crate) fn edit(passage: &Passage, wanted: &Value) {
    let pair = |name: &str| Some((wanted[name][0].as_str()?, wanted[name][1].as_str()?));
    if let Some(text) = wanted["keep"].as_str() {
        passage.keep(Kept(text.to_owned()));
    }
    if let Some(name) = wanted["remove_header"].as_str() {
        passage.remove_header(name).expect("a hook runs");
    }
    if let Some((name, value)) = pair("set_header") {
        let set = passage.set_header(name, value.as_bytes());
        set.expect("the case gives a field");
    }
    if let Some((name, value)) = pair("add_header") {
        let added = passage.add_header(name, value.as_bytes());
        added.expect("the case gives a field");
    }
    if let Some(query) = wanted["set_query"].as_str() {
        passage.set_query(query).expect("the case gives a query");
    }
    if let Some(text) = wanted["set_body"].as_str() {
        let set = passage.set_body(text.as_bytes().to_vec());
        set.expect("a hook runs");
    }
    edit_response(passage, &wanted["response"]);
}

fn edit_response(passage: &Passage, wanted: &Value) {
    passage.response(|response| {
        if let Some(status) = wanted["status"].as_u64() {
            response.status = status.try_into().unwrap_or(0);
        }
        let (name, value) = (wanted["header"][0].as_str(), wanted["header"][1].as_str());
        if let (Some(name), Some(value)) = (name, value) {
            let (name, value) = (name.to_owned().into(), value.to_owned().into());
            response.headers.push((name, value));
        }
        if let Some(text) = wanted["text"].as_str() {
            response.body = Body::Full(text.as_bytes().to_vec());
            response.content_type = Some("text/plain; charset=utf-8".into());
        }
    });
}
