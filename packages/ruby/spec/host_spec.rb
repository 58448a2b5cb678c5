# frozen_string_literal: true

require "net/http"
require "rbconfig"
require "socket"
require "spikard"
require "timeout"

# Fibers, threads, signals and handlers that misbehave, over a socket in this process.
RSpec.describe "the loop of a served app" do
  # Serves in a thread of its own until the block ends; gives the port.
  def served(app, limit = 10)
    port = Thread::Queue.new
    server = Thread.new { app.run(port: 0) { |bound| port << bound } }
    server.report_on_exception = false
    Timeout.timeout(limit) { yield port.pop }
  ensure
    if server&.alive?
      # An app belongs to its thread, so that is where it is told to end.
      server.raise(Interrupt)
      begin
        Timeout.timeout(10) { server.join }
      rescue Interrupt
        nil
      end
    end
  end

  def fetch(port, path)
    Net::HTTP.get_response(URI("http://127.0.0.1:#{port}#{path}"))
  end

  # That many requests at once, each on a connection of its own; their bodies.
  def at_once(port, path, count)
    sockets = Array.new(count) { TCPSocket.new("127.0.0.1", port) }
    sockets.each { |socket| socket.write("GET #{path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n") }
    sockets.map { |socket| socket.read.split("\r\n\r\n", 2).last }
  ensure
    sockets&.each(&:close)
  end

  let(:app) { Spikard::App.new }

  it "lets 64 handlers that sleep overlap" do
    running = 0
    most = 0
    app.get("/") do
      most = [most, running += 1].max
      sleep 0.1
      running -= 1
      "slept"
    end

    served(app) { |port| expect(at_once(port, "/", 64)).to eq(["slept"] * 64) }

    expect(most).to eq(64)
  end

  it "keeps nothing of a time limit that was not reached" do
    app.get("/") do
      1000.times { Timeout.timeout(60) { sleep 0 } }
      reading, writing = IO.pipe
      1000.times { Timeout.timeout(0.001) { reading.wait_readable(60) } rescue nil } # rubocop:disable Style/RescueModifier
      writing.close
      GC.start
      ObjectSpace.each_object(Fiber).count.to_s
    end

    served(app, 60) { |port| expect(fetch(port, "/").body.to_i).to be < 100 }
  end

  it "lets handlers wait in Ruby's own ways" do
    lock = Mutex.new
    shared = Thread::Queue.new
    app.get("/push") { shared << "pushed"; "ok" }
    app.get("/pop") { shared.pop }
    app.get("/lock") { lock.synchronize { sleep 0.001 }; "locked" }
    app.get("/thread") { Thread.new { sleep 0.001; "joined" }.value }
    app.get("/timeout") do
      Timeout.timeout(0.02) { sleep 5 }
    rescue Timeout::Error
      "timed out"
    end
    app.get("/process") { Process.wait(spawn("true")); $?.exitstatus.to_s }
    app.get("/pipe") do
      reading, writing = IO.pipe
      Thread.new { sleep 0.01; writing.write("piped"); writing.close }
      reading.read
    end
    app.get("/self/{port}") { |port:| Net::HTTP.get(URI("http://127.0.0.1:#{port}/lock")) }
    app.get("/name") { Addrinfo.getaddrinfo("localhost", nil).empty?.to_s }

    served(app) do |port|
      waiting = Thread.new { fetch(port, "/pop").body }
      expect(at_once(port, "/lock", 8)).to eq(["locked"] * 8)
      expect(fetch(port, "/push").body).to eq("ok")
      expect(waiting.value).to eq("pushed")
      bodies = %W[/thread /timeout /process /pipe /self/#{port} /name].map { |path| fetch(port, path).body }
      expect(bodies).to eq(["joined", "timed out", "0", "piped", "locked", "false"])
    end
  end

  it "answers others while handlers wait in each of Ruby's ways" do
    # What each waits for, and what ends that.
    gates = Array.new(4) { Thread::Queue.new }
    lock = Mutex.new
    changed = ConditionVariable.new
    open = false
    pipes = Array.new(2) { IO.pipe }
    slow = TCPServer.new("127.0.0.1", 0)
    holder_holds = Thread::Queue.new
    held = Mutex.new
    holder = Thread.new { held.synchronize { holder_holds << 1; gates[3].pop } }
    peer = Thread.new do
      socket = slow.accept
      nil until socket.gets == "\r\n"
      gates[1].pop
      socket.write("HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nslow")
      socket.close
    end
    app.get("/queue") { gates[0].pop }
    app.get("/condition") { lock.synchronize { changed.wait(lock) until open }; "changed" }
    app.get("/mutex") { held.synchronize { "held" } }
    app.get("/pipe") { pipes[0][0].read }
    app.get("/process") { Process.wait(spawn("cat", in: pipes[1][0], out: File::NULL)); $?.success?.to_s }
    app.get("/http") { Net::HTTP.get(URI("http://127.0.0.1:#{slow.addr[1]}/")) }
    app.get("/join") { Thread.new { gates[2].pop }.value }
    app.get("/timeout") { Timeout.timeout(60) { gates[2].pop } }
    app.get("/asleep") { sleep }
    app.get("/thread", blocking: true) { gates[2].pop }
    app.get("/well") { "well" }
    ways = %w[/queue /condition /mutex /pipe /process /http /join /timeout /thread]

    served(app, 60) do |port|
      holder_holds.pop
      asleep = TCPSocket.new("127.0.0.1", port)
      asleep.write("GET /asleep HTTP/1.1\r\nhost: a\r\n\r\n")
      waiting = ways.to_h { |path| [path, Thread.new { fetch(port, path).body }] }
      expect(Array.new(20) { fetch(port, "/well").body }).to eq(["well"] * 20)
      expect(waiting.values).to all(be_alive)

      pipes[0][1].write("piped")
      pipes.each { |_, writing| writing.close }
      gates[0] << "popped"
      gates[1] << 1
      gates[3] << 1
      3.times { gates[2] << "joined" }
      lock.synchronize { open = true; changed.broadcast }

      answers = waiting.transform_values(&:value)
      expect(answers).to eq("/queue" => "popped", "/condition" => "changed", "/mutex" => "held", "/pipe" => "piped", "/process" => "true",
                            "/http" => "slow", "/join" => "joined", "/timeout" => "joined", "/thread" => "joined")
      asleep.close
    end
    [holder, peer].each(&:join)
    slow.close
  end

  it "overlaps sleeps of a millisecond" do
    most = running = 0
    app.get("/") do
      most = [most, running += 1].max
      sleep 0.001
      running -= 1
      "slept"
    end

    served(app) { |port| expect(at_once(port, "/", 64)).to eq(["slept"] * 64) }

    expect(most).to be > 1
  end

  it "keeps fiber-locals from the next request" do
    app.get("/") do
      before = Thread.current[:left]
      Thread.current[:left] = "mine"
      before
    end

    served(app) { |port| expect(Array.new(3) { fetch(port, "/").code }).to eq(["204"] * 3) }
  end

  it "ends a handler that takes too long, and runs its ensure" do
    ended = Thread::Queue.new
    app.get("/", handler_timeout_ms: 50) do
      sleep 60
    ensure
      ended << "ended"
    end

    served(app) do |port|
      expect(fetch(port, "/").code).to eq("504")
      expect(ended.pop).to eq("ended")
      expect(fetch(port, "/health/live").code).to eq("200")
    end
  end

  it "survives handlers that misbehave" do
    odd = Class.new { def to_s = raise("no") }
    loud = Class.new(StandardError) { def full_message(**) = raise("no") }
    app.get("/throw") { throw :nobody }
    app.get("/object") { odd.new }
    app.get("/nan") { [0.0 / 0] }
    app.get("/deep") { deep = []; deep << deep; deep }
    app.get("/bytes") { { a: "\xff" } }
    app.get("/loud") { raise loud, "secret" }
    app.get("/stack") { def self.again = again; again }
    app.get("/memory") { raise NoMemoryError, "secret" }
    app.get("/yield") { Fiber.new { Fiber.yield 1 }.resume }
    app.get("/status") { Spikard.reply("x", status: 99) }
    app.get("/field") { Spikard.reply("x", headers: { "x-a" => "a\r\nb: c" }) }
    app.get("/break") { break 1 }
    app.get("/local") { return 1 }
    app.get("/well") { "well" }

    served(app) do |port|
      %w[/throw /object /nan /deep /bytes /loud /stack /memory /status /field /break /local].each do |path|
        answer = fetch(port, path)
        expect([path, answer.code, answer.body.include?("secret")]).to eq([path, "500", false])
        expect(fetch(port, "/well").body).to eq("well")
      end
      expect(fetch(port, "/yield").body).to eq("1")
    end
  end

  it "goes on beside a thread that computes, which goes on too" do
    turns = 0
    stop = false
    busy = Thread.new { turns += 1 until stop }
    app.get("/") { "well" }

    served(app, 40) do |port|
      before = turns
      # Of a process of its own: a client here would wait for the lock too.
      client = <<~RUBY
        Net::HTTP.start("127.0.0.1", #{port}) { |http| 200.times { http.get("/").body == "well" or exit 1 } }
      RUBY
      pid = spawn(RbConfig.ruby, "-rnet/http", "-e", client)
      _, status = Timeout.timeout(30) { Process.wait2(pid) }
      expect(status.exitstatus).to eq(0)
      expect(turns).to be > before
    end
  ensure
    stop = true
    busy&.join
  end

  it "blames a handler that held the loop for its own time alone" do
    reading, writing = IO.pipe
    pid = spawn(RbConfig.ruby, File.expand_path("programs/beside.rb", __dir__), %i[out err] => writing)
    writing.close
    said = +""
    said << reading.readline until (port = said[/^bound (\d+)/, 1])
    # Each gives the lock to the thread that computes, which keeps it for 100 ms.
    expect(Array.new(10) { fetch(port, "/gives").body }).to eq(["given"] * 10)
    expect(%w[/computes /blocks].map { |path| fetch(port, path).body }).to eq(%w[computed blocked])
    Process.kill(:TERM, pid)
    Timeout.timeout(30) { said << reading.read }

    expect(said.scan(/"loop-held","operation":"GET ([^"]+)"/).flatten.uniq).to contain_exactly("/computes", "/blocks")
  ensure
    reading&.close
    Process.wait(pid) if pid
  end

  it "collects what requests leave" do
    app.get("/") { { list: Array.new(100) { |index| "item #{index}" } } }
    client = Spikard::TestClient.new(app)
    sizes = Array.new(3) do
      2000.times { client.get("/") }
      GC.start
      File.read("/proc/self/status")[/VmRSS:\s+(\d+)/, 1].to_i
    end

    expect(sizes.last - sizes.first).to be < 8_000
  end
end
