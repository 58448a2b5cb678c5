<?php

declare(strict_types=1);

namespace Spikard\Tests;

use PHPUnit\Framework\TestCase;

require_once __DIR__ . '/Server.php';

/** The command with apps in PHP: what it shows of them, and supervised workers that die. */
final class CliTest extends TestCase
{
    private const APP = 'programs/hostile.php';

    public function testWhatAnAppServesIsListed(): void
    {
        [$code, $told] = self::spikard('routes', self::APP);
        self::assertSame(0, $code, $told);
        self::assertMatchesRegularExpression('~GET +/well +getWell +.*hostile\.php:\d+~', $told);
        [$code, $told] = self::spikard('openapi', self::APP);
        self::assertSame([0, '3.1.0'], [$code, json_decode($told, true)['openapi'] ?? $told]);
        [$code, $told] = self::spikard('check', self::APP);
        self::assertSame(0, $code, $told);
        [$code, $told] = self::spikard('doctor');
        self::assertMatchesRegularExpression('~php +ready +8\.~', $told);
    }

    public function testMistakesAreToldToProgramsWithTheirPlaces(): void
    {
        [$code, $told] = self::spikard('check', '--json', 'programs/mistaken.php');
        self::assertSame(1, $code, $told);
        $places = array_column(json_decode($told, true)['mistakes'] ?? [], 'place');
        self::assertCount(1, $places, $told);
        self::assertMatchesRegularExpression('~mistaken\.php:\d+: GET /items/\{name\}$~', $places[0]);
    }

    public function testAnExtensionThatIsMissingOrOfAnotherReleaseIsTold(): void
    {
        $told = (string) shell_exec(escapeshellarg(PHP_BINARY) . ' -n ' . __DIR__ . '/../vendor/bin/spikard routes 2>&1');
        self::assertStringContainsString('error: this PHP has not loaded the extension spikard; write `extension=', $told);
        $folder = sys_get_temp_dir() . '/spikard-library-' . bin2hex(random_bytes(8));
        mkdir("{$folder}/src", recursive: true);
        copy(__DIR__ . '/../vendor/spikard/spikard/src/Bridge.php', "{$folder}/src/Bridge.php");
        file_put_contents("{$folder}/composer.json", '{"version": "0.0.1"}');
        $run = "require '{$folder}/src/Bridge.php'; exit(Spikard\\Bridge::command([]));";
        exec(escapeshellarg(PHP_BINARY) . ' -r ' . escapeshellarg($run) . ' 2>&1', $lines, $code);
        array_map(unlink(...), ["{$folder}/src/Bridge.php", "{$folder}/composer.json"]);
        array_map(rmdir(...), ["{$folder}/src", $folder]);
        self::assertSame(1, $code);
        self::assertStringContainsString('the library is of release 0.0.1 and the extension of release', implode("\n", $lines));
    }

    public function testAProgramBecomesASupervisor(): void
    {
        $server = new Server('supervisor.php');
        $seen = [];
        for ($tries = 0; count($seen) < 2 && $tries < 200; $tries++) {
            $seen[$server->get('/')] = true;
        }
        self::assertCount(2, $seen, 'two processes answer');
        self::assertSame(0, $server->end(SIGTERM));
        self::assertStringContainsString('2 workers', $server->told());
    }

    public function testWorkersThatDieAreStartedAgain(): void
    {
        $server = new Server('hostile.php', command: [PHP_BINARY, __DIR__ . '/../vendor/bin/spikard', 'run', self::APP, '--workers', '2', '--port', '0']);
        $seen = ['200 well' => 0, '500 internal' => 0, '200 bye' => 0, '503 unavailable' => 0];
        foreach (range(1, 200) as $number) {
            $path = match ($number) {
                50 => '/fatal',
                100 => '/exit',
                150 => '/memory-later',
                default => '/well',
            };
            $answer = $server->get($path);
            self::assertArrayHasKey($answer, $seen, "answer {$number}: no connection is refused, none is reset");
            $seen[$answer]++;
        }
        self::assertSame([2, 1], [$seen['500 internal'], $seen['200 bye']]);
        self::assertSame(0, $server->end(SIGTERM));
        self::assertSame(3, substr_count($server->told(), 'started again'), $server->told());
        $limit = trim((string) shell_exec(escapeshellarg(PHP_BINARY) . ' -r "echo ini_get(\'memory_limit\');"'));
        self::assertSame($limit === '-1' ? 1 : 0, substr_count($server->told(), 'memory_limit'), 'told once, whatever is started');
    }

    public function testASavedFileIsServedWithoutARefusal(): void
    {
        $folder = sys_get_temp_dir() . '/spikard-dev-' . bin2hex(random_bytes(8));
        mkdir($folder);
        $write = static fn (string $answer) => file_put_contents("{$folder}/app.php", '<?php declare(strict_types=1); require '
            . var_export(realpath(__DIR__ . '/../vendor/autoload.php'), true)
            . "; \$app = new Spikard\\App(); \$app->get('/', fn (): string => '{$answer}'); \$app->run();");
        try {
            $write('before');
            $server = new Server('', command: [PHP_BINARY, __DIR__ . '/../vendor/bin/spikard', 'dev', 'app.php', '--port', '0'], folder: $folder);
            self::assertSame('200 before', $server->get('/'));
            $write('after');
            $seen = [];
            for ($end = microtime(true) + 20; microtime(true) < $end && end($seen) !== '200 after';) {
                $seen[] = $server->get('/');
            }
            self::assertSame(['200 before', '200 after'], array_values(array_unique($seen)));
            self::assertSame(0, $server->end(SIGTERM));
        } finally {
            array_map(unlink(...), glob("{$folder}/*") ?: []);
            rmdir($folder);
        }
    }

    /** @return array{int, string} */
    private static function spikard(string ...$arguments): array
    {
        $command = [PHP_BINARY, __DIR__ . '/../vendor/bin/spikard', ...$arguments];
        $process = proc_open($command, [['file', '/dev/null', 'r'], ['pipe', 'w'], ['redirect', 1]], $pipes, __DIR__);
        $told = (string) stream_get_contents($pipes[1]);
        return [proc_close($process), $told];
    }
}
