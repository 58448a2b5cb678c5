<?php

declare(strict_types=1);

namespace Spikard;

/**
 * The members of a class as JSON sees them: the parameters of its constructor, or its public properties when it has none.
 *
 * @internal
 */
final readonly class Members
{
    /**
     * @param array<string, mixed> $keywords of JSON Schema, from attributes
     * @param array{mixed}|array{} $default
     */
    private function __construct(
        public string $name,
        public Type $type,
        public array $keywords,
        public bool $required,
        public array $default,
    ) {
    }

    /**
     * @param class-string $class
     * @return list<self>
     */
    public static function of(string $class): array
    {
        $reflected = new \ReflectionClass($class);
        if ($reflected->isInterface() || $reflected->isInternal()) {
            throw new SchemaError("{$class} has no members that a schema could have; use a class of your own");
        }
        $constructor = $reflected->getConstructor();
        $found = [];
        if ($constructor !== null) {
            $words = DocBlock::of($constructor);
            foreach ($constructor->getParameters() as $parameter) {
                $name = $parameter->getName();
                $written = $words->types[$name] ?? self::ofProperty($reflected, $name);
                $default = $parameter->isDefaultValueAvailable() ? [$parameter->getDefaultValue()] : [];
                $found[] = self::made($parameter, $written, $reflected, $default);
            }
            return $found;
        }
        foreach ($reflected->getProperties(\ReflectionProperty::IS_PUBLIC) as $property) {
            $default = $property->hasDefaultValue() && $property->hasType() ? [$property->getDefaultValue()] : [];
            $found[] = self::made($property, DocBlock::of($property)->var, $reflected, $default);
        }
        return $found;
    }

    /** A value as JSON has it. */
    public static function plain(mixed $value): mixed
    {
        return $value instanceof \BackedEnum ? $value->value : $value;
    }

    /**
     * What attributes say of a property or a parameter.
     *
     * @return array<string, mixed>
     */
    public static function keywords(\ReflectionProperty|\ReflectionParameter $declared): array
    {
        $keywords = [];
        foreach ($declared->getAttributes(Constraint::class, \ReflectionAttribute::IS_INSTANCEOF) as $attribute) {
            $keywords += $attribute->newInstance()->keywords();
        }
        return $keywords;
    }

    /** The type that `#[Items]` says. */
    public static function items(\ReflectionProperty|\ReflectionParameter $declared): ?string
    {
        $items = $declared->getAttributes(Items::class)[0] ?? null;
        return $items === null ? null : 'list<' . $items->newInstance()->type . '>';
    }

    private static function ofProperty(\ReflectionClass $class, string $name): ?string
    {
        return $class->hasProperty($name) ? DocBlock::of($class->getProperty($name))->var : null;
    }

    /** @param array{mixed}|array{} $default */
    private static function made(
        \ReflectionProperty|\ReflectionParameter $declared,
        ?string $written,
        \ReflectionClass $scope,
        array $default,
    ): self {
        foreach (Attributes::mistakes($declared) as $mistake) {
            throw new SchemaError("{$scope->getName()}: \${$declared->getName()}: {$mistake}");
        }
        $type = Type::of($declared->getType(), self::items($declared) ?? $written, $scope);
        // A null that only stands for "not sent" is no value of the contract.
        $shown = $default === [null] ? [] : $default;
        return new self($declared->getName(), $type, self::keywords($declared), $default === [], $shown);
    }
}
