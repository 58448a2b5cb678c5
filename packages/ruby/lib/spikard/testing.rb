# frozen_string_literal: true

require "json"
require "uri"

# Clients in process: every byte goes through the core's own HTTP code, no socket is opened. Serves nothing.
#
#   client = Spikard::TestClient.new(app)
#   answer = client.get("/items", query: { limit: 1 })
#   answer.status # => 200
module Spikard
  # What came back.
  class TestResponse
    # Pairs of lower-case name and value, in order.
    attr_reader :raw_headers
    attr_reader :status, :body

    def initialize(status, raw_headers, body)
      @status = status
      @raw_headers = raw_headers
      @body = body
    end

    # Values by lower-case name; of a repeated name joined with `, `.
    def headers
      raw_headers.group_by(&:first).transform_values { |pairs| pairs.map(&:last).join(", ") }
    end

    # The body as UTF-8 text.
    def text
      body.dup.force_encoding(Encoding::UTF_8)
    end

    # The body as plain values.
    def json
      Schema.parse(text)
    end
  end

  # A client of an app, without a socket. With a block it runs the app's lifespan around it.
  class TestClient
    def self.open(app)
      client = new(app)
      client.app.lifespan { yield client }
    end

    attr_reader :app

    def initialize(app)
      @app = App.of(app)
      @app.freeze_app
    end

    %w[get post put patch delete head options query].each do |verb|
      define_method(verb) { |target, **request| request(verb.upcase, target, **request) }
    end

    # One request of any method; `target` is a path with or without a query. A list in `query` gives one pair per item.
    def request(method, target, query: {}, headers: {}, cookies: {}, json: (none = true), body: "")
      fields = Reply.pairs(headers)
      unless none
        body = JSON.generate(json, max_nesting: 0)
        fields << %w[content-type application/json] if fields.none? { |name, _| name.downcase == "content-type" }
      end
      fields << ["cookie", cookies.map { |name, value| "#{name}=#{value}" }.join("; ")] unless cookies.empty?
      parse(bytes(Native.message(method, with_query(target, query), fields.flatten, body)), method)
    end

    # Bytes as a client would write them, whatever they are; every byte of the answer.
    def bytes(message)
      native = app.freeze_app
      Bridge.running { native.exchange(message) }
    end

    private

    def with_query(target, query)
      pairs = query.flat_map { |name, value| Array(value).map { |one| [name, one] } }
      return target if pairs.empty?

      "#{target}#{target.include?("?") ? "&" : "?"}#{URI.encode_www_form(pairs)}"
    end

    def parse(answer, method)
      status, fields, body = Native.answer(answer, method == "HEAD")
      raise "the connection was closed before an answer was whole" if status.nil?

      TestResponse.new(status, fields.each_slice(2).to_a, body)
    end
  end
end
