<?php

/** What the extension gives, for editors and analysers; never loaded. A test compares it with the extension. */

declare(strict_types=1);

namespace Spikard {
    /** Waits so many seconds. A handler's wait holds nobody else; elsewhere, and with `sync`, it holds the process. */
    function sleep(float $seconds): void
    {
    }

    /**
     * Waits until a stream can be read, at most so many seconds; false when that time was over.
     *
     * @param resource $stream
     */
    function await_readable($stream, ?float $seconds = null): bool
    {
    }

    /**
     * Waits until a stream can be written to, at most so many seconds; false when that time was over.
     *
     * @param resource $stream
     */
    function await_writable($stream, ?float $seconds = null): bool
    {
    }
}

namespace Spikard\Native {
    /** A frozen app. @internal */
    final class App
    {
        /** @param list<array{callable, bool, bool}> $handlers */
        public function __construct(string $spec, array $handlers)
        {
        }

        public function openapi(): string
        {
        }

        public function routes(): string
        {
        }

        public function serve(?string $host = null, ?int $port = null): void
        {
        }

        public function drain(): void
        {
        }

        public function head(int $call): ?string
        {
        }

        public function body(int $call): ?string
        {
        }

        public function isAwaited(int $call): bool
        {
        }

        public function response(int $call): ?string
        {
        }

        public function problem(int $call): ?string
        {
        }

        public function edit(int $call, string $what, string $name, string $value): void
        {
        }

        public function kept(int $call): ?object
        {
        }

        public function keep(int $call, object $value): void
        {
        }

        public function exchange(string $bytes): string
        {
        }

        public function spawn(callable $task): void
        {
        }
    }

    /**
     * By which {@see wake()} ends a wait of the handler or task that runs.
     *
     * @internal
     */
    function ticket(): int
    {
    }

    /**
     * Waits until it is woken (`true`) or the time is over.
     *
     * @internal
     */
    function park(?float $seconds = null): bool
    {
    }

    /**
     * Ends the wait that a handler or task is in, else its next one.
     *
     * @internal
     */
    function wake(int $ticket): void
    {
    }

    /** @internal */
    function tables(): string
    {
    }

    /** @internal */
    function onlyKeeps(string $class): bool
    {
    }

    /** @internal */
    function announceReady(): void
    {
    }

    /**
     * @internal
     * @param list<string> $arguments
     */
    function command(array $arguments, string $interpreter, string $program): int
    {
    }

    /**
     * @internal
     * @param list<string> $again
     * @return array{int, string}
     */
    function start(array $again, string $interpreter, string $program, ?string $host, ?int $port, ?string $workers): array
    {
    }
}
