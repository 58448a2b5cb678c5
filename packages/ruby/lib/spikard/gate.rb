# frozen_string_literal: true

require "json"

# Whose requests an app, a group or a route lets in, and how many; and who came. The core checks and counts.
module Spikard
  # One way to be let in: Spikard.bearer, api_key, basic or anyone. `auth:` takes one, or a list of which any will do; an
  # empty list lets everybody in.
  class Auth
    # An AuthSpec of the core (docs/appspec.md).
    attr_reader :spec

    def initialize(spec)
      @spec = spec
      freeze
    end
  end

  # The ways, as apps, their classes and groups have them, and `Spikard` itself.
  module Ways
    # Signed tokens (JWT, RFC 7519) in `Authorization: Bearer`: `bearer(jwks: "keys.json", scopes: %w[items])`.
    #
    # By one of `secret` (32 bytes or more), `public_key` (PEM, or the path of a file) and `jwks` (path or `https://` URL of a
    # JSON Web Key Set, RFC 7517). `algorithms`: default by the key. `issuer`, `audience`: one or a list; a token for an audience
    # is refused where none is named. `required`: claims that must be there, default `exp`. `leeway_ms`: default 60,000.
    # `token_type`: `typ`, such as `at+jwt`. `refresh_ms`: how long a set of a URL is good, default 600,000. `scopes`: all of
    # them must be the caller's, else 403. `name` and `description` are for the documents.
    def bearer(secret: nil, public_key: nil, jwks: nil, algorithms: nil, issuer: nil, audience: nil, required: nil,
               leeway_ms: nil, token_type: nil, refresh_ms: nil, **words)
      spec = { secret: secret, public_key: public_key, jwks: jwks, algorithms: algorithms, issuers: issuer && Array(issuer),
               audiences: audience && Array(audience), required: required, leeway_ms: leeway_ms, token_type: token_type,
               refresh_ms: refresh_ms }
      Gate.way(:bearer, spec, words)
    end

    # Keys that the app gave out, and whose each is: `api_key({ ENV["TILL_KEY"] => "till 7" })`, or
    # `{ subject: "till 7", scopes: %w[stock] }`; 16 bytes or more, compared in constant time. In the header field `x-api-key`,
    # or where `header`, `query` or `cookie` names one.
    def api_key(keys, header: nil, query: nil, cookie: nil, **words)
      places = { header: header, query: query, cookie: cookie }.compact
      raise ArgumentError, "a key stands in one place, not in #{places.keys.join(" and ")}; write two api_key(...)" if places.size > 1

      place, field = places.first
      given = keys.map { |key, of| { key: key, **(of.is_a?(Hash) ? of : { subject: of }) } }
      Gate.way(:api_key, { place: place, field: field, keys: given }, words)
    end

    # Names and passwords (RFC 7617): `basic({ "ada" => ENV["ADA"] })`, or `{ password: …, scopes: %w[desk] }`. `realm` is what a
    # browser shows; default the app's title.
    def basic(users, realm: nil, **words)
      given = users.map { |name, of| { name: name, **(of.is_a?(Hash) ? of : { password: of }) } }
      Gate.way(:basic, { realm: realm, users: given }, words)
    end

    # Requests without credentials, beside other ways: `auth: [bearer(…), anyone]`. Wrong ones are refused still.
    def anyone
      Auth.new({}.freeze)
    end
  end

  extend Ways

  # At most `requests` in `window_ms`, at once or evenly: `RateLimit.new(100, 60_000, by: :principal)`; more are answered with 429.
  # `by`: `:address` (the default; of IPv6 a network of 64 bits), `:principal`, `:header` with the field's name in `header`, `:all`.
  # `name` is what `RateLimit` fields of answers call it. Each worker counts for itself.
  class RateLimit
    # A RateSpec of the core.
    attr_reader :spec

    def initialize(requests, window_ms, by: nil, header: nil, name: nil)
      @spec = { requests: requests, window_ms: window_ms, by: by, header: header, name: name }.compact.freeze
      freeze
    end
  end

  # Who sent a request; see Request#principal.
  #
  # `scheme`: `bearer`, `apiKey` or `basic`. `subject`: `sub` of the token, whose the key is, the user's name; nil for a token
  # without `sub`. `scopes`: `scope` or `scp` of the token, or what the app says. `claims`: every claim of the token; empty
  # for keys and passwords.
  Principal = Struct.new(:scheme, :subject, :scopes, :claims, keyword_init: true)

  # What the policy of an app, a group or a route says of whom it lets in.
  module Gate
    NAMES = %i[auth rate_limit concurrency].freeze
    WORDS = %i[scopes name description].freeze

    module_function

    def way(kind, spec, words)
      unknown = words.keys - WORDS
      raise ArgumentError, "unknown option #{unknown.first.inspect} of #{kind}; allowed: #{WORDS.join(", ")}" unless unknown.empty?

      Auth.new({ kind => spec.compact, **words.compact }.freeze)
    end

    # As the core takes it. Raises ArgumentError.
    def policy(options)
      said = options.slice(*Config::POLICY, :concurrency)
      said[:auth] = specs(options[:auth], Auth, "auth takes bearer(...), api_key(...), basic(...) or anyone") if options.key?(:auth)
      if options.key?(:rate_limit)
        said[:rate_limit] = specs(options[:rate_limit], RateLimit, "rate_limit takes Spikard::RateLimit.new(requests, window_ms)")
      end
      said
    end

    def specs(given, kind, said)
      list = given.is_a?(Array) ? given : [given]
      wrong = list.find { |one| !one.is_a?(kind) }
      raise ArgumentError, "#{said}, or a list of them, not #{wrong.inspect}" unless wrong.nil?

      list.map(&:spec)
    end
  end
end
