# frozen_string_literal: true

require "socket"
require "timeout"

# An app on a socket, beside the examples that ask it.
module Serving
  # Serves in a thread of its own until the block ends; gives the port.
  def served(app)
    port = Thread::Queue.new
    server = Thread.new { app.run(port: 0) { |bound| port << bound } }
    server.report_on_exception = false
    Timeout.timeout(30) { yield port.pop }
  ensure
    server&.raise(Interrupt)
    begin
      server&.join(10)
    rescue Interrupt
      nil
    end
  end

  def ask(port, path)
    TCPSocket.new("127.0.0.1", port).tap { |socket| socket.write("GET #{path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n") }
  end
end
