<?php

declare(strict_types=1);

namespace Spikard;

/** Signed tokens (JWT, RFC 7519) in `Authorization: Bearer`, by one of `secret`, `publicKey` and `jwks`. */
#[\Attribute(\Attribute::TARGET_CLASS | \Attribute::TARGET_METHOD | \Attribute::IS_REPEATABLE)]
final readonly class Bearer extends Auth
{
    /**
     * @param ?string $secret shared with who signs, 32 bytes or more
     * @param ?string $publicKey PEM, or the path of a file that holds it
     * @param ?string $jwks path or `https://` URL of a JSON Web Key Set (RFC 7517); a file is read again when it changed, a URL after
     *     `refreshMs` (default 600,000) and when a token names a key that is not known
     * @param list<string> $algorithms default by the key: HS256, RS256, ES256 or ES384, EdDSA
     * @param string|list<string> $issuer one of them must be `iss`
     * @param string|list<string> $audience one of them must be in `aud`; a token for an audience is refused where none is named here
     * @param ?list<string> $required claims that must be there, default `exp`
     * @param ?int $leewayMs how far clocks may be apart, default 60,000
     * @param ?string $tokenType `typ`, such as `at+jwt`
     * @param list<string> $scopes all must be in `scope` or `scp`, else 403
     * @param ?string $name in the documents
     */
    public function __construct(
        #[\SensitiveParameter] ?string $secret = null,
        ?string $publicKey = null,
        ?string $jwks = null,
        array $algorithms = [],
        string|array $issuer = [],
        string|array $audience = [],
        ?array $required = null,
        ?int $leewayMs = null,
        ?string $tokenType = null,
        ?int $refreshMs = null,
        array $scopes = [],
        ?string $name = null,
        ?string $description = null,
    ) {
        $given = [
            'secret' => $secret, 'public_key' => $publicKey, 'jwks' => $jwks, 'algorithms' => $algorithms, 'issuers' => (array) $issuer,
            'audiences' => (array) $audience, 'required' => $required, 'leeway_ms' => $leewayMs, 'token_type' => $tokenType, 'refresh_ms' => $refreshMs,
        ];
        parent::__construct(['bearer' => array_filter($given, static fn (mixed $one): bool => $one !== null)], $scopes, $name, $description);
    }
}
