# frozen_string_literal: true

# How routes are written: verbs, groups. Looks at nothing; `Route` does when the app is frozen.
module Spikard
  # The verbs of an app, of its class and of a group.
  module Routing
    %w[get post put patch delete head options query].each do |verb|
      # A route; see #route.
      define_method(verb) do |path, **options, &handler|
        declare(verb.upcase, path, options, handler, caller_locations(1, 1).first)
      end
    end

    # A route of any method: `route("PURGE", "/cache") { … }`. The handler's keywords are the route's parameters by name
    # (`if-match` is `if_match:`), `body:` and `request:`; a handler with a positional parameter gets the Request.
    # A keyword without a default is nil where nothing was sent.
    #
    # Options: `params`, `query`, `headers`, `cookies` (name => type; those of the path must be sent, others with
    # `required: true`), `parameters` (in the words of OpenAPI), `body` (a
    # schema, or `{ content: { media => schema }, required: }`), `response` (a schema, or status => schema), `status`,
    # `summary`, `description`, `tags`, `operation_id`, `deprecated`, `hidden`, `blocking` (in a thread), `to` (a handler
    # that is no block), and Config::POLICY.
    def route(method, path, **options, &handler)
      declare(method, path, options, handler, caller_locations(1, 1).first)
    end

    # Routes that share a prefix, tags and policy. A block without a parameter declares them with this object's own verbs;
    # one with a parameter is given the group; without a block the group is returned.
    def group(prefix, tags: [], **policy, &block)
      unknown = policy.keys - Config::POLICY
      raise ArgumentError, "unknown option #{unknown.first.inspect} of a group; allowed: tags, #{Config::POLICY.join(", ")}" unless unknown.empty?

      made = Group.new(prefix, tags, policy)
      target.groups << made
      return made unless block
      return block.call(made) if block.arity.positive?

      stack.push(made)
      begin
        block.call
      ensure
        stack.pop
      end
      made
    end

    # Hands every request below a prefix to a Rack app, in a thread: `mount "/old", Legacy`. The whole body is read first.
    def mount(prefix, app)
      place = caller_locations(1, 1).first
      prefix = "" if prefix == "/"
      handler = RackApp.mounted(app, prefix)
      options = { body: { content: { "*/*" => true }, required: false }, hidden: true, blocking: true }
      ["", "/", "/{*path}"].product(RackApp::METHODS) do |path, method|
        next if (prefix + path).empty?

        declare(method, prefix + path, { to: handler, **options }, nil, place)
      end
    end

    # Content with a status and header fields.
    def reply(content = nil, **options)
      Reply.new(content, **options)
    end

    private

    def declare(method, path, options, handler, place)
      handler = options.delete(:to) || handler
      unless handler.respond_to?(:call) && handler.respond_to?(:parameters)
        raise ArgumentError, "#{method} #{path} has no handler; write `get(#{path.inspect}) { \"hello\" }`"
      end

      file = place.path.delete_prefix("#{Dir.pwd}/")
      target.routes << Declared.new(method: method, path: path, options: options, handler: handler, file: file, line: place.lineno)
      nil
    end

    # The group whose block runs, else this.
    def target
      stack.last || root
    end
  end

  # Routes under one prefix; made by `group`.
  class Group
    include Routing

    attr_reader :prefix, :tags, :policy, :routes, :groups

    def initialize(prefix, tags, policy)
      @prefix = prefix
      @tags = tags
      @policy = policy
      @routes = []
      @groups = []
      @stack = []
    end

    private

    attr_reader :stack

    def root
      self
    end
  end
end
