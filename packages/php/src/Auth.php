<?php

declare(strict_types=1);

namespace Spikard;

/**
 * One way to be let in: {@see Bearer}, {@see ApiKey}, {@see Basic} or {@see Anyone}, as an attribute of a controller or of its method,
 * or in the option `auth` of an app, a group or a route, which takes one or a list of which any will do. The core checks.
 */
abstract readonly class Auth
{
    /** @var array<string, mixed> an AuthSpec of the core (docs/appspec.md) */
    public array $spec;

    /**
     * @param array<string, mixed> $spec
     * @param list<string> $scopes
     */
    protected function __construct(array $spec, array $scopes, ?string $name, ?string $description)
    {
        $words = ['scopes' => $scopes, 'name' => $name, 'description' => $description];
        $this->spec = $spec + array_filter($words, static fn (mixed $word): bool => $word !== null && $word !== []);
    }

    /**
     * As the core takes them.
     *
     * @internal
     * @return list<object>
     */
    public static function ways(mixed $auth): array
    {
        $ways = is_array($auth) ? array_values($auth) : [$auth];
        foreach ($ways as $way) {
            if (!$way instanceof self) {
                throw new SchemaError('auth takes new Bearer(…), ApiKey, Basic or Anyone, or a list of them, not ' . get_debug_type($way));
            }
        }
        return array_map(static fn (self $way): object => (object) $way->spec, $ways);
    }
}
