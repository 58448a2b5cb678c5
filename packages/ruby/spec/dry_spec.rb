# frozen_string_literal: true

require "spikard"

# dry-schema and dry-struct where a type stands: the gems themselves where they are installed, and beside them, always, what
# is used of them.
RSpec.describe Spikard::Dry do
  # A POST of this body to a route with this type: status, and the body as the handler had it or what was refused.
  def posted(type, body)
    app = Spikard::App.new
    app.post("/", body: type) { |body:| body.is_a?(Hash) ? body.inspect : "#{body.class} #{body.to_h.inspect}" }
    answer = Spikard::TestClient.new(app).post("/", json: body)
    [answer.status, answer.status == 422 ? answer.json["errors"].map { |error| error.values_at("pointer", "keyword") } : answer.text]
  end

  describe "with the gems" do
    %w[dry/schema dry/struct].each do |name|
      before do
        require name
      rescue LoadError
        skip "the gem #{name.tr("/", "-")} is not installed"
      end
    end

    it "takes a schema and a struct" do
      schema = Dry::Schema.JSON { required(:sku).filled(:string, size?: 8) }
      expect(posted(schema, { sku: "BLT-0001" })).to eq([200, { sku: "BLT-0001" }.inspect])
      expect(posted(schema, { sku: "B" }).first).to eq(422)

      part = Class.new(Dry::Struct) do
        transform_keys(&:to_sym)
        attribute :name, Dry::Types["strict.string"]
      end
      stub_const("Part", part)
      expect(posted(part, { name: "bolt" })).to eq([200, "Part #{{ name: "bolt" }.inspect}"])
      expect(posted(part, { name: 1 }).first).to eq(422)
    end
  end

  describe "without the gems" do
    before { skip "dry-schema is installed" if Gem.loaded_specs.key?("dry-schema") || defined?(::Dry::Schema) }

    # Names, arguments and results as dry-schema 1.13 documents them.
    let(:processor) do
      Class.new do
        def json_schema
          { "$schema": "http://json-schema.org/draft-06/schema#", type: "object", properties: { sku: { type: "string" } }, required: ["sku"] }
        end

        def call(value)
          errors = value["sku"].size == 8 ? {} : { sku: ["size must be 8"], parts: { 0 => ["is missing"] } }
          Struct.new(:success?, :to_h, :errors).new(errors.empty?, { sku: value["sku"] }, errors)
        end
      end
    end

    it "checks by the JSON Schema of a schema, and by its rules" do
      stub_const("Dry::Schema", Class.new { def self.load_extensions(*) = nil })
      stub_const("Dry::Schema::Processor", processor)
      schema = processor.new

      expect(posted(schema, { sku: "BLT-0001", more: 1 })).to eq([200, { sku: "BLT-0001" }.inspect])
      expect(posted(schema, {}).last).to eq([["/sku", "required"]])
      expect(posted(schema, { sku: "B" }).last.map(&:first)).to eq(["/sku", "/parts/0"])
    end

    it "says which gem is missing" do
      stub_const("Dry::Struct", Class.new)
      stub_const("Part", Class.new(Dry::Struct))
      app = Spikard::App.new
      app.post("/", body: Part) { nil }
      expect { app.freeze_app }.to raise_error(Spikard::DefinitionError, /the gem dry-schema; add it/)
    end
  end
end
