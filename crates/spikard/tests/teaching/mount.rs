//~ error[E0277]: `&str` cannot be mounted
//~ an axum `Router` can, once its state was given: `router.with_state(state)`
fn main() {
    _ = spikard::App::new("Shop", "1.0.0").mount("/old", "http://127.0.0.1");
}
