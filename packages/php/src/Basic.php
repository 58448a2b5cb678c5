<?php

declare(strict_types=1);

namespace Spikard;

/** Names and passwords (RFC 7617): `new Basic(['ada' => getenv('ADA')])`. */
#[\Attribute(\Attribute::TARGET_CLASS | \Attribute::TARGET_METHOD | \Attribute::IS_REPEATABLE)]
final readonly class Basic extends Auth
{
    /**
     * @param array<string, string|array{password: string, scopes?: list<string>}> $users
     * @param ?string $realm what a browser shows; default the app's title
     * @param list<string> $scopes all must be the user's, else 403
     * @param ?string $name in the documents
     */
    public function __construct(
        #[\SensitiveParameter] array $users,
        ?string $realm = null,
        array $scopes = [],
        ?string $name = null,
        ?string $description = null,
    ) {
        $of = static fn (int|string $user): array => ['name' => (string) $user] + (is_string($users[$user]) ? ['password' => $users[$user]] : $users[$user]);
        $given = ['users' => array_map($of, array_keys($users))] + ($realm === null ? [] : ['realm' => $realm]);
        parent::__construct(['basic' => $given], $scopes, $name, $description);
    }
}
