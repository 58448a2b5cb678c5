# frozen_string_literal: true

require_relative "app"

# The app through the test client: each example has a database of its own.
RSpec.describe Inventory do
  bolt = { sku: "BLT-0001", name: "Bolt M6", price: 0.25, quantity: 400, tags: ["metal"] }
  nut = { sku: "NUT-0001", name: "Nut M6", price: 0.1, quantity: 900, tags: %w[metal small] }
  glue = { sku: "GLU-0001", name: "Glue", price: 7, quantity: 3 }

  attr_reader :client

  around do |example|
    ENV["INVENTORY_DB"] = ":memory:"
    Spikard::TestClient.open(Inventory) do |opened|
      @client = opened
      example.run
    end
  end

  def names(item, **others)
    { **others, **item }.transform_keys(&:to_s)
  end

  it "creates, then shows" do
    created = client.post("/items", json: bolt)
    expect([created.status, *created.headers.values_at("location", "etag")]).to eq([201, "/items/1", '"1"'])
    shown = client.get("/items/1")
    expect(shown.json).to eq(names(bolt, id: 1))
    expect(created.json).to eq(shown.json)
    expect(shown.headers["etag"]).to eq('"1"')
  end

  it "takes an item without tags" do
    expect(client.post("/items", json: glue).json["tags"]).to eq([])
  end

  it "searches" do
    [bolt, nut, glue].each { |item| expect(client.post("/items", json: item).status).to eq(201) }
    {
      {} => [[1, 2, 3], 3], { tag: "metal" } => [[1, 2], 2], { max_price: 0.2 } => [[2], 1],
      { tag: "metal", max_price: 0.2 } => [[2], 1], { limit: 1, offset: 1 } => [[2], 3], { tag: "wood" } => [[], 0]
    }.each do |query, (ids, total)|
      page = client.get("/items", query: query).json
      expect([page["items"].map { |item| item["id"] }, page["total"]]).to eq([ids, total]), query.inspect
    end
  end

  it "refuses what is not an item" do
    {
      { sku: "bolt" } => %w[/sku pattern], { name: "" } => %w[/name minLength], { price: -1 } => %w[/price minimum],
      { quantity: 1.5 } => %w[/quantity type], { quantity: 2**63 } => %w[/quantity maximum], { tags: ["a", 1] } => %w[/tags/1 type]
    }.each do |change, wrong|
      answer = client.post("/items", json: { **bolt, **change })
      expect(answer.status).to eq(422)
      expect(answer.json["errors"].map { |error| error.values_at("pointer", "keyword") }).to eq([wrong])
    end
    expect(client.get("/items").json["total"]).to eq(0)
  end

  it "keeps pages within limits" do
    answer = client.get("/items", query: { limit: 101, offset: -1 })
    expect(answer.json["errors"].map { |error| error["pointer"] }).to eq(%w[/limit /offset])
  end

  it "refuses numbers that no database holds" do
    ["/items/0", "/items/#{2**63}", "/items/#{10**4000}", "/items?offset=#{2**64}"].each do |target|
      expect(client.get(target).status).to eq(422), target
    end
  end

  it "gives a sku to one item" do
    client.post("/items", json: bolt)
    answer = client.post("/items", json: bolt)
    expect([answer.status, answer.json["code"]]).to eq([409, "conflict"])
  end

  it "replaces only what was seen" do
    client.post("/items", json: bolt)
    replaced = client.put("/items/1", json: nut, headers: { "if-match": '"1"' })
    expect([replaced.json, replaced.headers["etag"]]).to eq([names(nut, id: 1), '"2"'])
    stale = client.put("/items/1", json: bolt, headers: { "if-match": '"1"' })
    expect([stale.status, stale.json["detail"]]).to eq([412, 'the item has changed: its etag is "2"'])
    blind = client.put("/items/1", json: bolt)
    expect([blind.status, blind.json["detail"]]).to eq([412, "send if-match with the etag of the item"])
    expect(client.get("/items/1").json["sku"]).to eq("NUT-0001")
  end

  it "removes" do
    client.post("/items", json: bolt)
    expect(client.delete("/items/1").status).to eq(412)
    removed = client.delete("/items/1", headers: { "if-match": '"1"' })
    expect([removed.status, removed.text]).to eq([204, ""])
    gone = client.get("/items/1")
    expect([gone.status, gone.json["detail"]]).to eq([404, "no item 1"])
  end

  it "does not know other items" do
    %w[get put delete].each do |verb|
      answer = client.public_send(verb, "/items/7", headers: { "if-match": '"1"' }, **(verb == "put" ? { json: bolt } : {}))
      expect(answer.json["code"]).to eq("not-found")
    end
  end

  it "serves the document that every language serves" do
    document = File.read(File.expand_path("../contract.openapi.json", __dir__))
    expect(client.get("/openapi.json").text).to eq(document.chomp)
  end
end
