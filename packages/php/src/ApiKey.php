<?php

declare(strict_types=1);

namespace Spikard;

/** Keys that the app gave out, in the header field `x-api-key` by default: `new ApiKey([getenv('TILL_KEY') => 'till 7'])`. */
#[\Attribute(\Attribute::TARGET_CLASS | \Attribute::TARGET_METHOD | \Attribute::IS_REPEATABLE)]
final readonly class ApiKey extends Auth
{
    /**
     * @param array<string, string|array{subject: string, scopes?: list<string>}> $keys whose each is; 16 bytes or more, compared in constant time
     * @param list<string> $scopes all must be the caller's, else 403
     * @param ?string $name in the documents
     */
    public function __construct(
        #[\SensitiveParameter] array $keys,
        ?string $header = null,
        ?string $query = null,
        ?string $cookie = null,
        array $scopes = [],
        ?string $name = null,
        ?string $description = null,
    ) {
        $places = array_filter(['header' => $header, 'query' => $query, 'cookie' => $cookie], static fn (?string $field): bool => $field !== null);
        if (count($places) > 1) {
            throw new \ValueError('a key stands in one place, not in ' . implode(' and ', array_keys($places)) . '; write two ApiKey');
        }
        $where = $places === [] ? [] : ['place' => key($places), 'field' => current($places)];
        $of = static fn (int|string $key): array => ['key' => (string) $key] + (is_string($keys[$key]) ? ['subject' => $keys[$key]] : $keys[$key]);
        parent::__construct(
            ['api_key' => $where + ['keys' => array_map($of, array_keys($keys))]],
            $scopes,
            $name,
            $description,
        );
    }
}
