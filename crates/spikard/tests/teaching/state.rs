//~ error[E0277]: the trait bound `Counter: Clone` is not satisfied
//~ required for `State<Counter>` to implement `Extract`
//~ consider annotating `Counter` with `#[derive(Clone)]`
struct Counter;

async fn count(_: spikard::State<Counter>) {}

fn main() {
    _ = spikard::App::new("Shop", "1.0.0").get("/", count);
}
