# frozen_string_literal: true

require "json"
require "spikard"

# The package against the core's tables.
RSpec.describe "what repeats the core's tables" do
  it "has a class for each row of the error table" do
    rows = JSON.parse(Spikard::Native.tables)["problems"].map { |row| row.values_at("code", "status", "title") }
    classes = Spikard.constants.map { |name| Spikard.const_get(name) }
                     .select { |one| one.is_a?(Class) && one < Spikard::Problem }

    expect(classes.map(&:row)).to match_array(rows), "run: ruby packages/ruby/generate.rb tables.json (`spikard tables` prints it)"
  end

  it "has the core's policies among its options" do
    expect(Spikard::Config::OPTIONS).to include(*Spikard::Config::POLICY)
  end
end
