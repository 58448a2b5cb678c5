# frozen_string_literal: true

require "spikard"

# One worker: finds the app in a file and runs it. Supervises nothing; the CLI does.
module Spikard
  # What `spikard run app.rb` starts.
  module Worker
    # What was named holds no app; says what to write.
    class NoApp < StandardError; end

    class << self
      # Serves the app of `app.rb` or `app.rb:Name`; the exit code.
      def main(arguments)
        raise NoApp, "usage: app.rb or app.rb:Name" unless arguments.length == 1

        $stdout.sync = true # a supervisor passes lines on
        find(arguments.first).run
        0
      rescue NoApp => error
        warn "spikard: #{error.message}"
        1
      rescue DefinitionError => error
        warn error.message
        1
      end

      # The app that a file makes: the one that was named, the constant or global `App`/`$app`, or the only one.
      def find(name)
        file, _, constant = name.partition(":")
        raise NoApp, "there is no file #{file}" unless File.file?(file)

        return rack(file) if file.end_with?(".ru")

        known = apps
        run_theirs(file)
        return named(file, constant) unless constant.empty?

        made = apps - known
        return App.of(made.first) if made.length == 1

        raise NoApp, made.empty? ? "#{file} has no app; write `class Shop < Spikard::App` or `APP = Spikard::App.new` in it" : "#{file} has several apps; name one: #{names(file, made)}"
      end

      private

      # Runs the user's file. What it raises is shown as Ruby does, without the frames that only say that we loaded it.
      def run_theirs(file)
        load File.expand_path(file)
      rescue ScriptError, StandardError => error
        error.set_backtrace(error.backtrace.to_a.reject { |line| line.start_with?(__FILE__, "-e:") })
        # A file that cannot be read has run nothing: its place is in the message.
        error.backtrace.empty? ? abort("#{error.message.chomp} (#{error.class})") : raise
      end

      # As each is written on the command line: `app.rb:Shop, app.rb:Stock`.
      def names(file, made)
        constants = Object.constants.select { |name| !Object.autoload?(name) && made.include?(quietly(name)) }
        constants.sort.map { |name| "#{file}:#{name}" }.join(", ")
      end

      # The app of a `config.ru`: one of ours as it is, another below "/".
      def rack(file)
        require "rack"
        app = Array(Rack::Builder.parse_file(file)).first
        return App.of(app) if app.is_a?(App) || (app.is_a?(Class) && app < App)

        made = App.new(title: file, openapi_path: "", docs_path: "")
        eval('made.mount("/", app)', binding, File.expand_path(file), 1) # where `spikard routes` says that its routes are
        made
      end

      def named(file, constant)
        found = Object.const_get(constant)
        App.of(found)
      rescue NameError, ArgumentError
        raise NoApp, "#{file} has no app named #{constant}"
      end

      # Classes of apps and apps in constants.
      def apps
        classes = ObjectSpace.each_object(App.singleton_class).reject { |one| one == App || one.singleton_class? }
        constants = Object.constants.reject { |name| Object.autoload?(name) || Object.const_defined?(:Config) && name == :Config }
        classes + constants.map { |name| quietly(name) }.select { |one| one.is_a?(App) }
      end

      def quietly(name)
        before, $VERBOSE = $VERBOSE, nil
        Object.const_get(name)
      ensure
        $VERBOSE = before
      end
    end
  end
end
