/** Handlers that misbehave under the supervisor: what their client hears, and that the next request is served. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { program, serving, type Started } from "./started.js";

const SPIKARD = new URL("../../node_modules/.bin/spikard", import.meta.url).pathname;

/** Under a limit of V8's heap, with two workers. */
function service(...options: string[]): Promise<Started> {
  const words = ["run", program("hostile.js"), "--port", "0", "--workers", "2", ...options];
  return serving(SPIKARD, words, { NODE_OPTIONS: "--max-old-space-size=64" });
}

/** Path, and what its client hears: a status, with a text where it is no problem. */
const TABLE: readonly (readonly [path: string, status: number, text?: string])[] = [
  ["/throws", 500],
  ["/throws-text", 500],
  ["/throws-nothing", 500],
  ["/rejects", 500],
  ["/rejects-late", 500],
  ["/symbol", 500],
  ["/function", 500],
  ["/cyclic", 500],
  ["/getter", 500],
  ["/bad-header", 500],
  ["/bad-status", 500],
  ["/wrong", 500],
  ["/twice", 200, "once"],
  ["/late", 504],
  ["/floating", 200, "fine"],
  ["/blocks", 200, "blocked"],
  ["/exit", 500],
  ["/exit-caught", 500],
  ["/exit-soon", 503],
  ["/exit-later", 503],
  ["/uncaught", 503],
  ["/allocates", 500],
  ["/allocates-later", 503],
];

test("whatever a handler does, its client hears no secret and the next request is served", { timeout: 60_000 }, async () => {
  await using server = await service();
  for (const [path, status, text] of TABLE) {
    const answer = await fetch(server.url + path, { headers: { connection: "close" } });
    const said = await answer.text();
    assert.deepEqual([answer.status, said.includes("secret"), path], [status, false, path]);
    if (text === undefined) assert.equal(answer.headers.get("content-type"), "application/problem+json");
    else assert.equal(said, text);
    assert.equal(await (await fetch(server.url, { headers: { connection: "close" } })).text(), "fine", `after ${path}`);
  }
  const held = await server.line("loop-held");
  assert.match(held, /"operation":"GET \/blocks".*held the event loop for (1999|2\d\d\d) ms/);
  server.child.kill("SIGTERM");
  assert.deepEqual(await server.ended, [0, null]);
});

test("a worker whose handler does not return shows where it is, and is replaced", { timeout: 60_000 }, async () => {
  await using server = await service("--stuck-timeout", "1s", "--stop-timeout", "1s");
  const hanging = fetch(`${server.url}/hangs`);
  await server.line("JavaScript is here");
  assert.match(await server.line("hangs (file:"), /at hangs \(file:.*hostile\.js:\d+:\d+\)/);
  await assert.rejects(hanging);
  assert.equal(await (await fetch(server.url)).text(), "fine");
});
