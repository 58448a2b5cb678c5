<?php

declare(strict_types=1);

namespace Spikard;

/**
 * PHP types as JSON Schema 2020-12. Classes become shared schemas, by their short names. Validates nothing: the core does.
 *
 * @internal
 */
final class Schemas
{
    /** Types and the keywords that say something of them. */
    private const OF = [
        'numbers' => [['integer', 'number'], ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf']],
        'texts' => [['string'], ['minLength', 'maxLength', 'pattern']],
        'lists' => [['array'], ['minItems', 'maxItems', 'uniqueItems']],
    ];
    private const SCALARS = ['int' => 'integer', 'float' => 'number', 'string' => 'string', 'bool' => 'boolean', 'null' => 'null'];

    /** @var array<string, string> classes by the name of their schema */
    private array $classes = [];

    /** @param array<string, mixed> $components by name; the user's own come first */
    public function __construct(private array $components = [])
    {
    }

    /** @return array<string, mixed> */
    public function components(): array
    {
        return $this->components;
    }

    /** The schema of a type; an empty one is written as `true`. */
    public function of(Type $type): mixed
    {
        $schema = $this->plain($type);
        if (!$type->nullable || $schema === true) {
            return $schema;
        }
        return isset($schema['type']) && is_string($schema['type'])
            ? ['type' => [$schema['type'], 'null']] + $schema
            : ['anyOf' => [$schema, ['type' => 'null']]];
    }

    private function plain(Type $type): mixed
    {
        if (isset(self::SCALARS[$type->name])) {
            return ['type' => self::SCALARS[$type->name]];
        }
        return match (true) {
            $type->name === 'mixed', $type->name === 'array' && $type->of === [] => true,
            $type->name === 'list' => ['type' => 'array'] + ($type->of === [] ? [] : ['items' => $this->of($type->of[0])]),
            $type->name === 'array' => $this->map($type),
            $type->name === 'union' => ['anyOf' => array_map($this->of(...), $type->of)],
            is_a($type->name, \DateTimeInterface::class, true) => ['type' => 'string', 'format' => 'date-time'],
            $type->name === BigInteger::class => ['type' => 'integer'],
            $type->isClass() => $this->reference($type->name),
            default => throw new SchemaError("{$type->name} is no type that has a schema; there is no class of that name"),
        };
    }

    /** @return array<string, mixed> */
    private function map(Type $type): array
    {
        [$key, $value] = count($type->of) > 1 ? $type->of : [new Type('int'), $type->of[0]];
        return $key->name === 'int'
            ? ['type' => 'array', 'items' => $this->of($value)]
            : ['type' => 'object', 'additionalProperties' => $this->of($value)];
    }

    /**
     * @param class-string $class
     * @return array{'$ref': string}
     */
    private function reference(string $class): array
    {
        $name = array_search($class, $this->classes, true);
        if ($name === false) {
            $short = (new \ReflectionClass($class))->getShortName();
            // Two classes with one short name: the second has its whole name.
            $name = isset($this->classes[$short]) || isset($this->components[$short]) ? str_replace('\\', '.', $class) : $short;
            $this->classes[$name] = $class;
            $this->components[$name] = true; // holds its place: a class may refer to itself
            $this->components[$name] = enum_exists($class) ? self::words($class) : $this->object($class);
        }
        return ['$ref' => "#/components/schemas/{$name}"];
    }

    /**
     * @param class-string $class
     * @return array<string, mixed>
     */
    private static function words(string $class): array
    {
        $enum = new \ReflectionEnum($class);
        if (!$enum->isBacked()) {
            throw new SchemaError("{$class} has no values; write `enum {$enum->getShortName()}: string`");
        }
        $values = array_map(static fn (\BackedEnum $case): int|string => $case->value, $class::cases());
        $type = (string) $enum->getBackingType() === 'int' ? 'integer' : 'string';
        return ['type' => $type, 'enum' => $values] + self::described($enum);
    }

    /**
     * @param class-string $class
     * @return array<string, mixed>
     */
    private function object(string $class): array
    {
        $properties = $required = [];
        foreach (Members::of($class) as $member) {
            $properties[$member->name] = $this->constrained($member->type, $member->keywords, $member->default);
            if ($member->required) {
                $required[] = $member->name;
            }
        }
        return ['type' => 'object', 'properties' => (object) $properties]
            + ($required === [] ? [] : ['required' => $required])
            + self::described(new \ReflectionClass($class));
    }

    /**
     * A type with what attributes say, and its default.
     *
     * @param array<string, mixed> $keywords
     * @param array{mixed}|array{} $default
     */
    public function constrained(Type $type, array $keywords, array $default): mixed
    {
        $schema = $this->of($type);
        self::check($keywords, is_array($schema) ? $schema['type'] ?? null : null);
        if ($default !== []) {
            $keywords['default'] = Members::plain($default[0]);
        }
        return $schema === true ? ($keywords === [] ? true : $keywords) : $schema + $keywords;
    }

    /**
     * JSON Schema passes over a keyword that says nothing of a type; here somebody meant something by it.
     *
     * @param array<string, mixed> $keywords
     */
    private static function check(array $keywords, mixed $types): void
    {
        $types = array_diff((array) $types, ['null']);
        foreach (self::OF as $word => [$of, $constraints]) {
            $says = array_values(array_intersect(array_keys($keywords), $constraints));
            if ($says !== [] && $types !== [] && array_intersect($of, $types) === []) {
                throw new SchemaError("{$says[0]} is for {$word}, and this is of type " . implode(' or ', $types));
            }
        }
        // What stands before the start or behind the end never matches.
        if (preg_match('{^([/#~])(\^.*|.*\$)\1[a-z]*$}s', $keywords['pattern'] ?? '', $found)) {
            throw new SchemaError("a pattern has no delimiters; write '{$found[2]}'");
        }
        foreach ([['minimum', 'maximum'], ['minLength', 'maxLength'], ['minItems', 'maxItems']] as [$least, $most]) {
            if (($keywords[$least] ?? PHP_INT_MIN) > ($keywords[$most] ?? PHP_INT_MAX)) {
                throw new SchemaError("{$least} {$keywords[$least]} is above {$most} {$keywords[$most]}: no value is both");
            }
        }
    }

    /** @return array{description?: string} */
    private static function described(\ReflectionClass $class): array
    {
        $words = DocBlock::of($class);
        $text = implode("\n\n", array_filter([$words->summary, $words->description]));
        return $text === '' ? [] : ['description' => $text];
    }
}
