# frozen_string_literal: true

require "net/http"
require "open3"
require "rbconfig"
require "socket"
require "spikard"
require "timeout"

# Handlers that misbehave, in a process of its own: each is answered with a 500, 503 or 504 that tells nothing of it, and
# the service answers the next request.
RSpec.describe "a service whose handlers misbehave" do
  file = File.expand_path("programs/hostile.rb", __dir__)

  # A service that says where it serves; killed in the end with all that it started.
  def served(environment, *command)
    input, output, waiting = Open3.popen2e(environment, *command, pgroup: true)
    input.close
    said = +""
    port = Timeout.timeout(30) do
      said << output.readline until said =~ %r{http://127\.0\.0\.1:(\d+)}
      $1.to_i
    end
    reading = Thread.new { output.each_line { |line| said << line } }
    yield port, waiting.pid, said
  ensure
    if waiting
      begin
        Process.kill("KILL", -waiting.pid)
      rescue Errno::ESRCH
        nil # it has ended
      end
    end
    waiting&.join
    reading&.join
    output&.close
  end

  def get(port, path)
    Net::HTTP.start("127.0.0.1", port, read_timeout: 30, max_retries: 0) { |http| http.get(path) }
  end

  # The answer, or nil where the process ended before it was whole.
  def try(port, path)
    get(port, path)
  rescue EOFError, SystemCallError
    nil
  end

  # Until somebody answers, which may be a new worker.
  def well(port)
    Timeout.timeout(30) do
      loop do
        answer = try(port, "/well")
        return answer.body if answer&.code == "200"

        sleep 0.02
      end
    end
  end

  alone = [RbConfig.ruby, "-e", "load ARGV[0]; Hostile.run(port: 0)", file]

  it "answers for the handler and goes on" do
    served({ "LIMIT" => "1500000000" }, *alone) do |port, pid, said|
      expected = %w[/raise /raise-exception /throw /script-error /frozen /nonsense /status /recursion /memory].to_h { |path| [path, ["500", false]] }
      expected.update("/blocked" => ["504", false], "/late" => ["504", false], "/stubborn" => ["504", false], "/twice" => ["200", false])
      expected.each do |path, wanted|
        answer = get(port, path)
        expect([path, answer.code, answer.body.match?(/secret|forged|too late/)]).to eq([path, *wanted])
        expect(get(port, "/well").body).to eq(pid.to_s)
      end
      expect(get(port, "/twice").body).to eq("mine")
      expect(said).to include("a secret") # in the log
    end
  end

  it "answers those who waited for a handler that held the loop" do
    served({}, *alone) do |port, pid, said|
      holding = Thread.new { get(port, "/hold").code }
      others = Array.new(4) { Thread.new { get(port, "/well").body } }
      expect(others.map(&:value)).to eq([pid.to_s] * 4)
      expect(%w[200 504]).to include(holding.value)
      Timeout.timeout(30) { sleep 0.01 until said =~ /"loop-held","operation":"GET \/hold".*held the event loop for \d+ ms/ }
      expect(said).not_to include('"loop-held","operation":"GET /well"')
    end
  end

  it "does not name a handler that waited for another thread" do
    served({}, *alone) do |port, _, said|
      told = /"loop-held".*other threads of this program computed/
      10.times do
        break if said =~ told

        expect(get(port, "/lent").body).to eq("lent")
      end
      Timeout.timeout(10) { sleep 0.01 until said =~ told }
      expect(said[told]).not_to include("/lent")
    end
  end

  it "replaces a worker that a handler ends" do
    served({}, "spikard", "run", file, "--workers", "2", "--port", "0") do |port, _, _|
      %w[/exit /abort /kill /interrupt /signal].each do |path|
        answer = try(port, path)
        expect([path, answer&.code, answer&.body&.include?("secret")]).to eq([path, "500", false])
        well(port)
      end
      %w[/exit-at-once /killed].each do |path|
        try(port, path) # there is nobody left who could answer
        well(port)
      end
    end
  end
end
