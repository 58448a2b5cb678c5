//! The benchmark's app on `axum::serve`, one thread; usage: `axum PORT`.

use axum::extract::Path;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use axum_extra::extract::Query;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Item {
    sku: String,
    name: String,
    description: String,
    price: f64,
    quantity: i64,
    tags: Vec<String>,
}

#[derive(Serialize)]
struct Message {
    message: &'static str,
}

#[derive(Serialize)]
struct Post {
    id: u64,
    slug: String,
    limit: u32,
    tags: Vec<String>,
}

async fn json() -> Json<Message> {
    Json(Message { message: "Hello, World!" })
}

#[derive(Deserialize)]
struct Filter {
    #[serde(default = "twenty")]
    limit: u32,
    #[serde(default)]
    tag: Vec<String>,
}

fn twenty() -> u32 {
    20
}

async fn params(Path((id, slug)): Path<(u64, String)>, Query(filter): Query<Filter>) -> Json<Post> {
    Json(Post { id, slug, limit: filter.limit, tags: filter.tag })
}

async fn create(Json(item): Json<Item>) -> (StatusCode, Json<Item>) {
    (StatusCode::CREATED, Json(item))
}

async fn wait() -> Json<serde_json::Value> {
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    Json(serde_json::json!({"ok": true}))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8000u16);
    let app = Router::new()
        .route("/json", get(json))
        .route("/json-async", get(json))
        .route("/users/{id}/posts/{slug}", get(params))
        .route("/items", post(create))
        .route("/wait", get(wait));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await
}
