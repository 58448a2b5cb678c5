<?php

declare(strict_types=1);

namespace Service;

/** An order that was taken. */
final readonly class Order
{
    public function __construct(public string $sku, public int $quantity, public int $totalCents)
    {
    }
}
