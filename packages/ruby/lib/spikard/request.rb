# frozen_string_literal: true

require "json"

# The request as it arrived. Parses on demand; declared parameters are the handler's keywords.
module Spikard
  # One request, for handlers that ask for it: `get("/") { |request| request.headers["user-agent"] }`.
  class Request
    # Declared parameters that were sent or have a default, typed, by source and name:
    # `{ query: { "limit" => 20 }, path: {}, header: {}, cookie: {} }`.
    attr_reader :parameters
    # The whole body as bytes; empty when there is none.
    attr_reader :body

    # `passing` is what hooks and handler share; nil where no hook looks.
    def initialize(head, body, parameters, passing = nil)
      @passing = passing
      @parameters = parameters
      read(head, body)
    end

    # Upper case: `GET`.
    def method
      text(@method)
    end

    # Path and query as sent: `/items?tag=a%20b`.
    def target
      text(@target)
    end

    # The path as sent, without the query.
    def path
      target.split("?", 2)[0]
    end

    # The query as sent, without the `?`.
    def query_string
      target.split("?", 2)[1] || ""
    end

    # Identity of this exchange; the answer carries it as `x-request-id`.
    def id
      text(@id)
    end

    # Address and port of the peer, `127.0.0.1:50312`; nil under the test client.
    def client
      @peer.empty? ? nil : text(@peer)
    end

    # Who sent it (a Principal), where the route says who is let in; nil for anybody.
    def principal
      @principal.empty? ? nil : Principal.new(**JSON.parse(@principal, max_nesting: 0).transform_keys(&:to_sym))
    end

    # Every field as sent, by lower-case name; a repeated name gives its values joined with `, `.
    def headers
      @headers ||= raw_headers.each_with_object({}) do |(name, value), all|
        all[name] = all.key?(name) ? "#{all[name]}, #{value}" : value
      end
    end

    # Every field as [lower-case name, value], in the order sent. A value that is not UTF-8 is a String of bytes.
    def raw_headers
      @raw_headers ||= @fields.each_slice(2).map { |name, value| [text(name), text(value)] }
    end

    # Every cookie as sent (RFC 6265, not percent-decoded); of a repeated name the first.
    def cookies
      fields = raw_headers.select { |name, _| name == "cookie" }
      pairs = fields.flat_map { |_, value| value.split(";") }.map { |pair| pair.split("=", 2).map(&:strip) }
      pairs.select { |pair| pair.length == 2 }.reverse.to_h
    end

    # The body as UTF-8 text.
    def text_body
      body.dup.force_encoding(Encoding::UTF_8)
    end

    # The body as plain values. Raises JSON::ParserError when it is not JSON.
    def json
      Schema.parse(text_body)
    end

    # What hooks and the handler of this request leave for each other: `request.state[:user] = user`.
    def state
      @state ||= @passing ? @passing.state : {}
    end

    # In a hook: gives the field this one value, for all that follows. Raises ArgumentError (RFC 9110 section 5).
    def set_header(name, value)
      edit("set_header", name, value)
    end

    # In a hook: adds a value to those of the field. Raises ArgumentError.
    def add_header(name, value)
      edit("add_header", name, value)
    end

    # In a hook: removes the field.
    def remove_header(name)
      edit("remove_header", name, "")
    end

    # In a hook: replaces the query, without `?`. The path stays, as the route is found. Raises ArgumentError.
    def query_string=(query)
      edit("set_query", "", query)
    end

    # In a hook before validation: replaces the body, by a String.
    def body=(body)
      edit("set_body", "", body)
    end

    private

    def read(head, body)
      lines = head.split("\n", -1)
      # No `*@fields` here: Ruby 3.1 allocates it while the strings before it are where its collector does not look.
      @peer, @method, @target, @id, @principal = lines
      @fields = lines.drop(5)
      @body = body || "".b
    end

    def edit(what, name, value)
      Native.edit(@passing&.passage, what, name.to_s, value.to_s)
      @headers = @raw_headers = nil
      read(@passing.passage.head, @passing.passage.body)
      self
    end

    def text(bytes)
      utf8 = bytes.dup.force_encoding(Encoding::UTF_8)
      utf8.valid_encoding? ? utf8 : bytes
    end
  end
end
