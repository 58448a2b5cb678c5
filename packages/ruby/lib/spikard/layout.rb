# frozen_string_literal: true

# What the extension module makes of a JSON text in the pass that checks it. Makes nothing itself.
#
#   Spikard::Layout.of([Item]) # => [[:list, 0], [[Item, false, [["sku", :@sku, nil, false, nil], …]]]]
module Spikard
  # A shape is nil (the value as JSON has it), `[:list, shape]`, a Proc that reads a plain value, or an index of `objects`.
  class Layout
    # So many fields are told apart by the bits of one word.
    FIELDS = 64

    # `[class, is a Struct, [name, variable or place, shape, has a default, default]…]` each.
    attr_reader :objects

    # `[shape, objects]` of a type; nil where code of the user makes its values, which must not run before the whole
    # text is checked.
    def self.of(type)
      layout = new
      catch(:own) { [layout.shape(type), layout.objects] }
    end

    def initialize
      @objects = []
      @places = {}
    end

    # The shape of a type.
    def shape(type)
      case type
      when Array then list(type)
      when Hash then Schema.field?(type) ? shape(type[:type]) : nil
      when Module then class_shape(type)
      else throw :own if Dry.type?(type)
      end
    end

    private

    def list(types)
      inner = shape(types.first) if types.length == 1
      inner && [:list, inner]
    end

    def class_shape(type)
      return @places[type] if @places.key?(type)
      return object(type, model(type)) if type <= Model
      return object(type, structure(type)) if type < Struct && type.keyword_init?

      throw :own if Schema.members_of(type) || Dry.type?(type)
      Schema.reader(type)
    end

    # Its place is taken before its fields are looked at, because an object may hold its like.
    def object(type, fields)
      throw :own if fields.length > FIELDS
      made = [type, type < Struct, []]
      @places[type] = objects.length
      objects << made
      made[2] = fields.map { |name, at, options| [name.to_s, at, shape(options[:type]), options.key?(:default), options[:default]] }
      @places[type]
    end

    def model(type)
      throw :own unless type.method(:build).owner == Model.singleton_class && built_in?(type.method(:allocate))
      type.fields.map { |name, options| [name, :"@#{name}", options] }
    end

    def structure(type)
      throw :own unless [type.method(:new), type.method(:allocate), type.instance_method(:initialize)].all? { |one| built_in?(one) }
      type.members.each_with_index.map { |name, at| [name, at, {}] }
    end

    # Written in C.
    def built_in?(method)
      method.source_location.nil?
    end
  end
end
