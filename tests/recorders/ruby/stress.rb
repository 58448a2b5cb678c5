# frozen_string_literal: true

# The recording app while Ruby's collector, from the first request on, runs at every chance that it has, and moves what it
# can: `nox -s stress-ruby`.

require "spikard"

Spikard::App.prepend(Module.new do
  def freeze_app
    super.tap do
      GC.auto_compact = true if GC.respond_to?(:auto_compact=)
      GC.stress = true
    end
  end
end)
load File.join(__dir__, "app.rb")
