# frozen_string_literal: true

require "open3"
require "rbconfig"
require "spikard"

# Values that Rust keeps, while the collector runs at every chance and moves what it can.
RSpec.describe "under GC.stress, compacting" do
  PROGRAM = <<~'RUBY'
    require "spikard"

    class Part < Spikard::Model
      field :name, String
      field :tags, [String], default: []
    end
    app = Spikard::App.new
    app.get("/items/{id}", params: { id: Integer }, query: { "q r": String, n: [Float] }) { |id:, q_r:, n: []| [id, q_r, n] }
    app.post("/parts", body: Part) { |body:| sleep 0.001; Spikard.reply(body, headers: { "x-a" => "1" }) }
    app.get("/boom") { raise Spikard::NotFound, "no" }
    app.get("/thread", blocking: true) { "thread" }
    client = Spikard::TestClient.new(app)
    GC.auto_compact = true
    GC.stress = true
    3.times do
      said = [client.get("/items/7?q%20r=a&n=1.5&n=2").text, client.post("/parts", json: { name: "bolt" }).text,
              client.get("/boom").status, client.get("/thread").text]
      wanted = ['[7,"a",[1.5,2.0]]', '{"name":"bolt","tags":[]}', 404, "thread"]
      abort said.inspect unless said == wanted
    end
    GC.stress = false
    puts "well"
  RUBY

  it "answers as ever" do
    said, status = Open3.capture2e(RbConfig.ruby, "-e", PROGRAM)
    expect([status.success?, said.lines.last]).to eq([true, "well\n"]), said
  end

  # `a, *rest = list` allocates the rest while a is above the stack pointer: see docs/decisions/ruby-turns.md.
  it "is told no stale values by an assignment with a rest" do
    files = Dir[File.join(File.dirname($LOADED_FEATURES.grep(%r{/spikard/bridge\.rb\z}).first), "**/*.rb")]
    risky = files.select { |file| RubyVM::InstructionSequence.compile_file(file).disasm.match?(/expandarray\s+[1-9]\d*, [13]\b/) }
    expect([files.size > 10, risky]).to eq([true, []])
  end
end
