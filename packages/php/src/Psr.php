<?php

declare(strict_types=1);

namespace Spikard;

use Psr\Http\Message\{ResponseFactoryInterface, ResponseInterface, ServerRequestFactoryInterface, ServerRequestInterface, StreamFactoryInterface};
use Psr\Http\Server\MiddlewareInterface;

/**
 * Requests and responses of PSR-7, middleware of PSR-15, by the factories of PSR-17 that somebody provides or has installed.
 * The interfaces need not be there: nothing here is loaded before one of their objects comes. Decides nothing about a request.
 *
 * @internal
 */
final class Psr
{
    /** Packages whose one class is every factory. */
    private const INSTALLED = ['Nyholm\Psr7\Factory\Psr17Factory', 'GuzzleHttp\Psr7\HttpFactory', 'HttpSoft\Message\Psr17Factory'];

    /** @var \WeakMap<Request, ServerRequestInterface>|null as the last middleware has left each request */
    private static ?\WeakMap $current = null;

    /** The request as PSR-7: what a middleware made of it, else as it arrived. */
    public static function current(Request $request, Services $services): ServerRequestInterface
    {
        self::$current ??= new \WeakMap();
        return self::$current[$request] ??= self::request($request, $services);
    }

    public static function replace(Request $request, ServerRequestInterface $by): void
    {
        self::$current ??= new \WeakMap();
        self::$current[$request] = $by;
    }

    /** A middleware of PSR-15 as one of ours. What it passes on untouched is what the handler returned, for the core to answer. */
    public static function around(MiddlewareInterface $middleware, Plain $plain, Services $services): \Closure
    {
        return static function (Request $request, \Closure $next) use ($middleware, $plain, $services): mixed {
            $rest = new PsrRest($request, $next, $plain, $services);
            $response = $middleware->process(self::current($request, $services), $rest);
            if ($response === $rest->response) {
                return $rest->result;
            }
            $chunks = $rest->chunks();
            return $chunks !== null && $response->getBody() === $rest->response->getBody() ? self::streamed($response, $chunks) : $response;
        };
    }

    /** A response of PSR-7 as one of ours; lengths are the server's. */
    public static function response(ResponseInterface $response): Response
    {
        $media = $response->getHeaderLine('content-type');
        $body = (string) $response->getBody();
        return $body === '' && $media === ''
            ? Response::empty($response->getStatusCode(), self::headers($response))
            : Response::bytes($body, $response->getStatusCode(), self::headers($response), $media === '' ? null : $media);
    }

    /** @param iterable<string> $chunks */
    private static function streamed(ResponseInterface $response, iterable $chunks): Response
    {
        $media = $response->getHeaderLine('content-type');
        return Response::stream($chunks, $response->getStatusCode(), self::headers($response), $media === '' ? null : $media);
    }

    /** @return list<array{string, string}> */
    private static function headers(ResponseInterface $response): array
    {
        $headers = [];
        foreach ($response->getHeaders() as $name => $values) {
            if (!in_array(strtolower((string) $name), ['content-type', 'content-length', 'transfer-encoding'], true)) {
                foreach ($values as $value) {
                    $headers[] = [(string) $name, $value];
                }
            }
        }
        return $headers;
    }

    /** What a handler returned, as PSR-7. A problem is thrown, as it is without a middleware in between. */
    public static function made(mixed $result, Plain $plain, Services $services): ResponseInterface
    {
        if ($result instanceof ResponseInterface) {
            return $result;
        }
        if ($result instanceof Problem) {
            throw $result;
        }
        [$status, $headers, $media, $content] = $plain->response(Answer::of($result));
        $made = self::factory(ResponseFactoryInterface::class, $services)->createResponse($status);
        foreach ($headers as [$name, $value]) {
            $made = $made->withAddedHeader($name, $value);
        }
        $made = $media === null ? $made : $made->withHeader('content-type', $media);
        return $made->withBody(self::factory(StreamFactoryInterface::class, $services)->createStream($content));
    }

    private static function request(Request $request, Services $services): ServerRequestInterface
    {
        $host = $request->header('host');
        $uri = $host === null || !str_starts_with($request->target(), '/') ? $request->target() : "http://{$host}{$request->target()}";
        $peer = array_filter(['REMOTE_ADDR' => preg_replace('/:\d+$/', '', $request->client() ?? '')]);
        $made = self::factory(ServerRequestFactoryInterface::class, $services)->createServerRequest($request->method(), $uri, $peer);
        foreach ($request->fields() as [$name, $value]) {
            $made = $name === 'host' ? $made->withHeader($name, $value) : $made->withAddedHeader($name, $value);
        }
        parse_str($request->queryString(), $query);
        $cookies = [];
        foreach (explode(';', $request->header('cookie') ?? '') as $pair) {
            [$name, $value] = [...explode('=', $pair, 2), null];
            if ($value !== null) {
                $cookies[trim($name)] ??= trim($value);
            }
        }
        $body = self::factory(StreamFactoryInterface::class, $services)->createStream($request->body());
        return $made->withQueryParams($query)->withCookieParams($cookies)->withBody($body)->withAttribute('request_id', $request->id());
    }

    /**
     * @template T of object
     * @param class-string<T> $interface
     * @return T
     */
    private static function factory(string $interface, Services $services): object
    {
        if ($services->provides($interface)) {
            return $services->get($interface);
        }
        foreach (self::INSTALLED as $class) {
            if (is_a($class, $interface, true)) {
                return $services->get($class);
            }
        }
        throw new \LogicException("PSR-7 needs a {$interface}: install nyholm/psr7, or write \$app->provide(\\{$interface}::class, fn () => …)");
    }
}
