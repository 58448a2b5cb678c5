<?php

declare(strict_types=1);

namespace Service;

use Spikard\{Maximum, Minimum, Pattern};

/** What a client may order. */
final readonly class OrderInput
{
    public function __construct(
        #[Pattern('^[A-Z]{3}-[0-9]{4}$')] public string $sku,
        #[Minimum(1), Maximum(100)] public int $quantity = 1,
    ) {
    }
}
