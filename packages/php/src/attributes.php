<?php

/** Attributes that say where a value comes from and what it must be. Each constraint is one keyword of JSON Schema. */

declare(strict_types=1);

namespace Spikard;

use Attribute;

/** A keyword of JSON Schema on a property, a parameter or a promoted parameter. */
abstract readonly class Constraint
{
    /** @return array<string, mixed> keywords and their values */
    abstract public function keywords(): array;
}

#[Attribute(Attribute::TARGET_PROPERTY | Attribute::TARGET_PARAMETER)]
final readonly class Minimum extends Constraint
{
    public function __construct(public int|float $value)
    {
    }

    public function keywords(): array
    {
        return ['minimum' => $this->value];
    }
}

#[Attribute(Attribute::TARGET_PROPERTY | Attribute::TARGET_PARAMETER)]
final readonly class Maximum extends Constraint
{
    public function __construct(public int|float $value)
    {
    }

    public function keywords(): array
    {
        return ['maximum' => $this->value];
    }
}

/** Greater than, not equal. */
#[Attribute(Attribute::TARGET_PROPERTY | Attribute::TARGET_PARAMETER)]
final readonly class Above extends Constraint
{
    public function __construct(public int|float $value)
    {
    }

    public function keywords(): array
    {
        return ['exclusiveMinimum' => $this->value];
    }
}

/** Less than, not equal. */
#[Attribute(Attribute::TARGET_PROPERTY | Attribute::TARGET_PARAMETER)]
final readonly class Below extends Constraint
{
    public function __construct(public int|float $value)
    {
    }

    public function keywords(): array
    {
        return ['exclusiveMaximum' => $this->value];
    }
}

#[Attribute(Attribute::TARGET_PROPERTY | Attribute::TARGET_PARAMETER)]
final readonly class MultipleOf extends Constraint
{
    public function __construct(public int|float $value)
    {
    }

    public function keywords(): array
    {
        return ['multipleOf' => $this->value];
    }
}

/** Of a text, in characters; of a list, in items. */
#[Attribute(Attribute::TARGET_PROPERTY | Attribute::TARGET_PARAMETER)]
final readonly class Length extends Constraint
{
    public function __construct(public ?int $minimum = null, public ?int $maximum = null)
    {
    }

    public function keywords(): array
    {
        return array_filter(['minLength' => $this->minimum, 'maxLength' => $this->maximum], static fn ($value) => $value !== null);
    }
}

/** How many items a list has. */
#[Attribute(Attribute::TARGET_PROPERTY | Attribute::TARGET_PARAMETER)]
final readonly class Count extends Constraint
{
    public function __construct(public ?int $minimum = null, public ?int $maximum = null, public bool $unique = false)
    {
    }

    public function keywords(): array
    {
        $found = ['minItems' => $this->minimum, 'maxItems' => $this->maximum, 'uniqueItems' => $this->unique ?: null];
        return array_filter($found, static fn ($value) => $value !== null);
    }
}

/** A regular expression of ECMA-262, without delimiters: `#[Pattern('^[A-Z]{3}$')]`. */
#[Attribute(Attribute::TARGET_PROPERTY | Attribute::TARGET_PARAMETER)]
final readonly class Pattern extends Constraint
{
    public function __construct(public string $pattern)
    {
    }

    public function keywords(): array
    {
        return ['pattern' => $this->pattern];
    }
}

/** `email`, `uuid`, `date-time`, `uri`, … */
#[Attribute(Attribute::TARGET_PROPERTY | Attribute::TARGET_PARAMETER)]
final readonly class Format extends Constraint
{
    public function __construct(public string $format)
    {
    }

    public function keywords(): array
    {
        return ['format' => $this->format];
    }
}

/** What is in an `array`, where no docblock says it: a class or a word such as `int`. */
#[Attribute(Attribute::TARGET_PROPERTY | Attribute::TARGET_PARAMETER)]
final readonly class Items
{
    public function __construct(public string $type)
    {
    }
}

/** For the documents. */
#[Attribute(Attribute::TARGET_PROPERTY | Attribute::TARGET_PARAMETER)]
final readonly class Description extends Constraint
{
    public function __construct(public string $text)
    {
    }

    public function keywords(): array
    {
        return ['description' => $this->text];
    }
}

/** Where a parameter of a handler is sent; the constraints may stand here too. */
abstract readonly class Place
{
    public const IN = '';

    /** @param ?string $name as sent; default the parameter's own, in a header with `-` between words */
    public function __construct(
        public ?string $name = null,
        public int|float|null $minimum = null,
        public int|float|null $maximum = null,
        public ?int $minLength = null,
        public ?int $maxLength = null,
        public ?string $pattern = null,
        public ?string $format = null,
        public ?int $minItems = null,
        public ?int $maxItems = null,
        public ?string $description = null,
        public ?bool $deprecated = null,
        public ?string $style = null,
        public ?bool $explode = null,
    ) {
    }

    /** @return array<string, mixed> */
    public function keywords(): array
    {
        $found = [
            'minimum' => $this->minimum, 'maximum' => $this->maximum, 'minLength' => $this->minLength,
            'maxLength' => $this->maxLength, 'pattern' => $this->pattern, 'format' => $this->format,
            'minItems' => $this->minItems, 'maxItems' => $this->maxItems,
        ];
        return array_filter($found, static fn ($value) => $value !== null);
    }

    /** @return array<string, mixed> */
    public function words(): array
    {
        $found = [
            'description' => $this->description, 'deprecated' => $this->deprecated,
            'style' => $this->style, 'explode' => $this->explode,
        ];
        return array_filter($found, static fn ($value) => $value !== null);
    }
}

/** A segment of the path. */
#[Attribute(Attribute::TARGET_PARAMETER)]
final readonly class Path extends Place
{
    public const IN = 'path';
}

/** A pair of the query string. */
#[Attribute(Attribute::TARGET_PARAMETER)]
final readonly class Query extends Place
{
    public const IN = 'query';
}

/** A header field: `#[Header] ?string $ifMatch` is `if-match`. */
#[Attribute(Attribute::TARGET_PARAMETER)]
final readonly class Header extends Place
{
    public const IN = 'header';
}

#[Attribute(Attribute::TARGET_PARAMETER)]
final readonly class Cookie extends Place
{
    public const IN = 'cookie';
}

/** The body, as what the parameter's type says: a class, a list (`#[Items]` or docblock), `array`, or `string` for the bytes. */
#[Attribute(Attribute::TARGET_PARAMETER)]
final readonly class Body
{
    /** @param string $contentType media type, `text/*` for several */
    public function __construct(public string $contentType = 'application/json')
    {
    }
}

/** A route of a controller's method, with the options that `$app->get()` takes. */
#[Attribute(Attribute::TARGET_METHOD | Attribute::IS_REPEATABLE)]
readonly class Route
{
    /** @var array<string, mixed> */
    public array $options;

    public function __construct(public string $method, public string $path, mixed ...$options)
    {
        $this->options = $options;
    }
}

#[Attribute(Attribute::TARGET_METHOD | Attribute::IS_REPEATABLE)]
final readonly class Get extends Route
{
    public function __construct(string $path, mixed ...$options)
    {
        parent::__construct('GET', $path, ...$options);
    }
}

#[Attribute(Attribute::TARGET_METHOD | Attribute::IS_REPEATABLE)]
final readonly class Post extends Route
{
    public function __construct(string $path, mixed ...$options)
    {
        parent::__construct('POST', $path, ...$options);
    }
}

#[Attribute(Attribute::TARGET_METHOD | Attribute::IS_REPEATABLE)]
final readonly class Put extends Route
{
    public function __construct(string $path, mixed ...$options)
    {
        parent::__construct('PUT', $path, ...$options);
    }
}

#[Attribute(Attribute::TARGET_METHOD | Attribute::IS_REPEATABLE)]
final readonly class Patch extends Route
{
    public function __construct(string $path, mixed ...$options)
    {
        parent::__construct('PATCH', $path, ...$options);
    }
}

#[Attribute(Attribute::TARGET_METHOD | Attribute::IS_REPEATABLE)]
final readonly class Delete extends Route
{
    public function __construct(string $path, mixed ...$options)
    {
        parent::__construct('DELETE', $path, ...$options);
    }
}
