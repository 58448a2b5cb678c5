<?php

/** An app whose handlers use Revolt's event loop, whose interfaces are a double's. */

declare(strict_types=1);

use Revolt\EventLoop;
use Revolt\EventLoop\{InvalidCallbackError, UnsupportedFeatureException};
use Spikard\App;

use function Spikard\sleep;

require __DIR__ . '/../../vendor/autoload.php';
require __DIR__ . '/../revolt/double.php';

/** As a library on Revolt waits. */
function delayed(float $seconds, mixed $value): mixed
{
    $suspension = EventLoop::getDriver()->getSuspension();
    EventLoop::getDriver()->delay($seconds, fn () => $suspension->resume($value));
    return $suspension->suspend();
}

$loop = fn (): EventLoop\Driver => EventLoop::getDriver();
$app = new App();
EventLoop::setDriver((new ReflectionClass(Spikard\RevoltDriver::class))->newInstanceWithoutConstructor());
$outside = EventLoop::getDriver();

$app->get('/delay', fn (): string => delayed(0.25, 'waited'));
$app->get('/sync', fn (): string => delayed(0, 'waited'), sync: true);
$app->get('/own', fn (): bool => $loop() !== $outside && $loop()->isRunning() && $loop()->getSuspension() === $loop()->getSuspension());
$app->get('/throw', function () use ($loop): string {
    $suspension = $loop()->getSuspension();
    $loop()->queue($suspension->throw(...), new DomainException('thrown into it'));
    try {
        $suspension->suspend();
    } catch (DomainException $thrown) {
        return $thrown->getMessage();
    }
});
$app->get('/misused', function () use ($loop): array {
    $said = [];
    $suspension = $loop()->getSuspension();
    foreach ([fn () => $suspension->resume(), fn () => $loop()->enable('none'), fn () => $loop()->onSignal(SIGTERM, fn () => null), fn () => $loop()->run()] as $misuse) {
        try {
            $misuse();
        } catch (InvalidCallbackError | UnsupportedFeatureException | Error $error) {
            $said[] = $error->getMessage();
        }
    }
    $loop()->queue(function () use ($suspension, &$said): void {
        try {
            $suspension->suspend();
        } catch (Error $error) {
            $said[] = $error->getMessage();
        }
    });
    sleep(0.001);
    $loop()->cancel('none');
    $loop()->disable('none');
    return $said;
});
$app->get('/order', function () use ($loop): array {
    $seen = [];
    $driver = $loop();
    $driver->defer(function (string $id) use (&$seen): void {
        $seen[] = "deferred {$id}";
    });
    $driver->queue(function (string ...$words) use (&$seen): void {
        $seen[] = implode(' ', $words);
    }, 'queued', 'with', 'words');
    $late = $driver->delay(0.02, function () use (&$seen): void {
        $seen[] = 'late';
    });
    $never = $driver->delay(0.001, function () use (&$seen): void {
        $seen[] = 'never';
    });
    $driver->cancel($never);
    $off = $driver->delay(0.001, function () use (&$seen): void {
        $seen[] = 'enabled again';
    });
    $driver->disable($off);
    delayed(0.005, null);
    $was = $driver->isEnabled($off);
    $driver->enable($off);
    delayed(0.03, null);
    return [...array_map(fn (string $one): string => preg_replace('/ [a-z]+$/', ' id', $one), array_slice($seen, 0, 1)), ...array_slice($seen, 1), $was, count(array_intersect($driver->getIdentifiers(), [$late, $never, $off]))];
});
$app->get('/repeat', function () use ($loop): array {
    $count = 0;
    $suspension = $loop()->getSuspension();
    $id = $loop()->repeat(0.001, function (string $id) use (&$count, $suspension, $loop): void {
        if (++$count === 5) {
            $loop()->disable($id);
            $suspension->resume('five');
        }
    });
    $said = $suspension->suspend();
    sleep(0.01);
    $referenced = [$loop()->isReferenced($id), $loop()->isReferenced($loop()->unreference($id))];
    $type = $loop()->getType($id)->name;
    $loop()->cancel($id);
    return [$said, $count, $type, $referenced];
});
$app->get('/streams', function () use ($loop): array {
    [$one, $other] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    stream_set_blocking($one, false);
    $suspension = $loop()->getSuspension();
    $reads = $loop()->onReadable($one, function (string $id, $stream) use ($suspension, $loop): void {
        $loop()->disable($id);
        $suspension->resume(fread($stream, 100));
    });
    $loop()->onWritable($other, function (string $id, $stream) use ($loop): void {
        $loop()->cancel($id);
        fwrite($stream, 'ping');
    });
    $first = $suspension->suspend();
    fwrite($other, 'pong');
    $loop()->enable($reads);
    $second = $suspension->suspend();
    $loop()->enable($reads);
    $loop()->cancel($reads);
    sleep(0.001);
    fclose($one);
    return [$first, $second, feof($other) || fread($other, 1) === ''];
});
$app->get('/errors', function () use ($loop): array {
    $seen = [];
    $loop()->queue(fn () => throw new RuntimeException('nobody handles it'));
    sleep(0.001);
    $loop()->setErrorHandler(function (Throwable $thrown) use (&$seen): void {
        $seen[] = $thrown->getMessage();
    });
    $loop()->queue(fn () => throw new RuntimeException('handled'));
    sleep(0.001);
    $seen[] = $loop()->getErrorHandler() !== null;
    $loop()->setErrorHandler(null);
    return $seen;
});
$app->get('/signal', function () use ($loop): string {
    $suspension = $loop()->getSuspension();
    $id = $loop()->onSignal(SIGUSR1, fn (string $id, int $signal) => $suspension->resume("signal {$signal}"));
    posix_kill(getmypid(), SIGUSR1);
    $said = $suspension->suspend();
    $loop()->cancel($id);
    return $said;
});
$app->get('/stream', function (): Generator {
    foreach ([1, 2, 3] as $number) {
        yield (string) delayed(0.001, $number);
    }
});
$app->get('/quick', fn (): string => delayed(0, 'waited'));
$app->get('/left', fn (): int => count($loop()->getIdentifiers()));
$app->run();
fwrite(STDERR, $loop() === $outside ? "as before\n" : "still ours\n");
