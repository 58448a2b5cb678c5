# frozen_string_literal: true

require "json"

# Typed values from declared fields.
#
#   class Item < Spikard::Model
#     field :sku, String, pattern: /\A[A-Z]{3}-\d{4}\z/
#     field :tags, [String], default: []
#   end
#   Item.new(sku: "BLT-0001").to_h # => {:sku=>"BLT-0001", :tags=>[]}
module Spikard
  # A value with fields, which do not change. As a body it is checked by the core before it is built.
  class Model
    class << self
      # One field: a type and what is said about it (see Schema::KEYWORDS; `in: 1..100`, `length: 1..20`). With `default:`
      # or `optional: true` (then nil) it may be left out. What `fields` gives can be given again.
      def field(name, type = nil, **options)
        own_fields[name] = { type: type, **options }.freeze
        @spikard_written = nil
        attr_reader name
        name
      end

      # Those of the class and of the models above it, in order.
      def fields
        above = superclass < Model ? superclass.fields : {}
        above.merge(own_fields)
      end

      # For the documents; sets it when one is given.
      def description(text = nil)
        @description = text if text
        @description
      end

      # From JSON: a Hash with Strings for names. Unknown members are left out.
      def build(members)
        @readers ||= compile
        allocate.send(:fill, members, @readers, @defaults)
      end

      # Name, variable, and whether it may be left out, of each field; for `to_h`.
      def shape
        @shape ||= fields.map { |name, options| [name, :"@#{name}", options.fetch(:optional, false)] }
      end

      # Lets the extension module write instances by itself from now on, unless `to_h` is the class's own.
      def note_written
        own = instance_method(:to_h).owner != Model
        @spikard_written = fields.flat_map { |name, options| ["#{JSON.generate(name)}:", :"@#{name}", options.fetch(:optional, false)] }.freeze unless own
        true
      end

      private

      def own_fields
        @own_fields ||= {}
      end

      # Writes the method that fills an instance from a Hash: one assignment per field. Bodies are built for every request.
      def compile
        @defaults = fields.values.map { |options| options[:default] }
        lines = fields.each_with_index.map do |(name, options), at|
          value = "members[#{name.to_s.dump}]"
          read = Schema.reader(options[:type]) ? "(value = #{value}; value.nil? ? nil : readers[#{at}].call(value))" : value
          next "@#{name} = #{read}" unless options.key?(:default)

          "@#{name} = members.key?(#{name.to_s.dump}) ? #{read} : defaults[#{at}].dup"
        end
        class_eval("def fill(members, readers, defaults)\n#{lines.join("\n")}\nfreeze\nend\nprivate :fill", __FILE__, __LINE__)
        fields.values.map { |options| Schema.reader(options[:type]) }
      end
    end

    def initialize(**values)
      fields = self.class.fields
      unknown = values.keys - fields.keys
      raise ArgumentError, "#{self.class} has no field #{unknown.first.inspect}; it has #{fields.keys.join(", ")}" unless unknown.empty?

      fields.each do |name, options|
        value = values.fetch(name) do
          next options[:default].dup if options.key?(:default)
          next nil if options[:optional]

          raise ArgumentError, "#{self.class} needs #{name}:"
        end
        instance_variable_set(:"@#{name}", value)
      end
      freeze
    end

    # Names and values; without optional fields that are nil.
    def to_h
      self.class.shape.each_with_object({}) do |(name, variable, optional), found|
        value = instance_variable_get(variable)
        found[name] = value unless optional && value.nil?
      end
    end

    # The same with other values for some fields.
    def with(**values)
      self.class.new(**to_h, **values)
    end

    def ==(other)
      other.class == self.class && other.to_h == to_h
    end
    alias eql? ==

    def hash
      [self.class, to_h].hash
    end

    # For `case item in { sku: }`.
    def deconstruct_keys(_names)
      to_h
    end

    def inspect
      "#<#{self.class} #{to_h.map { |name, value| "#{name}=#{value.inspect}" }.join(" ")}>"
    end
  end
end
