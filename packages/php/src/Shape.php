<?php

declare(strict_types=1);

namespace Spikard;

/**
 * What the core can read a body as while it checks it, so that nobody reads it twice: plain values, lists, maps, enums, and
 * classes whose constructor does nothing but keep its parameters. Whatever else a type says, {@see Decoder} reads.
 *
 * @internal
 */
final class Shape
{
    private const PLAIN = ['int' => 'integer', 'float' => 'number', 'string' => 'text', 'bool' => 'boolean'];

    /**
     * Of a body that is an object or a list: `[kind, nullable, ...]`, where a list and a map have the shape of what is in them,
     * a choice its values by their keys, an object its class and its members, each with name, shape and default.
     *
     * @return list<mixed>|null
     */
    public static function of(Type $type): ?array
    {
        $shape = self::within($type, []);
        return $shape !== null && in_array($shape[0], ['object', 'list', 'map'], true) ? $shape : null;
    }

    /**
     * @param list<string> $inside classes that are being looked at: one that holds itself has no end
     * @return list<mixed>|null
     */
    private static function within(Type $type, array $inside): ?array
    {
        if (isset(self::PLAIN[$type->name])) {
            return [self::PLAIN[$type->name], $type->nullable];
        }
        if (in_array($type->name, ['list', 'array'], true)) {
            $items = $type->of === [] ? null : self::within($type->of[count($type->of) - 1], $inside);
            $isMap = count($type->of) === 2 && $type->of[0]->name !== 'int';
            return $items === null ? null : [$isMap ? 'map' : 'list', $type->nullable, $items];
        }
        if (enum_exists($type->name)) {
            return is_a($type->name, \BackedEnum::class, true)
                ? ['choice', $type->nullable, array_column($type->name::cases(), null, 'value')]
                : null;
        }
        if (!class_exists($type->name) || in_array($type->name, $inside, true)) {
            return null;
        }
        $class = new \ReflectionClass($type->name);
        return $class->isInternal() || !self::keeps($class) ? null : self::object($type, [...$inside, $type->name]);
    }

    /**
     * @param list<string> $inside
     * @return list<mixed>|null
     */
    private static function object(Type $type, array $inside): ?array
    {
        $members = [];
        foreach (Members::of($type->name) as $member) {
            $shape = self::within($member->type, $inside);
            $default = $member->default[0] ?? null;
            if ($shape === null || (is_object($default) && !$default instanceof \UnitEnum)) {
                return null;
            }
            $members[] = $member->required ? [$member->name, $shape] : [$member->name, $shape, $default];
        }
        return ['object', $type->nullable, $type->name, $members];
    }

    /** An object that has its members is what the constructor would make. */
    private static function keeps(\ReflectionClass $class): bool
    {
        $constructor = $class->getConstructor();
        if ($constructor === null) {
            return true;
        }
        foreach ($constructor->getParameters() as $parameter) {
            if (!$parameter->isPromoted() || self::isHooked($class->getProperty($parameter->getName()))) {
                return false;
            }
        }
        return $constructor->class === $class->getName() && Bridge::onlyKeeps($class->getName());
    }

    /** From PHP 8.4 on, a property may have code of its own. */
    private static function isHooked(\ReflectionProperty $property): bool
    {
        return method_exists($property, 'hasHooks') && $property->hasHooks();
    }
}
