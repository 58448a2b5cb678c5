# frozen_string_literal: true

require "json"

# Ruby's types as JSON Schema 2020-12, and JSON values as what those types stand for. Validates nothing: the core does.
#
#   Spikard::Schema.new({}).json([Integer]) # => {"type"=>"array", "items"=>{"type"=>"integer"}}
module Spikard
  # A schema that Spikard cannot use; says what to write.
  class SchemaError < StandardError; end

  # Values that the contract accepts and the route's own schemas refuse.
  class Refused < StandardError
    # `[source, path, message]` each.
    attr_reader :refusals

    def initialize(refusals)
      @refusals = refusals
      super("refused")
    end
  end

  # Stands for `true` or `false` where a type is wanted; so does `:boolean`.
  module Boolean; end

  # The schemas of one app: named ones are shared as `#/components/schemas/<name>`.
  class Schema
    TYPES = {
      String => { "type" => "string" }, Symbol => { "type" => "string" }, Integer => { "type" => "integer" },
      Float => { "type" => "number" }, Numeric => { "type" => "number" }, Boolean => { "type" => "boolean" },
      :boolean => { "type" => "boolean" }, TrueClass => { "type" => "boolean" }, FalseClass => { "type" => "boolean" },
      NilClass => { "type" => "null" }, Hash => { "type" => "object" }, Array => { "type" => "array" }
    }.freeze
    # Types of Ruby's library that are loaded on request, by name.
    FORMATS = { "Date" => "date", "DateTime" => "date-time", "Time" => "date-time" }.freeze
    # What a field may say beside its type, and the keyword that it becomes, in the order that documents have.
    KEYWORDS = {
      format: "format", pattern: "pattern", min_length: "minLength", max_length: "maxLength", minimum: "minimum",
      maximum: "maximum", exclusive_minimum: "exclusiveMinimum", exclusive_maximum: "exclusiveMaximum",
      multiple_of: "multipleOf", min_items: "minItems", max_items: "maxItems", unique_items: "uniqueItems",
      enum: "enum", const: "const", default: "default", examples: "examples", deprecated: "deprecated",
      title: "title", description: "description"
    }.freeze
    # The same, but for several keywords or for none.
    OTHERS = %i[type in length optional null].freeze

    attr_reader :components

    def initialize(components)
      @components = components.to_h { |name, schema| [name.to_s, Schema.plain(schema)] }
    end

    # A schema of any make as JSON Schema.
    def json(type)
      case type
      when true, false then type
      when nil then true
      when Array then list(type)
      when Hash then Schema.field?(type) ? field(type) : Schema.plain(type)
      else named(type)
      end
    end

    # A type with what a field says about it: `{ type: Integer, in: 1..100, default: 20 }`.
    def field(options)
      unknown = options.keys - KEYWORDS.keys - OTHERS
      unless unknown.empty?
        raise SchemaError, "unknown option #{unknown.first.inspect} of a field; allowed: #{(OTHERS + KEYWORDS.keys).join(", ")}"
      end

      type = json(options[:type])
      said = Schema.keywords(options, type)
      schema = said.empty? || type["$ref"].nil? ? { **(type == true ? {} : type), **said } : { "allOf" => [type], **said }
      options[:null] ? { "anyOf" => [schema, { "type" => "null" }] } : schema
    end

    # An object's schema from its fields.
    def object(fields, description: nil)
      required = fields.reject { |_, options| options[:optional] || options.key?(:default) }
      {
        "type" => "object", "properties" => fields.to_h { |name, options| [name.to_s, field(options)] },
        "required" => (required.keys.map(&:to_s) unless required.empty?), "description" => description
      }.compact
    end

    # The options of each member: `{ tag: String }` and `{ tag: { type: String } }` say the same.
    def self.members(types)
      types.transform_values { |type| type.is_a?(Hash) && field?(type) ? type : { type: type } }
    end

    # Such a Hash is no JSON Schema: those name their types by Strings.
    def self.field?(hash)
      type = hash[:type]
      type.is_a?(Module) || type.is_a?(Array) || type.is_a?(Hash) || type == :boolean ||
        type.respond_to?(:json_schema) || (hash.key?(:type) && type.nil?)
    end

    # A Hash with Symbols as one with Strings, all the way down.
    def self.plain(value)
      case value
      when Hash then value.to_h { |key, item| [key.to_s, plain(item)] }
      when Array then value.map { |item| plain(item) }
      when Symbol then value.to_s
      else value
      end
    end

    def self.keywords(options, type)
      options = ranged(options, type)
      KEYWORDS.each_with_object({}) do |(name, keyword), found|
        next unless options.key?(name)

        value = options[name]
        found[keyword] = value.is_a?(Regexp) ? pattern(value) : plain(value)
      end
    end

    # `in: 1..100` and `length: 1..20` as what JSON Schema has for them.
    def self.ranged(options, type)
      bounds = { in: %i[minimum maximum], length: %i[min_length max_length] }
      bounds[:length] = %i[min_items max_items] if type.is_a?(Hash) && type["type"] == "array"
      bounds.reduce(options) do |all, (name, (low, high))|
        range = all[name]
        next all if range.nil?
        raise SchemaError, "#{name}: is a Range, for example 1..100, not #{range.inspect}" unless range.is_a?(Range)

        high = :exclusive_maximum if range.exclude_end? && name == :in
        top = range.exclude_end? && name == :length && range.end ? range.end - 1 : range.end
        { low => range.begin, high => top }.compact.merge(all)
      end
    end

    # Ruby's `\A` and `\z` as the anchors of ECMA-262, which the core reads; there `^` and `$` are the ends of the text.
    def self.pattern(regexp)
      unless regexp.options.zero?
        raise SchemaError, "#{regexp.inspect} has options, which JSON Schema does not know; write the pattern without them"
      end

      regexp.source.gsub(/\\[Az]/) { |anchor| anchor == "\\A" ? "^" : "$" }
    end

    # JSON text as Ruby values.
    def self.parse(text)
      JSON.parse(text, max_nesting: false)
    end

    # What reads a JSON value of this type: a Proc, or nil where it stays what it is.
    def self.reader(type)
      case type
      when Array then type.length == 1 ? list_reader(type.first) : nil
      when Hash then field?(type) ? reader(type[:type]) : nil
      when Module then class_reader(type)
      else Dry.reader(type) if Dry.type?(type)
      end
    end

    def self.list_reader(type)
      inner = reader(type) or return
      ->(values) { values.map(&inner) }
    end

    def self.class_reader(type)
      if type <= Model then type.method(:build)
      elsif Dry.type?(type) then Dry.reader(type)
      elsif type == Symbol then ->(value) { value.to_sym }
      elsif FORMATS[type.name] then ->(value) { type.iso8601(value) }
      elsif members_of(type) then ->(value) { type.new(**value.transform_keys(&:to_sym)) }
      end
    end

    # The members of a `Data` or a `Struct` with keywords.
    def self.members_of(type)
      return unless type.is_a?(Class)
      return type.members if defined?(Data) && Data.respond_to?(:define) && type < Data

      type.members if type < Struct && type.keyword_init?
    end

    private

    def list(types)
      return { "type" => "array", "items" => json(types.first) } if types.length == 1

      raise SchemaError, "a list type has one member, for example [String], not #{types.inspect}"
    end

    def named(type)
      return TYPES[type].dup if TYPES.key?(type)
      return { "type" => "string", "format" => FORMATS[type.name] } if type.is_a?(Module) && FORMATS.key?(type.name)
      return shared(type) { object(type.fields, description: type.description) } if type.is_a?(Class) && type <= Model
      return Dry.json(type) if Dry.type?(type)
      return Schema.plain(type.json_schema) if type.respond_to?(:json_schema)

      members = Schema.members_of(type)
      return shared(type) { object(members.to_h { |name| [name, { type: nil }] }) } if members

      raise SchemaError, "#{type.inspect} is no schema; write a class (String, Integer, a Spikard::Model), a list " \
                         "([String]), a field ({ type: Integer, minimum: 1 }) or a JSON Schema ({ \"type\" => \"string\" })"
    end

    # A component, made once; the name is taken first, because a model may hold itself.
    def shared(type)
      name = type.name&.split("::")&.last or
        raise SchemaError, "a model needs a name for the documents; assign the class to a constant"
      @owners ||= {}
      owner = @owners[name]
      raise SchemaError, "two models are named #{name}: #{owner} and #{type}; rename one" if owner && owner != type

      unless owner
        @owners[name] = type
        components[name] = true # its place in the order
        components[name] = yield
      end
      { "$ref" => "#/components/schemas/#{name}" }
    end
  end
end
