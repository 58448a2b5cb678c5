<?php

declare(strict_types=1);

namespace Spikard;

/**
 * The function that the core calls for a route: values to arguments, the handler, its result to an answer. What is thrown goes
 * through it.
 *
 * @internal
 */
final class Call
{
    /**
     * @param \Closure(): Native\App $app
     * @param list<callable|class-string|\Psr\Http\Server\MiddlewareInterface> $around middleware, from the outside in
     * @return \Closure(int, mixed, array<int, mixed>): (string|list<mixed>|null)
     */
    public static function of(Declared $route, Signature $signature, Services $services, \Closure $app, array $around): \Closure
    {
        $takes = $signature->takes;
        $parameters = $signature->parameters;
        $handler = is_array($route->handler) ? null : $route->handler;
        // A parameter of a group's path that the handler does not take comes too.
        if ($around === [] && count($takes) === count($parameters) && self::isPlain($takes)) {
            return self::plain($handler, $route, $services, $takes, $parameters);
        }
        $first = reset($takes);
        if ($around === [] && count($takes) === 1 && $first[0] === 'body' && $first[2] !== null) {
            return self::ofBody($handler, $route, $services, $first[2]);
        }
        $plain = new Plain($signature);
        $invoke = static function (array $arguments) use (&$handler, $route, $services): mixed {
            $handler ??= self::method($route, $services);
            return $handler(...$arguments);
        };
        return static function (int $call, mixed $body, array $values) use ($invoke, $takes, $parameters, $services, $app, $around, $plain): string|array|null {
            $arguments = [];
            $request = $psr = null;
            foreach ($takes as $name => [$kind, $what, $decode]) {
                switch ($kind) {
                    case 'value':
                    case 'nullable':
                        if (array_key_exists($what, $values)) {
                            $arguments[$name] = $decode === null ? $values[$what] : self::decoded($values[$what], $decode, $parameters[$what]);
                        } elseif ($kind === 'nullable') {
                            $arguments[$name] = null;
                        }
                        break;
                    case 'body':
                        if ($body !== null) {
                            $arguments[$name] = self::body($body, $decode);
                        }
                        break;
                    case 'bytes':
                        $arguments[$name] = $body ?? '';
                        break;
                    case 'request':
                        $arguments[$name] = $request ??= Request::of($app(), $call);
                        break;
                    case 'parameters':
                        $arguments[$name] = self::parameters($values, $parameters);
                        break;
                    case 'psr':
                        $request ??= Request::of($app(), $call);
                        $arguments[$name] = null; // as it is when the handler's turn comes
                        $psr = $name;
                        break;
                    case 'service':
                        $arguments[$name] = $services->get($what);
                }
            }
            $next = static fn (): mixed => $invoke($psr === null ? $arguments : [...$arguments, $psr => Psr::current($request, $services)]);
            if ($around === []) {
                return Answer::of($next());
            }
            $request ??= Request::of($app(), $call);
            foreach (array_reverse($around) as $middleware) {
                $middleware = is_string($middleware) && class_exists($middleware) ? $services->get($middleware) : $middleware;
                if ($middleware instanceof \Psr\Http\Server\MiddlewareInterface) {
                    $middleware = Psr::around($middleware, $plain, $services);
                }
                $next = static fn (): mixed => $middleware($request, $next);
            }
            return Answer::of($next());
        };
    }

    /**
     * Of a handler all of whose arguments are the values of parameters, as they come.
     *
     * @param array<string, array{string, mixed, ?\Closure}> $takes
     * @param list<array<string, mixed>> $parameters
     */
    private static function plain(?\Closure $handler, Declared $route, Services $services, array $takes, array $parameters): \Closure
    {
        if ($takes === [] && $handler !== null) {
            return static fn (): string|array|null => Answer::of($handler());
        }
        $names = array_keys($takes);
        $count = count($names);
        $integers = array_keys(array_filter(array_column($takes, 2)));
        return static function (int $call, mixed $body, array $values) use ($handler, $route, $services, $names, $count, $integers, $parameters): string|array|null {
            $handler ??= self::method($route, $services);
            foreach ($integers as $index) {
                if (isset($values[$index]) && !is_int($values[$index])) {
                    $values[$index] = self::decoded($values[$index], Decoder::integer(...), $parameters[$index]);
                }
            }
            if (count($values) === $count) {
                return Answer::of($handler(...$values));
            }
            $arguments = [];
            foreach ($values as $index => $value) {
                $arguments[$names[$index]] = $value;
            }
            return Answer::of($handler(...$arguments));
        };
    }

    /** Of a handler that takes the body alone. */
    private static function ofBody(?\Closure $handler, Declared $route, Services $services, \Closure $decode): \Closure
    {
        return static function (int $call, mixed $body) use ($handler, $route, $services, $decode): string|array|null {
            $handler ??= self::method($route, $services);
            return Answer::of($body === null ? $handler() : $handler(self::body($body, $decode)));
        };
    }

    /**
     * The way around all this, which the extension takes where a call brings no more than values that the handler takes as they
     * come: what makes the handler, and for each of its parameters -1 for the body, else what may be of the value: 1 an integer, 2
     * null where it was not sent.
     *
     * @param list<mixed> $around
     * @return array{\Closure, list<int>}|null
     */
    public static function straight(Declared $route, Signature $signature, Services $services, array $around): ?array
    {
        $at = 0;
        $codes = [];
        foreach ($signature->takes as [$kind, $what, $decode]) {
            if ($kind === 'body' && $signature->shape !== null) {
                $codes[] = -1;
            } elseif (in_array($kind, ['value', 'nullable'], true) && $what === $at++ && ($decode === null || Decoder::isOfInteger($decode))) {
                $codes[] = ($decode === null ? 0 : 1) + ($kind === 'nullable' ? 2 : 0);
            } else {
                return null;
            }
        }
        if ($around !== [] || $at !== count($signature->parameters) || $route->reflected()->isVariadic()) {
            return null;
        }
        $handler = $route->handler;
        return [static fn (): \Closure => is_array($handler) ? self::method($route, $services) : $handler, $codes];
    }

    /** A body that the core has read already is no text. */
    private static function body(mixed $body, ?\Closure $decode): mixed
    {
        if (!is_string($body)) {
            return $body;
        }
        $value = Json::decode($body);
        return $decode === null ? $value : $decode($value);
    }

    /**
     * Every argument is the value of the parameter at its place, as it comes; an integer is looked at.
     *
     * @param array<string, array{string, mixed, ?\Closure}> $takes
     */
    private static function isPlain(array $takes): bool
    {
        $at = 0;
        foreach ($takes as [$kind, $what, $decode]) {
            if ($kind !== 'value' || $what !== $at++ || ($decode !== null && !Decoder::isOfInteger($decode))) {
                return false;
            }
        }
        return true;
    }

    /** A method of the one controller of this worker, made when it is first called. */
    private static function method(Declared $route, Services $services): \Closure
    {
        return $services->get($route->handler[0])->{$route->handler[1]}(...);
    }

    /** @param array<string, mixed> $parameter */
    private static function decoded(mixed $value, \Closure $decode, array $parameter): mixed
    {
        try {
            return $decode($value);
        } catch (Refusal $refusal) {
            $located = static fn (array $one): array => [$parameter['in'], [$parameter['name'], ...$one[1]], $one[2]];
            throw new Refusal(array_map($located, $refusal->refusals));
        }
    }

    /**
     * @param array<int, mixed> $values
     * @param list<array<string, mixed>> $parameters
     */
    private static function parameters(array $values, array $parameters): Parameters
    {
        $places = [];
        foreach ($values as $index => $value) {
            $places[$parameters[$index]['in']][$parameters[$index]['name']] = $value;
        }
        return new Parameters(...$places);
    }
}
