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
    /** What is written otherwise than by its members. */
    private const OTHERS = [
        \JsonSerializable::class, \Traversable::class, \Throwable::class, Response::class, \Psr\Http\Message\ResponseInterface::class,
    ];

    /** @var array<class-string, array<string, true>|null> members that are maps; null for a class that needs nothing */
    private static array $plans = [];

    /**
     * PHP's writer alone writes the objects of a class as {@see Json::encode()} does.
     *
     * @param class-string $class
     */
    public static function isReady(string $class): bool
    {
        return self::isWritten(new Type($class), []);
    }

    /** @param list<string> $inside classes that are being looked at */
    private static function isWritten(Type $type, array $inside): bool
    {
        if (in_array($type->name, ['int', 'float', 'string', 'bool', 'null', ...$inside], true)) {
            return true;
        }
        if ($type->name === 'list' || ($type->name === 'array' && count($type->of) === 2 && $type->of[0]->name === 'int')) {
            return $type->of !== [] && self::isWritten($type->of[count($type->of) - 1], $inside);
        }
        if (enum_exists($type->name)) {
            return is_a($type->name, \BackedEnum::class, true);
        }
        foreach (self::OTHERS as $other) {
            if (is_a($type->name, $other, true)) {
                return false;
            }
        }
        if (!class_exists($type->name) || (new \ReflectionClass($type->name))->isInternal()) {
            return false;
        }
        foreach (Members::of($type->name) as $member) {
            if (!self::isWritten($member->type, [...$inside, $type->name])) {
                return false;
            }
        }
        return true;
    }

    public static function plain(mixed $value, int $depth = 0): mixed
    {
        if ($depth > Json::DEPTH) {
            throw new \JsonException('the value is nested too deeply, or holds itself');
        }
        if (is_array($value)) {
            foreach ($value as $key => $item) {
                if (is_array($item) || is_object($item)) {
                    $value[$key] = self::plain($item, $depth + 1);
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
            return self::plain(iterator_to_array($value, false), $depth + 1);
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
            $member = is_array($member) || is_object($member) ? self::plain($member, $depth + 1) : $member;
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
