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

    /**
     * What is missing to make an object of a class; nothing is made for that.
     *
     * @param list<string> $for classes that need it
     * @return list<string>
     */
    public function missing(string $class, array $for = []): array
    {
        $class = self::named($class);
        if (in_array($class, $for, true)) {
            return [implode(' needs ', [...$for, $class]) . '; provide one of them'];
        }
        $make = $this->makers[$class][0] ?? null;
        if ($make === null && !(class_exists($class) && (new \ReflectionClass($class))->isInstantiable())) {
            $needed = $for === [] ? '' : end($for) . ' needs one: ';
            return ["{$needed}no object can be made of {$class}; write \$app->provide({$class}::class, fn () => …)"];
        }
        $function = $make === null ? (new \ReflectionClass($class))->getConstructor() : new \ReflectionFunction($make);
        $missing = [];
        foreach ($function?->getParameters() ?? [] as $parameter) {
            $needed = $this->needed($parameter);
            if ($needed !== null) {
                array_push($missing, ...$this->missing($needed, [...$for, $class]));
            } elseif (!$parameter->isOptional()) {
                $missing[] = self::unprovided($class, $parameter);
            }
        }
        return $missing;
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
            $needed = $this->needed($parameter);
            if ($needed !== null) {
                $arguments[$parameter->getName()] = $this->get($needed);
            } elseif (!$parameter->isOptional()) {
                throw new DefinitionError([self::unprovided($for, $parameter)]);
            }
        }
        return $arguments;
    }

    /** The class of an object that a parameter is given. */
    private function needed(\ReflectionParameter $parameter): ?string
    {
        $type = $parameter->getType();
        $isClass = $type instanceof \ReflectionNamedType && !$type->isBuiltin();
        return $isClass && ($this->provides($type->getName()) || !$parameter->isOptional()) ? $type->getName() : null;
    }

    private static function unprovided(string $class, \ReflectionParameter $parameter): string
    {
        return "{$class} needs \${$parameter->getName()}, which nothing provides; write \$app->provide({$class}::class, fn () => new {$class}(…))";
    }
}
