<?php

declare(strict_types=1);

namespace Spikard;

use Revolt\EventLoop\CallbackType;

/**
 * A callback of Revolt's event loop: what it waits for, and whether it does.
 *
 * @internal
 */
final class RevoltCallback
{
    public bool $enabled = true;
    public bool $referenced = true;

    /** Which of the tasks that watched for it is the one that does; those before it end. */
    public int $turn = 0;
    private int $ticket = 0;

    /** @param mixed $what seconds, a stream or a signal; null for one that waits for nothing */
    public function __construct(public readonly CallbackType $type, public readonly \Closure $closure, public readonly mixed $what = null)
    {
    }

    public function disable(): void
    {
        $this->enabled = false;
        Native\wake($this->ticket);
    }

    /** Waits for it in the task of a turn; `false` when that has nothing to wait for any more. */
    public function comes(int $turn): bool
    {
        if (!$this->isOf($turn)) {
            return false;
        }
        $this->ticket = Native\ticket();
        $came = match ($this->type) {
            CallbackType::Delay, CallbackType::Repeat => !Native\park($this->what),
            CallbackType::Readable => is_resource($this->what) && await_readable($this->what),
            CallbackType::Writable => is_resource($this->what) && await_writable($this->what),
            default => true,
        };
        return $came && $this->isOf($turn);
    }

    private function isOf(int $turn): bool
    {
        return $this->enabled && $this->turn === $turn;
    }
}
