# frozen_string_literal: true

require "json"
require "set"
require "time"

# The door to the core: what the extension module calls, and what calls it. Decides nothing.
module Spikard
  # What the extension module calls.
  module Bridge
    # The command without a Ruby around it, which takes the place of this process for what lasts.
    PROGRAM = File.expand_path("../../libexec/spikard", __dir__)

    class << self
      # Hands the app over, once. Raises DefinitionError with everything that the core finds wrong.
      def freeze_app(spec, handlers)
        Native::App.new(spec, handlers, self, Reply)
      rescue RuntimeError => error
        raise DefinitionError, error.message.split("\n")
      end

      # What a program that is no worker does first: this process becomes the one worker, whose variables are put into its
      # environment, or supervises workers and ends with their exit code.
      def start(host, port, workers)
        # The core hears them itself, where it stays.
        before = %w[INT TERM].to_h { |name| [name, trap(name, "SYSTEM_DEFAULT")] }
        code, variables = Native.start(again, RbConfig.ruby, PROGRAM, host, port, workers&.to_s)
        exit code if variables.empty?

        ENV.update(variables)
      ensure
        before&.each { |name, old| trap(name, old || "DEFAULT") }
      end

      # Runs the block with this thread's scheduler: fibers wait on the core's reactor.
      def running
        before = Fiber.scheduler
        raise "this thread has another Fiber::Scheduler; serve from a thread without one" if before

        Fiber.set_scheduler(Thread.current.thread_variable_get(:spikard_scheduler) || scheduler)
        begin
          yield
        ensure
          Fiber.set_scheduler(nil)
        end
      end

      # A fiber that runs handlers, one after the other.
      def worker
        Fiber.new(blocking: false) do |number, function, values, head, body, passing|
          loop do
            begin
              result = function.call(values, head, body, passing)
            rescue Exception => error # rubocop:disable Lint/RescueException -- the loop decides what leaves it
              passing.raised = error if passing
              Native.fail(number, error)
              error = nil
            else
              Native.finish(number, result)
            end
            forget_locals
            result = values = head = body = passing = nil
            number, function, values, head, body, passing = Fiber.yield
          end
        end
      end

      # What the hooks and the handler of one request share.
      def passing(passage)
        Passing.new(passage)
      end

      # A fiber that gives the next chunk of a stream whenever it is resumed; nil at the end.
      def producer(source)
        Fiber.new(blocking: false) do |number|
          source.each do |chunk|
            raise TypeError, "what a stream gives is a String; write to_s or JSON.generate" unless chunk.is_a?(String)

            Native.finish(number, chunk.b)
            number, = Fiber.yield
          end
        rescue Exception => error # rubocop:disable Lint/RescueException -- the loop decides what leaves it
          Native.fail(number, error)
        else
          Native.finish(number, nil)
        end
      end

      # Ends a handler, or the producer of a stream, that waits.
      def cancel(fiber, why)
        fiber.raise(Cancelled, why) if fiber.alive?
      rescue FiberError
        nil # it waits for a fiber of its own, or has just been resumed
      end

      # What stands for an object that is no JSON value.
      def plain(object)
        case object
        when Model then object.class.note_written && object.to_h
        when Struct then object.to_h
        when Time then object.iso8601(object.subsec.zero? ? 0 : 6)
        else Plain.of(object)
        end
      end

      # From now on SIGQUIT shows where the code is. Ruby hears it between two instructions, so a method of C that does
      # not come back is not seen.
      def shows_where
        trap("QUIT") { $stderr.syswrite("#{["SIGQUIT", *caller].join("\n    from ")}\n") }
      end

      # The parts of a problem, or the cause of a 500 for the log.
      def failure(error)
        case error
        when Refused then ["refused", *error.refusals]
        when Problem
          extensions = error.extensions.empty? ? nil : JSON.generate(error.extensions)
          ["problem", error.code, error.status.to_s, error.title, error.detail, error.headers.flatten, extensions]
        else error.full_message(highlight: false, order: :top)
        end
      end

      private

      # The command line that started this program, with its flags.
      def again
        said = File.binread("/proc/self/cmdline").split("\0")
        [RbConfig.ruby, *said.drop(1)]
      rescue SystemCallError
        [RbConfig.ruby, $PROGRAM_NAME, *ARGV]
      end

      def scheduler
        Scheduler.new.tap { |made| Thread.current.thread_variable_set(:spikard_scheduler, made) }
      end

      # What one request left in the fiber's locals must not reach the next.
      def forget_locals
        names = Thread.current.keys
        names.each { |name| Thread.current[name] = nil } unless names.empty?
      end
    end
  end

  # Values of Ruby's own library as JSON.
  module Plain
    def self.of(object)
      return object.to_h if defined?(Data) && Data.respond_to?(:define) && object.is_a?(Data)
      return object.to_a if object.is_a?(Set)
      return object.iso8601 if defined?(Date) && object.is_a?(Date)
      return object.to_s("F") if defined?(BigDecimal) && object.is_a?(BigDecimal)

      raise TypeError, "a #{object.class} cannot be written as JSON; return its to_h, or a Spikard::Model"
    end
  end
end
