<?php

declare(strict_types=1);

namespace Spikard;

/**
 * A route as the user wrote it, before anything is looked at.
 *
 * @internal
 */
final readonly class Declared
{
    /**
     * @param \Closure|array{class-string, string} $handler a function, or a controller's method
     * @param array<string, mixed> $options
     */
    public function __construct(
        public string $method,
        public string $path,
        public \Closure|array $handler,
        public array $options,
    ) {
    }

    public function reflected(): \ReflectionFunctionAbstract
    {
        return is_array($this->handler) ? new \ReflectionMethod(...$this->handler) : new \ReflectionFunction($this->handler);
    }
}
