/** The two ways in which the core's loop meets the interpreter's: nested in libuv, or with a thread of its own; and Bun. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { program, started, WAYS } from "./started.js";

/** Names of a process's threads. */
function threads(pid: number | undefined): string[] {
  const folder = `/proc/${pid}/task`;
  return readdirSync(folder).map((thread) => readFileSync(`${folder}/${thread}/comm`, "utf8").trim());
}

for (const { name, runtime, flags, variables, own } of WAYS) {
  test(`${name}: answers at once and later, and ends with 0`, async () => {
    await using server = await started("server.js", flags, variables, runtime);
    for (const [path, wanted] of [["/", "sync"], ["/later", "later"], ["/thenable", "once"]] as const) {
      const asked = Array.from({ length: 40 }, async () => (await fetch(server.url + path)).text());
      assert.deepEqual(new Set(await Promise.all(asked)), new Set([wanted]), path);
    }
    assert.equal((await fetch(`${server.url}/rejects-early`)).status, 500);
    assert.equal(threads(server.child.pid).includes("spikard-io"), own);
    server.child.kill("SIGTERM");
    assert.deepEqual(await server.ended, [0, null]);
  });
}

test("an idle connection wakes the server as often as its time limits are looked at, and no more", async () => {
  await using server = await started("server.js", [], { SPIKARD_NODE_LOOP: "nested" });
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n");
  await once(socket, "data");
  const sleeps = (): number => Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(readFileSync(`/proc/${server.child.pid}/status`, "utf8"))?.[1]);
  const [before, begin] = [sleeps(), performance.now()];
  await sleep(700);
  const each = (performance.now() - begin) / (sleeps() - before);
  socket.destroy();
  assert.ok(each > 70 && each < 250, `the server wakes every ${each} ms`); // the core looks every 100 ms
});

test("a way that does not exist is told", () => {
  const env = { ...process.env, SPIKARD_NODE_LOOP: "nest" };
  const { stderr, status } = spawnSync(process.execPath, [program("server.js")], { env, encoding: "utf8", timeout: 30_000 });
  assert.match(stderr, /SPIKARD_NODE_LOOP: "nest" is wrong; write nested or threaded/);
  assert.equal(status, 1);
});
