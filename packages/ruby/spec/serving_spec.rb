# frozen_string_literal: true

require "net/http"
require "open3"
require "rbconfig"
require "socket"
require "spikard"
require "tmpdir"

# The package over a socket, as a program of its own and through the command.
RSpec.describe "a served app" do
  APP = <<~RUBY
    require "spikard"

    class Shop < Spikard::App
      title "Shop", version: "1.0.0"
      get("/items/{id}", params: { id: Integer }) { |id:| { id: id } }
      get("/wait") { sleep 0.2; "waited" }
      get("/exit") { exit 3 }
      get("/kill") { Thread.current.kill }
      get("/busy") { loop { 1 + 1 } }
    end
  RUBY

  def in_folder(text)
    Dir.mktmpdir do |folder|
      file = File.join(folder, "app.rb")
      File.write(file, text)
      yield file
    end
  end

  # Starts a program that says on standard error where it serves; ends it with SIGTERM.
  def served(*command)
    Open3.popen3(*command) do |input, _output, error, thread|
      input.close
      said = +""
      port = Timeout.timeout(20) do
        said << error.readline until said =~ /http:\/\/127\.0\.0\.1:(\d+)/
        $1.to_i
      end
      yield port
      begin
        Process.kill("TERM", thread.pid)
      rescue Errno::ESRCH
        nil # it has left by itself
      end
      Timeout.timeout(20) { thread.value }
    ensure
      Process.kill("KILL", thread.pid) if thread&.alive?
    end
  end

  it "answers, and drains on SIGTERM" do
    in_folder("#{APP}\nShop.run(port: 0)\n") do |file|
      slow = nil
      status = served(RbConfig.ruby, file) do |port|
        expect(Net::HTTP.get(URI("http://127.0.0.1:#{port}/items/7"))).to eq('{"id":7}')
        slow = Thread.new { Net::HTTP.get(URI("http://127.0.0.1:#{port}/wait")) }
        Timeout.timeout(5) { Thread.pass until slow.status == "sleep" }
        Net::HTTP.get(URI("http://127.0.0.1:#{port}/items/8"))
      end
      expect(slow.value).to eq("waited")
      expect(status.exitstatus).to eq(0)
    end
  end

  it "leaves by exit with its code, and by Thread#kill" do
    in_folder("#{APP}\nat_exit { warn \"at exit\" }\nbegin\n  Shop.run(port: 0)\nensure\n  warn \"ensured\"\nend\n") do |file|
      { "/exit" => 3, "/kill" => 0 }.each do |path, code|
        status = served(RbConfig.ruby, file) do |port|
          Net::HTTP.get(URI("http://127.0.0.1:#{port}#{path}"))
        rescue EOFError, Errno::ECONNRESET
          nil # the process may be gone before it has written the answer
        end
        expect([path, status.exitstatus]).to eq([path, code])
      end
    end
  end

  # What the process is busy with when the signal comes, and what an app needs for it.
  states = {
    "idle" => "", "beside a thread that computes" => "Thread.new { loop { } }\n", "busy with requests" => "",
    "beside threads that wait" => "4.times { Thread.new { sleep } }\n"
  }
  states.to_a.product(%w[INT TERM]).each do |(state, more), signal|
    it "ends on SIG#{signal} #{state}" do
      in_folder("#{APP}\n#{more}Shop.run(port: 0)\n") do |file|
        Open3.popen3(RbConfig.ruby, file) do |_input, _output, error, thread|
          port = Timeout.timeout(20) { error.readline[/127\.0\.0\.1:(\d+)/, 1] }
          asking = Thread.new do
            Net::HTTP.start("127.0.0.1", port) { |http| loop { http.get("/items/1") } } if state == "busy with requests"
          rescue EOFError, SystemCallError
            nil # it has ended
          end
          Net::HTTP.get(URI("http://127.0.0.1:#{port}/items/1"))
          Process.kill(signal, thread.pid)
          expect(thread.join(20)).to eq(thread)
          expect(thread.value.exitstatus).to eq(0)
          asking.join
        ensure
          Process.kill("KILL", thread.pid) if thread.alive?
        end
      end
    end
  end

  it "ends at the second signal, though a handler never returns" do
    in_folder("#{APP}\nShop.run(port: 0)\n") do |file|
      Open3.popen3(RbConfig.ruby, file) do |_input, _output, error, thread|
        port = Timeout.timeout(20) { error.readline[/127\.0\.0\.1:(\d+)/, 1] }
        busy = TCPSocket.new("127.0.0.1", port)
        busy.write("GET /busy HTTP/1.1\r\nhost: a\r\n\r\n")
        Timeout.timeout(20) do
          until thread.join(0.05)
            Process.kill("INT", thread.pid)
          end
        end
        expect(thread.value.exitstatus).to eq(130)
      ensure
        Process.kill("KILL", thread.pid) if thread.alive?
        busy&.close
      end
    end
  end

  it "is run by the command" do
    in_folder(APP) do |file|
      status = served("spikard", "run", file, "--port", "0") do |port|
        expect(Net::HTTP.get(URI("http://127.0.0.1:#{port}/items/7"))).to eq('{"id":7}')
      end
      expect(status.exitstatus).to eq(0)
    end
  end

  it "is listed and documented by the command" do
    in_folder(APP) do |file|
      routes, = Open3.capture2("spikard", "routes", file)
      expect(routes).to include("/items/{id}")
      openapi, = Open3.capture2("spikard", "openapi", file)
      expect(openapi).to include('"title"').and include("Shop")
    end
  end
end
