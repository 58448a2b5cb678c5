<?php

declare(strict_types=1);

namespace Spikard;

/**
 * At most `$requests` in `$windowMs`, at once or evenly; more are answered with 429: `#[RateLimit(100, 60_000)]` on a controller or its
 * method, or the option `rateLimit` of an app, a group or a route, which takes one or a list that all hold; an empty list is none. What
 * inherits a limit counts together, in each worker for itself.
 */
#[\Attribute(\Attribute::TARGET_CLASS | \Attribute::TARGET_METHOD | \Attribute::IS_REPEATABLE)]
final readonly class RateLimit
{
    /**
     * @param 'address'|'principal'|'header'|'all' $by whose count together: of IPv6 addresses a network of 64 bits; without a principal
     *     or the field, the address
     * @param ?string $header the field of `by: 'header'`
     * @param ?string $name what `RateLimit` fields of answers call it
     */
    public function __construct(
        public int $requests,
        public int $windowMs,
        public string $by = 'address',
        public ?string $header = null,
        public ?string $name = null,
    ) {
    }
}
