<?php

/** An app that lets in few at once, who stay until they are released, and tells who has come in. */

declare(strict_types=1);

use Spikard\{App, Concurrency, Get, Group};

require __DIR__ . '/../../vendor/autoload.php';

final class Door
{
    public bool $isOpen = false;

    public function stay(string $name): string
    {
        fwrite(STDERR, "{$name} is in\n");
        while (!$this->isOpen) {
            Spikard\sleep(0.005);
        }
        return $name;
    }
}

#[Group('/narrow'), Concurrency(1)]
final readonly class Narrow
{
    public function __construct(private Door $door)
    {
    }

    #[Get('/one')]
    public function one(): string
    {
        return $this->door->stay('one');
    }

    #[Get('/other')]
    public function other(): string
    {
        return 'other';
    }

    #[Get('/pair/{name}'), Concurrency(2)]
    public function pair(string $name): string
    {
        return $this->door->stay($name);
    }

    #[Get('/free', concurrency: 0)]
    public function free(): string
    {
        return 'free';
    }
}

$app = new App(concurrency: 1);
$app->provide(Door::class, fn () => new Door());
$app->controller(Narrow::class);
$app->get('/all', fn (Door $door): string => $door->stay('all'));
$app->get('/refused', fn (): string => 'in');
$app->get('/release', fn (Door $door): bool => $door->isOpen = true, concurrency: 5);
$app->run();
