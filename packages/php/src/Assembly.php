<?php

declare(strict_types=1);

namespace Spikard;

/**
 * From declared routes to their RouteSpecs and to the functions that the core calls. Mistakes are collected, not thrown.
 *
 * @internal
 */
final class Assembly
{
    private const WORDS = ['status', 'summary', 'description', 'deprecated', 'hidden'];
    private const KNOWN = [...self::WORDS, 'response', 'tags', 'operationId', 'parameters', 'body', 'sync', 'middleware', ...Gate::OPTIONS, ...Hooks::NAMES, ...Config::POLICY];

    /** @var list<array{\Closure, bool, bool, ?list<mixed>, ?array{\Closure, list<int>}, \Closure}> of handlers and hooks, see {@see Bridge::freeze()} */
    public array $handlers = [];

    /** @var list<string> */
    public array $mistakes = [];
    private bool $hasHooks = false;

    /** @var array<class-string, list<string>> what is missing to make controllers and middleware */
    private array $makes = [];

    /** @param \Closure(): Native\App $app */
    public function __construct(
        private readonly Services $services,
        public readonly Schemas $schemas,
        private readonly \Closure $app,
        private readonly ?\Psr\Log\LoggerInterface $logger = null,
    ) {
    }

    /**
     * @param list<callable|class-string|\Psr\Http\Server\MiddlewareInterface> $around middleware of what these routes are in
     * @return array{hooks: list<mixed>, routes: list<mixed>, groups: list<mixed>, files: list<mixed>}
     */
    public function inside(Routes $routes, string $prefix, array $around): array
    {
        foreach ($routes->mistakes() as [$where, $mistake]) {
            $this->mistakes[] = ($where === null ? '' : self::place($where)) . $mistake;
        }
        $hooks = [...$routes->hooks(), ...Hooks::of($routes instanceof Group ? $routes->options : [])];
        return [
            'hooks' => $this->hooks($hooks),
            'routes' => array_map(fn (Declared $route): array => $this->route($route, $prefix, $around), $routes->declared()),
            'groups' => array_map(fn (Group $group): array => $this->group($group, $prefix, $around), $routes->groups()),
            'files' => $routes->served(),
        ];
    }

    /**
     * @param list<callable|class-string|\Psr\Http\Server\MiddlewareInterface> $around
     * @return array<string, mixed>
     */
    private function group(Group $group, string $prefix, array $around): array
    {
        $known = ['tags', 'middleware', ...Gate::OPTIONS, ...Hooks::NAMES, ...Config::POLICY];
        if ($unknown = array_diff(array_keys($group->options), $known)) {
            $this->mistakes[] = "group {$prefix}{$group->prefix}: unknown option " . implode(', ', $unknown)
                . '; allowed: ' . implode(', ', $known);
        }
        $around = [...$around, ...$group->options['middleware'] ?? []];
        return [
            'prefix' => $group->prefix, 'tags' => $group->options['tags'] ?? [], 'policy' => $this->policy($group->options, "group {$prefix}{$group->prefix}: "),
            ...$this->inside($group, $prefix . $group->prefix, $around),
        ];
    }

    private static function place(\ReflectionClass|\ReflectionFunctionAbstract $where): string
    {
        $name = $where instanceof \ReflectionMethod ? "{$where->class}::{$where->name}" : $where->getName();
        return self::fromHere((string) $where->getFileName()) . ":{$where->getStartLine()}: {$name}: ";
    }

    /** What keeps a worker from making an object of a class, once for each. */
    private function makes(string $class, string $place): void
    {
        $this->makes[$class] ??= array_map(fn (string $mistake) => $this->mistakes[] = $place . $mistake, $this->services->missing($class));
    }

    /** As in the other languages: a file below the current folder is told from there. */
    private static function fromHere(string $file): string
    {
        $here = getcwd() . '/';
        return str_starts_with($file, $here) ? substr($file, strlen($here)) : $file;
    }

    /**
     * @param list<callable|class-string|\Psr\Http\Server\MiddlewareInterface> $around
     * @return array<string, mixed>
     */
    private function route(Declared $route, string $prefix, array $around): array
    {
        $function = $route->reflected();
        // `:id` is `{id}`.
        $path = (string) preg_replace('~(^|/):([A-Za-z_]\w*)~', '$1{$2}', $route->path);
        $whole = $prefix . ($prefix !== '' && $path === '/' ? '' : $path);
        $file = self::fromHere((string) $function->getFileName());
        $place = "{$file}:{$function->getStartLine()}: {$route->method} {$whole}: ";
        $options = $route->options;
        if ($unknown = array_diff(array_keys($options), self::KNOWN)) {
            $this->mistakes[] = $place . 'unknown option ' . implode(', ', $unknown) . '; allowed: ' . implode(', ', self::KNOWN);
        }
        $signature = new Signature($route->method, $whole, $function, $options, $this->schemas, $this->services);
        foreach ($signature->mistakes as $mistake) {
            $this->mistakes[] = $place . $mistake;
        }
        $words = DocBlock::of($function);
        $hooks = $this->hooks(Hooks::of($options)); // before the handler is counted
        $spec = [
            'method' => $route->method, 'path' => $path, 'handler' => count($this->handlers),
            'parameters' => $signature->parameters, 'body' => $signature->body,
            'responses' => (object) $signature->responses, 'status' => $signature->status,
            'summary' => $words->summary, 'description' => $words->description,
            ...array_intersect_key($options, array_flip(self::WORDS)),
            'operation_id' => $options['operationId'] ?? null, 'tags' => $options['tags'] ?? [],
            'hooks' => $hooks, 'policy' => $this->policy($options, $place), 'decoder_validates' => $signature->shape !== null,
            'declared' => [
                'name' => self::name($function, $route->method, $whole),
                'file' => $file, 'line' => (int) $function->getStartLine(),
            ],
        ];
        $around = [...$around, ...$options['middleware'] ?? []];
        foreach ($around as $middleware) {
            if (is_string($middleware) && !is_callable($middleware)) {
                $this->makes($middleware, "{$place}middleware: ");
            }
            $stands = is_callable($middleware) || is_a($middleware, \Psr\Http\Server\MiddlewareInterface::class, true)
                || (is_string($middleware) && (!class_exists($middleware) || method_exists($middleware, '__invoke')));
            if (!$stands) {
                $this->mistakes[] = $place . 'middleware is a function, a class with __invoke or one of PSR-15, not '
                    . (is_string($middleware) ? $middleware : get_debug_type($middleware));
            }
        }
        if (is_array($route->handler)) {
            $this->makes($route->handler[0], $place);
        }
        $this->handlers[] = [
            Call::of($route, $signature, $this->services, $this->app, $around), $signature->wantsBody(), !($options['sync'] ?? false),
            $signature->shape, Call::straight($route, $signature, $this->services, $around), $this->failed("{$route->method} {$whole}"),
        ];
        return array_filter($spec, static fn (mixed $value): bool => $value !== null);
    }

    /**
     * HookSpecs.
     *
     * @param list<array{string, callable|class-string}> $hooks
     * @return list<array<string, mixed>>
     */
    private function hooks(array $hooks): array
    {
        $specs = [];
        foreach ($hooks as [$moment, $hook]) {
            try {
                $function = Hooks::reflected($moment, $hook);
            } catch (SchemaError $error) {
                $function = is_callable($hook) ? new \ReflectionFunction($hook(...)) : null;
                $this->mistakes[] = ($function === null ? '' : "{$function->getFileName()}:{$function->getStartLine()}: ") . "{$moment} hook: {$error->getMessage()}";
                continue;
            }
            if (is_string($hook) && class_exists($hook)) {
                $this->makes($hook, "{$moment} hook: ");
            }
            $name = match (true) {
                is_string($hook) && class_exists($hook) => $hook,
                str_contains($function->getName(), '{closure') => $moment,
                default => $function->getName(),
            };
            $specs[] = ['at' => Hooks::MOMENTS[$moment][0], 'handler' => count($this->handlers), 'declared' => [
                'name' => $name, 'file' => (string) $function->getFileName(), 'line' => (int) $function->getStartLine(),
            ]];
            $this->handlers[] = [Hooks::call($moment, $hook, $name, $this->services, $this->app), false, true, null, null, $this->failed("hook {$name}")];
            $this->hasHooks = true;
        }
        return $specs;
    }

    /**
     * What a client is told of what a handler threw, and the app's logger of what was not expected.
     *
     * @return \Closure(\Throwable, int): list<mixed>
     */
    private function failed(string $route): \Closure
    {
        $logger = $this->logger;
        $hasHooks = &$this->hasHooks;
        $app = $this->app;
        return static function (\Throwable $thrown, int $call) use ($logger, $route, $app, &$hasHooks): array {
            if ($hasHooks) {
                Request::of($app(), $call)->thrown = $thrown;
            }
            if ($logger !== null && !$thrown instanceof Problem && !$thrown instanceof Refusal) {
                $logger->error('{route} failed: {message}', ['route' => $route, 'message' => $thrown->getMessage(), 'exception' => $thrown]);
            }
            return Answer::failed($thrown);
        };
    }

    /** @param array<string, mixed> $options */
    public function policy(array $options, string $place): object
    {
        $policy = Config::named(array_intersect_key($options, array_flip(Config::POLICY)));
        try {
            return (object) ($policy + Gate::named($options));
        } catch (SchemaError $error) {
            $this->mistakes[] = $place . $error->getMessage();
            return (object) $policy;
        }
    }

    /** The function's own name, or one made of the route: `getItemsId`. */
    private static function name(\ReflectionFunctionAbstract $function, string $method, string $path): string
    {
        if (!str_contains($function->getName(), '{closure')) {
            return $function->getShortName();
        }
        $words = preg_split('/\W+/', $path, -1, PREG_SPLIT_NO_EMPTY) ?: [];
        return strtolower($method) . implode('', array_map(ucfirst(...), $words));
    }
}
