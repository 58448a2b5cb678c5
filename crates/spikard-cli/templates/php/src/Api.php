<?php

declare(strict_types=1);

namespace Service;

use Spikard\{App, Get, Post};

/** {{name}}: two routes, one of them with a validated body. */
final readonly class Api
{
    /** What app.php serves, and what the tests call. */
    public static function app(): App
    {
        return (new App(title: '{{name}}', version: '0.1.0'))->controller(self::class);
    }

    /**
     * Greet someone.
     *
     * @return array<string, string>
     */
    #[Get('/hello/{name}')]
    public function hello(string $name): array
    {
        return ['message' => "hello {$name}"];
    }

    /** Order something. A body that breaks a rule never gets here. */
    #[Post('/orders', status: 201)]
    public function order(OrderInput $input): Order
    {
        return new Order($input->sku, $input->quantity, 250 * $input->quantity);
    }
}
