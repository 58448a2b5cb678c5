# frozen_string_literal: true

require "stringio"

# Rack in and out: our app for another server, another's app below a prefix of ours. Needs no gem; bodies are whole.
module Spikard
  # Translates between a Rack environment and the core's requests and answers (Rack specification 2 and 3).
  module RackApp
    METHODS = %w[GET POST PUT PATCH DELETE OPTIONS HEAD].freeze
    # Fields that the core or the other server writes itself.
    HOP = %w[connection transfer-encoding content-length date keep-alive].freeze

    class << self
      # What our app answers to a request of another server.
      def answer(app, env)
        target = env["SCRIPT_NAME"].to_s + env["PATH_INFO"].to_s
        target = "/" if target.empty?
        target += "?#{env["QUERY_STRING"]}" unless env["QUERY_STRING"].to_s.empty?
        body = env["rack.input"]&.read.to_s
        message = Native.message(env["REQUEST_METHOD"], target, fields(env).flatten, body)
        native = app.here
        answered = Bridge.running { native.exchange(message) }
        status, flat, content = Native.answer(answered, env["REQUEST_METHOD"] == "HEAD")
        [status, headers(flat.each_slice(2), status), content.empty? ? [] : [content]]
      end

      # A handler that gives its requests to a Rack app.
      def mounted(app, prefix)
        lambda do |request|
          status, headers, body = app.call(environment(request, prefix))
          content = +"".b
          body.each { |part| content << part.b }
          pairs = headers.flat_map { |name, value| Array(value).flat_map { |one| one.split("\n").map { |line| [name.downcase, line] } } }
          media = pairs.find { |name, _| name == "content-type" }&.last
          pairs.reject! { |name, _| HOP.include?(name) || name == "content-type" }
          Reply.new(content.empty? ? nil : content, status: status.to_i, headers: pairs, content_type: (media unless content.empty?))
        ensure
          body.close if body.respond_to?(:close)
        end
      end

      private

      def fields(env)
        named = env.select { |name, _| name.start_with?("HTTP_") && name != "HTTP_CONNECTION" }
        found = named.map { |name, value| [name.delete_prefix("HTTP_").downcase.tr("_", "-"), value] }
        found << ["content-type", env["CONTENT_TYPE"]] unless env["CONTENT_TYPE"].to_s.empty?
        found.reject { |name, _| HOP.include?(name) || name == "version" }
      end

      # A repeated field is one String with line feeds in Rack 2, which Rack 3 still reads for `set-cookie`.
      def headers(pairs, status)
        bodiless = status < 200 || [204, 304].include?(status)
        kept = pairs.reject { |name, _| HOP.include?(name) || (bodiless && name == "content-type") }
        kept.group_by(&:first).transform_values { |found| found.map(&:last).join("\n") }
      end

      def environment(request, prefix)
        host, port = request.headers.fetch("host", "localhost").split(":", 2)
        env = {
          "REQUEST_METHOD" => request.method, "SCRIPT_NAME" => prefix, "PATH_INFO" => request.path.delete_prefix(prefix),
          "QUERY_STRING" => request.query_string, "SERVER_NAME" => host, "SERVER_PORT" => port || "80",
          "SERVER_PROTOCOL" => "HTTP/1.1", "REMOTE_ADDR" => request.client.to_s.rpartition(":").first,
          "rack.version" => [1, 6], "rack.url_scheme" => "http", "rack.input" => StringIO.new(request.body.b),
          "rack.errors" => $stderr, "rack.multithread" => true, "rack.multiprocess" => true, "rack.run_once" => false,
          "rack.hijack?" => false
        }
        request.headers.each { |name, value| env[variable(name)] = value }
        env["CONTENT_LENGTH"] = request.body.bytesize.to_s unless request.body.empty?
        env
      end

      def variable(name)
        upper = name.upcase.tr("-", "_")
        %w[CONTENT_TYPE CONTENT_LENGTH].include?(upper) ? upper : "HTTP_#{upper}"
      end
    end
  end
end
