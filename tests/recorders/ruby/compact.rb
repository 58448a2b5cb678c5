# frozen_string_literal: true

# The recording app while every request is collected for twice, in the midst of its handler, by a collector that moves what it
# can: `nox -s stress-ruby -- compact`.

require "spikard"

collects = Module.new do
  def initialize(...)
    super
    GC.start
  end
end
Spikard::Request.prepend(collects)
Spikard::Reply.prepend(collects)
Spikard::App.prepend(Module.new do
  def freeze_app
    super.tap do
      GC.start # as in stress.rb
      GC.auto_compact = true
    end
  end
end)
load File.join(__dir__, "app.rb")
