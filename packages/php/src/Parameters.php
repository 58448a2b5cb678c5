<?php

declare(strict_types=1);

namespace Spikard;

/** Every declared parameter that was sent or has a default, by place and name: for handlers that serve any contract. */
final readonly class Parameters
{
    /**
     * @param array<string, mixed> $path
     * @param array<string, mixed> $query
     * @param array<string, mixed> $header
     * @param array<string, mixed> $cookie
     */
    public function __construct(
        public array $path = [],
        public array $query = [],
        public array $header = [],
        public array $cookie = [],
    ) {
    }
}
