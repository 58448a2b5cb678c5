<?php

/**
 * Recording app: a user program that serves any contract with one handler and tells what the handler saw.
 *
 * Protocol (JSON lines on standard input and output): tests/recorders/README.md.
 */

declare(strict_types=1);

namespace Recorder;

use Spikard\{App, Auth, BigInteger, Config, Json, NotFound, Parameters, Problem, RateLimit, Request, Response, Routes, TestClient};

use function Spikard\{await_readable, sleep};

require __DIR__ . '/../vendor/autoload.php';

class_exists(NotFound::class); // its file holds the class of every problem

final class Recording
{
    public object $wanted;

    /** @var array<string, object> what hooks do, by name and moment */
    public array $hooks = [];

    /** @var list<string> */
    public array $ran = [];

    /** @var array<string, mixed> */
    public array $seen = ['called' => 0];
}

function tag(mixed $value): array
{
    return match (true) {
        $value === null => ['null' => null],
        is_bool($value) => ['bool' => $value],
        is_int($value), $value instanceof BigInteger => ['int' => (string) $value],
        is_float($value) => ['float' => json_encode($value, JSON_PRESERVE_ZERO_FRACTION)],
        is_string($value) => ['str' => $value],
        is_array($value) => ['list' => array_map(tag(...), $value)],
        $value instanceof \stdClass => ['object' => tags(get_object_vars($value))],
        default => throw new \TypeError('a handler was given a ' . get_debug_type($value)),
    };
}

function tags(array $values): object
{
    return (object) array_map(tag(...), $values);
}

function content(Request $request): array
{
    $media = strtolower(trim(explode(';', (string) $request->header('content-type'))[0]));
    if ($media === 'application/json' || str_ends_with($media, '+json')) {
        return tag($request->json(objects: true));
    }
    return str_starts_with($media, 'text/') ? tag($request->body()) : ['bytes' => base64_encode($request->body())];
}

function handler(string $operation, Recording $recording): \Closure
{
    return static function (Parameters $parameters, Request $request) use ($operation, $recording): mixed {
        $recording->seen = [
            'called' => $recording->seen['called'] + 1, 'operation' => $operation,
            'query' => tags($parameters->query), 'path' => tags($parameters->path),
            'headers' => tags(array_change_key_case($parameters->header)), 'cookies' => tags($parameters->cookie),
            ...($request->body() === '' ? [] : ['body' => content($request)]),
            ...($request->principal() === null ? [] : ['principal' => [...get_object_vars($request->principal()), 'claims' => (object) $request->principal()->claims]]),
            ...(isset($request->state['kept']) ? ['kept' => $request->state['kept']] : []),
        ];
        $now = $recording->wanted;
        if (isset($now->delay_ms)) {
            sleep($now->delay_ms / 1000);
        }
        return answer($now);
    };
}

function answer(object $now): mixed
{
    if (isset($now->problem)) {
        $problem = $now->problem;
        $headers = $problem->headers ?? [];
        foreach (get_declared_classes() as $class) {
            if (is_subclass_of($class, Problem::class) && $class::CODE === $problem->code) {
                throw new $class($problem->detail ?? '', $headers);
            }
        }
        throw new Problem($problem->detail ?? '', $headers, code: $problem->code, status: $problem->status ?? null);
    }
    if (isset($now->raise)) {
        throw new \RuntimeException($now->raise);
    }
    if (property_exists($now, 'value')) {
        return $now->value;
    }
    [$status, $headers, $media] = [$now->status, $now->headers ?? [], $now->content_type ?? null];
    return match (true) {
        property_exists($now, 'json') => Response::json($now->json, $status, $headers, $media),
        property_exists($now, 'text') => Response::text($now->text, $status, $headers, $media),
        property_exists($now, 'base64') => Response::bytes((string) base64_decode($now->base64), $status, $headers, $media),
        default => Response::empty($status, $headers, $media),
    };
}

/** Waits before every second moment, so that both ways are gone. */
function hook(string $name, bool $waits, Recording $recording): \Closure
{
    return static function (Request $request, mixed $more = null) use ($name, $waits, $recording): mixed {
        if ($request->path() === '/health/live') {
            return null;
        }
        $recording->ran[] = $name;
        $do = $recording->hooks[$name] ?? new \stdClass();
        if ($waits) {
            sleep(0);
        }
        if (isset($do->keep)) {
            $request->state['kept'] = $do->keep;
        }
        if (isset($do->remove_header)) {
            $request->removeHeader($do->remove_header);
        }
        if (isset($do->set_header)) {
            $request->setHeader(...$do->set_header);
        }
        if (isset($do->add_header)) {
            $request->addHeader(...$do->add_header);
        }
        if (isset($do->set_query)) {
            $request->setQueryString($do->set_query);
        }
        if (isset($do->set_body)) {
            $request->setBody($do->set_body);
        }
        if (isset($do->reply)) {
            return answer($do->reply);
        }
        return isset($do->response) ? edit($more, $do->response) : null;
    };
}

function edit(Response $response, object $wanted): Response
{
    $response = $response->withStatus($wanted->status ?? $response->status);
    $response = isset($wanted->header) ? $response->withHeader(...$wanted->header) : $response;
    return isset($wanted->text) ? Response::text($wanted->text, $response->status, $response->headers, $response->contentType) : $response;
}

/** @return array<string, list<\Closure>> */
function hooks(array $names, Recording $recording): array
{
    $hooks = [];
    foreach (['onRequest' => 'on_request', 'preValidation' => 'pre_validation', 'preHandler' => 'pre_handler', 'onResponse' => 'on_response', 'onError' => 'on_error'] as $option => $moment) {
        $hooks[$option] = array_map(static fn (string $name): \Closure => hook("{$name}.{$moment}", count($hooks) % 2 === 1, $recording), $names);
    }
    return $hooks;
}

/** A way of the contract, as it is told. */
final readonly class Way extends Auth
{
    public function __construct(object $spec)
    {
        parent::__construct((array) $spec, [], null, null);
    }
}

function camel(object|array $options): array
{
    $named = [];
    foreach ((array) $options as $name => $value) {
        $named[lcfirst(str_replace('_', '', ucwords($name, '_')))] = match ($name) {
            'auth' => array_map(static fn (object $way): Auth => new Way($way), $value),
            'rate_limit' => array_map(static fn (object $limit): RateLimit => new RateLimit(...camel($limit)), $value),
            default => $value,
        };
    }
    return $named;
}

function contents(?object $content): array
{
    return array_map(static fn (object $media): mixed => $media->schema ?? true, (array) $content);
}

function register(Routes $routes, object $paths, array $groups, array $files, Recording $recording): void
{
    foreach ($files as $one) {
        $routes->files(...camel($one));
    }
    foreach (get_object_vars($paths) as $path => $item) {
        foreach (get_object_vars($item) as $method => $operation) {
            $responses = array_map(static fn (object $one): array => array_filter([
                'description' => $one->description ?? null, 'content' => (object) contents($one->content ?? null),
            ], static fn ($value) => $value !== null), (array) ($operation->responses ?? []));
            $body = $operation->requestBody ?? null;
            $options = [
                'operationId' => $operation->operationId, 'response' => $responses,
                'parameters' => array_map(static fn (object $one): array => (array) $one, $operation->parameters ?? []),
                'body' => $body === null ? null : ['content' => (object) contents($body->content ?? null), 'required' => $body->required ?? false],
                'status' => $operation->{'x-spikard-status'} ?? null,
                ...camel($operation->{'x-spikard-policy'} ?? []), ...hooks($operation->{'x-spikard-hooks'} ?? [], $recording),
            ];
            $routes->route(strtoupper($method), $path, handler($operation->operationId, $recording), ...$options);
        }
    }
    foreach ($groups as $group) {
        $inner = $routes->group($group->prefix, ...['tags' => $group->tags ?? [], ...camel($group->policy ?? []), ...hooks($group->hooks ?? [], $recording)]);
        register($inner, $group->paths ?? (object) [], $group->groups ?? [], $group->files ?? [], $recording);
    }
}

function say(array|object $told): void
{
    fwrite(STDOUT, json_encode($told, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES) . "\n");
}

/** What the runner asks for; false when it wants the end. */
function obey(object $told, Recording $recording, ?TestClient $client): bool
{
    if (property_exists($told, 'stop')) {
        return false;
    }
    if (property_exists($told, 'case')) {
        [$recording->wanted, $recording->seen] = [(object) $told->reply, ['called' => 0]];
        [$recording->hooks, $recording->ran] = [(array) ($told->hooks ?? []), []];
        say(['ok' => true]);
    } elseif (property_exists($told, 'exchange')) {
        say(['answer' => base64_encode($client->bytes((string) base64_decode($told->exchange)))]);
    } else {
        say($recording->seen + ['hooks' => $recording->ran]);
    }
    return true;
}

$start = Json::decode((string) fgets(STDIN), objects: true)->start;
$contract = $start->contract;
$recording = new Recording();
$app = new App(
    $contract->info->title,
    $contract->info->version,
    ...camel($contract->{'x-spikard-policy'} ?? []),
    schemas: (array) ($contract->components->schemas ?? []),
    config: new Config(...camel($start->config)),
);
foreach (hooks($contract->{'x-spikard-hooks'} ?? [], $recording) as $moment => $hooks) {
    array_map($app->$moment(...), $hooks);
}
register($app, $contract->paths, $contract->{'x-spikard-groups'} ?? [], $contract->{'x-spikard-files'} ?? [], $recording);
if (($argv[1] ?? '') === 'memory') {
    $client = new TestClient($app);
    say(['ready' => true, 'in_process' => true]);
    while (($line = fgets(STDIN)) !== false && obey(Json::decode($line, objects: true), $recording, $client)) {
    }
    exit(0);
}
$app->spawn(static function () use ($recording): void {
    say(['ready' => true, 'in_process' => false]);
    stream_set_blocking(STDIN, false);
    $rest = '';
    while (await_readable(STDIN)) {
        $piece = fread(STDIN, 1 << 16);
        $rest .= $piece;
        while (($end = strpos($rest, "\n")) !== false) {
            [$line, $rest] = [substr($rest, 0, $end), substr($rest, $end + 1)];
            if (!obey(Json::decode($line, objects: true), $recording, null)) {
                exit(0);
            }
        }
        if ($piece === '' && feof(STDIN)) {
            exit(0);
        }
    }
});
$app->run();
