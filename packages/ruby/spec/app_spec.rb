# frozen_string_literal: true

require "spikard"

# What a user writes, through the test client.
RSpec.describe Spikard::App do
  let(:app) { Spikard::App.new(title: "Shop", version: "1.0.0") }
  let(:client) { Spikard::TestClient.new(app) }

  it "gives a handler its parameters by name, typed" do
    app.get("/items/{id}", params: { id: Integer }, query: { limit: { type: Integer, in: 1..100, default: 20 }, tag: String },
                           headers: { "x-trace": String }) do |id:, limit:, x_trace:, tag: "none"|
      [id, limit, x_trace, tag]
    end

    expect(client.get("/items/7").json).to eq([7, 20, nil, "none"])
    answer = client.get("/items/7", query: { limit: 5, tag: "a b" }, headers: { "x-trace" => "t" })
    expect(answer.json).to eq([7, 5, "t", "a b"])
  end

  it "refuses what does not fit before the handler runs" do
    called = 0
    app.get("/items/{id}", params: { id: Integer }) { |id:| called += id }

    answer = client.get("/items/x")

    expect([answer.status, answer.headers["content-type"]]).to eq([422, "application/problem+json"])
    expect(answer.json["errors"].map { |error| error.values_at("in", "pointer", "keyword") }).to eq([%w[path /id type]])
    expect(called).to eq(0)
  end

  it "gives one request object to a handler with a positional parameter" do
    app.post("/{name}", body: { content: { "text/*" => true } }) do |request|
      [request.method, request.path, request.query_string, request.parameters[:path], request.text_body, request.client]
    end

    answer = client.post("/a%20b?x=1", body: "hi", headers: { "content-type" => "text/plain" })

    expect(answer.json).to eq(["POST", "/a%20b", "x=1", { "name" => "a b" }, "hi", nil])
  end

  it "gives the request beside the keywords, with all parameters and the bytes of the body" do
    app.post("/{id:int}", query: { tag: Symbol, limit: { type: Integer, default: 3 } }, body: Hash) do |id:, request:, body:, tag: nil|
      [id, tag.inspect, body, request.body, request.parameters.slice(:path, :query)]
    end

    answer = client.post("/7?tag=a", json: { b: 1 })

    expect(answer.json).to eq([7, ":a", { "b" => 1 }, '{"b":1}', { "path" => { "id" => 7 }, "query" => { "limit" => 3, "tag" => "a" } }])
  end

  it "answers by the kind of value" do
    app.get("/nothing") { nil }
    app.get("/text") { "é" }
    app.get("/bytes") { "\xff".b }
    app.get("/value") { { a: 1.5, "b" => [true, nil, :c], big: 2**70 } }
    app.get("/reply") { Spikard.reply({ a: 1 }, status: 202, headers: { "x-a" => %w[1 2] }).cookie("seen", "3") }

    got = %w[/nothing /text /bytes /value].map { |target| client.get(target) }
    expect(got.map(&:status)).to eq([204, 200, 200, 200])
    expect(got[1].text).to eq("é")
    expect(got[1].headers["content-type"]).to eq("text/plain; charset=utf-8")
    expect(got[2].body).to eq("\xff".b)
    expect(got[3].text).to eq('{"a":1.5,"b":[true,null,"c"],"big":1180591620717411303424}')
    reply = client.get("/reply")
    expect([reply.status, reply.headers["x-a"]]).to eq([202, "1, 2"])
    expect(reply.headers["set-cookie"]).to eq("seen=3; Path=/; Secure; HttpOnly; SameSite=Lax")
  end

  it "answers problems, and hides the text of other exceptions" do
    stub_const("OutOfStock", Class.new(Spikard::Problem) { code "out-of-stock", status: 409, title: "Out of stock" })
    app.get("/known") { raise Spikard::NotFound.new("no item 7", headers: { "x-a": 1 }, extensions: { item: 7 }) }
    app.get("/own") { raise OutOfStock }
    app.get("/secret") { raise "the password is 1234" }

    known = client.get("/known")
    expect([known.status, known.headers["x-a"]]).to eq([404, "1"])
    expect(known.json).to include("code" => "not-found", "detail" => "no item 7", "item" => 7)
    expect(client.get("/own").json).to include("code" => "out-of-stock", "status" => 409)
    secret = client.get("/secret")
    expect(secret.status).to eq(500)
    expect(secret.text).not_to include("1234")
  end

  it "says everything that is wrong at once, each with its place" do
    app.get("/items/{id}", parms: {}) { |idd:| idd }
    app.get("/other", query: { a: Object.new }) { nil }

    expect { app.freeze_app }.to raise_error(Spikard::DefinitionError) { |error|
      line = __LINE__ - 4
      expect(error.mistakes.join("\n")).to include("app_spec.rb:#{line}: GET /items/{id}: unknown option :parms")
        .and include("takes idd:, which the route does not declare; did you mean id:?")
        .and include("app_spec.rb:#{line + 1}: GET /other: ")
    }
  end

  it "may be a class, with groups" do
    shop = Class.new(Spikard::App) do
      title "Shop", version: "2.0.0"
      group "/items", tags: %w[items] do
        get("/") { "all" }
        group "/{id}" do
          get("/parts") { |id:| reply id, status: 201 }
        end
      end
      get("/top") { "top" }
    end
    client = Spikard::TestClient.new(shop)

    expect(client.get("/items").text).to eq("all")
    expect(client.get("/items/7/parts").text).to eq("7")
    expect(client.get("/top").text).to eq("top")
    document = Spikard::Schema.parse(shop.instance.openapi)
    expect(document["info"]).to include("title" => "Shop", "version" => "2.0.0")
    expect(document.dig("paths", "/items", "get", "tags")).to eq(["items"])
  end

  it "opens before the first request and closes after the last" do
    said = []
    app.on_lifespan { said << :open; -> { said << :close } }
    app.get("/") { said.dup.map(&:to_s) }

    Spikard::TestClient.open(app) { |opened| expect(opened.get("/").json).to eq(["open"]) }

    expect(said).to eq(%i[open close])
  end
end
