# frozen_string_literal: true

# Items in SQLite: finds, adds, changes. Knows nothing of HTTP.

require "json"
require "spikard"
require "sqlite3"

# What every kind of item has.
class Stock < Spikard::Model
  field :sku, String, pattern: /\A[A-Z]{3}-[0-9]{4}\z/
  field :name, String, length: 1..100
  field :price, Float, minimum: 0
  field :quantity, Integer, in: 0..1_000_000_000
end

class Item < Spikard::Model
  description "An item in stock."
  field :id, Integer
  Stock.fields.each { |name, options| field name, **options }
  field :tags, [String]
end

class ItemInput < Stock
  description "What a client may set of an item."
  field :tags, [String], default: []
end

class Page < Spikard::Model
  description "A page of items."
  field :items, [Item]
  field :total, Integer
  field :limit, Integer
  field :offset, Integer
end

# The items of one database file; `:memory:` for one that is gone when closed.
class Store
  # Another item has this sku.
  class SkuTaken < StandardError; end

  SCHEMA = <<~SQL
    CREATE TABLE IF NOT EXISTS items (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        version INTEGER NOT NULL DEFAULT 1,
        sku TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        price REAL NOT NULL,
        quantity INTEGER NOT NULL,
        tags TEXT NOT NULL
    )
  SQL
  COLUMNS = "id, version, sku, name, price, quantity, tags"
  WHERE = <<~SQL
    WHERE (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(items.tags) WHERE value = :tag))
      AND (:max_price IS NULL OR price <= :max_price)
  SQL

  def initialize(path)
    @database = SQLite3::Database.new(path)
    @database.busy_timeout = 5000 # ms that it waits for another worker's write
    @database.execute(SCHEMA)
  end

  def close
    @database.close
  end

  # What is done within is done at once, whichever worker writes too; nothing of it, when it raises.
  def transaction
    result = nil
    @database.transaction(:immediate) { result = yield }
    result
  end

  # Items with a tag and up to a price, in order of their id.
  def search(tag:, max_price:, limit:, offset:)
    filter = { tag: tag, max_price: max_price }
    total = @database.get_first_value("SELECT count(*) FROM items #{WHERE}", filter)
    rows = @database.execute(
      "SELECT #{COLUMNS} FROM items #{WHERE} ORDER BY id LIMIT :limit OFFSET :offset",
      { **filter, limit: limit, offset: offset }
    )
    Page.new(items: rows.map { |row| item(row) }, total: total, limit: limit, offset: offset)
  end

  # An item and its version, or nil.
  def find(id)
    row = @database.get_first_row("SELECT #{COLUMNS} FROM items WHERE id = ?", [id])
    row && [item(row), row[1]]
  end

  # A new item, version 1. Raises SkuTaken.
  def add(given)
    item(write("INSERT INTO items (sku, name, price, quantity, tags) VALUES (?, ?, ?, ?, ?) RETURNING #{COLUMNS}", columns(given)))
  end

  # The item as it is now, with its new version. Raises SkuTaken.
  def replace(id, given)
    row = write(<<~SQL, [*columns(given), id])
      UPDATE items SET version = version + 1, sku = ?, name = ?, price = ?, quantity = ?, tags = ?
      WHERE id = ? RETURNING #{COLUMNS}
    SQL
    [item(row), row[1]]
  end

  # Forgets an item.
  def remove(id)
    @database.execute("DELETE FROM items WHERE id = ?", [id])
  end

  private

  def write(statement, values)
    @database.execute(statement, values).first
  rescue SQLite3::ConstraintException
    raise SkuTaken
  end

  # A row as the API shows it.
  def item(row)
    id, _, sku, name, price, quantity, tags = row
    Item.new(id: id, sku: sku, name: name, price: price, quantity: quantity, tags: JSON.parse(tags))
  end

  # What a client sets, as columns.
  def columns(given)
    [given.sku, given.name, given.price, given.quantity, JSON.generate(given.tags)]
  end
end
