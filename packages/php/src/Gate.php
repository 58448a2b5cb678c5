<?php

declare(strict_types=1);

namespace Spikard;

/**
 * What an app, a group, a route or a controller says of whom it lets in and how many, as options or attributes. Checks no request.
 *
 * @internal
 */
final class Gate
{
    public const OPTIONS = ['auth', 'rateLimit', 'concurrency'];

    /**
     * As the core takes it. Throws SchemaError.
     *
     * @param array<string, mixed> $options
     * @return array{auth?: list<object>, rate_limit?: list<array<string, mixed>>, concurrency?: int}
     */
    public static function named(array $options): array
    {
        $limits = $options['rateLimit'] ?? null;
        $most = $options['concurrency'] ?? null;
        if ($most !== null && !is_int($most)) {
            throw new SchemaError('concurrency takes a number of requests, not ' . get_debug_type($most));
        }
        return array_filter([
            'auth' => isset($options['auth']) ? Auth::ways($options['auth']) : null,
            'rate_limit' => $limits === null ? null : array_map(self::limit(...), is_array($limits) ? array_values($limits) : [$limits]),
            'concurrency' => $most,
        ], static fn (mixed $said): bool => $said !== null);
    }

    /**
     * The options that the attributes of a class or a method stand for. Throws what their constructors throw.
     *
     * @return array{auth?: list<Auth>, rateLimit?: list<RateLimit>, concurrency?: int}
     */
    public static function on(\ReflectionClass|\ReflectionMethod $declared): array
    {
        $made = static fn (string $class): array => array_map(
            static fn (\ReflectionAttribute $one): object => $one->newInstance(),
            $declared->getAttributes($class, \ReflectionAttribute::IS_INSTANCEOF),
        );
        return array_filter([
            'auth' => $made(Auth::class) ?: null,
            'rateLimit' => $made(RateLimit::class) ?: null,
            'concurrency' => ($made(Concurrency::class)[0] ?? null)?->requests,
        ], static fn (mixed $said): bool => $said !== null);
    }

    /** @return array<string, mixed> */
    private static function limit(mixed $limit): array
    {
        if (!$limit instanceof RateLimit) {
            throw new SchemaError('rateLimit takes new RateLimit(requests, windowMs), or a list of them, not ' . get_debug_type($limit));
        }
        $said = [
            'requests' => $limit->requests, 'window_ms' => $limit->windowMs, 'by' => $limit->by, 'header' => $limit->header, 'name' => $limit->name,
        ];
        return array_filter($said, static fn (mixed $value): bool => $value !== null);
    }
}
