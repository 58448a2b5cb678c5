<?php

declare(strict_types=1);

namespace Spikard\Tests\Definition;

use PHPUnit\Framework\TestCase;
use Spikard\{App, DefinitionError, Get, Middleware, Minimum, Post, Query, TestClient};

final class Misspelt
{
    #[Gett('/')]
    public function show(): int
    {
        return 1;
    }
}

final class NotImported
{
    #[Put('/')]
    public function put(): int
    {
        return 1;
    }
}

final class Unknown
{
    #[Get('/'), \Spikard\Sealed(by: 'nobody')]
    public function show(): int
    {
        return 1;
    }
}

#[Get('/')]
final class Misplaced
{
    #[Get('/')]
    public function show(#[Post('/')] #[Query] string $q): int
    {
        return 1;
    }
}

final class Hidden
{
    #[Get('/')]
    private function show(): int
    {
        return 1;
    }
}

final class Empty_
{
    public function show(): int
    {
        return 1;
    }
}

final class WithoutPath
{
    #[Get]
    public function show(): int
    {
        return 1;
    }
}

abstract class Unmade
{
    #[Get('/')]
    public function show(): int
    {
        return 1;
    }
}

final readonly class Storing
{
    public function __construct(private Store $store)
    {
    }

    #[Get('/')]
    public function show(): string
    {
        return $this->store->database->sku;
    }
}

final readonly class Store
{
    public function __construct(public Sku $database)
    {
    }
}

final readonly class Egg
{
    public function __construct(public Hen $hen)
    {
    }

    #[Get('/')]
    public function show(): int
    {
        return 1;
    }
}

final readonly class Hen
{
    public function __construct(public Egg $egg)
    {
    }
}

final readonly class Sku
{
    public function __construct(public string $sku)
    {
    }
}

final readonly class Priced
{
    public function __construct(#[Minimun(0)] public float $price)
    {
    }
}

final readonly class Named
{
    public function __construct(#[Minimum(0)] public ?string $name)
    {
    }
}

final readonly class Asking
{
    public function __construct(public string $what)
    {
    }

    public function __invoke(): void
    {
    }
}

/** Another library's attributes, which is not installed, and ours in their places. */
final class Fine
{
    #[Get('/{id}'), Pure, \JetBrains\PhpStorm\Get('/')]
    public function show(int $id, #[Query(minimum: 1)] #[\SensitiveParameter] int $ids = 3): int
    {
        return $id + $ids;
    }
}

/** Mistakes that would be passed over in silence, or that the first request would meet. */
final class DefinitionTest extends TestCase
{
    /** @dataProvider mistakes */
    public function testItIsTold(\Closure $define, string ...$told): void
    {
        $app = new App();
        $define($app);
        try {
            $app->freeze();
            self::fail('nothing is wrong');
        } catch (DefinitionError $error) {
            foreach ($told as $one) {
                self::assertStringContainsString($one, $error->getMessage());
            }
        }
    }

    /** @return array<string, list<\Closure|string>> */
    public static function mistakes(): array
    {
        $of = static fn (string $class): \Closure => static fn (App $app) => $app->controller($class);
        $get = static fn (string $path, \Closure $handler): \Closure => static fn (App $app) => $app->get($path, $handler);
        $here = 'DefinitionTest.php:';
        return [
            'a misspelt attribute' => [$of(Misspelt::class), $here, 'Misspelt::show: #[Gett] does not exist; did you mean #[Get]?'],
            'one that is not imported' => [$of(NotImported::class), 'write `use Spikard\Put;`'],
            'one that there is not' => [$of(Unknown::class), '#[Sealed] does not exist in Spikard '],
            'in the wrong places' => [$of(Misplaced::class), '#[Get] does nothing on a class; it belongs on a method', '$q: #[Post] does nothing on a parameter'],
            'of a function' => [$get('/', #[Middleware(Sku::class)] fn (): int => 1), '#[Middleware] does nothing on a function; it belongs on a class or a method'],
            'of a member' => [static fn (App $app) => $app->post('/', fn (Priced $priced): int => 1), 'Priced: $price: #[Minimun] does not exist; did you mean #[Minimum]?'],
            'a route that nobody can call' => [$of(Hidden::class), 'Hidden::show: a route is a public method'],
            'a controller without routes' => [$of(Empty_::class), "this controller has no route; write #[Get('/')]"],
            'a route without a path' => [$of(WithoutPath::class), 'WithoutPath::show: Too few arguments'],
            'an abstract controller' => [$of(Unmade::class), 'no object can be made of ' . Unmade::class],
            'no controller' => [$of('Nobody'), 'controller Nobody: there is no such class'],
            'a service that nothing provides' => [$of(Storing::class), 'Sku needs $sku, which nothing provides; write $app->provide('],
            'services in a circle' => [$of(Egg::class), 'Egg needs ' . Hen::class . ' needs ' . Egg::class],
            'middleware that there is not' => [static fn (App $app) => $app->get('/', fn (): int => 1, middleware: ['Nobody']), 'middleware: no object can be made of Nobody'],
            'middleware that is none' => [static fn (App $app) => $app->get('/', fn (): int => 1, middleware: [Sku::class, 3]), 'not ' . Sku::class, 'not int'],
            'a hook that nobody can make' => [static fn (App $app) => $app->onRequest(Asking::class), 'onRequest hook: ' . Asking::class . ' needs $what'],
            'a pattern as PHP has it' => [$get('/', fn (#[Query(pattern: '/^a+$/i')] string $q): int => 1), "a pattern has no delimiters; write '^a+$'"],
            'a list as PHP takes it' => [$get('/', fn (int ...$ids): int => 1), "\$ids: a handler takes a list as an array; write `#[Items('int')] array \$ids`"],
            'a name that is nearly in the path' => [$get('/{itemId}', fn (int $itemld): int => $itemld), 'parameter "itemld" is not in the path; did you mean "itemId"?'],
            'a bound of numbers on a text' => [static fn (App $app) => $app->post('/', fn (Named $named): int => 1), 'minimum is for numbers, and this is of type string'],
            'bounds that nothing meets' => [$get('/', fn (#[Query(minLength: 4, maxLength: 3)] string $q): int => 1), 'minLength 4 is above maxLength 3'],
        ];
    }

    public function testWhatOthersMeanIsLeftAlone(): void
    {
        $app = new App();
        $app->controller(Fine::class);
        $app->controller(Fixed::class);
        $app->provide(Sku::class, fn (): Sku => new Sku('BLT'));
        $client = new TestClient($app);
        self::assertSame(10, $client->get('/7')->json());
        self::assertSame('BLT', $client->get('/stored/here')->body);
    }
}

#[\Spikard\Group('/stored')]
final readonly class Fixed
{
    public function __construct(private Store $store)
    {
    }

    #[Get('/here')]
    public function show(): string
    {
        return $this->store->database->sku;
    }
}
