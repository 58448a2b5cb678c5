# frozen_string_literal: true

# One route: from what the user declared to its RouteSpec and to the function that the core calls. Registers nothing.
module Spikard
  # A route as the user wrote it, before anything is looked at.
  Declared = Struct.new(:method, :path, :options, :handler, :hooks, :file, :line, keyword_init: true)

  # What became of one: its RouteSpec, the extension module's handler, and what is wrong.
  class Route
    PLACES = { params: "path", query: "query", headers: "header", cookies: "cookie" }.freeze
    OPTIONS = [*PLACES.keys, :parameters, :body, :response, :status, :summary, :description, :tags, :operation_id,
               :deprecated, :hidden, :blocking, *Hook::MOMENTS.keys, *Config::POLICY, *Gate::NAMES].freeze
    STATUS = /\A([1-5]\d\d|[1-5]XX|default)\z/.freeze

    attr_reader :spec, :callable, :mistakes

    def initialize(declared, prefix, index, schemas)
      @declared = declared
      @options = declared.options
      @schemas = schemas
      @mistakes = []
      path = declared.path.gsub(%r{(\A|/):([A-Za-z_]\w*)}, '\1{\2}')
      @whole = prefix + (prefix.empty? || path != "/" ? path : "")
      unknown = @options.keys - OPTIONS
      unknown.each { |name| mistake("unknown option #{name.inspect}; allowed: #{OPTIONS.join(", ")}") }
      @keywords = keywords
      @spec = describe(path, index)
      @callable = function
    end

    private

    def describe(path, index)
      @parameters = noting("") { parameters } || []
      @body = noting("body ") { body }
      responses = noting("response ") { responses() } || {}
      {
        method: @declared.method, path: path, handler: index, parameters: @parameters, body: @body,
        decoder_validates: !layout.nil?, responses: responses,
        status: status(responses), operation_id: @options[:operation_id], summary: @options[:summary],
        description: @options[:description], tags: @options.fetch(:tags, []), deprecated: @options.fetch(:deprecated, false),
        hidden: @options.fetch(:hidden, false), policy: noting("") { Gate.policy(@options) } || {},
        declared: { name: name, file: @declared.file, line: @declared.line }
      }
    end

    def mistake(text)
      @mistakes << "#{@declared.file}:#{@declared.line}: #{@declared.method} #{@whole}: #{text}"
      nil
    end

    def noting(about)
      yield
    rescue SchemaError, ArgumentError => error
      mistake("#{about}#{error.message}")
    end

    # `getItemsId`
    def name
      words = @whole.split(/\W+/).reject(&:empty?)
      @declared.method.downcase + words.map { |word| word[0].upcase + word[1..] }.join
    end

    def parameters
      @types = {}
      found = @options.fetch(:parameters, []).map { |parameter| Schema.plain(parameter) }
      PLACES.each do |group, place|
        Schema.members(@options.fetch(group, {})).each do |name, options|
          found << parameter(name.to_s, place, options)
          @types[[place, name.to_s]] = options[:type]
        end
      end
      declared = found.select { |one| one["in"] == "path" }.map { |one| one["name"] }
      undeclared = captures - declared
      found + undeclared.map { |name| { "name" => name, "in" => "path", "required" => true } }
    end

    def parameter(name, place, options)
      # Where it is sent, whether it must be and what it is for stand beside the schema (OpenAPI 3.1 Parameter Object).
      schema = @schemas.field(options.reject { |key, _| %i[description deprecated required].include?(key) })
      required = place == "path" || options.fetch(:required, false)
      { "name" => name, "in" => place, "required" => required, "schema" => schema,
        "description" => options[:description], "deprecated" => options[:deprecated] }.compact
    end

    def captures
      @whole.scan(/\{\*?([^}:]+)(?::[^}]*)?\}/).flatten
    end

    def body
      said = @options[:body]
      return if said.nil?

      said = { content: { "application/json" => said } } unless content?(said)
      @types[:body] = said[:content].values.first if said[:content].length == 1
      { content: said[:content].to_h { |media, schema| [media.to_s, @schemas.json(schema)] }, required: said.fetch(:required, true) }
    end

    def content?(said)
      said.is_a?(Hash) && said[:content].is_a?(Hash) && (said.keys - %i[content required]).empty?
    end

    def responses
      said = @options[:response]
      return {} if said.nil?

      said = { @options.fetch(:status, 200) => said } unless by_status?(said)
      said.to_h { |status, schema| [status.to_s, response(schema)] }
    end

    def by_status?(said)
      said.is_a?(Hash) && !said.empty? && said.keys.all? { |key| key.to_s.match?(STATUS) }
    end

    def response(said)
      return {} if said.nil? || said == {}
      unless said.is_a?(Hash) && (said.keys - %i[description content]).empty?
        return { content: { "application/json" => @schemas.json(said) } }
      end

      content = said.fetch(:content, {}).to_h { |media, schema| [media.to_s, @schemas.json(schema)] }
      { description: said[:description], content: content }
    end

    # Of a plain value: the one that is set, or the only 2XX that is declared.
    def status(responses)
      good = responses.keys.grep(/\A2\d\d\z/)
      only = good.first.to_i if good.length == 1 && !%w[200 204].include?(good.first)
      @options.fetch(:status, only)
    end

    # --- the call

    # What the extension module is given; see `App.new` in crates/spikard-rb.
    def function
      names = request? ? everything : wanted.map { |one| one.take(3) }
      bytes = [takes_body? || request?, request?] # of the body: in general, and beside what was built of it
      [invocation(@declared.handler), names, request? || !json_only?, *bytes, layout]
    end

    # What the handler takes by keyword, and whether it must be given.
    def keywords
      kinds = @declared.handler.parameters
      kinds.select { |kind, _| %i[keyreq key].include?(kind) }.to_h { |kind, name| [name, kind] }
    end

    # It takes every keyword.
    def open?
      @declared.handler.parameters.any? { |kind, _| kind == :keyrest }
    end

    # It takes the request, and nothing else.
    def positional?
      @declared.handler.parameters.any? { |kind, _| %i[req opt].include?(kind) }
    end

    def request?
      positional? || @keywords.key?(:request)
    end

    def takes_body?
      !@body.nil? && (@keywords.key?(:body) || open?)
    end

    # What a JSON body is built as in the pass that checks it; nil where only its bytes will do.
    def layout
      return @layout if defined?(@layout)

      known = takes_body? && !positional? && @types.key?(:body)
      @layout = known ? Layout.of(@types[:body]) : nil
    end

    # `[symbol, index, always]` of each parameter that the handler takes by keyword, with the name it has among everything.
    def wanted
      known = @parameters.each_with_index.map { |parameter, index| [keyword(parameter["name"]), index] }
      mistake("the handler takes body:, and the route declares no body") if @keywords.key?(:body) && @body.nil?
      unknown = @keywords.keys - known.map(&:first) - %i[body request]
      unknown.each do |name|
        near = known.map(&:first).find { |one| one.to_s.start_with?(name.to_s[0, 2]) }
        mistake("the handler takes #{name}:, which the route does not declare#{"; did you mean #{near}:?" if near}")
      end
      taken = known.select { |name, _| open? || @keywords.key?(name) }
      taken.map { |name, index| [name, index, @keywords[name] == :keyreq, everything[index].first] }
    end

    # The same of all parameters, told apart by their places, for a handler that takes the request.
    def everything
      @parameters.each_with_index.map { |parameter, index| [:"#{parameter["in"]} #{parameter["name"]}", index, false] }
    end

    # `if-match` is `if_match:`.
    def keyword(name)
      name.downcase.gsub(/\W/, "_").to_sym
    end

    def invocation(handler)
      made = positional? ? with_head(handler) : plain(handler)
      @options[:blocking] ? Threads.around(made) : made
    end

    def with_head(handler)
      ->(values, head, raw, passing) { handler.call(Request.new(head, raw, by_place(values), passing)) }
    end

    # By keyword; a body that was built while it was checked is among the values.
    def plain(handler)
      return ->(_, _, _, _) { handler.call } if @keywords.empty? && !open?
      return with_request(handler) if request?

      read = readers
      body = body_reader if takes_body?
      return ->(values, _, _, _) { values.empty? ? handler.call : handler.call(**values) } if read.empty? && !body

      given = filling(read, body)
      lambda do |values, head, raw, _|
        given.call(values, head, raw)
        values.empty? ? handler.call : handler.call(**values)
      end
    end

    # Gives values their types, and adds the body where it was not built.
    def filling(read, body)
      always = @keywords[:body] == :keyreq || open?
      lambda do |values, head, raw|
        read.each { |name, reader| values[name] = reader.call(values[name]) if values[name] } unless read.empty?
        next if body.nil? || values.key?(:body)

        if raw then values[:body] = body.call(raw, head)
        elsif always then values[:body] = nil
        end
      end
    end

    # By keyword and with the request, which has all values.
    def with_request(handler)
      taken = wanted
      given = filling(readers, takes_body? ? body_reader : nil)
      lambda do |all, head, raw, passing|
        values = all.key?(:body) ? { body: all.delete(:body) } : {}
        request = Request.new(head, raw, by_place(all), passing)
        taken.each do |name, _, always, key|
          values[name] = all[key] if always || all.key?(key)
        end
        given.call(values, head, raw)
        values[:request] = request
        handler.call(**values)
      end
    end

    # Values by source and name, for the request object.
    def by_place(values)
      places = { path: {}, query: {}, header: {}, cookie: {} }
      values.each do |key, value|
        place, name = key.name.split(" ", 2)
        places[place.to_sym][name] = value
      end
      places
    end

    # Of the parameters whose type is more than JSON's.
    def readers
      @parameters.filter_map do |parameter|
        reader = Schema.reader(@types[[parameter["in"], parameter["name"]]])
        [keyword(parameter["name"]), refusing(reader, parameter["in"], [parameter["name"]])] if reader
      end
    end

    def body_reader
      build = Schema.reader(@types[:body])
      build &&= refusing(build, "body", [])
      return ->(raw, _) { build ? build.call(Schema.parse(utf8(raw))) : Schema.parse(utf8(raw)) } if json_only?

      lambda do |raw, head|
        media = Request.new(head, raw, {}).headers.fetch("content-type", "").split(";", 2)[0].to_s.strip.downcase
        next (build ? build.call(Schema.parse(utf8(raw))) : Schema.parse(utf8(raw))) if json?(media)

        media.start_with?("text/") ? utf8(raw) : raw
      end
    end

    # A value that its schema accepts and its class refuses is the client's mistake.
    def refusing(reader, source, path)
      lambda do |value|
        reader.call(value)
      rescue Dry::Unfit => error
        raise Refused, error.refusals.map { |inside, message| [source, path + inside, message] }
      rescue ArgumentError, TypeError => error
        raise Refused, [[source, path, error.message]]
      end
    end

    def utf8(raw)
      raw.dup.force_encoding(Encoding::UTF_8)
    end

    def json_only?
      @body.nil? || @body[:content].keys.all? { |media| json?(media) }
    end

    def json?(media)
      essence = media.split(";", 2)[0].to_s.strip.downcase
      essence == "application/json" || essence.end_with?("+json")
    end
  end

  # Threads for handlers that must not share the loop: `blocking: true`.
  module Threads
    # At most so many run at once; the next waits for one of them.
    COUNT = 40
    QUEUE = Thread::Queue.new
    START = Mutex.new

    class << self
      # The same function, run by a thread while the loop goes on.
      def around(function)
        lambda do |*arguments|
          answer = Thread::Queue.new
          start
          QUEUE << [answer, function, arguments]
          result, error = answer.pop
          raise error if error

          streaming(result)
        end
      end

      private

      # What a handler returned, with its stream given by a thread too.
      def streaming(result)
        case result
        when Enumerator then stream(result)
        when Reply
          return result unless result.content.is_a?(Enumerator)

          options = { status: result.status, headers: result.headers, content_type: result.content_type }
          Reply.new(stream(result.content), **options)
        else result
        end
      end

      # The same chunks, one at a time and each when it is wanted, from a thread of the stream's own: it may last, and the
      # others are few. When nobody wants more, the source hears so where it gave its last one, and its `ensure` runs there.
      def stream(source)
        Enumerator.new do |out|
          wanted = Thread::Queue.new
          given = Thread::Queue.new
          Thread.new { pull(source, wanted, given) }
          loop do
            wanted << true
            chunk, error, ended = given.pop
            raise error if error
            break if ended

            out << chunk
          end
        ensure
          wanted&.close
        end
      end

      def pull(source, wanted, given)
        return unless wanted.pop

        source.each do |chunk|
          given << [chunk, nil, false]
          raise Cancelled, "the client left" unless wanted.pop
        end
        given << [nil, nil, true]
      rescue Exception => error # rubocop:disable Lint/RescueException -- raised again where chunks are wanted
        given << [nil, error, false]
      end

      def start
        START.synchronize do
          @threads = (@threads || []).select(&:alive?)
          @threads << Thread.new { serve } if QUEUE.num_waiting.zero? && @threads.length < COUNT
        end
      end

      def serve
        loop do
          answer, function, arguments = QUEUE.pop
          begin
            answer << [function.call(*arguments), nil]
          rescue Exception => error # rubocop:disable Lint/RescueException -- raised again where the handler was called
            answer << [nil, error]
          end
        end
      end
    end
  end
end
