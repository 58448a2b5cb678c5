<?php

declare(strict_types=1);

namespace Spikard;

/** What an app and a group have in common: routes and groups, in the order declared. Looks at nothing. */
abstract class Routes
{
    /** @var list<Declared> */
    private array $declared = [];

    /** @var list<Group> */
    private array $groups = [];

    /** @var list<array{string, callable|class-string}> moment and function */
    private array $hooks = [];

    /** @var list<array{\ReflectionClass|\ReflectionMethod|null, string}> where, and what is wrong there */
    private array $mistakes = [];

    /** @var list<array<string, mixed>> FilesSpecs */
    private array $files = [];

    /** Options: see {@see route()}. */
    public function get(string $path, callable $handler, mixed ...$options): static
    {
        return $this->route('GET', $path, $handler, ...$options);
    }

    /** Options: see {@see route()}. */
    public function post(string $path, callable $handler, mixed ...$options): static
    {
        return $this->route('POST', $path, $handler, ...$options);
    }

    /** Options: see {@see route()}. */
    public function put(string $path, callable $handler, mixed ...$options): static
    {
        return $this->route('PUT', $path, $handler, ...$options);
    }

    /** Options: see {@see route()}. */
    public function patch(string $path, callable $handler, mixed ...$options): static
    {
        return $this->route('PATCH', $path, $handler, ...$options);
    }

    /** Options: see {@see route()}. */
    public function delete(string $path, callable $handler, mixed ...$options): static
    {
        return $this->route('DELETE', $path, $handler, ...$options);
    }

    /**
     * A route of any method. Options, by name: `status` of a plain value (200, or 204 for nothing), `response` (a type such as
     * `Item::class` or `'list<Item>'`, or OpenAPI responses by status), `summary`, `description`, `tags`, `operationId`,
     * `deprecated`, `hidden`, `parameters` and `body` in the words of OpenAPI, `sync` (the handler never waits: no fiber), `middleware` (see {@see Middleware}: a list of functions and classes), `auth` (see {@see Auth}; an empty list lets everybody in),
     * `rateLimit` ({@see RateLimit}), `concurrency` ({@see Concurrency}),
     * hooks by their moments (`onRequest: $hook`, or a list), and the options of {@see Config::POLICY}.
     */
    public function route(string $method, string $path, callable $handler, mixed ...$options): static
    {
        $this->declared[] = new Declared($method, $path, $handler(...), $options);
        return $this;
    }

    /**
     * `fn (Request $request): Response|Problem|null`: the head is here and the route is found, the body is not read yet. Hooks of all
     * moments are functions, or classes with `__invoke` that are made as services are; those of the app run first, then those of the groups
     * from the outside in, then the route's. One that gives a Response or a Problem, or throws, answers; one that gives nothing lets the
     * request pass.
     *
     * @param callable|class-string $hook
     */
    public function onRequest(callable|string $hook): static
    {
        return $this->hook('onRequest', $hook);
    }

    /**
     * The same, when the body is here and nothing is validated yet.
     *
     * @param callable|class-string $hook
     */
    public function preValidation(callable|string $hook): static
    {
        return $this->hook('preValidation', $hook);
    }

    /**
     * The same, when everything is valid and the handler is next.
     *
     * @param callable|class-string $hook
     */
    public function preHandler(callable|string $hook): static
    {
        return $this->hook('preHandler', $hook);
    }

    /**
     * `fn (Request $request, Response $response): Response|Problem|null`: a Response takes the place of the one that is there, of which
     * it may be an edit: `$response->withHeader(…)`.
     *
     * @param callable|class-string $hook
     */
    public function onResponse(callable|string $hook): static
    {
        return $this->hook('onResponse', $hook);
    }

    /**
     * `fn (Request $request, Problem $problem): Response|Problem|null`: what went wrong, before it is a response; what was thrown is the
     * problem itself or its previous exception.
     *
     * @param callable|class-string $hook
     */
    public function onError(callable|string $hook): static
    {
        return $this->hook('onError', $hook);
    }

    /** @param callable|class-string $hook */
    private function hook(string $moment, callable|string $hook): static
    {
        $this->hooks[] = [$moment, $hook];
        return $this;
    }

    /**
     * The files of a directory below `$path`, or one file at it: `$app->files('/assets', 'public')`. A relative root is one beside
     * the file that says so; links that lead out of it are not followed. The routes are in no document.
     *
     * @param string $index the file that stands for a directory; empty for none
     * @param ?string $fallback the file that stands for what is not there, for clients that take `text/html`
     * @param bool $precompressed send `app.css.br`, `.zst` or `.gz` for `app.css` to clients that take it
     * @param ?string $cacheControl value of the header field; the fallback's is then `no-cache`
     * @param bool $dotfiles serve names that begin with a dot
     */
    public function files(
        string $path,
        string $root,
        string $index = 'index.html',
        ?string $fallback = null,
        bool $precompressed = false,
        ?string $cacheControl = null,
        bool $dotfiles = false,
    ): static {
        $caller = debug_backtrace(DEBUG_BACKTRACE_IGNORE_ARGS, 1)[0];
        $this->files[] = [
            'path' => $path, 'root' => $root, 'index' => $index, 'fallback' => $fallback, 'precompressed' => $precompressed,
            'cache_control' => $cacheControl, 'dotfiles' => $dotfiles,
            'declared' => ['name' => 'files', 'file' => $caller['file'] ?? '', 'line' => $caller['line'] ?? 0],
        ];
        return $this;
    }

    /**
     * FilesSpecs.
     *
     * @internal
     * @return list<array<string, mixed>>
     */
    public function served(): array
    {
        return $this->files;
    }

    /** Routes under one prefix; what they share is inherited. */
    public function group(string $prefix, mixed ...$options): Group
    {
        return $this->groups[] = new Group($prefix, ...$options);
    }

    /** A group that was made elsewhere. */
    public function include(Group $group): static
    {
        $this->groups[] = $group;
        return $this;
    }

    /**
     * The public methods of a class that have a route's attribute (`#[Get('/')]`). One object per worker is made, before
     * the first request; its constructor gets what {@see App::provide()} provides.
     *
     * @param class-string $class
     */
    public function controller(string $class): static
    {
        if (!class_exists($class)) {
            $this->mistakes[] = [null, "controller {$class}: there is no such class"];
            return $this;
        }
        $reflected = new \ReflectionClass($class);
        $this->noteAttributes($reflected);
        $group = ($reflected->getAttributes(Group::class)[0] ?? null)?->newInstance() ?? new Group('');
        $group = new Group($group->prefix, ...[...$group->options, ...$this->gate($reflected)]);
        $around = Middleware::on($reflected);
        $before = count($this->mistakes);
        foreach ($reflected->getMethods() as $method) {
            $this->noteAttributes($method);
            foreach ($method->getAttributes(Route::class, \ReflectionAttribute::IS_INSTANCEOF) as $attribute) {
                if (!$method->isPublic() || $method->isAbstract()) {
                    $this->mistakes[] = [$method, 'a route is a public method with a body'];
                    continue;
                }
                try {
                    $route = $attribute->newInstance();
                } catch (\Error $error) {
                    $this->mistakes[] = [$method, $error->getMessage()];
                    continue;
                }
                $options = [...$route->options, ...$this->gate($method)];
                $options['middleware'] = [...$around, ...Middleware::on($method), ...$options['middleware'] ?? []];
                $group->declared[] = new Declared($route->method, $route->path, [$class, $method->getName()], $options);
            }
        }
        if ($group->declared === [] && count($this->mistakes) === $before) {
            $this->mistakes[] = [$reflected, "this controller has no route; write #[Get('/')] on its public methods"];
        }
        // Without a prefix and shared options it is no group of its own.
        if ($group->prefix === '' && $group->options === [] && $group->hooks === []) {
            array_push($this->declared, ...$group->declared);
        } else {
            $this->groups[] = $group;
        }
        return $this;
    }

    /** @return array<string, mixed> */
    private function gate(\ReflectionClass|\ReflectionMethod $declared): array
    {
        try {
            return Gate::on($declared);
        } catch (\Error $error) {
            $this->mistakes[] = [$declared, $error->getMessage()];
            return [];
        }
    }

    private function noteAttributes(\ReflectionClass|\ReflectionMethod $declared): void
    {
        foreach (Attributes::mistakes($declared) as $mistake) {
            $this->mistakes[] = [$declared, $mistake];
        }
    }

    /**
     * @internal
     * @return list<array{\ReflectionClass|\ReflectionMethod|null, string}>
     */
    public function mistakes(): array
    {
        return $this->mistakes;
    }

    /**
     * @internal
     * @return list<Declared>
     */
    public function declared(): array
    {
        return $this->declared;
    }

    /**
     * @internal
     * @return list<array{string, callable|class-string}>
     */
    public function hooks(): array
    {
        return $this->hooks;
    }

    /**
     * @internal
     * @return list<Group>
     */
    public function groups(): array
    {
        return $this->groups;
    }
}
