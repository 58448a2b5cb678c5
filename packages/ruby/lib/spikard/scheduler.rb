# frozen_string_literal: true

require "socket"

# Lets fibers wait on the core's reactor: the `Fiber::Scheduler` of a thread whose loop runs. The suspension itself is done
# here, in Ruby, so that no frame of the extension is part of a fiber that waits.
module Spikard
  # See Ruby's documentation of `Fiber::SchedulerInterface` for when each method is called.
  class Scheduler
    def initialize
      @kicker = Native.kicker
      @blocked = {}.compare_by_identity
      @ready = Thread::Queue.new
      Native.send(:scheduler=, self)
    end

    # `sleep`
    def kernel_sleep(duration = nil)
      duration ? wait_on(Native.sleep(Fiber.current, duration.to_f)) : block(:sleep)
    end

    # `IO#wait`, and every read and write that would block
    def io_wait(io, events, timeout)
      wait_on(Native.wait_io(Fiber.current, io.fileno, events, timeout&.to_f)) || false
    end

    # `Mutex`, `Queue`, `ConditionVariable`, `Thread#join`
    def block(_blocker, timeout = nil)
      fiber = Fiber.current
      wait = timeout && Native.sleep(fiber, timeout.to_f)
      @blocked[fiber] = true
      Fiber.yield == :unblocked
    ensure
      @blocked.delete(fiber)
      Native.forget(wait) if wait
    end

    # The end of what `block` waits for; called on any thread.
    def unblock(_blocker, fiber)
      @ready << fiber
      @kicker.kick
    end

    # Resumes what was unblocked; called by the loop.
    def run_ready
      until @ready.empty?
        fiber = @ready.pop(true)
        fiber.resume(:unblocked) if @blocked.delete(fiber) && fiber.alive?
      end
    end

    # `Timeout.timeout`
    def timeout_after(duration, error, message)
      target = Fiber.current
      # It runs, and has a stack, only when the time is over.
      timer = Fiber.new(blocking: false) { target.raise(error, message) if target.alive? }
      wait = Native.sleep(timer, duration.to_f)
      yield duration
    ensure
      Native.forget(wait) if wait
    end

    # `Process.wait`, `system`, backticks
    def process_wait(pid, flags)
      Thread.new { Process::Status.wait(pid, flags) }.value
    end

    # Host names
    def address_resolve(name)
      Thread.new { Addrinfo.getaddrinfo(name.split("%", 2)[0], nil).map(&:ip_address).uniq }.value
    end

    # `Fiber.schedule`
    def fiber(&block)
      Fiber.new(blocking: false, &block).tap(&:resume)
    end

    # The thread takes the scheduler away; the loop, not Ruby, decides when fibers end.
    def close; end

    private

    def wait_on(wait)
      Fiber.yield
    ensure
      Native.forget(wait) # nothing after a normal end; after Fiber#raise it ends the wait
    end
  end
end
