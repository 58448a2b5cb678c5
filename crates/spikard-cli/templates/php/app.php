<?php

declare(strict_types=1);

require __DIR__ . '/vendor/autoload.php';

// What it serves is in src/Api.php.
\Service\Api::app()->run();
