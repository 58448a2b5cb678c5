/** A panic in a callback that the interpreter's event loop makes: caught, answered, and the process lives. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { started, WAYS } from "./started.js";

for (const { name, runtime, flags, variables, own } of WAYS) {
  test(`a panic while a request is answered is a 500 of that request (${name})`, async () => {
    await using server = await started("panics.js", flags, variables, runtime);
    for (const path of ["/at-once", "/settled", "/later", "/at-once"]) {
      const answer = await fetch(server.url + path);
      const { code } = (await answer.json()) as { code: string };
      assert.deepEqual([answer.status, code], [500, "internal"], path);
      await server.line("panic that was asked for, in answer");
      assert.equal(await (await fetch(server.url)).text(), "served", path);
    }
    server.child.kill("SIGTERM");
    assert.deepEqual(await server.ended, [0, null]);
  });

  test(`a panic of a callback itself loses no request and no callback (${name})`, async () => {
    await using server = await started("panics.js", flags, variables, runtime);
    // libuv's poll, prepare and timer, which the sweep over the connections sets; or the bell of the thread.
    const places = own ? ["ring", "ring"] : ["poll", "prepare", "timer", "poll", "timer"];
    for (const [index, place] of places.entries()) {
      assert.equal(await (await fetch(`${server.url}/next/${place}`)).text(), "asked");
      const told = async (): Promise<void> => {
        const wanted = places.slice(0, index + 1).filter((one) => one === place).length;
        while (server.lines.filter((line) => line.endsWith(`in ${place}`)).length < wanted) {
          assert.equal(await (await fetch(server.url)).text(), "served", place);
        }
      };
      await told();
    }
    server.child.kill("SIGTERM");
    assert.deepEqual(await server.ended, [0, null]);
  });
}
