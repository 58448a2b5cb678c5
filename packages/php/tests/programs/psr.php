<?php

/** What users write by the interfaces of PHP-FIG. */

declare(strict_types=1);

namespace Spikard\Tests\Psr;

use Nyholm\Psr7\Response as PsrResponse;
use Psr\Http\Message\{ResponseInterface, ServerRequestInterface};
use Psr\Http\Server\{MiddlewareInterface, RequestHandlerInterface};
use Psr\Log\AbstractLogger;
use Spikard\{Get, Group, Middleware};

final class Shouting implements RequestHandlerInterface
{
    public function handle(ServerRequestInterface $request): ResponseInterface
    {
        return new PsrResponse(200, ['content-type' => 'text/plain'], "{$request->getMethod()}!");
    }
}

final class Passing implements MiddlewareInterface
{
    public function process(ServerRequestInterface $request, RequestHandlerInterface $handler): ResponseInterface
    {
        return $handler->handle($request);
    }
}

final class Stamping implements MiddlewareInterface
{
    public function process(ServerRequestInterface $request, RequestHandlerInterface $handler): ResponseInterface
    {
        return $handler->handle($request)->withHeader('x-stamp', 'yes');
    }
}

/** Made as a service is. */
final class Guard implements MiddlewareInterface
{
    public function __construct(private readonly Notes $notes)
    {
    }

    public function process(ServerRequestInterface $request, RequestHandlerInterface $handler): ResponseInterface
    {
        $user = $request->getHeaderLine('x-user');
        $this->notes->info($user);
        return $user === '' ? new PsrResponse(401, [], 'who?') : $handler->handle($request->withAttribute('user', $user));
    }
}

#[Group('/guarded'), Middleware(Guard::class)]
final class Guarded
{
    /** @return list<string> */
    #[Get('/')]
    public function show(ServerRequestInterface $request): array
    {
        return [$request->getAttribute('user'), $request->getMethod()];
    }
}

final class Notes extends AbstractLogger
{
    /** @var list<string> */
    public static array $lines = [];

    public function log($level, $message, array $context = []): void
    {
        $words = [];
        foreach ($context as $name => $value) {
            $words["{{$name}}"] = is_object($value) ? '' : (string) $value;
        }
        $thrown = isset($context['exception']) ? ' ' . $context['exception']::class : '';
        self::$lines[] = "{$level} " . strtr($message, $words) . $thrown;
    }
}
