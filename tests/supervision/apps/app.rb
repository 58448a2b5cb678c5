# frozen_string_literal: true

require "json"
require "spikard"

# What the supervisor's tests serve: its process, and answers that are held back until a file appears.
class Supervised < Spikard::App
  title "Supervised", version: "0.1.0"
  GATE = ENV.fetch("GATE")

  get("/pid") { Process.pid.to_s }
  get "/held" do
    sleep 0.1 until File.exist?(GATE)
    Process.pid.to_s
  end
  get "/blocked" do
    nil until File.exist?(GATE) # a sleep would let others run
    Process.pid.to_s
  end
end

Supervised.run(**JSON.parse(ENV.fetch("RUN"), symbolize_names: true)) if $PROGRAM_NAME == __FILE__
