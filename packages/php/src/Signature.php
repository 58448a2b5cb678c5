<?php

declare(strict_types=1);

namespace Spikard;

/**
 * What a handler's signature and its route's options say: parameters, body, responses, and where each argument comes from.
 *
 * @internal
 */
final class Signature
{
    private const GIVEN = [Request::class => 'request', Parameters::class => 'parameters'];
    private const WITH_BODY = ['POST', 'PUT', 'PATCH', 'QUERY'];

    /** @var list<array<string, mixed>> in the words of OpenAPI, in the order in which a call brings their values */
    public array $parameters = [];

    /** @var array<string, mixed>|null */
    public ?array $body = null;

    /** @var array<string, mixed> */
    public array $responses = [];
    public ?int $status = null;

    /** What the core reads the body as, {@see Shape}. @var list<mixed>|null */
    public ?array $shape = null;

    /** @var list<string> */
    public array $mistakes = [];

    /**
     * By the name of the handler's parameter: its kind, and what that needs: the index of the value and its decoder, the
     * decoder of the body, the class of a service.
     *
     * @var array<string, array{string, mixed, ?\Closure}>
     */
    public array $takes = [];

    /** What the query must have, because nothing says where else it is. @var list<string> */
    private array $guessed = [];

    /** @param array<string, mixed> $options */
    public function __construct(
        private readonly string $method,
        string $path,
        private readonly \ReflectionFunctionAbstract $function,
        array $options,
        private readonly Schemas $schemas,
        private readonly Services $services,
    ) {
        preg_match_all('/\{\*?([^}:]+)(?::[^}]*)?\}/', $path, $found);
        $captures = $found[1];
        $this->parameters = $options['parameters'] ?? [];
        $this->body = $options['body'] ?? null;
        $words = DocBlock::of($function);
        $this->mistakes = $function instanceof \ReflectionMethod ? [] : Attributes::mistakes($function);
        foreach ($function->getParameters() as $parameter) {
            foreach (Attributes::mistakes($parameter) as $mistake) {
                $this->mistakes[] = "\${$parameter->getName()}: {$mistake}";
            }
            $this->noting("\${$parameter->getName()}: ", fn () => $this->take($parameter, $captures, $words));
        }
        $known = array_column(array_filter($this->parameters, static fn (array $one): bool => $one['in'] === 'path'), 'name');
        foreach (array_diff($captures, $known) as $name) {
            $this->noteMisnamed($name);
            $this->parameters[] = ['name' => $name, 'in' => 'path', 'required' => true];
        }
        $this->noting('response: ', fn () => $this->respond($options, $words));
    }

    /** A handler may leave a part of the path alone, such as one of its group; not where it asks the query for nearly the same. */
    private function noteMisnamed(string $capture): void
    {
        $near = Attributes::near($capture, $this->guessed);
        if ($near !== null) {
            $this->mistakes[] = "parameter \"{$near}\" is not in the path; did you mean \"{$capture}\"?";
        }
    }

    public function wantsBody(): bool
    {
        return array_intersect(['body', 'bytes'], array_column($this->takes, 0)) !== [];
    }

    private function noting(string $about, \Closure $look): void
    {
        try {
            $look();
        } catch (SchemaError $error) {
            $this->mistakes[] = $about . $error->getMessage();
        }
    }

    /** @param list<string> $captures */
    private function take(\ReflectionParameter $parameter, array $captures, DocBlock $words): void
    {
        $name = $parameter->getName();
        if ($parameter->isVariadic()) {
            throw new SchemaError("a handler takes a list as an array; write `#[Items('int')] array \${$name}`");
        }
        $type = Type::of($parameter->getType(), Members::items($parameter) ?? $words->types[$name] ?? null, $this->function);
        $place = self::attribute($parameter, Place::class);
        $body = self::attribute($parameter, Body::class);
        if (is_a($type->name, \Psr\Http\Message\ServerRequestInterface::class, true)) {
            $this->takes[$name] = ['psr', null, null];
        } elseif (isset(self::GIVEN[$type->name])) {
            $this->takes[$name] = [self::GIVEN[$type->name], null, null];
        } elseif ($place === null && $body === null && $type->isClass() && $this->services->provides($type->name)) {
            $this->takes[$name] = ['service', $type->name, null];
        } elseif ($body !== null || ($place === null && $this->isBody($type, $name, $captures))) {
            $this->takeBody($parameter, $type, $body ?? new Body());
        } else {
            $in = $place === null ? (in_array($name, $captures, true) ? 'path' : 'query') : $place::IN;
            $this->takeValue($parameter, $type, $place ?? new Query(), $in);
            if ($place === null && $in === 'query' && !$parameter->isOptional() && !$type->nullable) {
                $this->guessed[] = $name;
            }
        }
    }

    /** @param list<string> $captures */
    private function isBody(Type $type, string $name, array $captures): bool
    {
        $isObject = $type->isClass() && !enum_exists($type->name) && !is_a($type->name, \DateTimeInterface::class, true)
            && $type->name !== BigInteger::class;
        if (!$isObject || in_array($name, $captures, true)) {
            return false;
        }
        if (!in_array($this->method, self::WITH_BODY, true)) {
            throw new SchemaError("where does a {$type->name} come from? write \$app->provide({$type->name}::class, …) for a service, or #[Body] for the body");
        }
        return true;
    }

    private function takeBody(\ReflectionParameter $parameter, Type $type, Body $body): void
    {
        if ($this->body !== null) {
            throw new SchemaError('a route has one body');
        }
        $isBytes = $type->name === 'string' && $body->contentType !== 'application/json';
        $schema = $isBytes ? true : $this->schemas->constrained($type, Members::keywords($parameter), []);
        $this->body = ['content' => [$body->contentType => $schema], 'required' => !$parameter->isOptional()];
        $this->takes[$parameter->getName()] = [$isBytes ? 'bytes' : 'body', null, $isBytes ? null : Decoder::of($type)];
        $this->shape = $isBytes ? null : Shape::of($type);
    }

    private function takeValue(\ReflectionParameter $parameter, Type $type, Place $place, string $in): void
    {
        $own = $parameter->getName();
        $name = $place->name ?? ($in === 'header' ? strtolower((string) preg_replace('/(?<!^)[A-Z]|_/', '-$0', $own)) : $own);
        $name = $in === 'header' ? str_replace('-_', '-', $name) : $name;
        $default = $parameter->isDefaultValueAvailable() ? [$parameter->getDefaultValue()] : [];
        if ($type->name === 'array' && $type->of === []) {
            throw new SchemaError("what is in this array? write `@param list<int> \${$own}` in a doc comment, or #[Items('int')]");
        }
        // Not sent and null are the same of a parameter.
        $plain = new Type($type->name === 'mixed' ? 'string' : $type->name, $type->of);
        $keywords = $place->keywords() + Members::keywords($parameter);
        $description = $keywords['description'] ?? null;
        unset($keywords['description']);
        $spec = [
            'name' => $name, 'in' => $in, 'required' => $in === 'path' || ($default === [] && !$type->nullable),
            'schema' => $this->schemas->constrained($plain, $keywords, $default === [null] ? [] : $default),
        ];
        $this->takes[$own] = ['value', count($this->parameters), Decoder::ofParameter($plain)];
        if ($default === [] && $type->nullable) {
            $this->takes[$own][0] = 'nullable';
        }
        $this->parameters[] = $spec + $place->words() + ($description === null ? [] : ['description' => $description]);
    }

    /** @param array<string, mixed> $options */
    private function respond(array $options, DocBlock $words): void
    {
        $response = $options['response'] ?? null;
        $this->status = $options['status'] ?? null;
        if (is_array($response)) {
            $this->responses = array_map($this->described(...), $response);
            return;
        }
        $type = is_string($response)
            ? Type::parse($response, $this->function)
            : Type::of($this->function->getReturnType(), $words->returns, $this->function);
        if ($type->name === Response::class) {
            $type = $type->of[0] ?? null;
        }
        if ($type?->name === \Generator::class || ($response === null && $this->function->isGenerator())) {
            // `Generator<int, string>`, or `iterable<string>` of a function that yields.
            $chunk = $type->of[1] ?? $type->of[0] ?? new Type('string');
            if (!in_array($chunk->name, ['string', 'mixed'], true)) {
                throw new SchemaError("a stream gives strings, not {$chunk->name}: encode its chunks, or return a list");
            }
            $type = new Type('string');
        }
        $isOwn = fn (Type $type): bool => is_a($type->name, Problem::class, true) || is_a($type->name, \Psr\Http\Message\ResponseInterface::class, true);
        if ($type === null || $type->name === 'mixed' || $isOwn($type)) {
            return;
        }
        if (in_array($type->name, ['void', 'null'], true)) {
            $this->responses[(string) ($this->status ?? 204)] = (object) [];
            return;
        }
        if ($type->name === 'string' && !$type->nullable) {
            $this->responses[(string) ($this->status ?? 200)] = ['content' => ['text/plain; charset=utf-8' => ['type' => 'string']]];
            return;
        }
        $this->responses[(string) ($this->status ?? 200)] = ['content' => ['application/json' => $this->schemas->of($type)]];
    }

    /** One entry of `response: [201 => Item::class, 404 => ['description' => …]]`. */
    private function described(mixed $said): mixed
    {
        if (is_string($said)) {
            return ['content' => ['application/json' => $this->schemas->of(Type::parse($said, $this->function))]];
        }
        return $said === [] ? (object) [] : $said;
    }

    /**
     * @template T of object
     * @param class-string<T> $class
     * @return ?T
     */
    private static function attribute(\ReflectionParameter $parameter, string $class): ?object
    {
        $found = $parameter->getAttributes($class, \ReflectionAttribute::IS_INSTANCEOF)[0] ?? null;
        return $found?->newInstance();
    }
}
