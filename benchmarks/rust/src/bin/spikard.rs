//! The benchmark's app on Spikard's native API; its port comes from the environment, `SPIKARD_PORT`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use spikard::auth::{AuthSpec, BearerSpec};
use spikard::{App, Json, Path, Query};

#[derive(Serialize, Deserialize, JsonSchema)]
struct Item {
    #[schemars(regex(pattern = r"^[A-Z]{3}-[0-9]{4}$"))]
    sku: String,
    #[schemars(length(min = 1, max = 100))]
    name: String,
    description: String,
    #[schemars(range(min = 0.0))]
    price: f64,
    #[schemars(range(min = 0, max = 1_000_000))]
    quantity: i64,
    tags: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct Message {
    message: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct Post {
    id: u64,
    slug: String,
    limit: u32,
    tags: Vec<String>,
}

#[derive(Deserialize, JsonSchema)]
struct Filter {
    #[serde(default = "twenty")]
    #[schemars(range(min = 1, max = 100))]
    limit: u32,
    #[serde(default)]
    tag: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
struct Ok {
    ok: bool,
}

fn twenty() -> u32 {
    20
}

async fn json() -> Json<Message> {
    Json(Message {
        message: "Hello, World!",
    })
}

async fn params(Path((id, slug)): Path<(u64, String)>, Query(filter): Query<Filter>) -> Json<Post> {
    Json(Post {
        id,
        slug,
        limit: filter.limit,
        tags: filter.tag,
    })
}

async fn create(Json(item): Json<Item>) -> Json<Item> {
    Json(item)
}

async fn wait() -> Json<Ok> {
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    Json(Ok { ok: true })
}

fn list() -> Vec<Post> {
    let post = |id| Post { id, slug: "oak-table".to_owned(), limit: 5, tags: vec!["a".to_owned(), "b".to_owned()] };
    (0..32).map(post).collect()
}

fn main() -> Result<(), spikard::RunError> {
    App::new("Benchmark", "1.0.0")
        .get("/json", json)
        .get("/json-async", json)
        .operation_id("json_async")
        .get("/users/{id}/posts/{slug}", params)
        .post("/items", create)
        .status(201)
        .get("/wait", wait)
        .get("/list", || async { Json(list()) })
        .route_auth([AuthSpec::bearer(BearerSpec {
            secret: Some("only for the benchmark: 32 bytes or more".into()),
            audiences: vec!["benchmark".to_owned()],
            ..BearerSpec::default()
        })])
        .run()
}
