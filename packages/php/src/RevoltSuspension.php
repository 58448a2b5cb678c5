<?php

declare(strict_types=1);

namespace Spikard;

use Revolt\EventLoop\Suspension;

/**
 * A wait of a handler or a task that other code ends, with a value or an exception.
 *
 * @internal
 */
final class RevoltSuspension implements Suspension
{
    private bool $waits = false;
    private ?\Closure $outcome = null;

    /** @param \Closure(): void $forget */
    public function __construct(private readonly int $ticket, private readonly \Closure $forget)
    {
    }

    public function __destruct()
    {
        ($this->forget)();
    }

    public function suspend(): mixed
    {
        if ($this->waits || $this->outcome !== null) {
            throw new \Error('it is suspended already: resume() or throw() comes first');
        }
        if (Native\ticket() !== $this->ticket) {
            throw new \Error('a suspension belongs to the handler or task that asked for it');
        }
        $this->waits = true;
        try {
            while ($this->outcome === null) {
                Native\park();
            }
            return ($this->outcome)();
        } finally {
            [$this->waits, $this->outcome] = [false, null];
        }
    }

    public function resume(mixed $value = null): void
    {
        $this->end(static fn (): mixed => $value);
    }

    public function throw(\Throwable $throwable): void
    {
        $this->end(static fn (): mixed => throw $throwable);
    }

    private function end(\Closure $outcome): void
    {
        if (!$this->waits || $this->outcome !== null) {
            throw new \Error('it is not suspended: suspend() comes first');
        }
        $this->outcome = $outcome;
        Native\wake($this->ticket);
    }
}
