# frozen_string_literal: true

require "json"

# The app: build, check everything, freeze, serve. Knows no HTTP; the core does.
module Spikard
  # An app, as an object or as a class.
  #
  #   app = Spikard::App.new(title: "Inventory")
  #   app.get("/items/{id:int}") { |id:| { id: id } }
  #
  #   class Inventory < Spikard::App
  #     title "Inventory", version: "1.0.0"
  #     get("/items/{id:int}") { |id:| { id: id } }
  #   end
  class App
    include Routing

    class << self
      include Routing

      # Name and version of the API, and options of the app (see Config).
      def title(name, **options)
        instance.configure(title: name, **options)
      end

      # Options of the app, among them `version`, `description`, `schemas`.
      def config(**options)
        instance.configure(**options)
      end

      # The block opens what the app needs and returns what closes it: `lifespan { store = open; -> { store.close } }`.
      def lifespan(&block)
        block ? instance.on_lifespan(&block) : instance.lifespan
      end

      # Serves this app; see App#run.
      def run(**options)
        instance.run(**options)
      end

      # By the Rack convention; see App#call.
      def call(env)
        instance.call(env)
      end

      # The one app that the class describes.
      def instance
        @instance ||= new
      end

      # The app that an object is or stands for.
      def of(app)
        return app if app.is_a?(App)
        return app.instance if app.is_a?(Class) && app < App

        raise ArgumentError, "a Spikard::App or a class below it is wanted, not #{app.inspect}"
      end

      private

      def stack
        instance.send(:stack)
      end

      def root
        instance
      end
    end

    attr_reader :hooks, :routes, :groups, :directories

    # `title`, `version`, `description`, `schemas` (JSON Schemas for the components), `auth`, `rate_limit` and `concurrency` of every
    # route that does not say them itself (see Routing#route), and the options of Config.
    def initialize(**options)
      @options = { title: "Spikard", version: "0.1.0" }
      @hooks = []
      @routes = []
      @groups = []
      @directories = []
      @stack = []
      @lock = Mutex.new
      configure(**options)
    end

    # Name of the API.
    def title
      @options[:title]
    end

    # Sets options; the last one wins.
    def configure(**options)
      known = %i[title version description schemas] + Gate::NAMES + Config::OPTIONS
      unknown = options.keys - known
      raise ArgumentError, "unknown option #{unknown.first.inspect} of an app; allowed: #{known.join(", ")}" unless unknown.empty?
      raise "the app is frozen: it is served or tested already" if @frozen

      @options.update(options)
      self
    end

    # What opens and closes around serving; see App.lifespan.
    def on_lifespan(&block)
      @lifespan = block
      self
    end

    # Runs the block between opening and closing.
    def lifespan
      close = @lifespan&.call
      yield
    ensure
      close.call if close.respond_to?(:call)
    end

    # The app as data: AppSpec as JSON text. Raises DefinitionError.
    def spec
      freeze_app
      @spec
    end

    # The OpenAPI 3.1 document as JSON text. Raises DefinitionError.
    def openapi
      freeze_app.openapi
    end

    # Checks everything and closes the app; serving and the test client do it. Raises DefinitionError.
    def freeze_app
      @frozen || @lock.synchronize { @frozen ||= assemble.tap { @thread = Thread.current } }
    end

    # The same, of the calling thread: what the core keeps of an app belongs to one thread.
    def here
      native = freeze_app
      return native if @thread == Thread.current

      key = :"spikard_app_#{object_id}"
      Thread.current.thread_variable_get(key) || assemble.tap { |made| Thread.current.thread_variable_set(key, made) }
    end

    # Answers a request of another server by the Rack convention: `run Shop` in a `config.ru`.
    def call(env)
      RackApp.answer(self, env)
    end

    # Serves until SIGINT or SIGTERM, on this thread; a second signal ends at once. The arguments go before the environment
    # (`SPIKARD_PORT`), that before `spikard.toml` beside the program; the defaults are 127.0.0.1 and 8000, and port 0 takes
    # a free one. With `workers`, a number or "auto", this process becomes the supervisor of `spikard run --workers`, which
    # starts the program again for each worker, and `run` never returns; in a worker the socket is open already and no
    # argument is used. With `SPIKARD_EMIT=spec` in the environment it prints the AppSpec instead.
    def run(host: nil, port: nil, workers: nil, &ready)
      return emit if ENV["SPIKARD_EMIT"] == "spec"

      Bridge.start(host, port, workers) unless ENV.key?("SPIKARD_FD")
      native = freeze_app
      announce = lambda do |bound|
        # What they name is ours now, and the numbers may become another file's.
        %w[SPIKARD_FD SPIKARD_READY_FD].each { |name| ENV.delete(name) }
        ready&.call(bound)
      end
      lifespan { heeding(native) { Bridge.running { native.serve(nil, nil, announce) } } }
      nil
    end

    # Stops accepting and lets open requests finish; then `run` returns. A second call ends at once.
    def close
      freeze_app.drain
    end

    private

    # Prints the AppSpec; or its mistakes, which are the reader's to show, and ends with 1.
    def emit
      $stdout.puts(spec)
    rescue DefinitionError => error
      $stdout.puts(JSON.generate(mistakes: error.mistakes))
      exit 1
    end

    attr_reader :stack

    def root
      self
    end

    # Time in which signals are one: a terminal and a supervisor may both send it.
    TOGETHER = 0.2

    # SIGINT and SIGTERM drain; asked again, the process ends at once where a handler holds the loop.
    def heeding(native)
      return yield unless Thread.current == Thread.main

      first = nil
      before = { "INT" => nil, "TERM" => nil }
      before.each_key do |name|
        before[name] = trap(name) do |number|
          now = Process.clock_gettime(Process::CLOCK_MONOTONIC)
          unheard = native.drain
          first = now if unheard == 1
          exit!(128 + number) if unheard > 1 && now - first > TOGETHER
        end
      end
      yield
    ensure
      before&.each { |name, old| trap(name, old || "DEFAULT") }
    end

    def assemble
      schemas = Schema.new(@options.fetch(:schemas, {}))
      handlers = []
      mistakes = []
      parts = inside(self, "", schemas, handlers, mistakes)
      config = @options.slice(*Config::OPTIONS)
      @spec = JSON.generate({ **@options.slice(:title, :version, :description), config: config, schemas: schemas.components,
                              policy: Gate.policy(@options.slice(*Gate::NAMES)), **parts }, max_nesting: 0)
      native = begin
        Bridge.freeze_app(@spec, handlers)
      rescue DefinitionError => error
        raise DefinitionError, mistakes + error.mistakes
      end
      raise DefinitionError, mistakes unless mistakes.empty?

      native
    end

    def inside(of, prefix, schemas, handlers, mistakes)
      hooks = hooking(of.hooks, handlers, mistakes)
      routes = of.routes.map do |declared|
        route = Route.new(declared, prefix, handlers.length, schemas)
        handlers << route.callable
        mistakes.concat(route.mistakes)
        { **route.spec, hooks: hooking(declared.hooks, handlers, mistakes) }
      end
      groups = of.groups.map do |group|
        { prefix: group.prefix, tags: group.tags, policy: group.policy,
          **inside(group, prefix + group.prefix, schemas, handlers, mistakes) }
      end
      { hooks: hooks, routes: routes, groups: groups, files: of.directories }
    end

    def hooking(hooks, handlers, mistakes)
      hooks.map do |hook|
        mistakes.concat(hook.mistakes)
        handlers << hook.callable
        hook.spec(handlers.length - 1)
      end
    end
  end
end
