//! What goes over the wire: the item, its input, a page, and the parameters.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An item in stock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[allow(
    missing_docs,
    reason = "the names say it, and field comments would become part of the contract"
)]
pub struct Item {
    pub id: i64,
    #[schemars(regex(pattern = r"^[A-Z]{3}-[0-9]{4}$"))]
    pub sku: String,
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    #[schemars(range(min = 0))]
    pub price: f64,
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub quantity: i64,
    pub tags: Vec<String>,
}

/// What a client may set of an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "as above")]
pub struct ItemInput {
    #[schemars(regex(pattern = r"^[A-Z]{3}-[0-9]{4}$"))]
    pub sku: String,
    #[schemars(length(min = 1, max = 100))]
    pub name: String,
    #[schemars(range(min = 0))]
    pub price: f64,
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub quantity: i64,
    #[serde(default)]
    pub tags: Vec<String>,
}

/// A page of items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "as above")]
pub struct Page {
    pub items: Vec<Item>,
    pub total: i64,
    pub limit: i64,
    pub offset: i64,
}

/// Query of a search.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "as above")]
pub struct Filter {
    pub tag: Option<String>,
    #[schemars(range(min = 0))]
    pub max_price: Option<f64>,
    #[schemars(range(min = 1, max = 100))]
    #[serde(default = "twenty")]
    pub limit: i64,
    #[schemars(range(min = 0, max = 1_000_000_000))]
    #[serde(default)]
    pub offset: i64,
}

fn twenty() -> i64 {
    20
}

/// The item that a path means.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "as above")]
pub struct Which {
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub id: i64,
}

/// Header fields of a change.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "as above")]
pub struct Precondition {
    pub if_match: Option<String>,
}
