# frozen_string_literal: true

require "spikard"
require_relative "serving"

# Hooks as a user writes them; what they do to requests is told by the shared cases.
RSpec.describe "hooks" do
  include Serving

  let(:app) { Spikard::App.new }
  let(:client) { Spikard::TestClient.new(app) }

  it "run at five moments, the app's before the group's before the route's, blocks, lambdas and methods" do
    ran = []
    note = ->(name) { ->(*) { ran << name } }
    app.pre_handler(&note["app handler"])
    app.on_request { ran << "app request" }
    app.group("/g", on_request: note["group request"]) do |group|
      group.on_response { |_, _| ran << "group response" }
      group.get("/", on_request: [note["route request"], ran.method(:push)], pre_validation: note["route validation"]) { ran << "handler" and "ok" }
    end
    app.on_error(note["app error"])

    expect(client.get("/g").status).to eq(200)
    request = ran.delete_at(3)
    expect(request.path).to eq("/g")
    expect(ran).to eq(["app request", "group request", "route request", "route validation", "app handler", "handler", "group response"])
    ran.clear
    expect(client.get("/none").status).to eq(404)
    expect(ran).to eq(["app error"])
  end

  it "are written in a class and its groups too" do
    shop = Class.new(Spikard::App) do
      on_response { |_, response| response.headers << %w[x-app 1] }
      group "/items" do
        on_response { |_, response| response.headers << %w[x-items 1] }
        get("/") { "items" }
      end
      get("/") { "shop" }
    end
    client = Spikard::TestClient.new(shop)

    expect(client.get("/items").headers).to include("x-app" => "1", "x-items" => "1")
    expect(client.get("/").headers).to include("x-app" => "1")
    expect(client.get("/").headers).not_to include("x-items")
  end

  it "let go on whatever they return but an answer: a block gives its last value, wanted or not" do
    app.on_request { 7 }
    app.pre_handler { "text" }
    app.on_response { |_, response| response }
    app.get("/") { "handler" }
    app.get("/reply", pre_handler: ->(_) { Spikard.reply("hook", status: 203) }) { "handler" }
    app.get("/problem", pre_handler: ->(_) { Spikard::Conflict.new("taken") }) { "handler" }

    expect(client.get("/").text).to eq("handler")
    expect(client.get("/reply").then { |answer| [answer.status, answer.text] }).to eq([203, "hook"])
    expect(client.get("/problem").then { |answer| [answer.status, answer.json["detail"]] }).to eq([409, "taken"])
  end

  it "share one state with each other and the handler, and none with another request" do
    app.on_request { |request| (request.state[:seen] ||= []) << "hook" }
    app.get("/") { |request| (request.state[:seen] << "handler").join(" ") }
    app.get("/keyword") { |request:| request.state[:seen].length }
    app.get("/thread", blocking: true) { |request| request.state[:seen].length }

    expect(Array.new(2) { client.get("/").text }).to eq(["hook handler"] * 2)
    expect(%w[/keyword /thread].map { |path| client.get(path).json }).to eq([1, 1])
    alone = Spikard::App.new
    alone.get("/") { |request| request.state[:a] = 1 }
    expect(Spikard::TestClient.new(alone).get("/").json).to eq(1)
  end

  it "edit the request, validation sees it, and nobody else edits" do
    app.pre_validation do |request|
      request.set_header("x-a", "1").add_header("x-a", "2").remove_header("x-b")
      request.query_string = "limit=3"
      request.body = '{"sku":"b"}'
      expect([request.headers["x-a"], request.headers["x-b"], request.query_string, request.json]).to eq(["1, 2", nil, "limit=3", { "sku" => "b" }])
    end
    sku = { type: "object", properties: { sku: { type: "string" } }, required: ["sku"] }
    app.post("/", body: sku, query: { limit: Integer }) { |request:, body:, limit:| [request.headers["x-a"], body, limit] }
    app.post("/late") { |request| request.set_header("x-a", "1") }

    answer = client.post("/", json: { sku: 1 }, headers: { "x-b": "1" }, query: { limit: "x" })
    expect(answer.json).to eq(["1, 2", { "sku" => "b" }, 3])
    expect(client.post("/late").status).to eq(500)
  end

  it "refuse a field that cannot be sent" do
    wrong = nil
    app.on_request do |request|
      request.set_header("x a", "1")
    rescue ArgumentError => error
      wrong = error.message
    end
    app.get("/") { "ok" }

    expect(client.get("/").text).to eq("ok")
    expect(wrong).to include("is not a token")
  end

  it "see the response and write their edits through" do
    shown = []
    app.on_response do |request, response|
      shown << [response.status, response.content_type, response.content]
      response.status = 202 if request.path == "/status"
      response.content = { other: 1 } if request.path == "/json"
      response.content_type = "application/json" if request.path == "/json"
      response.content = nil if request.path == "/none"
      response.content_type = nil if request.path == "/none"
      response.content << "x" if request.path == "/changed"
    end
    %w[/status /json /none /changed].each { |path| app.get(path) { "text" } }

    answers = %w[/status /json /none /changed].map { |path| client.get(path) }
    expect(answers.map(&:status)).to eq([202, 200, 200, 500])
    expect(answers[0].text).to eq("text")
    expect(answers[1].json).to eq({ "other" => 1 })
    expect(answers[2].body).to eq("")
    expect(shown.first).to eq([200, "text/plain; charset=utf-8", "text".b])
  end

  it "cannot read a stream, and may replace it" do
    kinds = []
    closed = false
    app.on_response do |request, response|
      kinds << response.content.class
      response.headers << %w[x-a 1]
      response.content = "whole" if request.path == "/replaced"
    end
    source = lambda do
      Enumerator.new do |out|
        3.times { out << "chunk" }
      ensure
        closed = true
      end
    end
    app.get("/stream", &source)
    app.get("/replaced", &source)

    expect(client.get("/stream").then { |answer| [answer.text, answer.headers["x-a"]] }).to eq(["chunkchunkchunk", "1"])
    expect(closed).to be(true)
    expect(client.get("/replaced").text).to eq("whole")
    expect(kinds).to eq([Spikard::StreamedContent] * 2)
  end

  it "are given the very problem that was raised, else one whose cause is what was raised" do
    told = []
    app.on_error { |_, problem| told << problem && nil }
    gone = Spikard::NotFound.new("gone", extensions: { a: 1 })
    app.get("/gone") { raise gone }
    app.get("/oops") { raise KeyError, "oops" }
    app.get("/{id}/n", params: { id: Integer }) { |id:| id }

    expect(%w[/gone /oops /x/n].map { |path| client.get(path).status }).to eq([404, 500, 422])
    expect(told[0]).to equal(gone)
    expect([told[1].class, told[1].cause.class, told[1].cause.message]).to eq([Spikard::InternalError, KeyError, "oops"])
    expect([told[2].class, told[2].cause]).to eq([Spikard::InvalidRequest, nil])
  end

  it "answer by what they raise, and a hook that fails is a 500" do
    app.get("/forbidden", on_request: ->(_) { raise Spikard::Forbidden, "no" }) { "handler" }
    app.get("/fails", on_response: ->(_, _) { raise "a secret" }) { "handler" }
    app.on_error { |_, problem| raise Spikard::Unavailable, "later" if problem.status == 500 }
    app.get("/replaced") { raise "a secret" }

    expect(client.get("/forbidden").status).to eq(403)
    expect(client.get("/fails").then { |answer| [answer.status, answer.body.include?("secret")] }).to eq([500, false])
    expect(client.get("/replaced").then { |answer| [answer.status, answer.json["detail"]] }).to eq([503, "later"])
  end

  it "may wait, while others run, and are ended when their time is over" do
    ended = Thread::Queue.new
    gate = Thread::Queue.new
    late = lambda do |_|
      gate.pop
    ensure
      ended << "ended"
    end
    app.on_request { |request| sleep(0.001) && request.state[:waited] = true }
    app.get("/late", handler_timeout_ms: 20, on_request: late) { "handler" }
    app.get("/held", on_request: ->(_) { gate.pop }) { |request| request.state[:waited] }
    app.get("/") { "others" }

    served(app) do |port|
      expect(ask(port, "/late").read).to start_with("HTTP/1.1 504")
      expect(ended.pop).to eq("ended")
      held = ask(port, "/held")
      expect(ask(port, "/").read).to end_with("others")
      gate << 1
      expect(held.read).to end_with("true")
    end
  end

  it "that cannot be called are mistakes of the app, with their place" do
    app.on_request(->(_, _) {})
    app.get("/", on_response: ->(_, token:) { token }) { "handler" }

    expect { app.freeze_app }.to raise_error(Spikard::DefinitionError) { |error|
      expect(error.mistakes.length).to eq(2)
      expect(error.mistakes).to all(match(/hooks_spec\.rb:\d+: on_re\w+ hook: it takes what there is not; write `on_re\w+ \{ \|request/))
    }
    expect { app.on_error(7) }.to raise_error(ArgumentError, /on_error { \|request, problem\|/)
    expect { app.group("/g", on_sunday: 1) }.to raise_error(ArgumentError, /on_request/)
  end
end
