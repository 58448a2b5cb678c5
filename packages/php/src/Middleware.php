<?php

declare(strict_types=1);

namespace Spikard;

/**
 * What stands around a handler: `#[Middleware(Timing::class)]` on a controller or a method, or the option `middleware` of an
 * app, a group or a route. It is called with the request and with the rest of the way: a function that gives what the handler
 * returned and throws what that threw.
 *
 *     fn (Request $request, \Closure $next): mixed => $next()
 *
 * A middleware of PSR-15 stands wherever one of these does.
 *
 * Several go from the outside in: the app's, the groups', the route's, each in the order declared.
 */
#[\Attribute(\Attribute::TARGET_CLASS | \Attribute::TARGET_METHOD | \Attribute::IS_REPEATABLE)]
final readonly class Middleware
{
    /** @param class-string $class one object per worker, made as a service is; called by `__invoke` */
    public function __construct(public string $class)
    {
    }

    /**
     * Those that a class or a method names.
     *
     * @internal
     * @return list<class-string>
     */
    public static function on(\ReflectionClass|\ReflectionFunctionAbstract $declared): array
    {
        return array_map(
            static fn (\ReflectionAttribute $attribute): string => $attribute->newInstance()->class,
            $declared->getAttributes(self::class),
        );
    }
}
