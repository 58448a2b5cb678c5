# frozen_string_literal: true

require_relative "../app"

# The app through the test client: the real server code without a socket.
RSpec.describe Service do
  let(:client) { Spikard::TestClient.new(Service) }

  it "greets someone" do
    expect(client.get("/hello/Ada").json).to eq("message" => "hello Ada")
  end

  it "takes an order" do
    answer = client.post("/orders", json: { sku: "BLT-0001", quantity: 3 })
    expect(answer.status).to eq(201)
    expect(answer.json).to eq("sku" => "BLT-0001", "quantity" => 3, "total_cents" => 750)
  end

  it "refuses a wrong order with every reason" do
    answer = client.post("/orders", json: { sku: "bolt", quantity: 0 })
    expect(answer.status).to eq(422)
    expect(answer.json["errors"].map { |violation| violation["pointer"] }).to eq(%w[/sku /quantity])
  end
end
