//! The benchmark's app on `axum::serve`, one thread; usage: `axum PORT`.

use axum::extract::{FromRequestParts, Path};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::routing::{get, post};
use axum::{Json, Router};
use axum_extra::extract::Query;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tower_http::compression::CompressionLayer;
use tower_http::cors::CorsLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};

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

/// What Spikard's settings of the guarded server say, by the layers of tower-http.
fn layered(app: Router<Keys>) -> Router<Keys> {
    let origin = HeaderValue::from_static("https://app.example.com");
    let cors = CorsLayer::new().allow_origin(origin).allow_headers([AUTHORIZATION, CONTENT_TYPE]);
    app.layer(CompressionLayer::new())
        .layer(cors)
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
}

async fn wait() -> Json<serde_json::Value> {
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    Json(serde_json::json!({"ok": true}))
}

/// What a token says.
#[derive(Deserialize)]
struct Claims {
    #[allow(dead_code)]
    sub: String,
}

/// The caller, by a token in `Authorization`.
struct Caller(#[allow(dead_code)] Claims);

impl FromRequestParts<Keys> for Caller {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, keys: &Keys) -> Result<Self, StatusCode> {
        let field = parts.headers.get("authorization").and_then(|field| field.to_str().ok());
        let token = field.and_then(|field| field.strip_prefix("Bearer ")).ok_or(StatusCode::UNAUTHORIZED)?;
        let claims = jsonwebtoken::decode(token, &keys.0, &keys.1);
        claims.map(|token| Self(token.claims)).map_err(|_| StatusCode::UNAUTHORIZED)
    }
}

type Keys = Arc<(DecodingKey, Validation)>;

async fn list(_: Caller) -> Json<Vec<Post>> {
    let post = |id| Post { id, slug: "oak-table".to_owned(), limit: 5, tags: vec!["a".to_owned(), "b".to_owned()] };
    Json((0..32).map(post).collect())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(8000u16);
    let app = Router::new()
        .route("/json", get(json))
        .route("/json-async", get(json))
        .route("/users/{id}/posts/{slug}", get(params))
        .route("/items", post(create))
        .route("/wait", get(wait))
        .route("/list", get(list));
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_audience(&["benchmark"]);
    let keys = Arc::new((DecodingKey::from_secret(b"only for the benchmark: 32 bytes or more"), validation));
    let guarded = std::env::args().nth(2).is_some_and(|word| word == "guarded");
    let app = if guarded { layered(app) } else { app }.with_state(keys);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    axum::serve(listener, app).await
}
