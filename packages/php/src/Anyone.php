<?php

declare(strict_types=1);

namespace Spikard;

/** Requests without credentials, beside other ways; wrong ones are refused still. */
#[\Attribute(\Attribute::TARGET_CLASS | \Attribute::TARGET_METHOD)]
final readonly class Anyone extends Auth
{
    public function __construct()
    {
        parent::__construct([], [], null, null);
    }
}
