# frozen_string_literal: true

require "json"
require "open3"
require "tmpdir"

# `spikard new --lang ruby` with the installed gem: the project's own examples pass, and its definition is right.
RSpec.describe "a new project" do
  around do |example|
    Dir.mktmpdir do |folder|
      @folder = folder
      run("spikard", "new", "web-shop", "--lang", "ruby", within: folder)
      example.run
    end
  end

  def run(*command, within: File.join(@folder, "web-shop"))
    said, status = Open3.capture2e(*command, chdir: within)
    expect(status).to be_success, said
    said
  end

  it "passes its own examples" do
    expect(run("rspec")).to include("3 examples, 0 failures")
  end

  it "is right, and says what it serves" do
    expect(run("spikard", "check")).to eq("app.rb: 2 routes, no mistakes\n")
    expect(run("spikard", "routes")).to match(%r{POST +/orders +\S+ +app\.rb:})
  end

  it "has its name everywhere, and a container file whose steps take what the app needs" do
    files = Dir.glob("web-shop/**/*", File::FNM_DOTMATCH, base: @folder).map { |name| File.join(@folder, name) }
    texts = files.select { |file| File.file?(file) }.to_h { |file| [File.basename(file), File.read(file)] }
    expect(texts.select { |_, text| text.gsub("${{", "").include?("{{") }).to be_empty
    steps = texts.fetch("Containerfile").lines.map(&:split)
    copied = steps.select { |step| step.first == "COPY" }.flat_map { |step| step[1..-2] }
    expect(copied).to eq(%w[vendor/ *.rb])
    command = JSON.parse(steps.find { |step| step.first == "CMD" }.drop(1).join(" "))
    expect(command.first(3)).to eq(%w[spikard run app.rb])
  end
end

# What the language finds wrong is told to programs with its place.
RSpec.describe "spikard check --json" do
  it "lists mistakes of Ruby" do
    Dir.mktmpdir do |folder|
      File.write(File.join(folder, "app.rb"), <<~RUBY)
        require "spikard"
        class Shop < Spikard::App
          get("/items/{id}", parms: {}) { |id:| id }
        end
      RUBY
      said, _, status = Open3.capture3("spikard", "check", "--json", chdir: folder)
      expect(status.exitstatus).to eq(1)
      expect(JSON.parse(said)["mistakes"].map { |mistake| mistake["place"] }).to all(match(%r{app\.rb:3: GET /items/\{id\}\z}))
    end
  end
end
