# frozen_string_literal: true

# The benchmark's app on Spikard, as its users write it. Its port comes from the environment, `SPIKARD_PORT`.

require "spikard"

class Message < Spikard::Model
  field :message, String
end

class Item < Spikard::Model
  field :sku, String, pattern: /\A[A-Z]{3}-[0-9]{4}\z/
  field :name, String, length: 1..100
  field :description, String
  field :price, Float, minimum: 0
  field :quantity, Integer, in: 0..1_000_000
  field :tags, [String]
end

class Post < Spikard::Model
  field :id, Integer
  field :slug, String
  field :limit, Integer
  field :tags, [String]
end

class Done < Spikard::Model
  field :ok, :boolean
end

class Benchmark < Spikard::App
  title "Benchmark", version: "1.0.0"

  get("/json", response: Message) { { message: "Hello, World!" } }

  get("/json-async", response: Message) { { message: "Hello, World!" } }

  get "/users/{id}/posts/{slug}", params: { id: Integer },
                                  query: { limit: { type: Integer, in: 1..100, default: 20 }, tag: [String] },
                                  response: Post do |id:, slug:, limit:, tag: []|
    { id: id, slug: slug, limit: limit, tags: tag }
  end

  post("/items", body: Item, response: { 201 => Item }) { |body:| body }

  get "/wait", response: Done do
    sleep 0.001
    { ok: true }
  end
end

Benchmark.run
