# frozen_string_literal: true

require "rack"
require "spikard"

# Rack in and out, under Rack's own lint.
RSpec.describe "Rack" do
  let(:app) { Spikard::App.new }

  it "runs our app for another server, in any of its threads" do
    app.post("/items/{id}", params: { id: Integer }, query: { q: String }, body: { "type" => "object" }) do |id:, q:, body:|
      Spikard.reply({ id: id, q: q, **body }, status: 201).cookie("a", "1").cookie("b", "2")
    end
    app.get("/nothing") { nil }
    app.get("/boom") { raise "boom" }
    rack = Rack::MockRequest.new(Rack::Lint.new(app))

    answers = Array.new(4) do |number|
      Thread.new { rack.post("/items/#{number}?q=a%20b", input: '{"n":1}', "CONTENT_TYPE" => "application/json") }
    end.map(&:value)

    expect(answers.map(&:status)).to eq([201] * 4)
    expect(answers.map(&:body)).to eq(Array.new(4) { |number| %({"id":#{number},"q":"a b","n":1}) })
    expect(answers[0]["set-cookie"].lines.length).to eq(2)
    expect(rack.get("/nothing").status).to eq(204)
    expect(rack.get("/boom").status).to eq(500)
    expect(rack.request("HEAD", "/nothing").status).to eq(204)
  end

  it "runs another's app below a prefix" do
    old = lambda do |env|
      said = env.values_at("REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "HTTP_X_A").inspect
      [202, { "content-type" => "text/plain", "x-b" => "1\n2" }, [said, env["rack.input"].read]]
    end
    app.mount("/old", Rack::Lint.new(old))
    app.get("/new") { "new" }
    client = Spikard::TestClient.new(app)

    answer = client.post("/old/a/b?c=d", body: "body", headers: { "x-a" => "1", "content-type" => "text/plain" })

    expect([answer.status, answer.headers["x-b"], answer.headers["content-type"]]).to eq([202, "1, 2", "text/plain"])
    expect(answer.text).to eq('["POST", "/old", "/a/b", "c=d", "1"]body')
    expect(client.get("/old").status).to eq(202)
    expect(client.get("/new").text).to eq("new")
  end
end
