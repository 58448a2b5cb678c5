//! An inventory: what a user of Spikard writes. Items with paging, validation, optimistic concurrency and SQLite.

pub mod item;
pub mod store;

use item::{Filter, Item, ItemInput, Page, Precondition, Which};
use spikard::{App, Created, ETag, Json, Path, Problem, Query, State};
use store::{Store, Stored};

/// The app over a store.
pub fn app(store: Store) -> App {
    App::new("Inventory", "1.0.0")
        .state(store)
        .group("/items", |items| {
            items
                .tag("items")
                .get("/", search)
                .summary("Items, in order of their id.")
                .post("/", create)
                .summary("Add an item.")
                .get("/{id}", show)
                .summary("One item.")
                .put("/{id}", replace)
                .summary("Replace an item that nobody changed meanwhile.")
                .delete("/{id}", remove)
                .summary("Remove an item that nobody changed meanwhile.")
        })
}

async fn search(
    State(store): State<Store>,
    Query(filter): Query<Filter>,
) -> Result<Json<Page>, Problem> {
    Ok(Json(store.search(&filter)?))
}

async fn create(
    State(store): State<Store>,
    Json(input): Json<ItemInput>,
) -> Result<(ETag, Created<Item>), Problem> {
    let Stored { item, version } = store.add(input)?;
    Ok((
        ETag::strong(version),
        Created::at(format!("/items/{}", item.id), item),
    ))
}

async fn show(
    State(store): State<Store>,
    Path(Which { id }): Path<Which>,
) -> Result<(ETag, Json<Item>), Problem> {
    let Stored { item, version } = store.find(id)?;
    Ok((ETag::strong(version), Json(item)))
}

async fn replace(
    State(store): State<Store>,
    Path(Which { id }): Path<Which>,
    precondition: spikard::HeaderParams<Precondition>,
    Json(input): Json<ItemInput>,
) -> Result<(ETag, Json<Item>), Problem> {
    let Stored { item, version } = store.transaction(|| {
        unchanged(&store, id, &precondition)?;
        store.replace(id, input)
    })?;
    Ok((ETag::strong(version), Json(item)))
}

async fn remove(
    State(store): State<Store>,
    Path(Which { id }): Path<Which>,
    precondition: spikard::HeaderParams<Precondition>,
) -> Result<(), Problem> {
    store.transaction(|| {
        unchanged(&store, id, &precondition)?;
        store.remove(id)
    })
}

/// The client must have seen the item as it is now (RFC 9110 section 13.1.1).
fn unchanged(store: &Store, id: i64, precondition: &Precondition) -> Result<(), Problem> {
    let ETag(current) = ETag::strong(store.find(id)?.version);
    match &precondition.if_match {
        None => Err(Problem::precondition_failed(
            "send if-match with the etag of the item",
        )),
        Some(tag) if *tag == current || tag == "*" => Ok(()),
        Some(_) => Err(Problem::precondition_failed(format!(
            "the item has changed: its etag is {current}"
        ))),
    }
}
