//! The files of a folder on Spikard's native API: `files FOLDER`; its port comes from the environment, `SPIKARD_PORT`.

use spikard::{App, Response, RunError};

async fn hello() -> Response {
    Response::json(200, br#"{"message":"Hello, World!"}"#.to_vec())
}

fn main() -> Result<(), RunError> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    App::new("Files", "1.0.0")
        .get("/json", hello)
        .files("/files", folder)
        .run()
}
