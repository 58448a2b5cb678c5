# frozen_string_literal: true

# Schemas of dry-schema and classes of dry-struct where a type stands, once their gems are loaded. Requires none of them.
#
#   require "dry/schema"
#   NewItem = Dry::Schema.JSON { required(:sku).filled(:string, size?: 8) }
#   app.post("/items", body: NewItem) { |body:| body[:sku] }
module Spikard
  # The core checks by the JSON Schema that dry-schema exports; then their own code makes the value, and may refuse it.
  module Dry
    class << self
      # A Dry::Schema, or a class below Dry::Struct.
      def type?(type)
        schema?(type) || struct?(type)
      end

      # Its JSON Schema.
      def json(type)
        extend_for(type)
        made = schema?(type) ? type.json_schema : ::Dry::Schema.JSON { required(:value).value(type) }.json_schema[:properties][:value]
        Schema.plain(made).except("$schema") # names a draft whose other rules nobody uses
      end

      # What makes a value of plain ones.
      def reader(type)
        return ->(value) { type.new(value) } if struct?(type)

        lambda do |value|
          result = type.call(value)
          raise Unfit, result.errors.to_h unless result.success?

          result.to_h
        end
      end

      private

      def schema?(type)
        defined?(::Dry::Schema::Processor) && type.is_a?(::Dry::Schema::Processor)
      end

      def struct?(type)
        defined?(::Dry::Struct) && type.is_a?(Class) && type < ::Dry::Struct
      end

      def extend_for(type)
        unless defined?(::Dry::Schema)
          raise SchemaError, "#{type} becomes a JSON Schema by the gem dry-schema; add it, and write require \"dry/schema\""
        end

        ::Dry::Schema.load_extensions(:json_schema)
        ::Dry::Schema.load_extensions(:struct) if struct?(type)
      end
    end

    # What rules of dry-schema refuse that its JSON Schema does not say: messages by path.
    class Unfit < ArgumentError
      # `[path, message]` each.
      attr_reader :refusals

      def initialize(errors)
        @refusals = flat([], errors)
        super("refused")
      end

      private

      def flat(path, errors)
        return errors.flat_map { |name, inner| flat([*path, name.to_s], inner) } if errors.is_a?(Hash)

        Array(errors).map { |message| [path, message.to_s] }
      end
    end
  end
end
