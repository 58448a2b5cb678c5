<?php

declare(strict_types=1);

namespace Spikard;

/** JSON by PHP's own functions, with whole numbers of any size ({@see BigInteger}). Validates nothing. */
final class Json
{
    private const WRITE = JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_LINE_TERMINATORS
        | JSON_PRESERVE_ZERO_FRACTION;
    public const DEPTH = 512;

    /** Stands before the digits of a BigInteger until the text is whole; made anew in each process, so that no text has it. */
    private static string $mark = '';
    private static bool $marked = false;

    public static function encode(mixed $value): string
    {
        self::$marked = false;
        $text = json_encode($value, self::WRITE, self::DEPTH);
        return self::$marked ? (string) preg_replace('/"' . self::$mark . '(-?\d+)"/', '$1', $text) : $text;
    }

    /** @internal */
    public static function marked(string $digits): string
    {
        self::$marked = true;
        self::$mark = self::$mark === '' ? bin2hex(random_bytes(16)) . ':' : self::$mark;
        return self::$mark . $digits;
    }

    /** Objects become arrays, or `stdClass` when `$objects`; an integer that no `int` holds becomes a BigInteger. */
    public static function decode(string $text, bool $objects = false): mixed
    {
        $value = json_decode($text, !$objects, self::DEPTH, JSON_THROW_ON_ERROR);
        // PHP makes a float of such an integer, or a string; only the two together tell it from either.
        if (preg_match('/\d{19}/', $text) === 1) {
            $digits = json_decode($text, !$objects, self::DEPTH, JSON_THROW_ON_ERROR | JSON_BIGINT_AS_STRING);
            return self::merged($value, $digits);
        }
        return $value;
    }

    private static function merged(mixed $value, mixed $digits): mixed
    {
        if (is_float($value) && is_string($digits)) {
            return new BigInteger($digits);
        }
        if (is_array($value) && is_array($digits)) {
            return array_combine(
                array_keys($value),
                array_map(self::merged(...), array_values($value), array_values($digits)),
            );
        }
        if ($value instanceof \stdClass && $digits instanceof \stdClass) {
            foreach (get_object_vars($value) as $name => $member) {
                $value->{$name} = self::merged($member, $digits->{$name});
            }
        }
        return $value;
    }
}
