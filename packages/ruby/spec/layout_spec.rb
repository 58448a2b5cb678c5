# frozen_string_literal: true

require "date"
require "spikard"

# Bodies that the extension module builds while it checks them: the same values as by the slow way.
RSpec.describe Spikard::Layout do
  module Built
    class Part < Spikard::Model
      field :name, String
      field :made, Date, optional: true
    end

    class Whole < Spikard::Model
      field :title, String
      field :state, Symbol, default: :new
      field :count, Integer
      field :weight, Float, optional: true
      field :parts, [Part], default: []
      field :next, Whole, optional: true
      field :more, Hash, default: {}
      field :either, { "anyOf" => [{ "type" => "string" }, { "type" => "array" }] }, optional: true
    end

    Pair = Struct.new(:left, :right, keyword_init: true)

    class Checked < Spikard::Model
      field :name, String

      def self.build(members)
        raise ArgumentError, "taken" if members["name"] == "taken"

        super
      end
    end

    class Told < Spikard::Model
      field :name, String

      def to_h = { told: name }
    end
  end

  # What a handler is given as the body of this type.
  def given(type, text)
    app = Spikard::App.new
    seen = nil
    app.post("/", body: type) { |body:| seen = body; nil }
    answer = Spikard::TestClient.new(app).post("/", body: text, headers: { "content-type": "application/json" })
    [answer.status, answer.status == 422 ? answer.json["errors"].map { |error| error["pointer"] } : seen]
  end

  it "builds models as they are built from plain values" do
    text = '{"count": 12345678901234567890, "title": "h\u00e4\n\ud83d\ude00", "weight": 1e2, "parts": [{"name": "b", "made": "2026-01-31"}, {"name": "c"}],
             "next": {"title": "", "count": 0, "state": "old", "extra": [{"a": {}}]}, "more": {"a": [1, 2.5, null, true, {"b": "\""}]}, "either": ["x", []], "unknown": {"a": 1}}'

    status, seen = given(Built::Whole, text)

    expect(status).to eq(204)
    expect(seen).to eq(Built::Whole.build(JSON.parse(text)))
    expect([seen.frozen?, seen.parts.first.frozen?, seen.title.encoding, seen.next.state]).to eq([true, true, Encoding::UTF_8, :old])
    expect(seen.next.parts).not_to equal(Built::Whole.build("title" => "", "count" => 0).parts)
  end

  it "reads once what came twice, and refuses what is no value of the type" do
    expect(given(Built::Part, '{"name": "a", "name": "b"}').last.name).to eq("b")
    expect(given([Built::Part], '[{"name": "a"}, {"name": 1}]')).to eq([422, ["/1/name"]])
    expect(given(Built::Part, '{"name": "a", "made": "2026-02-31"}')).to eq([422, ["/made"]])
    expect(given(Built::Part, '{"name": ').first).to eq(400)
  end

  it "builds plain values and Structs" do
    text = '{"a":[1,-0,-0.0,1.5e3,123456789.123456789,true,false,null,"x",[],{}],"\u00e4":{"b":"c"}}'
    expect(given({ "type" => "object" }, text)).to eq([204, JSON.parse(text)])
    expect(given(true, "[1.0]").last.first).to be_a(Float)
    expect(given(Hash, '{"k":1}').last.keys.first).to be_frozen
    expect(given(Built::Pair, '{"left": 1, "right": [2]}').last).to eq(Built::Pair.new(left: 1, right: [2]))
    expect(given(Built::Pair, '{"right": 1, "other": 2}').first).to eq(422)
  end

  it "leaves to the user's own code what that makes" do
    expect(described_class.of(Built::Checked)).to be_nil
    expect(given(Built::Checked, '{"name": "taken"}').first).to eq(422)
    expect(given(Built::Checked, '{"name": "free"}').last.name).to eq("free")
    own = Struct.new(:a, keyword_init: true) { def initialize(**) = super }
    expect(described_class.of([own])).to be_nil
  end

  it "writes models by their fields, unless their to_h is their own" do
    app = Spikard::App.new
    app.get("/part") { [Built::Part.new(name: "a"), Built::Part.new(name: "\"b\u00e4", made: Date.new(2026, 1, 31))] }
    app.get("/told") { Built::Told.new(name: "a") }
    client = Spikard::TestClient.new(app)

    both = Array.new(2) { client.get("/part").text } # the first time by `to_h`
    expect(both).to eq(['[{"name":"a"},{"name":"\"bä","made":"2026-01-31"}]'] * 2)
    expect(client.get("/told").json).to eq("told" => "a")
  end
end
