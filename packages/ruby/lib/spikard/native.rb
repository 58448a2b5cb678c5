# frozen_string_literal: true

# Loads the extension module, which defines `Spikard::Native`; the only file that does.
require "spikard/spikard_rb"

module Spikard
  # Version of the gem and of the core inside.
  VERSION = Native::VERSION
end
