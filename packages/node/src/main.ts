#!/usr/bin/env node
/** `spikard`: the core's command, told which interpreter this is. */

import { command } from "./bridge.js";

process.exitCode = command(process.argv.slice(1));
