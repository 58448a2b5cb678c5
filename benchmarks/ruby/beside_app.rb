# frozen_string_literal: true

# `beside.py` on Spikard. Its port comes from the environment, `SPIKARD_PORT`.

require "spikard"
require_relative "beside"

app = Spikard::App.new(title: "Beside")
app.get("/json") { { message: "Hello, World!" } }
app.get("/turns") { { turns: Beside.turns } }
app.run
