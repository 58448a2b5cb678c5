# frozen_string_literal: true

require "spikard"

# A program whose handlers do what no handler should; hostile_spec.rb calls them. `$LIMIT` bounds its memory, in bytes.
class Hostile < Spikard::App
  title "Hostile", version: "1.0.0", handler_timeout_ms: 1000

  get("/well") { Process.pid.to_s }
  get("/raise") { raise "a secret" }
  get("/raise-exception") { raise Exception, "a secret" } # rubocop:disable Lint/RaiseException -- that is the case
  get("/throw") { throw :secret }
  get("/script-error") { raise NotImplementedError, "a secret" }
  get("/frozen") { "".freeze << "a secret" }
  get("/nonsense") { Object.new }
  get("/status") { Spikard.reply("a secret", status: 1000) }
  get("/recursion") { deeper = ->(level) { deeper.call(level + 1) }; deeper.call(0) }

  get "/memory" do
    kept = []
    loop { kept << "a secret" * 4_000_000 }
  end

  # Holds the loop: nobody else runs meanwhile.
  get "/hold" do
    ends = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 2
    nil while Process.clock_gettime(Process::CLOCK_MONOTONIC) < ends
    "held"
  end

  # Waits for Ruby's lock, which another thread has.
  get "/lent" do
    ends = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 0.5
    computes = false
    Thread.new do
      computes = true
      nil while Process.clock_gettime(Process::CLOCK_MONOTONIC) < ends
    end
    Thread.pass until computes
    "lent"
  end
  get("/blocked", blocking: true, handler_timeout_ms: 100) { sleep 2 }

  # A second answer for every call that is under way; what a handler returns itself counts.
  get "/twice" do
    300.times { |number| Spikard::Native.finish(number, "forged") }
    "mine"
  end
  get "/late", handler_timeout_ms: 50 do
    sleep 60
  rescue Spikard::Cancelled
    "too late"
  end
  get "/stubborn", handler_timeout_ms: 50 do
    begin
      sleep 60
    rescue Spikard::Cancelled
      sleep 0.1
    end
    "too late"
  end

  get("/exit") { exit 3 }
  get("/abort") { abort "a secret" }
  get("/kill") { Thread.current.kill }
  get("/interrupt") { raise Interrupt, "a secret" }
  get("/signal") { raise SignalException, "TERM" }
  get("/exit-at-once") { exit! 4 }
  get("/killed") { Process.kill("KILL", Process.pid); sleep 60 }
end

Process.setrlimit(Process::RLIMIT_AS, Integer(ENV["LIMIT"])) if ENV["LIMIT"]
