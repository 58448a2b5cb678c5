# frozen_string_literal: true

require "json"

# Options of an app, as keywords of `App.new`. States no default and no list: the core has them.
module Spikard
  # Names of the options. Each is described in docs/appspec.md, and by `puts Spikard::Config::DESCRIPTIONS[:body_limit]`.
  module Config
    # What each option means, with its default.
    DESCRIPTIONS = JSON.parse(Native.tables)["config"]["properties"].to_h do |name, option|
      [name.to_sym, option["description"].gsub(/\s+/, " ").strip.freeze]
    end.freeze
    OPTIONS = DESCRIPTIONS.keys.freeze

    # What a group or a route may set too; the nearest wins.
    POLICY = %i[body_limit handler_timeout_ms egress additional_query].freeze
  end
end
