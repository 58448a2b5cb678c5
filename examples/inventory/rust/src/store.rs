//! Items in SQLite. A call blocks for microseconds; SQLite in one process is quicker than a hop to another thread.

use crate::item::{Filter, Item, ItemInput, Page};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Transaction, TransactionBehavior};
use rusqlite::{named_params, params};
use spikard::Problem;
use std::rc::Rc;

/// The items; clones share one connection.
#[derive(Debug, Clone)]
pub struct Store(Rc<Connection>);

/// An item and how often it was written.
#[derive(Debug, Clone)]
pub struct Stored {
    /// As the client sees it.
    pub item: Item,
    /// 1 when it is new; the source of its etag.
    pub version: i64,
}

const TABLE: &str = "create table if not exists items (
    id integer primary key autoincrement,
    version integer not null default 1,
    sku text not null unique,
    name text not null,
    price real not null,
    quantity integer not null,
    tags text not null
)";

const FILTER: &str = "from items
    where (:tag is null or exists (select 1 from json_each(items.tags) where json_each.value = :tag))
    and (:max_price is null or price <= :max_price)";

impl Store {
    /// Opens the file at `path`; `:memory:` keeps nothing.
    pub fn open(path: &str) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute(TABLE, ())?;
        Ok(Self(Rc::new(connection)))
    }

    /// What is done within is done at once, whichever worker writes too; nothing of it, when it fails.
    pub fn transaction<T>(
        &self,
        within: impl FnOnce() -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        let transaction =
            Transaction::new_unchecked(&self.0, TransactionBehavior::Immediate).map_err(broken)?;
        let result = within()?;
        transaction.commit().map_err(broken)?;
        Ok(result)
    }

    /// Items that pass the filter, in order of their id.
    pub fn search(&self, filter: &Filter) -> Result<Page, Problem> {
        let total = self
            .0
            .prepare_cached(&format!("select count(*) {FILTER}"))
            .and_then(|mut count| {
                count.query_row(
                    named_params! {":tag": filter.tag, ":max_price": filter.max_price},
                    |row| row.get(0),
                )
            })
            .map_err(broken)?;
        let items = self.page(filter).map_err(broken)?;
        Ok(Page {
            items,
            total,
            limit: filter.limit,
            offset: filter.offset,
        })
    }

    fn page(&self, filter: &Filter) -> rusqlite::Result<Vec<Item>> {
        let mut select = self.0.prepare_cached(&format!(
            "select * {FILTER} order by id limit :limit offset :offset"
        ))?;
        let values = named_params! {
            ":tag": filter.tag, ":max_price": filter.max_price, ":limit": filter.limit, ":offset": filter.offset,
        };
        select
            .query_map(values, read)?
            .map(|stored| stored.map(|stored| stored.item))
            .collect()
    }

    /// The item of this id, or a problem (404).
    pub fn find(&self, id: i64) -> Result<Stored, Problem> {
        let found = self
            .0
            .prepare_cached("select * from items where id = ?")
            .and_then(|mut select| select.query_row([id], read).optional())
            .map_err(broken)?;
        found.ok_or_else(|| Problem::not_found(format!("no item {id}")))
    }

    /// Adds an item, or a problem (409) when its sku is taken.
    pub fn add(&self, input: ItemInput) -> Result<Stored, Problem> {
        let values = params![
            input.sku,
            input.name,
            input.price,
            input.quantity,
            tags(&input)
        ];
        self.0
            .prepare_cached(
                "insert into items (sku, name, price, quantity, tags) values (?, ?, ?, ?, ?)",
            )
            .and_then(|mut insert| insert.execute(values))
            .map_err(|error| taken(error, &input))?;
        self.find(self.0.last_insert_rowid())
    }

    /// Replaces an item, or a problem (409) when another has its sku.
    pub fn replace(&self, id: i64, input: ItemInput) -> Result<Stored, Problem> {
        let values = params![
            input.sku,
            input.name,
            input.price,
            input.quantity,
            tags(&input),
            id
        ];
        self.0
            .prepare_cached(
                "update items set sku = ?, name = ?, price = ?, quantity = ?, tags = ?, version = version + 1 where id = ?",
            )
            .and_then(|mut update| update.execute(values))
            .map_err(|error| taken(error, &input))?;
        self.find(id)
    }

    /// Removes an item.
    pub fn remove(&self, id: i64) -> Result<(), Problem> {
        self.0
            .execute("delete from items where id = ?", [id])
            .map(drop)
            .map_err(broken)
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Stored> {
    let tags: String = row.get("tags")?;
    let item = Item {
        id: row.get("id")?,
        sku: row.get("sku")?,
        name: row.get("name")?,
        price: row.get("price")?,
        quantity: row.get("quantity")?,
        tags: serde_json::from_str(&tags).unwrap_or_default(),
    };
    Ok(Stored {
        item,
        version: row.get("version")?,
    })
}

fn tags(input: &ItemInput) -> String {
    serde_json::Value::from(input.tags.as_slice()).to_string()
}

fn taken(error: rusqlite::Error, input: &ItemInput) -> Problem {
    match error.sqlite_error_code() {
        Some(ErrorCode::ConstraintViolation) => {
            Problem::conflict(format!("another item has the sku {}", input.sku))
        }
        _ => broken(error),
    }
}

/// The client learns nothing of a broken database; the log does.
fn broken(error: rusqlite::Error) -> Problem {
    Problem::internal("").because(error.to_string())
}
