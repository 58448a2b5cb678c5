# frozen_string_literal: true

require "spikard"

# A program with every kind of handler, and one that tells its memory; memory_spec.rb loads it.
class Item < Spikard::Model
  field :name, String
  field :tags, [String]
end

class Memory < Spikard::App
  title "Memory", version: "1.0.0"

  get("/sync", query: { tag: [String] }) { |tag: []| { message: "Hello, World!", tags: tag } }
  get "/suspended" do |request|
    sleep 0
    { method: request.method }
  end
  get "/traces" do
    Thread.current[:"left_#{rand(10)}"] = "x" * 100
    {}
  end
  get("/blocking", blocking: true) { {} }
  post("/items", body: Item, response: { 201 => Item }) { |body:| reply body, status: 201, headers: { "x-a": 1 } }
  get("/missing") { raise Spikard::NotFound, "no such thing" }
  get("/raises") { raise "no" }
  get "/memory" do
    GC.start
    { live: GC.stat(:heap_live_slots), resident: File.read("/proc/self/status")[/VmRSS:\s+(\d+)/, 1].to_i * 1024 }
  end
end

Memory.run(port: 0)
