<?php

declare(strict_types=1);

namespace Spikard;

use Psr\Http\Message\{ResponseInterface, ServerRequestInterface};
use Psr\Http\Server\RequestHandlerInterface;

/**
 * The rest of the way for a middleware of PSR-15: keeps what the handler returned, beside the response made of it.
 *
 * @internal
 */
final class PsrRest implements RequestHandlerInterface
{
    public mixed $result = null;
    public ?ResponseInterface $response = null;

    public function __construct(
        private readonly Request $request,
        private readonly \Closure $next,
        private readonly Plain $plain,
        private readonly Services $services,
    ) {
    }

    public function handle(ServerRequestInterface $request): ResponseInterface
    {
        Psr::replace($this->request, $request);
        $this->result = ($this->next)();
        return $this->response = Psr::made($this->result, $this->plain, $this->services);
    }

    /**
     * Those of a stream, whose body a middleware sees as empty.
     *
     * @return iterable<mixed>|null
     */
    public function chunks(): ?iterable
    {
        if ($this->result instanceof Response) {
            return $this->result->kind === 'stream' ? $this->result->content : null;
        }
        return $this->result instanceof \Generator ? $this->result : null;
    }
}
