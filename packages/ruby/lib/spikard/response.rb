# frozen_string_literal: true

# A handler's answer when a plain value is not enough: status, fields, cookies. Encodes nothing itself.
#
#   reply item, status: 201, headers: { location: "/items/3" }
module Spikard
  # Content with its status and header fields.
  class Reply
    # Names and values, in order.
    attr_reader :headers
    attr_reader :content, :status, :content_type

    # `headers`: a Hash, whose values may be lists, or pairs. `content_type` defaults to what the route declares for the
    # status, else to the kind of content: JSON, `text/plain; charset=utf-8`, `application/octet-stream`.
    def initialize(content = nil, status: 200, headers: {}, content_type: nil)
      @content = content
      @status = Reply.status(status)
      @headers = Reply.pairs(headers)
      @content_type = content_type
    end

    # Adds a `Set-Cookie` field (RFC 6265). `max_age` in seconds; without it a session cookie.
    def cookie(name, value, max_age: nil, path: "/", domain: nil, secure: true, http_only: true, same_site: "Lax")
      unless name.to_s.match?(/\A[!#$%&'*+\-.^_`|~0-9A-Za-z]+\z/)
        raise ArgumentError, "a cookie cannot be named #{name.inspect} (RFC 6265 section 4.1.1)"
      end
      unless value.to_s.match?(/\A[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*\z/)
        raise ArgumentError, "a cookie cannot hold #{value.inspect}; encode it, by Base64 for one"
      end

      said = ["#{name}=#{value}", max_age && "Max-Age=#{Integer(max_age)}", domain && "Domain=#{domain}",
              path && "Path=#{path}", secure && "Secure", http_only && "HttpOnly", same_site && "SameSite=#{same_site}"]
      @headers << ["set-cookie", said.select { |word| word }.join("; ")]
      self
    end

    # What the extension module reads.
    def parts
      [status, headers.flatten, content_type, content]
    end

    # Checks one.
    def self.status(status)
      return status if status.is_a?(Integer) && status.between?(100, 599)

      raise ArgumentError, "a status is an Integer from 100 to 599, not #{status.inspect}"
    end

    # Header fields as pairs of Strings.
    def self.pairs(headers)
      headers.flat_map { |name, value| Array(value).map { |one| [name.to_s, one.to_s] } }
    end
  end

  # Content with a status and header fields; see Reply.
  def self.reply(content = nil, **options)
    Reply.new(content, **options)
  end
end
