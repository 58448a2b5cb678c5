<?php

declare(strict_types=1);

namespace Spikard;

/**
 * A streamed body: an iterator of chunks as the core pulls it, one at a time, and closes it when nobody wants more.
 *
 * @internal
 */
final class Stream
{
    private bool $begun = false;
    private bool $closed = false;

    private function __construct(private ?\Iterator $source)
    {
    }

    /**
     * What the extension calls: for the next chunk, and when nobody wants one any more.
     *
     * @param iterable<mixed> $source
     * @return array{array{self, string}, array{self, string}}
     */
    public static function of(iterable $source): array
    {
        while ($source instanceof \IteratorAggregate) {
            $source = $source->getIterator();
        }
        $stream = new self(is_array($source) ? new \ArrayIterator($source) : $source);
        return [[$stream, 'pull'], [$stream, 'close']];
    }

    /** The next chunk; null at the end. Calls do not overlap. */
    public function pull(): ?string
    {
        // Once more is known, nothing of the user's is kept: who lets go of this object runs no code of theirs.
        [$source, $this->source] = [$this->source, null];
        if ($this->begun) {
            $source->next();
        } else {
            $this->begun = true;
            $source->rewind();
        }
        if (!$source->valid()) {
            return null;
        }
        $chunk = $source->current();
        if (!is_string($chunk)) {
            throw new \TypeError('a stream gives strings, not ' . get_debug_type($chunk) . ': encode it, for example `json_encode($item) . "\n"`');
        }
        $this->source = $this->closed ? null : $source;
        return $chunk;
    }

    /** Nobody wants more: what a generator does at its end runs now, unless it waits, when it runs as that is given up. */
    public function close(): void
    {
        $this->closed = true;
        $this->source = null;
    }
}
