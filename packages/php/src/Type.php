<?php

declare(strict_types=1);

namespace Spikard;

/**
 * A type as PHP or a docblock writes it: a name, what it is made of, and whether null belongs to it. Makes no schema.
 *
 * @internal
 */
final readonly class Type
{
    private const WORDS = [
        'int', 'integer', 'float', 'double', 'string', 'bool', 'boolean', 'array', 'list', 'iterable', 'mixed', 'object', 'null',
        'void', 'never', 'true', 'false', 'non-empty-string', 'positive-int', 'numeric-string', 'non-empty-list', 'class-string',
    ];
    private const SAME = [
        'integer' => 'int', 'double' => 'float', 'boolean' => 'bool', 'iterable' => 'array', 'object' => 'mixed',
        'non-empty-string' => 'string', 'numeric-string' => 'string', 'class-string' => 'string', 'positive-int' => 'int',
        'non-empty-list' => 'list', 'true' => 'bool', 'false' => 'bool', 'never' => 'void', 'non-empty-array' => 'array',
    ];

    /** @param list<self> $of */
    public function __construct(public string $name, public array $of = [], public bool $nullable = false)
    {
    }

    /** Of a parameter, a property or a result; the docblock's type where PHP's own says less. */
    public static function of(?\ReflectionType $type, ?string $written, \ReflectionClass|\ReflectionFunctionAbstract $scope): self
    {
        $plain = $type === null ? new self('mixed', nullable: true) : self::parse((string) $type, $scope);
        if ($written === null || !in_array($plain->name, ['array', 'mixed', \Generator::class, Response::class], true)) {
            return $plain;
        }
        $precise = self::parse($written, $scope);
        return $plain->nullable && $plain->name !== 'mixed' ? new self($precise->name, $precise->of, true) : $precise;
    }

    public static function parse(string $text, \ReflectionClass|\ReflectionFunctionAbstract $scope): self
    {
        $text = trim($text);
        if (str_starts_with($text, '?')) {
            $inner = self::parse(substr($text, 1), $scope);
            return new self($inner->name, $inner->of, true);
        }
        $members = self::split($text, '|');
        if (count($members) > 1) {
            $types = array_map(static fn (string $member): self => self::parse($member, $scope), $members);
            $others = array_values(array_filter($types, static fn (self $type): bool => $type->name !== 'null'));
            $nullable = count($others) < count($types);
            return count($others) === 1 ? new self($others[0]->name, $others[0]->of, $nullable) : new self('union', $others, $nullable);
        }
        if (str_ends_with($text, '[]')) {
            return new self('list', [self::parse(substr($text, 0, -2), $scope)]);
        }
        if (preg_match('/^([\w\\\\-]+)<(.+)>$/s', $text, $found)) {
            $of = array_map(static fn (string $part): self => self::parse($part, $scope), self::split($found[2], ','));
            $name = self::named($found[1], $scope);
            return $name === 'array' && count($of) === 1 ? new self('list', $of) : new self($name, $of);
        }
        return new self(self::named($text, $scope));
    }

    public function isClass(): bool
    {
        return class_exists($this->name) || interface_exists($this->name) || enum_exists($this->name);
    }

    /** @return list<string> */
    private static function split(string $text, string $by): array
    {
        [$parts, $depth] = [[''], 0];
        foreach (str_split($text) as $letter) {
            $depth += match ($letter) {
                '<', '(', '{' => 1,
                '>', ')', '}' => -1,
                default => 0,
            };
            if ($depth === 0 && $letter === $by) {
                $parts[] = '';
            } else {
                $parts[count($parts) - 1] .= $letter;
            }
        }
        return $parts;
    }

    /** A word as we call it, or a class by the `use` lines of the file that names it. */
    private static function named(string $name, \ReflectionClass|\ReflectionFunctionAbstract $scope): string
    {
        $word = strtolower($name);
        if (in_array($word, self::WORDS, true)) {
            return self::SAME[$word] ?? $word;
        }
        $class = $scope instanceof \ReflectionMethod ? $scope->getDeclaringClass() : $scope;
        if ($word === 'self' || $word === 'static') {
            return $class->getName();
        }
        [$first, $rest] = [...explode('\\', ltrim($name, '\\'), 2), ''];
        $imports = self::imports((string) $scope->getFileName());
        $candidates = [
            isset($imports[$first]) ? rtrim("{$imports[$first]}\\{$rest}", '\\') : '',
            "{$imports['']}\\{$name}",
            ltrim($name, '\\'),
        ];
        foreach ($candidates as $candidate) {
            if ($candidate !== '' && (class_exists($candidate) || interface_exists($candidate))) {
                return (new \ReflectionClass($candidate))->getName();
            }
        }
        return $name;
    }

    /**
     * What the `use` lines of a file call classes, and under '' its namespace.
     *
     * @return array<string, string>
     */
    private static function imports(string $file): array
    {
        static $known = [];
        if (isset($known[$file])) {
            return $known[$file];
        }
        $source = is_file($file) ? (string) file_get_contents($file) : '';
        $found = ['' => preg_match('/^namespace\s+([\w\\\\]+)\s*[;{]/m', $source, $namespace) ? $namespace[1] : ''];
        preg_match_all('/^use\s+(?!function\b|const\b)([\w\\\\]+?)(?:\\\\\{([^}]*)\}|(\s+as\s+\w+)?)\s*;/m', $source, $lines, PREG_SET_ORDER);
        foreach ($lines as $line) {
            $group = trim($line[2] ?? '');
            foreach ($group === '' ? [$line[1] . ($line[3] ?? '')] : explode(',', $group) as $member) {
                [$class, $alias] = [...preg_split('/\s+as\s+/', trim($member)) ?: [], null];
                if ($class !== '') {
                    $found[$alias ?? basename(strtr($class, '\\', '/'))] = ($group === '' ? '' : "{$line[1]}\\") . $class;
                }
            }
        }
        return $known[$file] = $found;
    }
}
