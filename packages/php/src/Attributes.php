<?php

declare(strict_types=1);

namespace Spikard;

/**
 * Attributes that PHP passes over in silence: misspelt, not imported, or where they do nothing. Reads none of them.
 *
 * @internal
 */
final class Attributes
{
    private const PLACES = [
        \Attribute::TARGET_CLASS => 'a class', \Attribute::TARGET_FUNCTION => 'a function', \Attribute::TARGET_METHOD => 'a method',
        \Attribute::TARGET_PROPERTY => 'a property', \Attribute::TARGET_PARAMETER => 'a parameter',
    ];

    /** @return list<string> what is wrong with those that stand here */
    public static function mistakes(\ReflectionClass|\ReflectionFunctionAbstract|\ReflectionParameter|\ReflectionProperty $declared): array
    {
        $mistakes = [];
        foreach ($declared->getAttributes() as $attribute) {
            $name = $attribute->getName();
            $at = strrpos($name, '\\');
            [$space, $short] = $at === false ? ['', $name] : [substr($name, 0, $at), substr($name, $at + 1)];
            if (class_exists($name)) {
                $mistakes[] = $space === __NAMESPACE__ ? self::misplaced($short, $name, $attribute->getTarget()) : null;
            } elseif (in_array($space, ['', __NAMESPACE__, self::space($declared)], true)) {
                $mistakes[] = self::unknown($short, $name, $space);
            }
        }
        return array_values(array_filter($mistakes));
    }

    private static function misplaced(string $short, string $name, int $target): ?string
    {
        $own = (new \ReflectionClass($name))->getAttributes(\Attribute::class)[0] ?? null;
        $flags = $own?->newInstance()->flags;
        if ($flags === null || $flags & $target) {
            return $flags === null ? "#[{$short}] is no attribute" : null;
        }
        $places = array_filter(self::PLACES, static fn (int $place): bool => ($flags & $place) !== 0, ARRAY_FILTER_USE_KEY);
        return "#[{$short}] does nothing on " . self::PLACES[$target] . '; it belongs on ' . implode(' or ', $places);
    }

    /** A class that does not exist may be another library's, which is not installed: only what looks like one of ours is a mistake. */
    private static function unknown(string $short, string $name, string $space): ?string
    {
        $near = self::near($short, self::names());
        return match (true) {
            $near === $short => "#[{$short}] is {$name} here, which does not exist; write `use " . __NAMESPACE__ . "\\{$short};`",
            $near !== null => "#[{$short}] does not exist; did you mean #[{$near}]?",
            $space === __NAMESPACE__ => "#[{$short}] does not exist in Spikard " . Bridge::version(),
            default => null,
        };
    }

    /**
     * The one that was meant, if one is near.
     *
     * @param list<string> $known
     */
    public static function near(string $word, array $known): ?string
    {
        $best = null;
        $least = strlen($word) > 6 ? 3 : 2; // edits, one fewer
        foreach ($known as $one) {
            $edits = levenshtein(strtolower($word), strtolower($one));
            if ($edits < $least) {
                [$best, $least] = [$one, $edits];
            }
        }
        return $best;
    }

    /** @return list<string> of ours, without namespace */
    private static function names(): array
    {
        // Their files have them all.
        $some = [Route::class, Group::class, Middleware::class, Bearer::class, ApiKey::class, Basic::class, Anyone::class, RateLimit::class, Concurrency::class];
        array_map(class_exists(...), $some);
        $ours = static fn (string $class): bool => str_starts_with($class, __NAMESPACE__ . '\\')
            && (new \ReflectionClass($class))->getAttributes(\Attribute::class) !== [];
        return array_values(array_map(
            static fn (string $class): string => substr($class, strlen(__NAMESPACE__) + 1),
            array_filter(get_declared_classes(), $ours),
        ));
    }

    private static function space(\ReflectionClass|\ReflectionFunctionAbstract|\ReflectionParameter|\ReflectionProperty $declared): string
    {
        return match (true) {
            $declared instanceof \ReflectionParameter => self::space($declared->getDeclaringFunction()),
            $declared instanceof \ReflectionMethod, $declared instanceof \ReflectionProperty => $declared->getDeclaringClass()->getNamespaceName(),
            default => $declared->getNamespaceName(),
        };
    }
}
