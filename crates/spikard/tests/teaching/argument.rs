//~ error[E0277]: `u64` is no argument of a handler
//~ a handler takes `Path<T>`, `Query<T>`
async fn show(_: spikard::RequestId, id: u64) -> String {
    id.to_string()
}

fn main() {
    _ = spikard::App::new("Shop", "1.0.0").get("/items/{id}", show);
}
