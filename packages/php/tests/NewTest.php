<?php

declare(strict_types=1);

namespace Spikard\Tests;

use PHPUnit\Framework\TestCase;

require_once __DIR__ . '/Server.php';

/** `spikard new --lang php` with the installed package: the project's own tests pass, and it serves. */
final class NewTest extends TestCase
{
    private string $folder;
    private string $project;

    protected function setUp(): void
    {
        $this->folder = sys_get_temp_dir() . '/spikard-new-' . bin2hex(random_bytes(8));
        mkdir($this->folder);
        $this->project = "{$this->folder}/web-shop";
        $this->perform([PHP_BINARY, __DIR__ . '/../vendor/bin/spikard', 'new', 'web-shop', '--lang', 'php'], $this->folder);
        // As its README says, but that the extension is loaded by who runs the tests.
        $this->perform(['cp', '-r', __DIR__ . '/../library', "{$this->project}/packages/spikard"]);
        $this->perform(['composer', 'install', '--quiet']);
    }

    protected function tearDown(): void
    {
        $this->perform(['rm', '-r', $this->folder], '/');
    }

    public function testItPassesItsOwnTestsIsRightAndServes(): void
    {
        self::assertStringContainsString('OK (3 tests, 5 assertions)', $this->perform(['phpunit']));
        $spikard = [PHP_BINARY, 'vendor/bin/spikard'];
        self::assertSame("app.php: 2 routes, no mistakes\n", $this->perform([...$spikard, 'check']));
        self::assertMatchesRegularExpression('~POST +/orders +\S+ +\S*src/Api\.php:\d+~', $this->perform([...$spikard, 'routes']));
        $server = new Server('', command: [...$spikard, 'run', '--port', '0'], folder: $this->project);
        self::assertSame('200 {"message":"hello Ada"}', $server->get('/hello/Ada'));
        self::assertSame(0, $server->end(SIGTERM));
    }

    public function testItHasItsNameEverywhereAndItsContainerTakesWhatTheAppNeeds(): void
    {
        $files = new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator($this->project, \FilesystemIterator::SKIP_DOTS));
        foreach ($files as $file) {
            if (!preg_match('~/(vendor|packages/spikard)/~', (string) $file)) {
                self::assertStringNotContainsString('{{', (string) file_get_contents((string) $file), (string) $file);
            }
        }
        $steps = array_map(fn (string $line): array => explode(' ', trim($line)), file("{$this->project}/Containerfile"));
        $copied = array_merge(...array_map(fn (array $step): array => $step[0] === 'COPY' ? array_slice($step, 1, -1) : [], $steps));
        self::assertSame(['packages/', 'composer.json', 'app.php', 'src/'], $copied);
        foreach ($copied as $path) {
            self::assertFileExists("{$this->project}/{$path}");
        }
        $command = json_decode(implode(' ', array_slice(end($steps), 1)), true);
        self::assertSame(['vendor/bin/spikard', 'run', 'app.php'], array_slice($command, 0, 3));
    }

    /** @param list<string> $command */
    private function perform(array $command, ?string $folder = null): string
    {
        $process = proc_open($command, [['file', '/dev/null', 'r'], ['pipe', 'w'], ['redirect', 1]], $pipes, $folder ?? $this->project);
        $said = (string) stream_get_contents($pipes[1]);
        self::assertSame(0, proc_close($process), implode(' ', $command) . "\n{$said}");
        return $said;
    }
}
