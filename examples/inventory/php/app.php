<?php

/** Serves the inventory: `spikard run app.php`, or `php app.php`. */

declare(strict_types=1);

require __DIR__ . '/vendor/autoload.php';
require __DIR__ . '/inventory.php';

Inventory\inventory(getenv('INVENTORY_DB') ?: 'inventory.sqlite')->run();
