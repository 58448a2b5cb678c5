# frozen_string_literal: true

# `beside.py` by the Rack convention alone.

require "json"
require_relative "beside"

run(lambda do |env|
  value = env["PATH_INFO"] == "/turns" ? { turns: Beside.turns } : { message: "Hello, World!" }
  [200, { "content-type" => "application/json" }, [JSON.generate(value)]]
end)
