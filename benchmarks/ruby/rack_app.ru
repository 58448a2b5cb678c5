# frozen_string_literal: true

# The benchmark's app by the Rack convention alone: values are converted and checked by hand, responses by nobody.

require "json"
require "uri"

module Bare
  KIND = { "content-type" => "application/json" }.freeze
  POST = %r{\A/users/(\d+)/posts/([^/]+)\z}
  SKU = /\A[A-Z]{3}-[0-9]{4}\z/

  class << self
    def call(env)
      status, value = handle(env["REQUEST_METHOD"], env["PATH_INFO"], env)
      [status, KIND.dup, [JSON.generate(value)]]
    end

    private

    def handle(method, path, env)
      case path
      when "/json", "/json-async" then [200, { message: "Hello, World!" }]
      when "/wait"
        sleep 0.001
        [200, { ok: true }]
      when "/items"
        item = JSON.parse(env["rack.input"].read) if method == "POST"
        item?(item) ? [201, item] : [422, { error: "no item" }]
      when POST then post($1.to_i, $2, env["QUERY_STRING"])
      else [404, { error: "no such path" }]
      end
    end

    def post(id, slug, query)
      limit = 20
      tags = []
      URI.decode_www_form(query).each do |name, value|
        case name
        when "limit" then limit = Integer(value, 10, exception: false)
        when "tag" then tags << value
        end
      end
      return [422, { error: "limit" }] unless limit&.between?(1, 100)

      [200, { id: id, slug: URI.decode_www_form_component(slug), limit: limit, tags: tags }]
    end

    def item?(item)
      item.is_a?(Hash) && item["sku"].is_a?(String) && item["sku"].match?(SKU) &&
        item["name"].is_a?(String) && item["name"].length.between?(1, 100) && item["description"].is_a?(String) &&
        item["price"].is_a?(Numeric) && item["price"] >= 0 &&
        item["quantity"].is_a?(Integer) && item["quantity"].between?(0, 1_000_000) &&
        item["tags"].is_a?(Array) && item["tags"].all?(String)
    end
  end
end

run Bare
