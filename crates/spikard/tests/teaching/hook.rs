//~ error[E0277]: `{integer}` is no result of a hook
//~ a hook returns `()`, `Option<Response>`
fn main() {
    _ = spikard::App::new("Shop", "1.0.0").hook(spikard::Moment::OnRequest, |_| async { 7 });
}
