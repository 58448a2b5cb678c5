<?php

declare(strict_types=1);

namespace Spikard;

/**
 * Makes values ready for PHP's own JSON writer, by the types of their classes: a date is its RFC 3339 text, an empty map is an
 * object. What the writer knows already is left as it is.
 *
 * @internal
 */
final class Encoder
{
    /** @var array<class-string, array<string, true>|null> members that are maps; null for a class that needs nothing */
    private static array $plans = [];

    public static function plain(mixed $value): mixed
    {
        if (is_array($value)) {
            foreach ($value as $key => $item) {
                if (is_array($item) || is_object($item)) {
                    $value[$key] = self::plain($item);
                }
            }
            return $value;
        }
        if (!is_object($value) || $value instanceof \JsonSerializable || $value instanceof \UnitEnum) {
            return $value;
        }
        if ($value instanceof \DateTimeInterface) {
            $fraction = rtrim($value->format('.u'), '0');
            return $value->format('Y-m-d\TH:i:s') . ($fraction === '.' ? '' : $fraction) . ($value->getOffset() === 0 ? 'Z' : $value->format('P'));
        }
        if ($value instanceof \Traversable) {
            return self::plain(iterator_to_array($value, false));
        }
        if (!array_key_exists($value::class, self::$plans)) {
            self::$plans[$value::class] = self::plan($value::class, []);
        }
        $maps = self::$plans[$value::class];
        if ($maps === null) {
            return $value;
        }
        $members = [];
        foreach (get_object_vars($value) as $name => $member) {
            $member = is_array($member) || is_object($member) ? self::plain($member) : $member;
            $members[$name] = isset($maps[$name]) && $member === [] ? (object) [] : $member;
        }
        return (object) $members;
    }

    /**
     * @param class-string $class
     * @param list<class-string> $inside classes that are being looked at
     * @return array<string, true>|null
     */
    private static function plan(string $class, array $inside): ?array
    {
        if (in_array($class, $inside, true)) {
            return null;
        }
        $reflected = new \ReflectionClass($class);
        if ($reflected->isInternal()) {
            return [];
        }
        $maps = [];
        $needs = false;
        foreach (Members::of($class) as $member) {
            $type = $member->type;
            if ($type->name === 'array' && count($type->of) === 2 && $type->of[0]->name !== 'int') {
                $maps[$member->name] = true;
            }
            $needs = $needs || self::needs($type, [...$inside, $class]);
        }
        return $maps !== [] || $needs ? $maps : null;
    }

    /** @param list<class-string> $inside */
    private static function needs(Type $type, array $inside): bool
    {
        if (in_array($type->name, ['mixed', 'union'], true) || ($type->name === 'array' && $type->of === [])) {
            return true; // anything may be in it
        }
        foreach ($type->of as $inner) {
            if (self::needs($inner, $inside)) {
                return true;
            }
        }
        return match (true) {
            !$type->isClass(), enum_exists($type->name), is_a($type->name, \JsonSerializable::class, true) => false,
            is_a($type->name, \DateTimeInterface::class, true), interface_exists($type->name) => true,
            default => self::plan($type->name, $inside) !== null,
        };
    }
}
