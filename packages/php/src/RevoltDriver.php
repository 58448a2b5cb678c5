<?php

declare(strict_types=1);

namespace Spikard;

use Revolt\EventLoop\{CallbackType, Driver, InvalidCallbackError, Suspension, UnsupportedFeatureException};

/**
 * Revolt's event loop on the worker's own, where Revolt is installed: what is built on it (amphp, for one) waits as handlers do. Each
 * callback that is enabled is a task that waits for its turn; a suspension is a wait that is ended from elsewhere.
 *
 * Otherwise than in Revolt's own drivers, a callback that waits is not called again meanwhile, what a callback throws without an error
 * handler is told on standard error and ends nothing, and `FiberLocal` has one value for all handlers.
 *
 * @internal
 */
final class RevoltDriver implements Driver
{
    /** Those of the server. */
    private const TAKEN = [2 => 'SIGINT', 15 => 'SIGTERM'];

    /** @var array<string, RevoltCallback> */
    private array $callbacks = [];
    private string $nextId = 'a';
    private ?\Closure $errorHandler = null;

    /** @var array<int, \WeakReference<RevoltSuspension>> by ticket */
    private array $suspensions = [];

    public function __construct(private readonly Native\App $app)
    {
    }

    public function run(): void
    {
        throw new \Error('the event loop runs already: it is the one that serves');
    }

    /** Ends the serving, as SIGTERM does. */
    public function stop(): void
    {
        $this->app->drain();
    }

    public function isRunning(): bool
    {
        return true;
    }

    /** Throws \Error where nothing can wait: beside handlers and tasks, and on a route that is `sync`. */
    public function getSuspension(): Suspension
    {
        $ticket = Native\ticket();
        $known = ($this->suspensions[$ticket] ?? null)?->get();
        if ($known === null) {
            $known = new RevoltSuspension($ticket, function () use ($ticket): void {
                unset($this->suspensions[$ticket]);
            });
            $this->suspensions[$ticket] = \WeakReference::create($known);
        }
        return $known;
    }

    public function queue(\Closure $closure, mixed ...$args): void
    {
        $this->app->spawn(fn () => $this->call($closure, ...$args));
    }

    public function defer(\Closure $closure): string
    {
        return $this->add(new RevoltCallback(CallbackType::Defer, $closure));
    }

    public function delay(float $delay, \Closure $closure): string
    {
        return $this->add(new RevoltCallback(CallbackType::Delay, $closure, self::seconds($delay)));
    }

    public function repeat(float $interval, \Closure $closure): string
    {
        return $this->add(new RevoltCallback(CallbackType::Repeat, $closure, self::seconds($interval)));
    }

    public function onReadable(mixed $stream, \Closure $closure): string
    {
        return $this->add(new RevoltCallback(CallbackType::Readable, $closure, $stream));
    }

    public function onWritable(mixed $stream, \Closure $closure): string
    {
        return $this->add(new RevoltCallback(CallbackType::Writable, $closure, $stream));
    }

    /** Throws UnsupportedFeatureException without `pcntl`, and for the signals that end the server. */
    public function onSignal(int $signal, \Closure $closure): string
    {
        if (isset(self::TAKEN[$signal]) || !function_exists('pcntl_signal')) {
            throw new UnsupportedFeatureException(isset(self::TAKEN[$signal]) ? self::TAKEN[$signal] . ' ends the server' : 'signals need the extension pcntl');
        }
        pcntl_signal($signal, $this->signalled(...));
        return $this->add(new RevoltCallback(CallbackType::Signal, $closure, $signal));
    }

    public function enable(string $callbackId): string
    {
        $callback = $this->known($callbackId);
        if (!$callback->enabled) {
            $callback->enabled = true;
            $this->watch($callbackId, $callback);
        }
        return $callbackId;
    }

    public function cancel(string $callbackId): void
    {
        $this->disable($callbackId);
        unset($this->callbacks[$callbackId]);
    }

    public function disable(string $callbackId): string
    {
        ($this->callbacks[$callbackId] ?? null)?->disable();
        return $callbackId;
    }

    public function reference(string $callbackId): string
    {
        $this->known($callbackId)->referenced = true;
        return $callbackId;
    }

    public function unreference(string $callbackId): string
    {
        $callback = $this->callbacks[$callbackId] ?? null;
        if ($callback !== null) {
            $callback->referenced = false;
        }
        return $callbackId;
    }

    public function setErrorHandler(?\Closure $errorHandler): void
    {
        $this->errorHandler = $errorHandler;
    }

    public function getErrorHandler(): ?\Closure
    {
        return $this->errorHandler;
    }

    public function getHandle(): mixed
    {
        return null;
    }

    /** @return list<string> */
    public function getIdentifiers(): array
    {
        return array_map(strval(...), array_keys($this->callbacks));
    }

    public function getType(string $callbackId): CallbackType
    {
        return $this->known($callbackId)->type;
    }

    public function isEnabled(string $callbackId): bool
    {
        return $this->known($callbackId)->enabled;
    }

    public function isReferenced(string $callbackId): bool
    {
        return $this->known($callbackId)->referenced;
    }

    /** @return array<string, array{type: CallbackType, enabled: bool, referenced: bool}> */
    public function __debugInfo(): array
    {
        return array_map(static fn (RevoltCallback $one): array => ['type' => $one->type, 'enabled' => $one->enabled, 'referenced' => $one->referenced], $this->callbacks);
    }

    private function add(RevoltCallback $callback): string
    {
        $id = $this->nextId++;
        $this->callbacks[$id] = $callback;
        $this->watch($id, $callback);
        return $id;
    }

    private function known(string $id): RevoltCallback
    {
        return $this->callbacks[$id] ?? throw InvalidCallbackError::invalidIdentifier($id);
    }

    /** From now until it is disabled, or has been called when it is called once. */
    private function watch(string $id, RevoltCallback $callback): void
    {
        if ($callback->type === CallbackType::Signal) {
            return; // the signal finds it
        }
        $turn = ++$callback->turn;
        $this->app->spawn(function () use ($id, $callback, $turn): void {
            while ($callback->comes($turn)) {
                $isOnce = in_array($callback->type, [CallbackType::Defer, CallbackType::Delay], true);
                if ($isOnce) {
                    unset($this->callbacks[$id]);
                }
                $this->call($callback->closure, $id, ...is_float($callback->what) || $callback->what === null ? [] : [$callback->what]);
                if ($isOnce) {
                    return;
                }
            }
        });
    }

    private function signalled(int $signal): void
    {
        foreach ($this->callbacks as $id => $callback) {
            if ($callback->type === CallbackType::Signal && $callback->what === $signal && $callback->enabled) {
                $this->queue($callback->closure, (string) $id, $signal);
            }
        }
    }

    private function call(\Closure $closure, mixed ...$arguments): void
    {
        try {
            $closure(...$arguments);
        } catch (\Throwable $thrown) {
            if ($this->errorHandler === null) {
                fwrite(STDERR, "spikard: a callback of the event loop failed: {$thrown}\n");
                return;
            }
            ($this->errorHandler)($thrown);
        }
    }

    private static function seconds(float $seconds): float
    {
        return $seconds >= 0 ? $seconds : throw new \Error('a time to wait is 0 seconds or more');
    }
}
