//! Edits of a request by the names that languages give over. Checks nothing: the passage does.

use spikard::{ONLY_HOOKS, Passage};

/// An edit of a request by a hook: `set_header`, `add_header` and `remove_header` of a `name`; `set_query` and `set_body` to a
/// value. `passage` is that of the call, where hooks look at its request.
///
/// ```
/// assert_eq!(spikard_bridge::edit(None, "set_query", "", b"a=1"), Err("only hooks edit a request".to_owned()));
/// ```
///
/// # Errors
/// What is wrong with it.
pub fn edit(passage: Option<&Passage>, what: &str, name: &str, value: &[u8]) -> Result<(), String> {
    let passage = passage.ok_or(ONLY_HOOKS)?;
    match what {
        "set_header" => passage.set_header(name, value),
        "add_header" => passage.add_header(name, value),
        "remove_header" => passage.remove_header(name),
        "set_query" => {
            let query = std::str::from_utf8(value).map_err(|_| "the query string is no UTF-8")?;
            passage.set_query(query)
        }
        "set_body" => passage.set_body(value.to_vec()),
        other => Err(format!("{other:?} is no edit of a request")),
    }
}
