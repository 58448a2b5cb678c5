# frozen_string_literal: true

require "date"
require "spikard"

# Models, and types as schemas.
RSpec.describe Spikard::Model do
  before do
    stub_const("Part", Class.new(Spikard::Model) do
      field :id, Integer
      field :made, Date, optional: true
    end)
    stub_const("Box", Class.new(Spikard::Model) do
      description "Holds parts."
      field :name, String, length: 1..20
      field :parts, [Part], default: []
    end)
    stub_const("Point", Struct.new(:x, :y, keyword_init: true))
  end

  it "is a value" do
    box = Box.new(name: "a", parts: [Part.new(id: 1)])

    expect(box).to eq(Box.new(name: "a", parts: [Part.new(id: 1)])).and be_frozen
    expect(box.with(name: "b").name).to eq("b")
    expect(Part.new(id: 1).to_h).to eq({ id: 1 })
    expect((box in { name: "a" })).to be(true)
  end

  it "names what is wrong" do
    expect { Box.new }.to raise_error(ArgumentError, "Box needs name:")
    expect { Part.new(id: 1, idd: 2) }.to raise_error(ArgumentError, /no field :idd; it has id, made/)
  end

  it "is built from JSON, down to its members; a default is a copy of its own" do
    box = Box.build({ "name" => "a", "parts" => [{ "id" => 1, "made" => "2026-11-26" }] })
    expect(box.parts.first.made).to eq(Date.new(2026, 11, 26))

    Box.build({ "name" => "a" }).parts << 1
    expect(Box.build({ "name" => "b" }).parts).to eq([])
  end

  it "is a component of the document" do
    schemas = Spikard::Schema.new({})

    expect(schemas.json([Box])).to eq({ "type" => "array", "items" => { "$ref" => "#/components/schemas/Box" } })
    expect(schemas.components["Box"]).to eq({
      "type" => "object",
      "properties" => {
        "name" => { "type" => "string", "minLength" => 1, "maxLength" => 20 },
        "parts" => { "type" => "array", "items" => { "$ref" => "#/components/schemas/Part" }, "default" => [] }
      },
      "required" => ["name"], "description" => "Holds parts."
    })
  end

  it "may be a Struct, a JSON Schema, or anything that exports one" do
    exported = Class.new { def self.json_schema = { type: "object", required: ["a"] } }
    app = Spikard::App.new
    app.post("/struct", body: Point) { |body:| [body.class.name, body.x] }
    app.post("/exported", body: exported) { |body:| body }
    app.post("/plain", body: { "type" => "array", "minItems" => 1 }) { |body:| body }
    client = Spikard::TestClient.new(app)

    expect(client.post("/struct", json: { x: 1, y: 2 }).json).to eq(["Point", 1])
    expect(client.post("/exported", json: {}).status).to eq(422)
    expect(client.post("/plain", json: []).status).to eq(422)
    expect(client.post("/plain", json: [1]).json).to eq([1])
  end

  it "refuses for its class what its schema accepts" do
    app = Spikard::App.new
    app.get("/", query: { at: { type: Date, format: "date", examples: [] } }) { |at:| at }
    app.post("/", body: Point) { |body:| body }
    client = Spikard::TestClient.new(app)

    expect(client.get("/?at=2026-11-26").json).to eq("2026-11-26")
    refused = client.post("/", json: { x: 1, y: 2, z: 3 })
    expect([refused.status, refused.json["errors"].first["keyword"]]).to eq([422, "convert"])
  end
end
