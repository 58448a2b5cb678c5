<?php

declare(strict_types=1);

namespace Spikard;

/** Who sent a request, by the first way of its route that let it in: {@see Request::principal()}. */
final readonly class Principal
{
    /**
     * @internal
     * @param 'bearer'|'apiKey'|'basic' $scheme
     * @param ?string $subject `sub` of the token, whose the key is, the user's name; null for a token without `sub`
     * @param list<string> $scopes `scope` or `scp` of the token, or what the app says of the key or the user
     * @param array<string, mixed> $claims every claim of the token; empty for keys and passwords
     */
    public function __construct(public string $scheme, public ?string $subject, public array $scopes, public array $claims)
    {
    }
}
