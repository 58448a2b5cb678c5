/** How a served process lives and ends: signals under load, `process.exit`, worker threads, handlers that misbehave. */

import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

const SERVER = new URL("./programs/server.js", import.meta.url).pathname;
const TIMES = Number(process.env.TIMES ?? 5); // 50 by hand

async function started(): Promise<{ child: ChildProcess; url: string; ended: Promise<[number | null, string | null]> }> {
  const child = spawn(process.execPath, ["--expose-gc", SERVER], { stdio: ["ignore", "ignore", "pipe"] });
  const ended = once(child, "exit") as Promise<[number | null, string | null]>;
  assert.ok(child.stderr);
  const lines = createInterface({ input: child.stderr });
  const [line] = (await once(lines, "line")) as [string];
  lines.resume();
  const url = /http:\/\/\S+/.exec(line)?.[0];
  assert.ok(url, line);
  return { child, url, ended };
}

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

test("SIGTERM under load ends with 0, every time", async () => {
  for (let times = 0; times < TIMES; times++) {
    const { child, url, ended } = await started();
    let warm: () => void = () => undefined;
    const serving = new Promise<void>((resolve) => { warm = resolve; });
    const loads = ["", "/later", "/later", ""].map((path) => load(`${url}${path}`, warm));
    await serving;
    child.kill("SIGTERM");
    assert.deepEqual(await ended, [0, null]);
    await Promise.all(loads);
  }
});

test("SIGINT ends an idle server with 0, every time", async () => {
  for (let times = 0; times < TIMES; times++) {
    const { child, ended } = await started();
    child.kill("SIGINT");
    assert.deepEqual(await ended, [0, null]);
  }
});

test("process.exit in a handler ends the process with its code", async () => {
  for (const path of ["/exit", "/exit-later"]) {
    const { url, ended } = await started();
    await assert.rejects(fetch(url + path));
    assert.deepEqual(await ended, [7, null], path);
  }
});

test("handlers that misbehave are answered with 500, and the next request is served", async () => {
  const { child, url, ended } = await started();
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

test("a worker thread serves, and ends by itself or is terminated", async () => {
  const worker = (): Worker => new Worker(new URL("./programs/worker.js", import.meta.url));
  for (const end of ["close", "terminate"] as const) {
    const thread = worker();
    const [port] = (await once(thread, "message")) as [number];
    assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "thread");
    const exit = once(thread, "exit");
    if (end === "close") thread.postMessage("close");
    else void thread.terminate();
    await exit;
    await assert.rejects(fetch(`http://127.0.0.1:${port}/`), end);
  }
});

test("memory does not grow with requests", async () => {
  const { child, url, ended } = await started();
  const rss = async (): Promise<number> => Number(await (await fetch(`${url}/memory`)).text());
  const requests = async (count: number): Promise<void> => {
    const path = (index: number): string => (index % 4 === 0 ? "/later" : "/");
    const one = async (lane: number): Promise<void> => {
      for (let index = lane; index < count; index += 16) await (await fetch(url + path(index))).arrayBuffer();
    };
    await Promise.all(Array.from({ length: 16 }, (_, lane) => one(lane)));
  };
  await requests(3_000);
  const before = await rss();
  await requests(6_000);
  const grown = (await rss()) - before;
  assert.ok(grown < 12_000_000, `${grown} bytes more after 6,000 requests`);
  child.kill("SIGTERM");
  await ended;
});
