<?php

declare(strict_types=1);

namespace Spikard;

/**
 * Functions that turn plain values, which the core has validated, into what a type says: objects, enums, dates. One per
 * type; null where the plain value is it.
 *
 * @internal
 */
final class Decoder
{
    /** @var array<string, \Closure(mixed): mixed> */
    private static array $classes = [];

    /** @return (\Closure(mixed): mixed)|null */
    public static function of(Type $type): ?\Closure
    {
        $inner = self::plain($type);
        if ($inner === null || !$type->nullable) {
            return $inner;
        }
        return static fn (mixed $value): mixed => $value === null ? null : $inner($value);
    }

    /** @return (\Closure(mixed): mixed)|null */
    private static function plain(Type $type): ?\Closure
    {
        return match (true) {
            $type->name === 'int' => self::integer(...),
            $type->name === 'float' => self::number(...),
            $type->name === 'list' && $type->of !== [] => self::each($type->of[0]),
            $type->name === 'array' && $type->of !== [] => self::each($type->of[count($type->of) - 1]),
            $type->name === \DateTime::class => static fn (string $text): \DateTime => new \DateTime($text),
            is_a($type->name, \DateTimeInterface::class, true) => static fn (string $text): \DateTimeImmutable => new \DateTimeImmutable($text),
            $type->name === BigInteger::class => static fn (mixed $value): BigInteger => $value instanceof BigInteger ? $value : new BigInteger((string) $value),
            enum_exists($type->name) => $type->name::from(...),
            $type->name !== 'mixed' && $type->isClass() => self::object($type->name),
            default => null,
        };
    }

    /**
     * Of a parameter's value: the core has made a float of a number already.
     *
     * @return (\Closure(mixed): mixed)|null
     */
    public static function ofParameter(Type $type): ?\Closure
    {
        $innermost = $type;
        while ($innermost->of !== []) {
            $innermost = $innermost->of[count($innermost->of) - 1];
        }
        return $innermost->name === 'float' ? null : self::of($type);
    }

    /** Only looks whether an integer is one of 64 bits. */
    public static function isOfInteger(\Closure $decode): bool
    {
        return (new \ReflectionFunction($decode))->getName() === 'integer';
    }

    /** JSON's `3.0` is an integer too; one beyond 64 bits is none of PHP's. */
    public static function integer(mixed $value): int
    {
        if (is_int($value)) {
            return $value;
        }
        if (is_float($value) && $value >= PHP_INT_MIN && $value < -(float) PHP_INT_MIN) {
            return (int) $value;
        }
        throw new Refusal([['body', [], 'must be an integer of 64 bits']]);
    }

    /** JSON's `3` is a number too, of any size. */
    public static function number(mixed $value): float
    {
        return $value instanceof BigInteger ? (float) $value->digits : (float) $value;
    }

    /** @return (\Closure(mixed): mixed)|null */
    private static function each(Type $type): ?\Closure
    {
        $inner = self::of($type);
        if ($inner === null) {
            return null;
        }
        return static function (array $values) use ($inner): array {
            foreach ($values as $key => $value) {
                try {
                    $values[$key] = $inner($value);
                } catch (Refusal $refusal) {
                    throw self::inside((string) $key, $refusal);
                }
            }
            return $values;
        };
    }

    /**
     * @param class-string $class
     * @return \Closure(mixed): mixed
     */
    private static function object(string $class): \Closure
    {
        // A class may hold itself, so its members are looked at when there is a first value.
        return self::$classes[$class] ??= static function (array $values) use ($class): object {
            static $decoders = null; // by the name of each member, in order
            static $mostly = []; // what a plain value mostly is already
            static $constructs = true;
            if ($decoders === null) {
                $decoders = [];
                foreach (Members::of($class) as $member) {
                    $decoders[$member->name] = self::of($member->type);
                    $mostly[$member->name] = ['int' => 'integer', 'float' => 'double'][$member->type->name] ?? '';
                }
                $constructs = (new \ReflectionClass($class))->getConstructor() !== null;
            }
            $arguments = [];
            $all = true;
            foreach ($decoders as $name => $decode) {
                if (isset($values[$name])) {
                    $value = $values[$name];
                    $isPlain = $decode === null || gettype($value) === $mostly[$name];
                    $arguments[$name] = $isPlain ? $value : self::member($name, $decode, $value);
                } elseif (array_key_exists($name, $values)) {
                    $arguments[$name] = null;
                } else {
                    $all = false;
                }
            }
            if (!$constructs) {
                return self::filled(new $class(), $arguments);
            }
            // By place where none is left out: PHP is quicker with that than with names.
            return self::constructed($class, $all ? array_values($arguments) : $arguments);
        };
    }

    /** @param \Closure(mixed): mixed $decode */
    private static function member(string $name, \Closure $decode, mixed $value): mixed
    {
        try {
            return $decode($value);
        } catch (Refusal $refusal) {
            throw self::inside($name, $refusal);
        }
    }

    /**
     * What a constructor refuses, the client is told: these exceptions speak of values.
     *
     * @param class-string $class
     * @param array<string, mixed> $arguments
     */
    private static function constructed(string $class, array $arguments): object
    {
        try {
            return new $class(...$arguments);
        } catch (\InvalidArgumentException | \DomainException | \RangeException | \LengthException | \ValueError $refused) {
            throw new Refusal([['body', [], $refused->getMessage()]]);
        }
    }

    /** @param array<string, mixed> $values */
    private static function filled(object $object, array $values): object
    {
        foreach ($values as $name => $value) {
            $object->{$name} = $value;
        }
        return $object;
    }

    private static function inside(string $name, Refusal $refusal): Refusal
    {
        return new Refusal(array_map(static fn (array $one): array => [$one[0], [$name, ...$one[1]], $one[2]], $refusal->refusals));
    }
}
