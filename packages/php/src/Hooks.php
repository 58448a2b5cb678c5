<?php

declare(strict_types=1);

namespace Spikard;

/**
 * Functions that run at one moment of every request of an app, a group or a route. Keeps none of them and knows no order: the
 * core does.
 *
 * @internal
 */
final class Hooks
{
    /** Options of a group and a route, and methods of an app and a group. */
    public const NAMES = ['onRequest', 'preValidation', 'preHandler', 'onResponse', 'onError'];

    /** Each moment's name in the AppSpec, and what a hook of it is called with. */
    public const MOMENTS = [
        'onRequest' => ['on_request', 'Request $request'],
        'preValidation' => ['pre_validation', 'Request $request'],
        'preHandler' => ['pre_handler', 'Request $request'],
        'onResponse' => ['on_response', 'Request $request, Response $response'],
        'onError' => ['on_error', 'Request $request, Problem $problem'],
    ];

    /**
     * Those among options, where a moment has one hook or a list of them.
     *
     * @param array<string, mixed> $options
     * @return list<array{string, callable|class-string}>
     */
    public static function of(array $options): array
    {
        $found = [];
        foreach (self::NAMES as $moment) {
            $given = $options[$moment] ?? [];
            foreach (is_array($given) && !is_callable($given) ? $given : [$given] as $hook) {
                $found[] = [$moment, $hook];
            }
        }
        return $found;
    }

    /** Throws SchemaError. */
    public static function reflected(string $moment, mixed $hook): \ReflectionFunctionAbstract
    {
        if (is_string($hook) && class_exists($hook) && method_exists($hook, '__invoke')) {
            $function = new \ReflectionMethod($hook, '__invoke');
        } elseif (is_callable($hook)) {
            $function = new \ReflectionFunction($hook(...));
        } else {
            throw new SchemaError("a hook is a function, or a class with __invoke, not " . get_debug_type($hook));
        }
        $takes = self::MOMENTS[$moment][1];
        if ($function->getNumberOfRequiredParameters() > substr_count($takes, '$')) {
            throw new SchemaError("it takes more than there is; write `fn ({$takes}) => …`");
        }
        return $function;
    }

    /**
     * What the core calls: null lets the request pass.
     *
     * @param callable|class-string $hook
     * @param \Closure(): Native\App $app
     * @return \Closure(int): (list<mixed>|null)
     */
    public static function call(string $moment, mixed $hook, string $name, Services $services, \Closure $app): \Closure
    {
        return static function (int $call) use ($moment, &$hook, $name, $services, $app): ?array {
            $hook = is_string($hook) && class_exists($hook) ? $services->get($hook) : $hook;
            $request = Request::of($app(), $call);
            $said = match ($moment) {
                'onResponse' => $hook($request, Response::seen((string) $app()->response($call))),
                'onError' => $hook($request, self::problem((string) $app()->problem($call), $request->thrown)),
                default => $hook($request),
            };
            if ($said === null) {
                return null;
            }
            if (!$said instanceof Response && !$said instanceof Problem && !$said instanceof \Psr\Http\Message\ResponseInterface) {
                throw new \TypeError("hook {$name} returned " . get_debug_type($said) . '; return a Response to answer, or nothing');
            }
            return (array) Answer::of($said);
        };
    }

    /** The very exception where a problem was thrown, else one that has what was thrown before it. */
    private static function problem(string $told, ?\Throwable $thrown): Problem
    {
        if ($thrown instanceof Problem) {
            return $thrown;
        }
        [$code, $status, $title, $detail, $headers, $extensions] = json_decode($told, true, flags: JSON_THROW_ON_ERROR);
        $class = ErrorTable::CLASSES[$code] ?? Problem::class;
        return new $class($detail, $headers, $extensions, $status, $code, $title, $thrown);
    }
}
