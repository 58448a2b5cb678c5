# frozen_string_literal: true

require "spikard"

# What a client may order.
class OrderInput < Spikard::Model
  field :sku, String, pattern: /\A[A-Z]{3}-[0-9]{4}\z/
  field :quantity, Integer, in: 1..100, default: 1
end

# An order that was taken.
class Order < Spikard::Model
  field :sku, String, pattern: /\A[A-Z]{3}-[0-9]{4}\z/
  field :quantity, Integer, in: 1..100
  field :total_cents, Integer
end

# {{name}}: two routes, one of them with a validated body. `spikard run app.rb` serves it.
class Service < Spikard::App
  title "{{name}}", version: "0.1.0"

  get "/hello/{name}", summary: "Greet someone" do |name:|
    { message: "hello #{name}" }
  end

  # A body that breaks a rule never gets here.
  post "/orders", summary: "Order something", body: OrderInput, response: { 201 => Order } do |body:|
    reply Order.new(sku: body.sku, quantity: body.quantity, total_cents: 250 * body.quantity), status: 201
  end
end
