<?php

declare(strict_types=1);

namespace Spikard;

use Psr\Log\AbstractLogger;

/**
 * A logger of PSR-3 that writes to standard error as the core does: one JSON object per line. What handlers and constructors
 * get that ask for a `LoggerInterface` which nobody provides.
 */
final class Log extends AbstractLogger
{
    /** @param array<string, mixed> $context words for `{placeholders}`; what is plain is in the line too, an exception with its text */
    public function log($level, $message, array $context = []): void
    {
        $words = $plain = [];
        foreach ($context as $name => $value) {
            $value = $value instanceof \Stringable ? (string) $value : $value;
            if (is_scalar($value) || $value === null) {
                $words["{{$name}}"] = is_bool($value) ? ($value ? 'true' : 'false') : (string) $value;
                $plain[$name] = $value;
            }
        }
        $line = ['time' => round(microtime(true), 3), 'level' => (string) $level, 'event' => 'app', 'message' => strtr((string) $message, $words)];
        $flags = JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR;
        fwrite(STDERR, json_encode($line + ($plain === [] ? [] : ['context' => $plain]), $flags) . "\n");
    }
}
