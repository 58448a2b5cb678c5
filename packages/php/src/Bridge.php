<?php

declare(strict_types=1);

namespace Spikard;

/**
 * The door to the core: the only file that touches the extension's own names. Decides nothing.
 *
 * @internal
 */
final class Bridge
{
    /** The command without a PHP around it, which takes the place of this process for what lasts. */
    public const PROGRAM = __DIR__ . '/../libexec/spikard';

    /**
     * Hands the app over, once.
     *
     * @param list<array{callable, bool, bool, ?list<mixed>, ?array{\Closure, list<int>}, \Closure}> $handlers function, wants the body,
     *     runs in a fiber, what its body is read as ({@see Shape}), the straight way ({@see Call::straight()}), what answers for
     *     something that was thrown
     * @throws DefinitionError with everything that the core finds wrong
     */
    public static function freeze(string $spec, array $handlers): Native\App
    {
        self::ready();
        try {
            return new Native\App($spec, $handlers);
        } catch (\ValueError $error) {
            throw new DefinitionError(explode("\n", $error->getMessage()));
        }
    }

    /** Its release; '' where there is none. */
    public static function version(): string
    {
        return (string) phpversion('spikard');
    }

    /** The command, for this PHP; its exit code. @param list<string> $arguments */
    public static function command(array $arguments): int
    {
        try {
            self::ready();
        } catch (\RuntimeException $error) {
            fwrite(STDERR, "error: {$error->getMessage()}\n");
            return 1;
        }
        return Native\command($arguments, PHP_BINARY, self::PROGRAM);
    }

    /** This PHP has the extension, of the library's own release; else what to do. */
    private static function ready(): void
    {
        static $ready = false;
        if ($ready) {
            return;
        }
        if (!extension_loaded('spikard')) {
            throw new \RuntimeException('this PHP has not loaded the extension spikard; write `extension=/path/to/spikard.so` into a file of its '
                . 'configuration and see that `php -m` lists it (PHP ' . PHP_VERSION . (PHP_ZTS ? ' with thread safety, which Spikard does not know' : '')
                . ', ' . PHP_BINARY . ")\nan extension fits the PHP it was built for; what `php` prints at its start tells why one is not loaded");
        }
        $own = json_decode((string) @file_get_contents(__DIR__ . '/../composer.json'), true)['version'] ?? self::version();
        if ($own !== self::version()) {
            throw new \RuntimeException("the library is of release {$own} and the extension of release " . self::version() . '; install both of one release');
        }
        $ready = true;
    }

    /** The error table and the schemas of the app's options and of the AppSpec, as JSON text. */
    public static function tables(): string
    {
        self::ready();
        return Native\tables();
    }

    /** A class's constructor does nothing but keep its parameters in the properties of their names. */
    public static function onlyKeeps(string $class): bool
    {
        self::ready();
        return Native\onlyKeeps($class);
    }

    /**
     * What a program that is no worker does first: this process becomes the one worker, whose variables are put into its
     * environment, or supervises workers and ends with their exit code.
     */
    public static function start(?string $host, ?int $port, ?string $workers): void
    {
        self::ready();
        $said = (string) @file_get_contents('/proc/self/cmdline');
        $again = $said === '' ? [PHP_BINARY, ...$_SERVER['argv']] : explode("\0", rtrim($said, "\0"));
        [$code, $lines] = Native\start($again, PHP_BINARY, self::PROGRAM, $host, $port, $workers);
        if ($code !== 0 || $lines === '') {
            exit($code);
        }
        foreach (explode("\n", $lines) as $line) {
            putenv($line);
        }
    }
}
