/** `spikard dev`: how soon what was saved is served. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { json } from "node:stream/consumers";
import { after, test } from "node:test";

const folder = mkdtempSync(join(process.cwd(), "dev-"));
after(() => rmSync(folder, { recursive: true }));
const SPIKARD = join(process.cwd(), "node_modules/.bin/spikard");
const readsTypes = "typescript" in process.features && Boolean(process.features.typescript);
// As a Node without types has to run it.
const APP = readsTypes ? "app.ts" : "app.mjs";
const SOON = 500;

function save(version: number): void {
  const value = readsTypes ? `const version: number = ${version};` : `const version = ${version};`;
  writeFileSync(join(folder, APP), `
import { App } from "spikard";
import { z } from "zod";
${value}
export const app = new App({ accessLog: false });
app.get("/", { response: z.object({ version: z.int() }) }, () => ({ version }));
`);
}

/** The version that is served, on a connection of its own: one that is kept alive ends with the worker that it was made to. */
async function served(url: string): Promise<number> {
  const asked = get(url, { agent: false });
  const [answer] = (await once(asked, "response")) as [IncomingMessage];
  return ((await json(answer)) as { version: number }).version;
}

/** Milliseconds from the save to the first answer of what was saved; no request is refused meanwhile. */
async function reload(url: string, version: number): Promise<number> {
  save(version);
  const saved = performance.now();
  for (;;) {
    const found = await served(url);
    if (found === version) return performance.now() - saved;
    assert.equal(found, version - 1);
    assert.ok(performance.now() - saved < 20_000, "never reloaded");
  }
}

test(`${APP} is served anew within ${SOON} ms of a save`, async (context) => {
  save(0);
  const child = spawn(SPIKARD, ["dev", APP, "--port", "0"], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "exit");
  try {
    let url: string | undefined;
    for await (const line of createInterface({ input: child.stderr })) {
      url = /http:\/\/[\d.:]+/.exec(line)?.[0];
      if (url !== undefined) break;
    }
    assert.ok(url);
    child.stderr.resume();
    assert.equal(await served(url), 0);
    // Other programs may hold the machine for a moment, but not each time.
    const times: number[] = [];
    for (let version = 1; version <= 10 && !times.some((time) => time < SOON); version++) times.push(await reload(url, version));
    context.diagnostic(`${times.map(Math.round).join(", ")} ms`);
    assert.ok(times.some((time) => time < SOON), `${times.map(Math.round).join(", ")} ms`);
    child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
  } finally {
    child.kill("SIGKILL");
  }
});
