# frozen_string_literal: true

require "json"
require "net/http"
require "rbconfig"
require "socket"
require "timeout"

# Memory of a worker over 200,000 requests of every kind of handler, over the wire.
RSpec.describe "memory" do
  body = '{"name": "th\u00efng", "tags": ["a", "b\n"]}'.encode("UTF-8")
  message = lambda do |line, content = ""|
    "#{line} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: #{content.bytesize}\r\n\r\n#{content}".b
  end
  # What is asked, how often in all, and the status.
  mix = [
    [message.call("GET /sync?tag=a&tag=b"), 80_000, 200], [message.call("GET /suspended"), 30_000, 200],
    [message.call("GET /traces"), 20_000, 200], [message.call("GET /blocking"), 4_000, 200],
    [message.call("POST /items", body), 40_000, 201], [message.call("POST /items", '{"name": 1}'), 8_000, 422],
    [message.call("GET /missing"), 12_000, 404], [message.call("GET /raises"), 2_000, 500], [message.call("GET /nowhere"), 4_000, 404]
  ]
  chunk = 50

  # Sends a tenth of the mix over one connection, some requests at a time; how many.
  define_method(:tenth) do |socket|
    mix.sum do |request, count, status|
      (count / 10 / chunk).times do
        socket.write(request * chunk)
        told = +""
        told << socket.readpartial(65_536) until (statuses = told.scan(%r{HTTP/1\.1 (\d{3}) }).flatten).length == chunk
        expect(statuses.uniq).to eq([status.to_s])
      end
      count / 10
    end
  end

  it "is flat over 200,000 requests" do
    reading, writing = IO.pipe
    pid = spawn(RbConfig.ruby, File.expand_path("memory.rb", __dir__), err: writing)
    writing.close
    port = Timeout.timeout(30) { reading.readline[/127\.0\.0\.1:(\d+)/, 1].to_i }
    drain = Thread.new { IO.copy_stream(reading, IO::NULL) } # the log of failures
    measure = -> { JSON.parse(Net::HTTP.get(URI("http://127.0.0.1:#{port}/memory")), symbolize_names: true) }
    Timeout.timeout(300) do
      socket = TCPSocket.new("127.0.0.1", port)
      steps = ->(count) { count.times.sum { tenth(socket).tap { measure.call } } }
      steps.call(3) # pools and caches have done their growing
      before = measure.call
      expect(steps.call(10)).to eq(200_000)
      after = measure.call
      expect(after[:live] - before[:live]).to be < 2_000
      expect(after[:resident] - before[:resident]).to be < 3_000_000
      socket.close
    end
  ensure
    Process.kill("TERM", pid)
    Process.wait(pid)
    drain&.join
    reading&.close
  end
end
