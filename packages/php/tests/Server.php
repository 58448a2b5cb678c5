<?php

declare(strict_types=1);

namespace Spikard\Tests;

/** A program of `programs/` as a child process on a free port, and requests to it. Waits are bounded. */
final class Server
{
    private const PATIENCE = 20;

    /** @var resource */
    private $process;

    /** @var resource */
    private $stderr;
    private int $port = 0;
    private string $told = '';
    private ?int $code = null;

    /**
     * @param list<string> $settings of PHP, such as `memory_limit=64M`
     * @param ?list<string> $command instead of PHP with the program
     * @param string $folder where it runs
     */
    public function __construct(string $program, ?array $command = null, array $settings = ['memory_limit=64M', 'display_errors=0', 'log_errors=1', 'error_log='], string $folder = __DIR__)
    {
        $flags = array_merge(...array_map(fn (string $one): array => ['-d', $one], $settings));
        $command ??= [PHP_BINARY, ...$flags, __DIR__ . "/programs/{$program}"];
        $environment = ['SPIKARD_PORT' => '0'] + getenv();
        $this->process = proc_open($command, [['file', '/dev/null', 'r'], ['pipe', 'w'], ['pipe', 'w']], $pipes, $folder, $environment);
        $this->stderr = $pipes[2];
        stream_set_blocking($this->stderr, false);
        $this->until(fn (): bool => preg_match('~http://127\.0\.0\.1:(\d+)~', $this->told, $found) && $this->port = (int) $found[1]);
    }

    public function __destruct()
    {
        if ($this->code === null) {
            proc_terminate($this->process, SIGKILL);
        }
    }

    /** Status and body, or status and code of a problem. */
    public function get(string $path): string
    {
        return self::read($this->open($path));
    }

    /** Everything that comes, head and body. */
    public function whole(string $path): string
    {
        return (string) stream_get_contents($this->open($path));
    }

    /** @return resource whose answer {@see read()} gives */
    public function open(string $path)
    {
        $socket = stream_socket_client("tcp://127.0.0.1:{$this->port}", $_, $message, self::PATIENCE);
        stream_set_timeout($socket, self::PATIENCE);
        fwrite($socket, "GET {$path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n");
        return $socket;
    }

    /** @param resource $socket */
    public static function read($socket): string
    {
        [$head, $body] = [...explode("\r\n\r\n", (string) stream_get_contents($socket), 2), ''];
        $status = substr($head, 9, 3);
        return $status . ' ' . (str_contains($head, 'problem+json') ? json_decode($body, true)['code'] : $body);
    }

    /** @return list<string> */
    public function together(string $path, int $count): array
    {
        $sockets = array_map(fn () => $this->open($path), range(1, $count));
        return array_map(self::read(...), $sockets);
    }

    public function signal(int $signal): void
    {
        posix_kill(proc_get_status($this->process)['pid'], $signal);
    }

    /** The exit code, once it has ended; after a signal when one is given. */
    public function end(?int $signal): int
    {
        if ($signal !== null) {
            $this->signal($signal);
        }
        $this->until(function (): bool {
            $status = proc_get_status($this->process);
            $this->code ??= $status['running'] ? null : $status['exitcode'];
            return $this->code !== null;
        });
        return $this->code;
    }

    /** Until it told this. */
    public function waitFor(string $text): void
    {
        $this->until(fn (): bool => str_contains($this->told(), $text));
    }

    /**
     * So many requests over one connection, some at a time.
     *
     * @param list<string> $paths each of a GET, or a path and the JSON that is posted there: `/items {"id":1}`
     */
    public function many(array $paths, int $count): void
    {
        $socket = stream_socket_client("tcp://127.0.0.1:{$this->port}", $_, $message, self::PATIENCE);
        stream_set_timeout($socket, self::PATIENCE);
        $batch = '';
        foreach (range(1, 100) as $number) {
            [$path, $json] = [...explode(' ', $paths[$number % count($paths)], 2), null];
            $batch .= $json === null
                ? "GET {$path} HTTP/1.1\r\nhost: test\r\n\r\n"
                : "POST {$path} HTTP/1.1\r\nhost: test\r\ncontent-type: application/json\r\ncontent-length: " . strlen($json) . "\r\n\r\n{$json}";
        }
        for ($left = $count; $left > 0; $left -= 100) {
            fwrite($socket, $batch);
            $mark = "\nx-request-id: ";
            for ($answers = 0, $rest = ''; $answers < 100;) {
                $piece = (string) fread($socket, 1 << 16);
                $answers += substr_count($rest . $piece, $mark);
                $rest = substr($rest . $piece, 1 - strlen($mark)); // it may be cut in two
                if ($piece === '') {
                    throw new \RuntimeException("the connection ended; it told:\n{$this->told()}");
                }
            }
            $this->told();
        }
    }

    /** Bytes of memory that it holds. */
    public function memory(): int
    {
        $status = (string) file_get_contents('/proc/' . proc_get_status($this->process)['pid'] . '/status');
        return preg_match('/VmRSS:\s+(\d+) kB/', $status, $found) ? 1024 * (int) $found[1] : 0;
    }

    /** What it wrote to standard error. */
    public function told(): string
    {
        $this->told .= stream_get_contents($this->stderr);
        return $this->told;
    }

    private function until(\Closure $there): void
    {
        $end = microtime(true) + self::PATIENCE;
        while (!$there()) {
            if (microtime(true) > $end) {
                throw new \RuntimeException("the program does not come that far; it told:\n{$this->told}");
            }
            $streams = [$this->stderr];
            $none = null;
            if (feof($this->stderr)) {
                usleep(1000);
            } else {
                stream_select($streams, $none, $none, 0, 10_000);
            }
            $this->told();
        }
    }
}
