<?php

declare(strict_types=1);

namespace Spikard;

/** Routes under one prefix. As an attribute of a controller: `#[Group('/items', tags: ['items'])]`. */
#[\Attribute(\Attribute::TARGET_CLASS)]
final class Group extends Routes
{
    /** @var array<string, mixed> */
    public readonly array $options;

    /**
     * @param mixed ...$options `tags`, `middleware` ({@see Middleware}), `auth` ({@see Auth}), `rateLimit` ({@see RateLimit}),
     *     `concurrency` ({@see Concurrency}), hooks by their moments (`onRequest`, …), and the options of {@see Config::POLICY}
     */
    public function __construct(public readonly string $prefix, mixed ...$options)
    {
        $this->options = $options;
    }
}
