# frozen_string_literal: true

# The recording app while Ruby's collector, from the first request on, runs at every chance that it has:
# `nox -s stress-ruby -- collector`. With the argument `moves` it also moves what it can (`-- both`).

require "spikard"

MOVES = ARGV.delete("moves")

Spikard::App.prepend(Module.new do
  def freeze_app
    super.tap do
      GC.auto_compact = true if MOVES
      GC.stress = true
    end
  end
end)
load File.join(__dir__, "app.rb")
