//! Two routes, one of them with a validated body.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spikard::{App, Created, Json, Path};

/// The app; `main` serves it, the tests call it.
pub fn app() -> App {
    App::new("{{name}}", "0.1.0")
        .get("/hello/{name}", hello)
        .summary("Greet someone.")
        .post("/orders", order)
        .summary("Order something; a body that breaks a rule never gets here.")
}

/// A greeting.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Greeting {
    message: String,
}

/// What a client may order.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct OrderInput {
    #[schemars(regex(pattern = r"^[A-Z]{3}-[0-9]{4}$"))]
    sku: String,
    #[schemars(range(min = 1, max = 100))]
    #[serde(default = "one")]
    quantity: u32,
}

/// An order that was taken.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Order {
    sku: String,
    quantity: u32,
    total_cents: u32,
}

fn one() -> u32 {
    1
}

async fn hello(Path(name): Path<String>) -> Json<Greeting> {
    Json(Greeting {
        message: format!("hello {name}"),
    })
}

async fn order(Json(wanted): Json<OrderInput>) -> Created<Order> {
    let OrderInput { sku, quantity } = wanted;
    Created {
        value: Order {
            sku,
            quantity,
            total_cents: 250 * quantity,
        },
        location: None,
    }
}
