<?php

/** An app whose handlers do what handlers should not, and some that wait. */

declare(strict_types=1);

use Spikard\App;

use function Spikard\{await_readable, await_writable, sleep};

require __DIR__ . '/../../vendor/autoload.php';

$eat = function (): never {
    $held = [];
    while (true) {
        $held[] = str_repeat('x', 1 << 20);
    }
};
$fiber = fn (Closure $inside): mixed => (new Fiber($inside))->start();
$endless = function (Closure $again): int {
    return $again($again) + 1;
};

enum Kind: string
{
    case Plain = 'plain';
}

final readonly class Part
{
    /** @param array<string, float> $sizes */
    public function __construct(public string $name, public Kind $kind = Kind::Plain, public array $sizes = ['a' => 1.0])
    {
    }
}

final readonly class Whole
{
    /** @param list<Part> $parts */
    public function __construct(public string $name, public array $parts, public ?Part $first = null)
    {
    }
}

$app = new App();
$app->provide(stdClass::class, fn () => new stdClass(), fn () => fwrite(STDERR, "closed\n"));
$app->get('/well', fn (stdClass $service): string => 'well');
$app->post('/whole', fn (Whole $whole): Whole => $whole);
$app->get('/sleep', function (): string {
    sleep(0.25);
    return 'slept';
});
$app->get('/throw', fn () => throw new RuntimeException('a secret'));
$app->get('/fatal', fn () => eval('function strlen() {}'));
$app->get('/memory', $eat);
$app->get('/memory-later', function () use ($eat): void {
    sleep(0.001);
    $eat();
});
$app->get('/memory-fiber', fn () => $fiber(function () use ($eat): void {
    sleep(0.001);
    $eat();
}));
$app->get('/recursion', fn () => $endless($endless));
$app->get('/limit', function (): never {
    set_time_limit(1);
    while (true) {
    }
});
$app->get('/exit', function (): never {
    echo 'bye';
    exit(3);
});
$app->get('/exit-fiber', fn () => $fiber(function (): never {
    sleep(0.001);
    echo 'bye';
    exit(3);
}));
$app->get('/nonsense', fn () => ["\xff"]);
$app->get('/itself', function (): array {
    $value = ['a' => 1];
    $value['b'] = &$value;
    return $value;
});
$app->get('/late', function (): string {
    sleep(1.5);
    fwrite(STDERR, "too late\n");
    return 'a secret';
}, handlerTimeoutMs: 20);
$app->get('/blocks', function (): string {
    \usleep(2_000_000);
    return 'blocked';
});
$app->get('/blocks-later', function (): string {
    sleep(0.001);
    \usleep(100_000);
    return 'blocked';
});
$app->get('/destructor', function (): string {
    $one = new class () {
        public function __destruct()
        {
            throw new LogicException('a secret of a destructor');
        }
    };
    return $one::class;
});
$app->get('/warning', fn (): string => 'a' . $undefined);
$app->get('/static', function (): int {
    static $count = 0;
    $_GET['a secret'] = $count;
    return ++$count;
});
$app->get('/beside', function (): string {
    echo 'aside';
    return 'answer';
});
$app->get('/fiber', function (): array {
    $fiber = new Fiber(function (): string {
        Fiber::suspend(1);
        sleep(0.001);
        Fiber::suspend('slept');
        return 'done';
    });
    $said = [$fiber->start(), $fiber->resume()];
    $fiber->resume();
    return [...$said, $fiber->isTerminated() ? 2 : 3];
});
$app->get('/suspend', fn () => Fiber::suspend());
$app->get('/stream', function (): array {
    [$one, $other] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    stream_set_blocking($one, false);
    $early = await_readable($one, 0.01);
    fwrite($other, 'ping');
    return [$early, await_readable($one, 5), fread($one, 10), await_writable($other)];
});
$app->get('/superglobals', fn (): array => [$_GET, $_POST, isset($_SERVER['REQUEST_METHOD'])]);
$app->get('/busy', function (): string {
    // Of the processor's time, which is what the limit is about.
    $used = function (): int {
        $use = getrusage();
        return ($use['ru_utime.tv_sec'] + $use['ru_stime.tv_sec']) * 1_000_000 + $use['ru_utime.tv_usec'] + $use['ru_stime.tv_usec'];
    };
    $end = $used() + 400_000;
    while ($used() < $end) {
    }
    return 'busy';
});
$app->get('/endless', function (): never {
    while (true) {
    }
});
$app->get('/buffer', function (): void {
    ob_start();
    echo 'a';
    sleep(0.002);
    echo 'b';
    $text = ob_get_clean();
    ob_start(fn (string $text): string => strtoupper($text));
    echo $text, 'c'; // left open: what it holds is printed
});
$app->get('/cycle', function (): string {
    $one = (object) ['text' => str_repeat('x', 1000)];
    $one->other = (object) ['one' => $one];
    return 'cycle';
});
pcntl_signal(SIGUSR1, fn () => fwrite(STDERR, "usr1\n"));
$app->run();
