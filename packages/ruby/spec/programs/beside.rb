# frozen_string_literal: true

require "spikard"

# Handlers beside a thread that computes, while it is asked to.
computing = true
Thread.new { loop { computing ? 1 + 1 : sleep(0.01) } }
app = Spikard::App.new

app.get("/gives") { Thread.pass; "given" }

app.get("/computes") do
  spent = -> { Process.clock_gettime(Process::CLOCK_THREAD_CPUTIME_ID) }
  until_spent = spent.call + 0.2
  nil until spent.call > until_spent
  "computed"
end

app.get("/blocks") do
  computing = false
  IO.select(nil, nil, nil, 0.2)
  "blocked"
end

$stdout.sync = true
app.run(port: 0) { |port| puts "bound #{port}" }
