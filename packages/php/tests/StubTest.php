<?php

declare(strict_types=1);

namespace Spikard\Tests;

use PHPUnit\Framework\TestCase;

/** The stub is what the extension is: the same functions, classes, methods, parameters, types, defaults. */
final class StubTest extends TestCase
{
    public function testTheStubIsWhatTheExtensionIs(): void
    {
        $extension = new \ReflectionExtension('spikard');
        $built = [];
        foreach ($extension->getFunctions() as $function) {
            $built[] = "function {$function->getName()}" . self::signature($function);
        }
        foreach ($extension->getClasses() as $class) {
            $built[] = ($class->isFinal() ? 'final ' : '') . "class {$class->getName()}";
            foreach ($class->getMethods() as $method) {
                $built[] = "function {$class->getName()}::{$method->getName()}" . self::signature($method);
            }
        }
        sort($built);
        self::assertSame($built, self::stub());
    }

    private static function signature(\ReflectionFunctionAbstract $function): string
    {
        $parameters = array_map(static function (\ReflectionParameter $parameter): string {
            $type = $parameter->hasType() ? "{$parameter->getType()} " : '';
            $default = $parameter->isDefaultValueAvailable() ? ' = ' . strtolower(var_export($parameter->getDefaultValue(), true)) : '';
            return "{$type}\${$parameter->getName()}{$default}";
        }, $function->getParameters());
        return '(' . implode(', ', $parameters) . ')' . ($function->hasReturnType() ? ": {$function->getReturnType()}" : '');
    }

    /** @return list<string> */
    private static function stub(): array
    {
        [$namespace, $class, $found] = ['', null, []];
        foreach (file(__DIR__ . '/../stubs/spikard.php') ?: [] as $line) {
            if (preg_match('/^namespace (\S+) \{/', $line, $match)) {
                [$namespace, $class] = [$match[1], null];
            } elseif (preg_match('/^\s+(final )?class (\w+)/', $line, $match)) {
                $class = "{$namespace}\\{$match[2]}";
                $found[] = "{$match[1]}class {$class}";
            } elseif (preg_match('/^(\s+)(?:public )?function (\w+)(.*)$/', rtrim($line), $match)) {
                $class = strlen($match[1]) > 4 ? $class : null;
                $found[] = 'function ' . ($class === null ? "{$namespace}\\{$match[2]}" : "{$class}::{$match[2]}") . $match[3];
            }
        }
        sort($found);
        return $found;
    }
}
