<?php

/** An app with hooks that wait, fail, answer and leave. */

declare(strict_types=1);

use Spikard\{App, Problem, Request, Response};

use function Spikard\sleep;

require __DIR__ . '/../../vendor/autoload.php';

$app = new App();
$app->onRequest(function (Request $request): ?Response {
    $request->state['held'] = (object) ['text' => str_repeat('x', 1000)];
    return $request->path() === '/answered' ? Response::text('answered') : null;
});
$app->onResponse(fn (Request $request, Response $response): Response => $response->withHeader('x-held', (string) strlen($request->state['held']->text ?? '')));
$app->onError(function (Request $request, Problem $problem): void {
    $request->state['problem'] = $problem;
});
$app->get('/', fn (): string => 'waited', preHandler: function (): void {
    sleep(0.01);
});
$app->get('/late', fn (): string => 'late', handlerTimeoutMs: 20, preHandler: function (): void {
    sleep(1.5);
});
$app->get('/exit', fn (): string => 'never', preHandler: function (): void {
    echo 'bye';
    exit(3);
});
$app->get('/destructor', fn (): string => 'never', preHandler: function (Request $request): void {
    $request->state['last'] = new class () {
        public function __destruct()
        {
            throw new LogicException('a secret of a destructor');
        }
    };
    throw new RuntimeException('a secret');
});
$app->get('/quick', fn (Request $request): string => 'quick');
$app->get('/fails', fn () => throw new RuntimeException('a secret'));
$app->run();
