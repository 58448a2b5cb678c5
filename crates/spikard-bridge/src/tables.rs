//! The facts that languages generate their classes from: the error table and the options of an app. Generates nothing.

use serde_json::{Value, json};
use spikard::{Config, problem};

/// `{"version", "problems": [{"code", "status", "title"}], "config": <JSON Schema>, "appspec": <JSON Schema>}` as JSON
/// text.
pub fn tables() -> String {
    let row =
        |row: &problem::Row| json!({"code": row.code, "status": row.status, "title": row.title});
    let problems: Vec<Value> = problem::TABLE.iter().map(row).collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "problems": problems,
        "config": schemars::schema_for!(Config),
        "appspec": crate::schema(),
    })
    .to_string()
}
