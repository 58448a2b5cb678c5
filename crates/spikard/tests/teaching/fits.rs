use spikard::{App, Handler, Path, RequestId};

async fn show(Path(id): Path<u64>, _: RequestId) -> String {
    id.to_string()
}

fn add<A: 'static>(app: App, handler: impl Handler<A>) -> App {
    app.get("/b/{id}", handler)
}

fn main() {
    _ = add(App::new("Shop", "1.0.0").get("/a/{id}", show), show);
}
