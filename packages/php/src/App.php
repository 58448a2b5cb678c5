<?php

declare(strict_types=1);

namespace Spikard;

/**
 * The app: build, check everything, freeze, serve. Knows no HTTP; the core does.
 *
 *     $app = new App(title: 'Inventory', version: '1.0.0');
 *     $app->get('/items/{id}', fn (int $id): array => ['id' => $id]);
 *     $app->run();
 */
final class App extends Routes
{
    private readonly Services $services;
    private ?Native\App $frozen = null;
    private ?RevoltDriver $revolt = null;
    private string $spec = '';

    /** @var list<\Closure> */
    private array $tasks = [];

    /**
     * @param string $title name of the API
     * @param string $version version of the API
     * @param ?string $description CommonMark, for the documents
     * @param list<callable|class-string|\Psr\Http\Server\MiddlewareInterface> $middleware around every handler, see {@see Middleware}
     * @param ?\Psr\Log\LoggerInterface $logger is told of what handlers throw and nobody expects; handlers and constructors get it by
     *     its type. Without one they get a {@see Log}
     * @param Auth|list<Auth>|null $auth who is let in to every route that does not say so itself: one way, or a list of which any will do
     * @param RateLimit|list<RateLimit>|null $rateLimit how many requests are let in, of every route that does not say so itself
     * @param ?int $concurrency how many are let in at once; see {@see Concurrency}
     * @param array<string, mixed> $schemas JSON Schemas for `#/components/schemas/<name>`, beside those of the classes
     */
    public function __construct(
        public readonly string $title = 'Spikard',
        public readonly string $version = '0.1.0',
        public readonly ?string $description = null,
        private readonly array $schemas = [],
        private readonly Config $config = new Config(),
        private readonly array $middleware = [],
        private readonly ?\Psr\Log\LoggerInterface $logger = null,
        private readonly Auth|array|null $auth = null,
        private readonly RateLimit|array|null $rateLimit = null,
        private readonly ?int $concurrency = null,
    ) {
        $this->services = new Services();
        if ($logger !== null || interface_exists(\Psr\Log\LoggerInterface::class)) {
            $this->services->provide(\Psr\Log\LoggerInterface::class, static fn (): object => $logger ?? new Log(), null);
        }
    }

    /**
     * One object per worker, made when first asked for: for parameters of handlers and constructors that have its type.
     * `$close` gets it when the worker ends.
     *
     * @template T of object
     * @param class-string<T> $class
     */
    public function provide(string $class, callable $make, ?callable $close = null): static
    {
        $this->services->provide($class, $make(...), $close === null ? null : $close(...));
        return $this;
    }

    /** Runs a function beside the handlers from when the app is served; it may wait as they do. */
    public function spawn(callable $task): static
    {
        $this->frozen === null ? $this->tasks[] = $task(...) : $this->frozen->spawn($task);
        return $this;
    }

    /** The app as data: AppSpec as JSON text. Throws DefinitionError. */
    public function spec(): string
    {
        $this->freeze();
        return $this->spec;
    }

    /** The OpenAPI 3.1 document as JSON text. Throws DefinitionError. */
    public function openapi(): string
    {
        return $this->freeze()->openapi();
    }

    /**
     * Serves until SIGINT or SIGTERM; a second signal ends the process at once. The arguments go before the environment
     * (`SPIKARD_PORT`), that before `spikard.toml`; the defaults are 127.0.0.1 and 8000, and 0 takes a free port. With
     * `$workers`, a number or "auto", this process becomes the supervisor of `spikard run --workers` and starts the program
     * again for each worker. In a worker the socket is open already, and no argument is used. Throws DefinitionError.
     */
    public function run(?string $host = null, ?int $port = null, int|string|null $workers = null): void
    {
        if (getenv('SPIKARD_EMIT') === 'spec') {
            $this->emit();
            return;
        }
        $commanded = getenv('SPIKARD_FD') !== false;
        if (!$commanded) {
            Bridge::start($host, $port, $workers === null ? null : (string) $workers);
        }
        try {
            $this->freeze(); // by the settings that were found
        } catch (DefinitionError $error) {
            $commanded || throw $error;
            fwrite(STDERR, $error->getMessage() . "\n"); // the command shows mistakes, not where they were found
            exit(1);
        }
        if (function_exists('pcntl_async_signals')) {
            pcntl_async_signals(true); // handlers of signals run, whatever the worker does
        }
        try {
            $this->during(static fn (Native\App $app) => $app->serve());
        } finally {
            $this->services->close();
        }
    }

    /** Prints the app as data; or its mistakes, which are the reader's to show, and ends with 1. */
    private function emit(): void
    {
        try {
            echo $this->spec(), "\n";
        } catch (DefinitionError $error) {
            echo json_encode(['mistakes' => $error->mistakes], JSON_THROW_ON_ERROR), "\n";
            exit(1);
        }
    }

    /**
     * Checks everything and closes the app; `run` and the test client do it. Throws DefinitionError.
     *
     * @internal
     */
    public function freeze(): Native\App
    {
        return $this->frozen ??= $this->assemble();
    }

    /**
     * Runs what runs handlers; meanwhile Revolt's event loop, where there is one, is ours.
     *
     * @internal
     * @template T
     * @param \Closure(Native\App): T $inner
     * @return T
     */
    public function during(\Closure $inner): mixed
    {
        $app = $this->freeze();
        if (!interface_exists(\Revolt\EventLoop\Driver::class)) {
            return $inner($app);
        }
        $before = \Revolt\EventLoop::getDriver();
        \Revolt\EventLoop::setDriver($this->revolt ??= new RevoltDriver($app));
        try {
            return $inner($app);
        } finally {
            \Revolt\EventLoop::setDriver($before);
        }
    }

    /** Lets go of what was provided, as at the end of a worker. */
    public function close(): void
    {
        $this->services->close();
    }

    private function assemble(): Native\App
    {
        $assembly = new Assembly($this->services, new Schemas($this->schemas), fn (): Native\App => $this->freeze(), $this->logger);
        $inside = $assembly->inside($this, '', $this->middleware);
        $policy = $assembly->policy(['auth' => $this->auth, 'rateLimit' => $this->rateLimit, 'concurrency' => $this->concurrency], '');
        $spec = array_filter([
            'title' => $this->title, 'version' => $this->version, 'description' => $this->description,
            'config' => (object) Config::named(get_object_vars($this->config)),
            'policy' => (array) $policy === [] ? null : $policy,
            'schemas' => (object) $assembly->schemas->components(),
        ], static fn (mixed $value): bool => $value !== null);
        $this->spec = Json::encode($spec + $inside);
        try {
            $app = Bridge::freeze($this->spec, $assembly->handlers);
        } catch (DefinitionError $error) {
            throw new DefinitionError([...$assembly->mistakes, ...$error->mistakes]);
        }
        if ($assembly->mistakes !== []) {
            throw new DefinitionError($assembly->mistakes);
        }
        foreach ($this->tasks as $task) {
            $app->spawn($task);
        }
        return $app;
    }
}
