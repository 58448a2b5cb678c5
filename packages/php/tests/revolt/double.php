<?php

/**
 * The interfaces of revolt/event-loop 1 by name and type, for a test without the package, which Debian does not have. No loop:
 * what runs is our driver.
 */

declare(strict_types=1);

namespace Revolt\EventLoop {
    enum CallbackType
    {
        case Defer;
        case Delay;
        case Repeat;
        case Readable;
        case Writable;
        case Signal;
    }

    interface Suspension
    {
        public function resume(mixed $value = null): void;

        public function suspend(): mixed;

        public function throw(\Throwable $throwable): void;
    }

    interface Driver
    {
        public function run(): void;

        public function stop(): void;

        public function getSuspension(): Suspension;

        public function isRunning(): bool;

        public function queue(\Closure $closure, mixed ...$args): void;

        public function defer(\Closure $closure): string;

        public function delay(float $delay, \Closure $closure): string;

        public function repeat(float $interval, \Closure $closure): string;

        public function onReadable(mixed $stream, \Closure $closure): string;

        public function onWritable(mixed $stream, \Closure $closure): string;

        public function onSignal(int $signal, \Closure $closure): string;

        public function enable(string $callbackId): string;

        public function cancel(string $callbackId): void;

        public function disable(string $callbackId): string;

        public function reference(string $callbackId): string;

        public function unreference(string $callbackId): string;

        public function setErrorHandler(?\Closure $errorHandler): void;

        public function getErrorHandler(): ?\Closure;

        public function getHandle(): mixed;

        public function getIdentifiers(): array;

        public function getType(string $callbackId): CallbackType;

        public function isEnabled(string $callbackId): bool;

        public function isReferenced(string $callbackId): bool;

        public function __debugInfo(): array;
    }

    final class UnsupportedFeatureException extends \Exception
    {
    }

    final class InvalidCallbackError extends \Error
    {
        public static function invalidIdentifier(string $callbackId): self
        {
            return new self("no callback {$callbackId}");
        }
    }
}

namespace Revolt {
    use Revolt\EventLoop\Driver;

    final class EventLoop
    {
        private static ?Driver $driver = null;

        public static function getDriver(): Driver
        {
            return self::$driver ?? throw new \LogicException('a test sets one first');
        }

        public static function setDriver(Driver $driver): void
        {
            self::$driver = $driver;
        }
    }
}
