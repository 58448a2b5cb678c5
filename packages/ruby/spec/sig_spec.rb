# frozen_string_literal: true

require "open3"
require "rbconfig"
require "spikard"

# The types of the public surface, by the rbs that comes with Ruby.
RSpec.describe "sig/spikard.rbs" do
  SIG = File.expand_path("../sig", __dir__)

  def rbs(*arguments)
    Open3.capture2e(RbConfig.ruby, "-W0", "-e", 'load Gem.bin_path("rbs", "rbs")', "--", "-I", SIG, *arguments)
  end

  it "is valid" do
    said, status = rbs("validate", "--silent")
    expect(status.success?).to be(true), said
  end

  it "names what there is, every class of the error table among it" do
    text = File.read(File.join(SIG, "spikard.rbs"))
    scope = nil
    text.each_line do |line|
      scope = Spikard.const_get($1) if line =~ /^  (?:class|module) (\w+)/
      scope = nil if line == "  end\n"
      next unless scope && line =~ /^    (?:attr_reader|def) (self\.)?(\w+)/

      there = $1 ? scope.respond_to?($2) : $2 == "initialize" || scope.method_defined?($2)
      expect(there).to be(true), "#{scope}: #{line.strip}"
    end
    problems = Spikard.constants.select { |name| Spikard.const_get(name).then { |one| one.is_a?(Class) && one < Spikard::Problem } }
    expect(problems.reject { |name| text.include?("class #{name} < Problem\n") }).to eq([])
  end
end
