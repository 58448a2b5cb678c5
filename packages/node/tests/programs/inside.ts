/** A test that serves, for `process.test.ts`: its process ends by itself. */

import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { App, TestClient } from "spikard";

test("inside", async () => {
  const app = new App({ drainTimeoutMs: 100 });
  app.get("/", () => "inside");
  app.get("/never", () => new Promise(() => undefined));
  assert.equal((await new TestClient(app).get("/")).text(), "inside");
  const { port } = await app.listen({ port: 0 });
  assert.equal(await (await fetch(`http://127.0.0.1:${port}/`)).text(), "inside");
  const waiting = connect(port, "127.0.0.1");
  waiting.write("GET / HTTP/1.1\r\nhost: a\r\n\r\nGET /never HTTP/1.1\r\nhost: a\r\n\r\n");
  await once(waiting, "data");
  const cut = once(waiting, "close");
  await app.close();
  await cut;
});
