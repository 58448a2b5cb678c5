# frozen_string_literal: true

require "spikard"
require_relative "serving"

# Responses that a handler makes chunk by chunk.
RSpec.describe "a stream" do
  include Serving

  let(:app) { Spikard::App.new }
  let(:client) { Spikard::TestClient.new(app) }

  it "is what an Enumerator gives, as the route declares it" do
    app.get("/plain") { ["a", "", "b", "é"].each }
    app.get("/declared", response: { content: { "text/csv" => true } }) { ["a\n"].lazy.map(&:upcase) }
    app.get("/reply") { Spikard.reply(Enumerator.new { |out| out << "x" << "\xff".b }, status: 203, headers: { "x-a": "1" }, content_type: "text/x") }
    app.get("/empty") { [].each }

    answers = %w[/plain /declared /reply /empty].map { |path| client.get(path) }
    expect(answers.map(&:status)).to eq([200, 200, 203, 200])
    expect(answers.map(&:body)).to eq(["abé".b, "A\n", "x\xff".b, ""])
    expect(answers.map { |answer| answer.headers["content-type"] }).to eq(%w[application/octet-stream text/csv text/x application/octet-stream])
    expect(answers[2].headers["x-a"]).to eq("1")
    expect(client.head("/plain").body).to eq("")
  end

  it "is a problem that is raised before its first chunk" do
    app.get("/missing") { Enumerator.new { |_| raise Spikard::NotFound, "no such report" } }
    app.get("/broken") { Enumerator.new { |_| raise "a secret" } }

    answers = %w[/missing /broken].map { |path| client.get(path) }
    expect(answers.map(&:status)).to eq([404, 500])
    expect(answers[0].json["detail"]).to eq("no such report")
    expect(answers[1].body).not_to include("secret")
  end

  it "lets others run while it waits, and ends" do
    gate = Thread::Queue.new
    app.get("/") { Enumerator.new { |out| 3.times { |number| sleep 0.001; out << number.to_s; gate.pop if number == 1 } } }
    app.get("/well") { "well" }

    served(app) do |port|
      socket = ask(port, "/")
      told = +""
      told << socket.readpartial(1000) until told.include?("\r\n1\r\n1\r\n")
      expect(ask(port, "/well").read).to end_with("well")
      gate << 1
      expect(socket.read).to eq("1\r\n2\r\n0\r\n\r\n")
    end
  end

  it "makes no more than a slow client takes, and ends when that leaves" do
    made = 0
    ended = Thread::Queue.new
    app.get "/" do
      Enumerator.new do |out|
        loop { out << "x" * 100_000; made += 1 }
      ensure
        ended << made
      end
    end
    app.get("/made") { made }

    served(app) do |port|
      socket = ask(port, "/")
      socket.readpartial(1000)
      # It goes on until the system's buffers are full.
      before = nil
      nil until before == (before = ask(port, "/made").read[/\d+\z/]) && before.to_i.positive?
      expect(before.to_i).to be < 1000
      socket.close
      expect(ended.pop).to be < 1000
    end
  end

  it "is ended as a broken one when its producer raises, gives nonsense or is killed" do
    app.get("/raises") { Enumerator.new { |out| out << "a"; raise "a secret" } }
    app.get("/nonsense") { Enumerator.new { |out| out << "a" << 1 } }
    app.get("/throws") { Enumerator.new { |out| out << "a"; throw :out } }
    app.get("/well") { "well" }

    served(app) do |port|
      %w[/raises /nonsense /throws].each do |path|
        socket = ask(port, path)
        told = +""
        begin
          loop { told << socket.readpartial(1000) }
        rescue EOFError, Errno::ECONNRESET
          nil
        end
        expect([path, told.include?("\r\n0\r\n\r\n"), told.include?("secret")]).to eq([path, false, false])
        expect(ask(port, "/well").read).to end_with("well")
      end
    end
  end

  it "of a blocking handler is made by a thread, while others are answered" do
    gate = Thread::Queue.new
    loops = nil
    app.get("/loop") { (loops = Thread.current) && "well" }
    app.get "/", blocking: true do
      Spikard.reply(Enumerator.new { |out| out << (Thread.current == loops).to_s; IO.popen(["cat"], "r+") { |pipe| gate << pipe; out << pipe.read(1) } }, status: 203)
    end

    served(app) do |port|
      expect(ask(port, "/loop").read).to end_with("well")
      socket = ask(port, "/")
      pipe = gate.pop # the producer is in its blocking read, or will be
      expect(ask(port, "/loop").read).to end_with("well")
      pipe.write("x")
      pipe.flush
      answer = socket.read
      expect(answer).to start_with("HTTP/1.1 203").and end_with("\r\nfalse\r\n1\r\nx\r\n0\r\n\r\n")
    end
  end

  it "of a blocking handler ends as others do" do
    ended = Thread::Queue.new
    app.get("/missing", blocking: true) { Enumerator.new { |_| raise Spikard::NotFound, "no such report" } }
    app.get "/", blocking: true do
      Enumerator.new do |out|
        loop { out << "x" * 100_000 }
      ensure
        ended << "ended"
      end
    end

    served(app) do |port|
      expect(ask(port, "/missing").read).to start_with("HTTP/1.1 404").and include("no such report")
      socket = ask(port, "/")
      socket.readpartial(1000)
      socket.close
      expect(ended.pop).to eq("ended")
    end
  end
end
