//! The app that the supervisor's tests serve: its process id, and answers that are held back until a file appears. No
//! example of a good app.

use spikard::App;
use std::path::Path;
use std::time::Duration;

async fn pid() -> String {
    std::process::id().to_string()
}

async fn held() -> String {
    let gate = std::env::var("GATE").unwrap_or_default();
    while !Path::new(&gate).exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    pid().await
}

/// Keeps the loop from turning.
async fn blocked() -> String {
    let gate = std::env::var("GATE").unwrap_or_default();
    while !Path::new(&gate).exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    pid().await
}

fn main() -> Result<(), spikard::RunError> {
    let app = App::new("Worker", "1.0.0")
        .get("/pid", pid)
        .get("/held", held)
        .get("/blocked", blocked);
    let app = match std::env::var("WORKERS_IN_CODE") {
        Ok(count) => app.workers(count.parse().unwrap_or(0)),
        Err(_) => app,
    };
    eprintln!("process {}", std::process::id());
    app.run()
}
