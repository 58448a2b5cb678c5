# frozen_string_literal: true

# The recording app while Ruby's collector runs at every chance that it has: `nox -s stress-ruby -- collector`. So it is from
# when the app serves on, but for the lines of the runner's own protocol. Arguments: `build`, also from here to there, while
# the app is made and frozen; `moves`, the collector also moves what it can (`-- both`).
#
# Each collection marks all that lives. Run it by `ruby --disable-gems`: that is half of it otherwise.

require "spikard"

building, moving = %w[build moves].map { |one| ARGV.delete(one) }

# No collections at every chance from a line of the runner until it is answered.
class << $stdin
  def gets(...)
    super.tap { GC.stress = false if @passed }
  ensure
    @passed = true
  end
end

class << $stdout
  def flush
    super.tap { GC.stress = true }
  end
end

if moving
  GC.start # Ruby moves what it must not when this begins amid a collection: docs/decisions/ruby-turns.md
  GC.auto_compact = true
end
GC.stress = true if building
load File.join(__dir__, "app.rb")
