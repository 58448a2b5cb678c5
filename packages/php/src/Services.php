<?php

declare(strict_types=1);

namespace Spikard;

/**
 * Objects by class, one of each per worker, made when first asked for. Knows nothing of routes.
 *
 * @internal
 */
final class Services
{
    /** @var array<class-string, array{\Closure, ?\Closure}> */
    private array $makers = [];

    /** @var array<class-string, object> in the order made */
    private array $made = [];

    /** @param class-string $class */
    public function provide(string $class, \Closure $make, ?\Closure $close): void
    {
        $this->makers[self::named($class)] = [$make, $close];
    }

    /** @param class-string $class */
    public function provides(string $class): bool
    {
        return isset($this->makers[self::named($class)]);
    }

    /** One name for a class, which may have others (`class_alias`). */
    private static function named(string $class): string
    {
        return class_exists($class) || interface_exists($class) ? (new \ReflectionClass($class))->getName() : $class;
    }

    /**
     * @template T of object
     * @param class-string<T> $class
     * @return T
     */
    public function get(string $class): object
    {
        if (isset($this->made[$class])) {
            return $this->made[$class];
        }
        $class = self::named($class);
        if (isset($this->makers[$class])) {
            $make = $this->makers[$class][0];
            $object = $make(...$this->arguments(new \ReflectionFunction($make), $class));
        } else {
            $constructor = (new \ReflectionClass($class))->getConstructor();
            $object = new $class(...($constructor === null ? [] : $this->arguments($constructor, $class)));
        }
        if (!$object instanceof $class) {
            throw new \TypeError("what provides {$class} made a " . get_debug_type($object));
        }
        return $this->made[$class] = $object;
    }

    /** Lets go of everything, the last made first. */
    public function close(): void
    {
        foreach (array_reverse($this->made) as $class => $object) {
            $close = $this->makers[$class][1] ?? null;
            if ($close !== null) {
                $close($object);
            }
        }
        $this->made = [];
    }

    /** @return array<string, object> */
    private function arguments(\ReflectionFunctionAbstract $function, string $for): array
    {
        $arguments = [];
        foreach ($function->getParameters() as $parameter) {
            $type = $parameter->getType();
            if ($type instanceof \ReflectionNamedType && !$type->isBuiltin() && ($this->provides($type->getName()) || !$parameter->isOptional())) {
                $arguments[$parameter->getName()] = $this->get($type->getName());
            } elseif (!$parameter->isOptional()) {
                throw new DefinitionError([
                    "{$for} needs \${$parameter->getName()}, which nothing provides; write \$app->provide({$for}::class, fn () => new {$for}(…))",
                ]);
            }
        }
        return $arguments;
    }
}
