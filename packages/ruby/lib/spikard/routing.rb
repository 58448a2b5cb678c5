# frozen_string_literal: true

# How routes are written: verbs, groups. Looks at nothing; `Route` does when the app is frozen.
module Spikard
  # The verbs of an app, of its class and of a group.
  module Routing
    include Ways

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
    # that is no block), hooks (`pre_handler: hook`, or a list), `auth` (see Ways), `rate_limit` (a RateLimit, or a list), `concurrency` (most
    # at once, else 503; 0 for any number), and Config::POLICY.
    def route(method, path, **options, &handler)
      declare(method, path, options, handler, caller_locations(1, 1).first)
    end

    # Routes that share a prefix, tags, hooks (as of a route) and policy. A block without a parameter declares them with this
    # object's own verbs; one with a parameter is given the group; without a block the group is returned.
    def group(prefix, tags: [], **options, &block)
      place = caller_locations(1, 1).first
      allowed = Hook::MOMENTS.keys + Config::POLICY + Gate::NAMES
      unknown = options.keys - allowed
      raise ArgumentError, "unknown option #{unknown.first.inspect} of a group; allowed: tags, #{allowed.join(", ")}" unless unknown.empty?

      made = Group.new(prefix, tags, Gate.policy(options))
      made.hooks.concat(Hook.of(options, file_of(place), place.lineno))
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

    # Hooks run around every request of the routes here and in the groups inside, wherever those are written: the app's
    # first, then the groups', then the route's (`get "/", pre_handler: hook`), each in the order of their registration. One
    # that returns a reply or raises a Problem answers; one that returns nil lets the request go on. They may wait. What
    # no route takes passes the app's `on_error` and `on_response`.
    #
    # `on_request { |request| … }`: the route is found, the body not read yet.
    def on_request(hook = nil, &block)
      hooked(:on_request, hook || block, caller_locations(1, 1).first)
    end

    # `pre_validation { |request| … }`: the body is here, nothing is validated yet, so edits are what is validated.
    def pre_validation(hook = nil, &block)
      hooked(:pre_validation, hook || block, caller_locations(1, 1).first)
    end

    # `pre_handler { |request| … }`: everything is valid, the handler is next.
    def pre_handler(hook = nil, &block)
      hooked(:pre_handler, hook || block, caller_locations(1, 1).first)
    end

    # `on_response { |request, response| … }`: there is a response, of a handler, a hook or a problem; see HookedResponse.
    def on_response(hook = nil, &block)
      hooked(:on_response, hook || block, caller_locations(1, 1).first)
    end

    # `on_error { |request, problem| … }`: something went wrong, and is no response yet; `problem.cause` is what was raised,
    # where that was no Problem.
    def on_error(hook = nil, &block)
      hooked(:on_error, hook || block, caller_locations(1, 1).first)
    end

    FILES = %i[index fallback precompressed cache_control dotfiles].freeze

    # Serves the files of a directory below a path, or one file at it: `files "/assets", "public"`. A relative root is one
    # beside the file that says so; links that lead out of it are not followed. The routes are in no document.
    #
    # Options: `index` (the file that stands for a directory, "index.html"; "" for none), `fallback` (the file that stands for
    # what is not there, for clients that take text/html), `precompressed` (send app.css.br, .zst or .gz for app.css),
    # `cache_control` (the fallback's is then no-cache), `dotfiles` (serve names that begin with a dot).
    def files(path, root, **options)
      unknown = options.keys - FILES
      raise ArgumentError, "unknown option #{unknown.first.inspect} of files; allowed: #{FILES.join(", ")}" unless unknown.empty?

      place = caller_locations(1, 1).first
      declared = { name: "files", file: place.path.delete_prefix("#{Dir.pwd}/"), line: place.lineno }
      target.directories << { path: path, root: root.to_s, **options, declared: declared }
      nil
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

      file = file_of(place)
      hooks = Hook.of(options, file, place.lineno)
      target.routes << Declared.new(method: method, path: path, options: options, handler: handler, hooks: hooks, file: file, line: place.lineno)
      nil
    end

    def hooked(moment, hook, place)
      target.hooks << Hook.new(moment, hook, file_of(place), place.lineno)
      nil
    end

    def file_of(place)
      place.path.delete_prefix("#{Dir.pwd}/")
    end

    # The group whose block runs, else this.
    def target
      stack.last || root
    end
  end

  # Routes under one prefix; made by `group`.
  class Group
    include Routing

    attr_reader :prefix, :tags, :policy, :hooks, :routes, :groups, :directories

    def initialize(prefix, tags, policy)
      @prefix = prefix
      @tags = tags
      @policy = policy
      @hooks = []
      @routes = []
      @groups = []
      @directories = []
      @stack = []
    end

    private

    attr_reader :stack

    def root
      self
    end
  end
end
