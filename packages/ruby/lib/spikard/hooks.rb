# frozen_string_literal: true

require "json"

# Hooks: blocks that run at one moment of every request of an app, a group or a route. Decides no order: the core does.
#
#   app.on_response { |_request, response| response.headers << ["x-shop", "1"] }
module Spikard
  # A hook as the user wrote it.
  class Hook
    # What a hook of each moment is called with.
    MOMENTS = {
      on_request: %w[request], pre_validation: %w[request], pre_handler: %w[request],
      on_response: %w[request response], on_error: %w[request problem]
    }.freeze

    # Those among the options of a group or a route: a hook or a list of them for each moment.
    def self.of(options, file, line)
      MOMENTS.keys.flat_map do |at|
        given = options.fetch(at, [])
        (given.is_a?(Array) ? given : [given]).map { |function| new(at, function, file, line) }
      end
    end

    def initialize(at, function, file, line)
      unless function.respond_to?(:call) && function.respond_to?(:parameters)
        raise ArgumentError, "an #{at} hook is a block, a lambda or a method, not #{function.inspect}; write `#{shown(at)}`"
      end

      @at = at
      @function = function
      @file = file
      @line = line
    end

    # Its HookSpec; `handler` is the index of its function.
    def spec(handler)
      { at: @at, handler: handler, declared: { name: name, file: @file, line: @line } }
    end

    # What is wrong with it, if anything is.
    def mistakes
      kinds = @function.parameters.map(&:first)
      return [] if kinds.count(:req) <= MOMENTS[@at].length && !kinds.include?(:keyreq)

      ["#{@file}:#{@line}: #{@at} hook: it takes what there is not; write `#{shown(@at)}`"]
    end

    # What the extension module is given; see `App.new` in crates/spikard-rb.
    def callable
      [call, [], false, false, false, nil]
    end

    private

    def shown(at)
      "#{at} { |#{MOMENTS[at].join(", ")}| … }"
    end

    def name
      @function.is_a?(Method) ? @function.name.to_s : @at.to_s
    end

    # How many of what there is the function takes.
    def taken
      kinds = @function.parameters.map(&:first)
      given = MOMENTS[@at].length
      kinds.include?(:rest) ? given : [kinds.count { |kind| %i[req opt].include?(kind) }, given].min
    end

    def call
      function = @function
      taken = self.taken
      case @at
      when :on_response
        lambda do |_, _, _, passing|
          response = HookedResponse.new(*passing.response)
          said = function.call(*[passing.request, response].take(taken))
          answer(said) || response.edits
        end
      when :on_error then ->(_, _, _, passing) { answer(function.call(*[passing.request, passing.problem].take(taken))) }
      else ->(_, _, _, passing) { answer(function.call(*[passing.request].take(taken))) }
      end
    end

    # nil lets the request pass. So does any other value than an answer: a block gives its last one, wanted or not.
    def answer(said)
      raise said if said.is_a?(Problem)

      said if said.is_a?(Reply) && !said.is_a?(HookedResponse)
    end
  end

  # What the hooks and the handler of one request share.
  class Passing
    # Of the user: anything, by any key.
    attr_reader :state
    # The extension module's view of the request and its response.
    attr_reader :passage
    # What was raised last.
    attr_writer :raised

    def initialize(passage)
      @passage = passage
      @state = {}
    end

    # The request as it is now.
    def request
      Request.new(passage.head, passage.body, { query: {}, path: {}, header: {}, cookie: {} }, self)
    end

    # Parts of a HookedResponse.
    def response
      passage.response
    end

    # The very problem that was raised; else one that says what the core says, whose `cause` is what was raised.
    def problem
      return @raised if @raised.is_a?(Problem)

      code, status, title, detail, fields, extensions = passage.problem
      options = { code: code, status: status, title: title, headers: fields.each_slice(2).to_a, extensions: JSON.parse(extensions) }
      begin
        raise Problem.of(code).new(detail, **options), cause: @raised
      rescue Problem => problem
        problem
      end
    end
  end

  # Stands for the content of a response that is a stream: it can be replaced, not read.
  class StreamedContent
  end

  # A response on its way out, for hooks: set what is to be different.
  class HookedResponse < Reply
    # A String of bytes, nil for none, or a StreamedContent. What is set goes out as the content of a reply would.
    attr_accessor :content
    # Media type; nil without content.
    attr_accessor :content_type
    # Pairs of name and value, without the fields that the server adds.
    attr_accessor :headers
    attr_reader :status

    def initialize(status, fields, content_type, content)
      content = content == true ? StreamedContent.new : content.freeze
      super(content, status: status, headers: fields.each_slice(2).to_a, content_type: content_type)
      @before = [status, fields.each_slice(2).to_a, content_type]
      @shown = content
    end

    def status=(status)
      @status = Reply.status(status)
    end

    # Itself, if it is another one than it was.
    def edits
      @headers = Reply.pairs(headers)
      self if other_content? || [status, headers, content_type] != @before
    end

    # What the extension module reads, and whether the content is another one.
    def parts
      [*super, other_content?]
    end

    private

    def other_content?
      !content.equal?(@shown)
    end
  end
end
