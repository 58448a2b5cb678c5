/** `spikard new --lang typescript` with the installed package: the project compiles, and its own tests pass. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";

// Below this project, whose node_modules the new one shares: Node and TypeScript look for packages upwards.
const folder = mkdtempSync(join(process.cwd(), "new-"));
const project = join(folder, "web-shop");
const bin = join(process.cwd(), "node_modules/.bin");
const readsTypes = "typescript" in process.features && Boolean(process.features.typescript);
after(() => rmSync(folder, { recursive: true }));

function run(cwd: string, command: string, ...words: string[]): { code: number | null; stdout: string; stderr: string } {
  // A test runner inside a test runner would report to that.
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const { status, stdout, stderr } = spawnSync(command, words, { cwd, env, encoding: "utf8", timeout: 60_000 });
  return { code: status, stdout, stderr };
}

before(() => {
  const made = run(folder, join(bin, "spikard"), "new", "web-shop", "--lang", "typescript");
  assert.deepEqual([made.code, made.stderr], [0, ""]);
  assert.match(made.stdout, /\n {2}cd web-shop\n {2}cp .*\n {2}npm install\n/);
});

test("its types are right", () => {
  const checked = run(project, join(bin, "tsc"));
  assert.deepEqual([checked.code, checked.stdout], [0, ""]);
});

test("its tests pass, and its definition is right", () => {
  let [place, ending] = [project, "ts"];
  if (!readsTypes) {
    const compiled = run(project, join(bin, "tsc"), "--noEmit", "false", "--outDir", "build", "--rootDir", ".", "--rewriteRelativeImportExtensions");
    assert.deepEqual([compiled.code, compiled.stdout], [0, ""]);
    [place, ending] = [join(project, "build"), "js"];
  }
  const tested = run(place, process.execPath, "--test", `tests/app.test.${ending}`);
  assert.equal(tested.code, 0, tested.stdout);
  assert.match(tested.stdout, /pass 3\n/);
  const checked = run(place, join(bin, "spikard"), "check");
  assert.deepEqual(checked, { code: 0, stdout: `app.${ending}: 2 routes, no mistakes\n`, stderr: "" });
});

test("its name and the package's version are everywhere", () => {
  const manifest = JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as { name: string; dependencies: Record<string, string> };
  const own = JSON.parse(readFileSync(join(process.cwd(), "node_modules/spikard/package.json"), "utf8")) as { version: string };
  assert.equal(manifest.name, "web-shop");
  assert.equal(manifest.dependencies.spikard, `file:vendor/spikard-${own.version}.tgz`);
  for (const name of readdirSync(project, { recursive: true, encoding: "utf8" })) {
    if (name.startsWith("build") || statSync(join(project, name)).isDirectory()) continue;
    assert.doesNotMatch(readFileSync(join(project, name), "utf8").replaceAll("${{", ""), /\{\{/, name);
  }
});
