# frozen_string_literal: true

# Inventory: items with filters, paging, validation and optimistic concurrency by ETag. `spikard run app.rb`

require "spikard"
require_relative "store"

class Inventory < Spikard::App
  title "Inventory", version: "1.0.0"

  lifespan do
    @store = Store.new(ENV.fetch("INVENTORY_DB", "inventory.sqlite"))
    -> { @store.close }
  end

  ID = { type: Integer, in: 1..1_000_000_000 }.freeze
  FILTER = {
    tag: String, max_price: { type: Float, minimum: 0 }, limit: { type: Integer, in: 1..100, default: 20 },
    offset: { type: Integer, in: 0..1_000_000_000, default: 0 }
  }.freeze
  IF_MATCH = { "if-match": String }.freeze

  group "/items", tags: %w[items] do
    get "/", query: FILTER, response: Page, operation_id: "search", summary: "Items, in order of their id." do |**filter|
      @store.search(tag: nil, max_price: nil, **filter)
    end

    post "/", body: ItemInput, response: { 201 => Item }, operation_id: "create", summary: "Add an item." do |body:|
      added = unless_taken(body) { @store.add(body) }
      reply added, status: 201, headers: { etag: etag(1), location: "/items/#{added.id}" }
    end

    get "/{id}", params: { id: ID }, response: Item, operation_id: "show", summary: "One item." do |id:|
      found, version = known(id)
      reply found, headers: { etag: etag(version) }
    end

    put "/{id}", params: { id: ID }, headers: IF_MATCH, body: ItemInput, response: Item, operation_id: "replace",
                 summary: "Replace an item that nobody changed meanwhile." do |id:, if_match:, body:|
      replaced, version = unless_taken(body) do
        @store.transaction do
          must_be_unchanged(id, if_match)
          @store.replace(id, body)
        end
      end
      reply replaced, headers: { etag: etag(version) }
    end

    delete "/{id}", params: { id: ID }, headers: IF_MATCH, response: { 204 => nil }, operation_id: "remove",
                    summary: "Remove an item that nobody changed meanwhile." do |id:, if_match:|
      @store.transaction do
        must_be_unchanged(id, if_match)
        @store.remove(id)
      end
      nil
    end
  end

  class << self
    private

    # An item and its version, or the answer 404.
    def known(id)
      @store.find(id) or raise Spikard::NotFound, "no item #{id}"
    end

    # Answers 412 unless the client has seen the item as it is now.
    def must_be_unchanged(id, if_match)
      _, version = known(id)
      raise Spikard::PreconditionFailed, "send if-match with the etag of the item" if if_match.nil?
      return if ["*", etag(version)].include?(if_match)

      raise Spikard::PreconditionFailed, "the item has changed: its etag is #{etag(version)}"
    end

    # What the block gives, or the answer 409.
    def unless_taken(item)
      yield
    rescue Store::SkuTaken
      raise Spikard::Conflict, "another item has the sku #{item.sku}"
    end

    def etag(version)
      "\"#{version}\""
    end
  end
end
