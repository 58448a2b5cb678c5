//~ error[E0277]: this is no handler
//~ not an async function of up to eight extractors
//~ write `async fn show(Path(id): Path<u64>) -> Result<Json<Item>, Problem>`
fn show() -> String {
    String::new()
}

fn main() {
    _ = spikard::App::new("Shop", "1.0.0").route("GET", "/", show);
}
