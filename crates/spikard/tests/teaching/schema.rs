//~ error[E0277]: the trait bound `Item: schemars::JsonSchema` is not satisfied
//~ consider adding `#[derive(serde::Deserialize)]` to your `Item` type
//~ Json<Item>` to implement `Extract`
struct Item;

async fn add(_: spikard::Json<Item>) {}

fn main() {
    _ = spikard::App::new("Shop", "1.0.0").post("/items", add);
}
