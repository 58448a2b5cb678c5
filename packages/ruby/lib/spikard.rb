# frozen_string_literal: true

# Contents page of the gem. `require "spikard"` and write an app:
#
#   app = Spikard::App.new(title: "Inventory", version: "1.0.0")
#   app.get("/items/{id:int}") { |id:| { id: id } }
#   Spikard::TestClient.new(app).get("/items/1").json # => {"id"=>1}
require_relative "spikard/native"
require_relative "spikard/errors"
require_relative "spikard/config"
require_relative "spikard/gate"
require_relative "spikard/response"
require_relative "spikard/request"
require_relative "spikard/schema"
require_relative "spikard/dry"
require_relative "spikard/model"
require_relative "spikard/layout"
require_relative "spikard/scheduler"
require_relative "spikard/hooks"
require_relative "spikard/bridge"
require_relative "spikard/route"
require_relative "spikard/routing"
require_relative "spikard/app"

# Loaded when it is used: most programs serve, and neither test nor mount.
module Spikard
  %i[TestClient TestResponse].each { |name| autoload name, File.join(__dir__, "spikard/testing.rb") }
  autoload :RackApp, File.join(__dir__, "spikard/rack.rb")
end
