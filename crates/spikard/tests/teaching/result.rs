//~ error[E0277]: `u64` is no result of a handler
//~ a handler returns `Json<T>`, text, bytes
async fn count(_: spikard::RequestId) -> u64 {
    7
}

fn main() {
    _ = spikard::App::new("Shop", "1.0.0").group("/items", |items| items.get("/", count));
}
