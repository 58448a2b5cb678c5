# frozen_string_literal: true

require "open3"
require "rbconfig"

# The documents' snippets, each in a Ruby of its own.
RSpec.describe "the documents" do
  ROOT = File.expand_path("../../..", __dir__)
  CHECKED = /\A(?<code>\S.*?)\s+# => (?<value>.*)\Z/.freeze
  RUN = <<~RUBY
    def check(line, got, wanted)
      abort "line \#{line}: \#{got.inspect}, not \#{wanted}" unless got.inspect == wanted
      $checked = true
    end
    text, file, first = ARGV.shift(3)
    eval(text, TOPLEVEL_BINDING, file, first.to_i)
  RUBY

  # Line number and text of each snippet.
  def self.snippets(file)
    found = []
    inside = nil
    File.readlines(File.join(ROOT, file)).each_with_index do |line, index|
      case
      when line.start_with?("```ruby") then inside = [index + 2, +""]
      when line.start_with?("```") && inside then inside = found.push(inside) && nil
      when inside then inside.last << line
      end
    end
    found
  end

  def checking(text, first)
    text.lines.each_with_index.map do |line, index|
      said = CHECKED.match(line) or next line

      assigned, code = said[:code].match(/\A([a-z_]+ = )?(.*)\z/).captures
      "#{assigned}check(#{first + index}, (#{code}), #{said[:value].dump})\n"
    end.join
  end

  %w[docs/guide/ruby.md packages/ruby/README.md README.md].each do |file|
    snippets(file).each do |first, text|
      it "#{file}:#{first} runs" do
        said, status = Open3.capture2e(RbConfig.ruby, "-W", "-e", RUN, checking(text, first), file, first.to_s)
        expect(status.success?).to be(true), said
        expect(said.lines.grep(/warning/)).to eq([])
      end
    end
  end
end
