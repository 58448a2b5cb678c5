<?php

declare(strict_types=1);

namespace Spikard;

/**
 * A handler's result in the shape that the extension takes: JSON text, null for nothing, or a list that starts with its kind. Decides nothing:
 * statuses and media types are the core's.
 *
 * @internal
 */
final class Answer
{
    /** @return string|list<mixed>|null */
    public static function of(mixed $value): string|array|null
    {
        if (is_array($value)) {
            return Json::encode(Encoder::plain($value));
        }
        if ($value === null) {
            return null;
        }
        if (is_string($value)) {
            return [preg_match('//u', $value) === 1 ? 'text' : 'bytes', $value];
        }
        if ($value instanceof Response) {
            return self::response($value);
        }
        if ($value instanceof Problem) {
            return self::failed($value);
        }
        if ($value instanceof \Generator) {
            return ['stream', ...Stream::of($value)];
        }
        if ($value instanceof \Psr\Http\Message\ResponseInterface) {
            return self::response(Psr::response($value));
        }
        return Json::encode(Encoder::plain($value));
    }

    /**
     * What a client is told about something that was thrown: the problem that it is, or 500 with the cause for the log.
     *
     * @return list<mixed>
     */
    public static function failed(\Throwable $thrown): array
    {
        if ($thrown instanceof Refusal) {
            return ['refused', ...$thrown->refusals];
        }
        if (!$thrown instanceof Problem) {
            return ['failed', (string) $thrown];
        }
        $extensions = $thrown->extensions === [] ? '{}' : Json::encode((object) $thrown->extensions);
        return [
            'problem', (string) $thrown->getCode(), $thrown->status, $thrown->title, $thrown->detail,
            self::flat($thrown->headers), $extensions,
        ];
    }

    /** @return list<mixed> */
    private static function response(Response $response): array
    {
        $content = match ($response->kind) {
            'json' => [Json::encode(Encoder::plain($response->content))],
            'stream' => Stream::of($response->content),
            default => [$response->content],
        };
        return [
            'response', $response->status, self::flat($response->headers), $response->contentType, $response->kind, ...$content,
        ];
    }

    /**
     * @param list<array{string, string}> $pairs
     * @return list<string>
     */
    private static function flat(array $pairs): array
    {
        return $pairs === [] ? [] : array_merge(...$pairs);
    }
}
