# frozen_string_literal: true

require "json"
require "openssl"
require "spikard"

# Who is let in and how many, as Ruby says it: builders, principal, what is wrong. The rest is in the fixtures.
RSpec.describe "auth" do
  secret = "a secret of thirty-two bytes, or more"
  key = "0123456789abcdef"

  def token(secret, **claims)
    part = ->(bytes) { [bytes].pack("m0").tr("+/", "-_").delete("=") }
    signed = [{ alg: "HS256" }, { exp: 4_102_444_800, **claims }].map { |one| part.call(JSON.generate(one)) }.join(".")
    { "authorization" => "Bearer #{signed}.#{part.call(OpenSSL::HMAC.digest("SHA256", secret, signed))}" }
  end

  let(:app) do
    Class.new(Spikard::App) do
      config auth: bearer(secret: secret)

      get("/claims") { |request:| request.principal.claims }
      get("/later") do |request:|
        sleep 0.001
        request.principal.to_h
      end
      only_ada = ->(request) { raise Spikard::Forbidden, "not you" unless request.principal&.subject == "ada" }
      get("/hooked", on_request: only_ada) { |request:| request.principal.subject }
      get("/desk", auth: basic({ "ada" => { password: "a:b", scopes: %w[desk] } }, realm: "desk", scopes: %w[desk])) { "in" }
      group "/keys", auth: [api_key({ key => { subject: "till 7", scopes: %w[stock] } }, query: "key"), anyone] do
        get("/") { |request:| request.principal.to_h }
      end
    end
  end
  let(:client) { Spikard::TestClient.new(app) }

  it "gives the claims as they are, in every letter, sooner and later" do
    name = "\u00c5da \u{1f600}\n\"x\""
    headers = token(secret, sub: "ada", name: name)
    expect(client.get("/claims", headers: headers).json).to eq("exp" => 4_102_444_800, "sub" => "ada", "name" => name)
    later = client.get("/later", headers: headers).json
    expect(later.slice("scheme", "subject", "scopes")).to eq("scheme" => "bearer", "subject" => "ada", "scopes" => [])
    expect(client.get("/later").status).to eq(401)
  end

  it "lets keys and nobody in by one list" do
    expect(client.get("/keys?key=#{key}").json).to eq("scheme" => "apiKey", "subject" => "till 7", "scopes" => ["stock"], "claims" => {})
    expect(client.get("/keys").json).to eq({})
    expect(client.get("/keys?key=#{key}0").status).to eq(401)
  end

  it "tells hooks who came, and browsers the realm" do
    expect(client.get("/hooked", headers: token(secret, sub: "ada")).text).to eq("ada")
    expect(client.get("/hooked", headers: token(secret, sub: "bob")).status).to eq(403)
    expect(client.get("/desk").headers["www-authenticate"]).to eq('Basic realm="desk", charset="UTF-8"')
    expect(client.get("/desk", headers: { "authorization" => "Basic #{["ada:a:b"].pack("m0")}" }).text).to eq("in")
  end

  it "tells who comes too often" do
    app = Spikard::App.new(rate_limit: Spikard::RateLimit.new(3, 60_000, by: :all, name: "day"))
    app.get("/", rate_limit: [Spikard::RateLimit.new(1, 60_000)]) { "one" }
    app.get("/three", concurrency: 2) { "three" }
    client = Spikard::TestClient.new(app)
    expect([1, 2].map { client.get("/").status }).to eq([200, 429])
    expect(client.get("/three").headers["ratelimit"]).to eq('"day";r=2;t=20')
  end

  {
    "no key" => [Spikard.bearer, "write one of secret, public_key and jwks"],
    "a short secret" => [Spikard.bearer(secret: "short"), "openssl rand -base64 32"],
    "no file" => [Spikard.bearer(jwks: "no/such/keys.json"), "no/such/keys.json cannot be read"],
    "a short key" => [Spikard.api_key({ "short" => "till" }), 'the key of "till" has 5 bytes'],
    "a colon" => [Spikard.basic({ "a:b" => "c" }), "holds a colon"],
    "what is no way" => ["bearer", "auth takes bearer(...)"]
  }.each do |what, (auth, said)|
    it "refuses #{what} at start" do
      app = Spikard::App.new
      app.get("/", auth: auth) { nil }
      expect { app.freeze_app }.to raise_error(Spikard::DefinitionError, /auth_spec.rb:\d+: .*#{Regexp.escape(said)}/m)
    end
  end

  it "refuses what is no option where it is written" do
    expect { Spikard.api_key({ key => "x" }, header: "x-key", query: "key") }.to raise_error(ArgumentError, /one place, not in header and query/)
    expect { Spikard.bearer(sekret: "x") }.to raise_error(ArgumentError, /unknown option :sekret of bearer/)
  end
end
