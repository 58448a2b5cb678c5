<?php

declare(strict_types=1);

namespace Spikard;

/**
 * Most requests at once; more are answered with 503: `#[Concurrency(4)]` on a controller or its method, or the option `concurrency: 4` of
 * an app, a group or a route; 0 for any number. What inherits it counts together, in each worker for itself.
 */
#[\Attribute(\Attribute::TARGET_CLASS | \Attribute::TARGET_METHOD)]
final readonly class Concurrency
{
    public function __construct(public int $requests)
    {
    }
}
