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
        try {
            return new Native\App($spec, $handlers);
        } catch (\ValueError $error) {
            throw new DefinitionError(explode("\n", $error->getMessage()));
        }
    }

    /** The error table and the schemas of the app's options and of the AppSpec, as JSON text. */
    public static function tables(): string
    {
        return Native\tables();
    }

    /** A class's constructor does nothing but keep its parameters in the properties of their names. */
    public static function onlyKeeps(string $class): bool
    {
        return Native\onlyKeeps($class);
    }

    /**
     * What a program that is no worker does first: this process becomes the one worker, whose variables are put into its
     * environment, or supervises workers and ends with their exit code.
     */
    public static function start(?string $host, ?int $port, ?string $workers): void
    {
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
