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

    /** A type checker and an editor know all of the package: everything public says what it takes and gives. */
    public function testEverythingPublicHasTypes(): void
    {
        $source = dirname((string) (new \ReflectionClass(\Spikard\App::class))->getFileName());
        $untyped = [];
        foreach (glob("{$source}/*.php") ?: [] as $file) {
            preg_match_all('/^(?:#\[.*\]\s)?(?:abstract |final |readonly )*(?:class|interface|enum) (\w+)/m', (string) file_get_contents($file), $found);
            foreach ($found[1] as $name) {
                try {
                    if (!class_exists("Spikard\\{$name}") && !interface_exists("Spikard\\{$name}")) {
                        continue;
                    }
                } catch (\Error) {
                    continue; // by an interface that is not there
                }
                foreach ((new \ReflectionClass("Spikard\\{$name}"))->getMethods(\ReflectionMethod::IS_PUBLIC) as $method) {
                    if ($method->getFileName() !== $file || $method->class === \Spikard\Log::class) {
                        continue; // the logger's parameters are PSR-3's
                    }
                    $needs = [...$method->getParameters(), ...($method->isConstructor() || $method->isDestructor() ? [] : [$method])];
                    foreach ($needs as $one) {
                        $type = $one instanceof \ReflectionMethod ? $one->getReturnType() : $one->getType();
                        if ($type === null) {
                            $untyped[] = "{$name}::{$method->getName()} {$one->getName()}";
                        }
                    }
                }
            }
        }
        self::assertSame([], $untyped);
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
