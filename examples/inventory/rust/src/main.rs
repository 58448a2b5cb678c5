//! `cargo run`, or `spikard run` in this folder.

use inventory::store::Store;
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::var("INVENTORY_DB").unwrap_or_else(|_| "inventory.sqlite".to_owned());
    inventory::app(Store::open(&path)?).run()?;
    Ok(())
}
