<?php

declare(strict_types=1);

namespace Spikard;

/** A whole number that no `int` holds, as its decimal digits. Calculates nothing: `gmp_init((string) $number)` does. */
final readonly class BigInteger implements \Stringable, \JsonSerializable
{
    public function __construct(public string $digits)
    {
        if (preg_match('/^-?(0|[1-9]\d*)$/D', $digits) !== 1) {
            throw new \ValueError('a whole number is written in digits, as in -12');
        }
    }

    public function __toString(): string
    {
        return $this->digits;
    }

    /** PHP's writer has no such number; {@see Json::encode()} makes one of this. */
    public function jsonSerialize(): string
    {
        return Json::marked($this->digits);
    }
}
