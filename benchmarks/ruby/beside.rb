# frozen_string_literal: true

# A thread that computes without end beside a server, where `$COMPUTES` is set. Loaded by apps of both servers.
module Beside
  @turns = 0
  @thread = Thread.new { loop { @turns += 1 } } if ENV["COMPUTES"]

  # How often it went round so far.
  def self.turns = @turns
end
