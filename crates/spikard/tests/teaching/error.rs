//~ error[E0277]: the trait bound `Problem: From<Missing>` is not satisfied
struct Missing;

async fn show() -> Result<String, Missing> {
    Err(Missing)
}

fn main() {
    _ = spikard::App::new("Shop", "1.0.0").get("/", show);
}
