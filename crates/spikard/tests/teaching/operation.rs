//~ error[E0277]: `u64` is no result of a handler
fn main() {
    let spec = spikard::spec::RouteSpec::default();
    _ = spikard::App::new("Shop", "1.0.0").operation(spec, |_| async { 7_u64 });
}
