/** How a served process lives and ends: signals under load, `process.exit`, worker threads, handlers that misbehave. */

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { program, started } from "./started.js";

const SERVER = "server.js";
/** How often each end is tried; `TIMES=50` for a longer proof. */
const TIMES = Number(process.env.TIMES ?? 10);

/** Requests without a pause, until they fail. */
async function load(url: string, answered: () => void): Promise<void> {
  try {
    for (;;) {
      await (await fetch(url)).text();
      answered();
    }
  } catch {
    return; // the server has gone
  }
}

/** So often, two at a time. */
async function everyTime(once: () => Promise<void>): Promise<void> {
  let left = TIMES;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await once();
  };
  await Promise.all([lane(), lane()]);
}

test("SIGTERM under load ends with 0, every time", () => everyTime(async () => {
  await using server = await started(SERVER);
  let warm: () => void = () => undefined;
  const serving = new Promise<void>((resolve) => { warm = resolve; });
  const loads = ["", "/later", "/later", ""].map((path) => load(`${server.url}${path}`, warm));
  await serving;
  server.child.kill("SIGTERM");
  assert.deepEqual([await server.ended, server.lines], [[0, null], []]);
  await Promise.all(loads);
}));

test("SIGINT ends an idle server with 0, every time", () => everyTime(async () => {
  await using server = await started(SERVER);
  server.child.kill("SIGINT");
  assert.deepEqual([await server.ended, server.lines], [[0, null], []]);
}));

for (const [path, status] of [["/exit", 500], ["/exit-later", 503]] as const) {
  test(`process.exit in a handler (${path}) is answered and ends the process with its code, every time`, () => everyTime(async () => {
    await using server = await started(SERVER);
    const others = ["/later", ""].map((other) => load(`${server.url}${other}`, () => undefined));
    const never = fetch(`${server.url}/never`);
    while (await (await fetch(`${server.url}/waiting`)).text() !== "1");
    assert.equal((await fetch(server.url + path)).status, status);
    assert.equal((await never).status, 503);
    assert.deepEqual(await server.ended, [7, null], path);
    assert.deepEqual(server.lines.filter((line) => !line.includes('"event":"internal"')), [], path);
    await Promise.all(others);
  }));
}

test("a test of node:test that serves ends by itself, every time", () => everyTime(async () => {
  const env = { ...process.env };
  delete env.NODE_TEST_CONTEXT; // else it reports to this test's runner
  const child = spawn(process.execPath, [program("inside.js")], { env, stdio: ["ignore", "pipe", "inherit"] });
  const [said, [code, signal]] = await Promise.all([text(child.stdout), once(child, "exit")]);
  assert.deepEqual([code, signal], [0, null], said);
}));

test("a rejection that a handler leaves for later is a 500, one that nobody handles is told, and the process lives", async () => {
  await using server = await started(SERVER);
  assert.equal((await fetch(`${server.url}/rejects-early`)).status, 500);
  assert.equal(await (await fetch(`${server.url}/floating`)).text(), "answered");
  assert.match(await server.line("floating secret"), /Error: floating secret/);
  assert.equal(await (await fetch(`${server.url}/`)).text(), "sync");
  server.child.kill("SIGTERM");
  assert.deepEqual(await server.ended, [0, null]);
});

test("handlers that misbehave are answered with 500, and the next request is served", async () => {
  await using server = await started(SERVER);
  const { child, url, ended } = server;
  for (const path of ["/throws", "/rejects", "/hostile", "/cyclic"]) {
    const answer = await fetch(url + path);
    const text = await answer.text();
    assert.deepEqual([answer.status, text.includes("secret"), text.includes("cycl")], [500, false, path === "/cyclic"], path);
  }
  assert.equal(await (await fetch(`${url}/thenable`)).text(), "once");
  const busy = fetch(`${url}/busy`);
  assert.equal(await (await fetch(`${url}/`)).text(), "sync");
  assert.equal(await (await busy).text(), "busy");
  child.kill("SIGTERM");
  assert.deepEqual(await ended, [0, null]);
});

test("a worker thread serves, and ends by itself or is terminated under load, every time", () => everyTime(async () => {
  for (const end of ["close", "terminate"] as const) {
    const thread = new Worker(new URL("./programs/worker.js", import.meta.url));
    const [port] = (await once(thread, "message")) as [number];
    const url = `http://127.0.0.1:${port}/`;
    assert.equal(await (await fetch(url)).text(), "thread");
    const loads = ["", "later"].map((path) => load(url + path, () => undefined));
    const exit = once(thread, "exit");
    if (end === "close") thread.postMessage("close");
    else void thread.terminate();
    await exit;
    await Promise.all(loads);
    await assert.rejects(fetch(url), end);
  }
}));
