<?php

declare(strict_types=1);

namespace Spikard;

/**
 * What a doc comment says: words for the documents, and types that PHP cannot write (`list<Item>`). Resolves no names.
 *
 * @internal
 */
final readonly class DocBlock
{
    /** @param array<string, string> $types of parameters, by name */
    private function __construct(
        public ?string $summary,
        public ?string $description,
        public array $types,
        public ?string $returns,
        public ?string $var,
    ) {
    }

    public static function of(\ReflectionFunctionAbstract|\ReflectionClass|\ReflectionProperty $declared): self
    {
        $lines = preg_split('/\R/', trim((string) $declared->getDocComment(), "/* \t\n\r")) ?: [];
        $lines = array_map(static fn (string $line): string => (string) preg_replace('~^\s*\*? ?~', '', rtrim($line)), $lines);
        $text = [];
        $types = [];
        [$returns, $var] = [null, null];
        foreach ($lines as $line) {
            if (preg_match('/^@param\s+(.+?)\s+(?:\.\.\.)?\$(\w+)/', $line, $found)) {
                $types[$found[2]] = $found[1];
            } elseif (preg_match('/^@(return|var)\s+(.+)/', $line, $found)) {
                $type = self::head($found[2]);
                $found[1] === 'return' ? $returns = $type : $var = $type;
            } elseif (!str_starts_with($line, '@')) {
                $text[] = $line;
            }
        }
        $paragraphs = preg_split('/\n\s*\n/', trim(implode("\n", $text)), 2) ?: [];
        $summary = trim((string) preg_replace('/\s*\n\s*/', ' ', $paragraphs[0] ?? ''));
        $rest = trim($paragraphs[1] ?? '');
        return new self($summary === '' ? null : $summary, $rest === '' ? null : $rest, $types, $returns, $var);
    }

    /** The type at the start of a text; spaces inside of brackets belong to it. */
    private static function head(string $text): string
    {
        $depth = 0;
        for ($at = 0; $at < strlen($text); $at++) {
            $depth += match ($text[$at]) {
                '<', '(', '{' => 1,
                '>', ')', '}' => -1,
                default => 0,
            };
            if ($depth === 0 && $text[$at] === ' ') {
                break;
            }
        }
        return substr($text, 0, $at);
    }
}
