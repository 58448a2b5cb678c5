/** The `spikard` command of the installed package, over apps of Node. */

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";

// Below the project, so that apps find the installed package as Node looks for it.
const folder = mkdtempSync(join(process.cwd(), "cli-"));
after(() => rmSync(folder, { recursive: true }));
const SPIKARD = join(process.cwd(), "node_modules/.bin/spikard");

function file(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

function spikard(...words: string[]): { code: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(SPIKARD, words, { cwd: folder, encoding: "utf8", timeout: 30_000 });
  return { code: status, stdout, stderr };
}

const APP = file("app.mjs", `
import { App } from "spikard";
export const app = new App({ title: "Stock" });
app.get("/items/{id:int}", function show({ params }) { return { id: params.id, pid: process.pid }; });
`);

test("routes, openapi and check", () => {
  const routes = spikard("routes", APP);
  assert.deepEqual([routes.code, routes.stderr], [0, ""]);
  assert.match(routes.stdout, /GET +\/items\/\{id:int\} +show +app\.mjs:4/);
  assert.equal((JSON.parse(spikard("openapi", APP).stdout) as { info: { title: string } }).info.title, "Stock");
  assert.deepEqual(spikard("check").stdout, "app.mjs: 1 route, no mistakes\n");
});

test("what is wrong is told", () => {
  const wrong = file("wrong.mjs", `
import { App } from "spikard";
export default new App().get("/items/{id}", { summry: "x" }, () => "");
`);
  const check = spikard("check", wrong);
  assert.equal(check.code, 1);
  assert.match(check.stderr, /wrong\.mjs:3: GET \/items\/\{id\}: unknown option "summry"/);
  const told = JSON.parse(spikard("check", "--json", wrong).stdout) as { mistakes: { place: string }[] };
  assert.match(told.mistakes[0]?.place ?? "", /wrong\.mjs:3: GET \/items\/\{id\}$/);
  assert.match(spikard("check", file("none.mjs", "export const api = 1;")).stderr, /none\.mjs exports no app; write `export const app = new App\(\)` in it/);
  assert.match(spikard("check", file("throws.mjs", "throw new Error('at start');")).stderr, /at start/);
});

test("TypeScript is read where Node reads it, and else it is said what to do", () => {
  const typed = file("typed.ts", `
import { App, type TestRequest } from "spikard";
export const app: App = new App({ title: "Typed" });
const request: TestRequest = {};
`);
  const check = spikard("check", typed);
  if ("typescript" in process.features && process.features.typescript) assert.equal(check.stdout, "typed.ts: 0 routes, no mistakes\n");
  else assert.match(check.stderr, /does not read TypeScript; use Node 22\.18 or later, or compile typed\.ts/);
});

for (const workers of [[], ["--workers", "2"]]) {
  test(`run ${workers.join(" ")} serves until SIGTERM`, async () => {
    const child = spawn(SPIKARD, ["run", APP, "--port", "0", ...workers], { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    const ended = once(child, "exit");
    try {
      let url: string | undefined;
      for await (const line of createInterface({ input: child.stderr })) {
        url = /http:\/\/[\d.:]+/.exec(line)?.[0];
        if (url !== undefined) break;
      }
      assert.ok(url);
      const answer = await fetch(`${url}/items/3`);
      assert.equal(((await answer.json()) as { id: number }).id, 3);
      child.kill("SIGTERM");
      assert.deepEqual(await ended, [0, null]);
    } finally {
      child.kill("SIGKILL");
    }
  });
}

